"""Real exports, where they lie beside the repository: they import, pass the check, and run."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from ivr.flow.engine import FlowRun
from ivr.flow.model import Flow
from ivr.flow.ports import HttpResponse
from ivr.flow.testing import FakePorts
from ivr.flow.webex.bindings import Bindings, Outside
from ivr.flow.webex.findings import Repair, Verdict
from ivr.flow.webex.folder import Written
from ivr.flow.webex.importer import import_flow
from tests.webex_support import SHARED, context, errors, imported, reaches, treated

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="no real exports beside the repository")

SALESFORCE, DYNAMICS, ZENDESK, LAB = (
    "Salesforce_HTTP_Connector_Flow", "MSD_HTTP_Connector_Flow", "Zendesk_HTTP_Connector", "AnalyzerLab_Flow"
)  # fmt: skip
HOLD = "play defaultmusic_on_hold.wav"


def ready(folder: Path, name: str, *repairs: Repair) -> tuple[Written, Flow]:
    """A real export, imported, checked, and bound: every queue to Support, every connector to Crm."""
    export = SHARED / f"{name}.json"
    wanted = import_flow(export.read_bytes(), Bindings()).report.wanted
    bound = {
        "queues": {want.name: "Support" for want in wanted if want.kind is Outside.QUEUES},
        "connectors": {want.name: "Crm" for want in wanted if want.kind is Outside.CONNECTORS},
    }
    written, flow = imported(folder, export, bound, repairs)
    assert errors(flow, context(flow, queues=("Support",), connectors=("Crm",))) == []
    return written, flow


def answer(body: Mapping[str, object]) -> HttpResponse:
    """A good answer."""
    return HttpResponse(status=200, body=json.dumps(body))


def record(**fields: str) -> HttpResponse:
    """Salesforce's answer with one record."""
    return answer({"totalSize": 1, "records": [fields]})


@pytest.mark.parametrize("name", [SALESFORCE, DYNAMICS, ZENDESK, LAB])
@pytest.mark.parametrize("repairs", [(), tuple(Repair)], ids=["as it is", "all repairs"])
def test_all_import_and_check(tmp_path: Path, name: str, repairs: tuple[Repair, ...]) -> None:
    written, flow = ready(tmp_path, name, *repairs)
    report = written.imported.report
    mapped = {f.activity for f in report.findings if f.verdict is Verdict.MAPPED}
    assert {activity.name for _, activity in report.source.activities()} == mapped
    assert report.unbound() == []
    assert flow.name == name


def test_the_salesforce_flow_asks_three_times_queues_pops_and_writes(tmp_path: Path) -> None:
    _, flow = ready(tmp_path, SALESFORCE, Repair.MALFORMED_TEMPLATES)
    fakes = FakePorts()
    fakes.connector.responses += [
        record(Name="Acme", Id="001A"), record(Id="003A", Name="Ann"), record(CaseNumber="26", Id="500A"),
        HttpResponse(status=204, body=""),
    ]  # fmt: skip
    events = ("AgentAnswered", "PhoneContactEnded", "AgentDisconnected")
    run = treated(flow, fakes, reaches(fakes, "enqueue Support None", HOLD), events=events)
    asked = [request.query.get("q", "") for request in fakes.connector.requests]
    assert [name for query in asked for name in re.findall(r"(?i)from (\w+)", query)] == [
        "Account",
        "Contact",
        "Case",
    ]
    assert [query.partition("'")[2] for query in asked[:3]] == ["%4155550123%'", "%4155550123%'", "003A'"]
    last = fakes.connector.requests[-1]
    assert (last.method, last.path) == ("PATCH", "/services/data/v52.0/sobjects/Case/500A")
    assert json.loads(last.body or "")["Comments"].endswith("Z[UTC]")
    (pop,) = [line for line in fakes.journal.lines if line.startswith("screen_pop")]
    assert pop.endswith(".lightning.force.com/lightning/r/Account/001A/view?channel=OPEN_CTI")
    views = {view.name: view.value for view in run.variables}
    assert views["phoneNumber"] == "4155550123"
    assert views["customerName"] == "Ann"


def test_the_salesforce_flow_as_it_is_loses_nobody(tmp_path: Path) -> None:
    written, flow = ready(tmp_path, SALESFORCE)
    fakes = FakePorts()
    treated(flow, fakes, reaches(fakes, "enqueue Default None"))
    assert fakes.connector.requests == []
    kinds = {f.kind for f in written.imported.report.findings if f.activity == "AccountByANI"}
    assert {"malformed-template", "phone-like", "first-record", "no-order", "missing-error-edge"} <= kinds


def test_the_dynamics_flow_greets_asks_and_offers_its_menu(tmp_path: Path) -> None:
    _, flow = ready(tmp_path, DYNAMICS)
    fakes = FakePorts()
    fakes.connector.responses += [
        answer({"value": [{"contactid": "c1", "fullname": "Ann"}]}),
        answer({"value": [{"title": "Broken", "ticketnumber": "T1"}]}),
    ]

    async def until(_: FlowRun) -> None:
        await fakes.journal.used("collect")
        fakes.voice.press("1")
        await fakes.journal.reached("music defaultmusic_on_hold.wav 30.0")

    treated(flow, fakes, until, events=("AgentAnswered",))
    assert "'14155550123'" in fakes.connector.requests[0].query["$filter"]
    assert any("Ann" in line and "T1" in line for line in fakes.journal.lines)
    assert fakes.journal.lines[-1].startswith("screen_pop https://")
    assert "Condition_obo false" in fakes.walked("AgentAnswered")


def test_the_dynamics_flow_queues_whom_it_does_not_know(tmp_path: Path) -> None:
    _, flow = ready(tmp_path, DYNAMICS)
    fakes = FakePorts()
    fakes.connector.responses.append(answer({"value": []}))
    treated(flow, fakes, reaches(fakes, "enqueue Support None"), events=("AgentAnswered",))
    assert "ConditionCheck true" in fakes.walked()
    assert "Condition_obo true" in fakes.walked("AgentAnswered")


@pytest.mark.parametrize(
    ("tickets", "way"),
    [([{"id": 35, "status": "open"}], "ConditionCheck false"), ([], "ConditionCheck true")],
)
def test_the_zendesk_flow_compares_with_the_text_null(
    tmp_path: Path, tickets: list[dict[str, object]], way: str
) -> None:
    # Even with all repairs: a default that the flow asks for stays.
    _, flow = ready(tmp_path, ZENDESK, *Repair)
    fakes = FakePorts()
    fakes.connector.responses += [answer({"users": [{"id": 7, "name": "Ann"}]}), answer({"results": tickets})]
    treated(flow, fakes, reaches(fakes, "enqueue Support None"))
    assert way in fakes.walked()
    queries = [request.query for request in fakes.connector.requests]
    assert queries[0]["query"].endswith(" +14155550123")
    assert queries[1]["query"].endswith(":7")


@pytest.mark.parametrize("known", [True, False])
def test_the_lab_flow_collects_queues_and_asks_again(tmp_path: Path, known: bool) -> None:
    written, flow = ready(tmp_path, LAB)
    fakes = FakePorts()
    if not known:
        fakes.journal.fail("enqueue_agent")
    fakes.voice.prompt_s = 2.0

    async def until(_: FlowRun) -> None:
        await fakes.journal.used("collect")
        await fakes.journal.reached("play ErrorAttendee.wav")  # nobody pressed anything
        await asyncio.sleep(5)  # into the time for keys, which count only after the prompt
        fakes.voice.press("12#")
        await fakes.journal.reached("enqueue Support None")
        await fakes.journal.reached("collect 1Callback2Preferred.wav")
        await asyncio.sleep(3)
        fakes.voice.press("2")
        await fakes.journal.used("enqueue_agent")
        if not known:
            await fakes.journal.reached("hang_up")  # no such agent here: the flow's own error edge
        else:
            await fakes.journal.reached("collect 1Callback2Preferred.wav", times=2)

    treated(flow, fakes, until)
    left = f"QueueToAgent_lqr {'next' if known else 'error'}"
    assert {"CollectAttendeeID timeout", "CollectAttendeeID next", left} <= set(fakes.walked())
    assert {("CallbackRequest", "not-available")} == {
        (f.activity, f.kind) for f in written.imported.report.findings if f.verdict is Verdict.NOT_MAPPED
    }
    assert ("SetCallbackNumber", "endless-loop") in {
        (f.activity, f.kind) for f in written.imported.report.findings
    }
