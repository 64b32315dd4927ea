"""Two Salesforce orgs behind one node: the one that knows the caller decides page, score, record, writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.salesforce.simulator.app import create_app
from ivr.salesforce.simulator.data import build_org
from ivr.salesforce.simulator.faults import Faults
from ivr.salesforce.testing import serving
from tests.node_support import ALICE, ROOT, Salesforce, Scene, run, scene

pytestmark = [pytest.mark.sip, pytest.mark.timeout(120)]

FLOW = {"flow": "two_orgs", "flows": ROOT / "tests" / "data" / "two_orgs"}
NAMESAKE = {
    "fields": {"Name": "Harbor Cafe", "CustomerPriority__c": "Low"},
    "contacts": [
        {
            "fields": {"LastName": "Morgan", "Phone": ALICE},
            "cases": [{"fields": {"Subject": "Cold coffee", "Priority": "Low", "Status": "New"}}],
        }
    ],
}


@asynccontextmanager
async def home_org(*accounts: object) -> AsyncIterator[Salesforce]:
    """Another org than the demo's, with these accounts."""
    data = {
        "org": {"name": "Home", "client_id": "home", "client_secret": "home-secret"},
        "users": ["Kim Home"],
        "accounts": [{"fields": {"Name": "Nobody Inc"}}, *accounts],
    }
    org, faults = build_org(data, lambda: datetime.now(UTC)), Faults()
    async with serving(create_app(org, faults)) as url:
        yield Salesforce(url, org, faults)


@asynccontextmanager
async def two_orgs(folder: Path, *accounts: object) -> AsyncIterator[tuple[Scene, Salesforce]]:
    """A node with Home as its first connector and the demo's org, with a table of its own, as its second."""
    async with home_org(*accounts) as home:

        def rewrite(config: str) -> str:
            login = f"login_url: '{home.url}', client_id: home, client_secret: home-secret"
            first = f"{{type: salesforce, {login}}}"
            table = "    priorities: {default: 8, case: {High: -1}, customer: {}, sla: {}}\n"
            return config.replace("connectors:\n", f"connectors:\n  Home: {first}\n").replace(
                "    deadline_s:", f"{table}    deadline_s:"
            )

        async with scene(folder, rewrite, **FLOW) as stage:
            yield stage, home


def test_the_org_that_knows_the_caller_decides(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_orgs(tmp_path) as (stage, home):
            leg, call_id = await stage.call()
            await stage.ready()
            await stage.answer()
            await stage.watch.stage("connected", call_id)
            call = (await stage.me()).call
            assert call is not None
            assert call.priority == 7, "the second connector's table"
            assert call.match.result == "one", "not the latest word, which was Home's"
            assert call.match.account is not None
            assert call.match.account.url.startswith(stage.salesforce.url)
            pop = await stage.watch.until(lambda e: e.type == "screen_pop")
            assert f"{stage.salesforce.url}/lightning/r/Account/{call.match.account.id}" in str(
                pop.model_extra
            )
            await leg.hang_up()
            await stage.watch.stage("wrap_up", call_id)
            await stage.desks["sam"].end_wrap_up(call_id)
            await stage.watch.delivery(call_id, "delivered")
            record = await stage.record_of(call_id)
            assert record.record["detail"]["connector"] == "Salesforce"
            assert len(stage.events_of(record, "no_comment")) == 1, "Home does not know him"
            assert len(await stage.operator.outbox()) == 1
            assert (len(stage.salesforce.comments(call_id)), len(home.comments(call_id))) == (1, 0)

    run(story())


def test_each_org_is_told_of_its_own_records(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_orgs(tmp_path, NAMESAKE) as (stage, home):
            leg, call_id = await stage.call()
            await stage.ready()
            await stage.answer()
            await stage.watch.stage("connected", call_id)
            call = (await stage.me()).call
            assert call is not None
            assert call.match.account is not None
            assert call.match.account.name == "Blue Harbor Logistics", "who told first"
            await leg.hang_up()
            await stage.watch.stage("wrap_up", call_id)
            await stage.desks["sam"].end_wrap_up(call_id)
            await stage.watch.deliveries(call_id, 2)
            assert (len(stage.salesforce.comments(call_id)), len(home.comments(call_id))) == (1, 1)
            assert [row.error for row in await stage.operator.outbox()] == [None, None]

    run(story())
