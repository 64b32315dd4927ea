"""The published Salesforce flow, imported, takes a whole call: real SIP, a simulated Salesforce, an agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.flow.model import Flow
from ivr.flow.webex.bindings import Bindings, Outside
from ivr.flow.webex.findings import Repair
from ivr.flow.webex.importer import import_flow
from ivr.salesforce.simulator.schema import OBJECTS
from tests.node_support import ALICE, run, scene, soon
from tests.webex_support import DATA, SHARED, imported

pytestmark = [pytest.mark.sip, pytest.mark.timeout(120)]

PUBLISHED = SHARED / "Salesforce_HTTP_Connector_Flow.json"
BARE = ALICE.removeprefix("+1")
"""As a search by LIKE with bare digits finds it."""


def ready(folder: Path, export: Path) -> Flow:
    """An export, repaired by name and bound to the node of the test."""
    wanted = import_flow(export.read_bytes(), Bindings()).report.wanted
    ours = {Outside.QUEUES: "Support", Outside.CONNECTORS: "Salesforce"}
    bound = {
        kind.value: {want.name: name for want in wanted if want.kind is kind} for kind, name in ours.items()
    }
    return imported(folder, export, bound, (Repair.MALFORMED_TEMPLATES,))[1]


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="no real exports beside the repository")
def test_the_published_flow_takes_a_whole_call(tmp_path: Path) -> None:
    flow = ready(tmp_path, PUBLISHED)

    async def story() -> None:
        async with scene(tmp_path, flow=flow.name, flows=flow.file.parent) as stage:
            org = stage.salesforce.org
            account = org.create(OBJECTS["account"], {"Name": "Gull Marina", "Phone": BARE})
            contact = org.create(
                OBJECTS["contact"], {"LastName": "Harper", "AccountId": account["Id"], "Phone": BARE}
            )
            case = org.create(
                OBJECTS["case"],
                {"Subject": "Broken winch", "ContactId": contact["Id"], "AccountId": account["Id"]},
            )
            leg, call_id = await stage.call()
            await stage.ready()
            await stage.answer()
            await stage.watch.stage("connected", call_id)
            await stage.watch.until(lambda e: e.type == "screen_pop")
            view = await stage.me()
            assert view.call is not None
            assert view.call.screen_pop is not None
            assert f"/lightning/r/Account/{account['Id']}/view" in view.call.screen_pop.url
            await leg.hang_up()
            await stage.watch.stage("wrap_up", call_id)
            await stage.desks["sam"].end_wrap_up(call_id)
            await stage.watch.stage("ended", call_id)

            record = await stage.record_of(call_id)
            steps = [(e.event, e.detail.get("outcome")) for e in record.timeline if e.source == "flow"]
            assert steps[:6] == [
                ("NewPhoneContact", "next"),
                ("SetPhoneNumber", "next"),
                ("AccountByANI", "ok"),
                ("ContactByANI", "ok"),
                ("CasebyContactId", "ok"),
                ("QueueContact", "next"),
            ]
            assert ("Music", "cancelled") in steps
            assert ("ScreenPopAccount", "next") in steps
            assert ("PostComment", "ok") in steps
            (pop,) = stage.events_of(record, "screen_pop")
            assert pop["agent"] == "sam"
            comments = [r for r in org.records(OBJECTS["casecomment"]) if r["ParentId"] == case["Id"]]
            assert len(comments) == 1
            assert str(comments[0]["CommentBody"]).endswith("Z[UTC]")

    run(story())


def test_an_imported_flow_with_a_dead_salesforce_still_queues_its_caller(tmp_path: Path) -> None:
    wanted = {"queues": {"q-1": "Support"}, "connectors": {"77aa": "Salesforce"}}
    _, flow = imported(tmp_path, DATA / "contact_lookup.json", wanted, tuple(Repair))

    async def story() -> None:
        dead, flows = "http://127.0.0.1:1", flow.file.parent
        async with scene(tmp_path, flow=flow.name, flows=flows, salesforce=dead) as stage:
            leg, call_id = await stage.call()
            await leg.hang_up()
            assert await stage.watch.ended(call_id) == "abandoned_in_queue"
            await soon(leg.ended)

    run(story())
