"""What fails for one purpose costs another nothing: breakers by purpose, and a bound on look-ups at once."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from ivr.numbers import E164
from ivr.salesforce.breaker import BreakerState
from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.errors import BreakerOpen, Busy, Unavailable
from ivr.salesforce.model import MatchResult
from ivr.salesforce.news import Purpose
from ivr.salesforce.places import Places
from ivr.salesforce.settings import SalesforceSettings
from ivr.salesforce.simulator.faults import Fault, FaultKind
from ivr.salesforce.testing import ManualClock, SimulatedOrg, simulated
from ivr.testing.virtual_time import run_virtual

ALICE = E164("+14155550123")
CASE = "500gK0000000001QAA"
ORG = "https://a.my.salesforce.com"
FAILURES = 8


def broken(org: SimulatedOrg, path: str) -> None:
    """What is posted to a path is answered with 500, as by a trigger that fails."""
    org.faults.add(Fault(kind=FaultKind.STATUS, status=500, method="POST", path=path, times=None))


class BrokenTrigger:
    """An org where every comment fails, all of them at once; its searches find nobody."""

    def __init__(self) -> None:
        self._together = asyncio.Barrier(FAILURES)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/oauth2/token"):
            return httpx.Response(200, json={"access_token": "t", "instance_url": ORG})
        if path.endswith("/search/"):
            return httpx.Response(200, json={"searchRecords": []})
        if path.endswith("/query/"):
            return httpx.Response(200, json={"totalSize": 0, "done": True, "records": []})
        await self._together.wait()
        return httpx.Response(500, json=[{"errorCode": "UNKNOWN_EXCEPTION", "message": "trigger"}])


def test_writes_that_fail_cost_no_caller_the_name() -> None:
    async def main() -> None:
        settings = SalesforceSettings(name="x", login_url=ORG, client_id="a", client_secret="b")
        async with httpx.AsyncClient(transport=httpx.MockTransport(BrokenTrigger())) as http:
            connector = SalesforceConnector(settings, http, ManualClock(), lambda seen: None)
            writes = (connector.add_case_comment(CASE, "x", f"[call:{n:08}]") for n in range(FAILURES))
            async with asyncio.timeout(10):
                told = await asyncio.gather(*writes, return_exceptions=True)
            assert {type(error) for error in told} == {Unavailable}
            assert connector.breaker(Purpose.WRITE_BACK) is BreakerState.OPEN
            assert (await connector.find(ALICE)).result is MatchResult.NONE

    asyncio.run(main())


def test_a_flows_requests_that_fail_cost_no_caller_the_name() -> None:
    async def main() -> None:
        async with simulated() as org:
            broken(org, "/services/apexrest")
            for _ in range(FAILURES):
                try:
                    await org.connector.request("POST", "/services/apexrest/x", {}, {}, "{}", 1.0)
                except BreakerOpen:
                    break
            assert org.connector.breaker(Purpose.FLOW) is BreakerState.OPEN
            assert (await org.connector.find(ALICE)).name == "Alice Morgan"

    asyncio.run(main())


def test_look_ups_that_fail_leave_what_is_written_alone() -> None:
    async def main() -> None:
        async with simulated() as org:
            case_id = org.id_of("Case", "Lost parcel")
            org.fault(FaultKind.STATUS, path="/search", times=None)
            for _ in range(FAILURES):
                assert (await org.connector.find(ALICE)).result is MatchResult.ERROR
            assert org.connector.breaker() is BreakerState.OPEN
            await org.connector.add_case_comment(case_id, "x", "[call:0001]")
            assert len(org.comments(case_id)) == 1

    asyncio.run(main())


class Crowded:
    """An org that answers a search when it has seen how many come together."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth2/token"):
            return httpx.Response(200, json={"access_token": "t", "instance_url": ORG})
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(100):  # turns of the loop, in which all others come that may
            await asyncio.sleep(0)
        self.now -= 1
        return httpx.Response(200, content=json.dumps({"searchRecords": []}))


@pytest.mark.parametrize("places", [1, 3, 6])
def test_so_many_look_ups_and_no_more_hang_at_once(places: int) -> None:
    async def main() -> None:
        org = Crowded()
        settings = SalesforceSettings(
            name="x", login_url=ORG, client_id="a", client_secret="b", lookups_at_once=places
        )
        async with httpx.AsyncClient(transport=httpx.MockTransport(org)) as http:
            connector = SalesforceConnector(settings, http, ManualClock(), lambda seen: None)
            found = await asyncio.gather(*(connector.find(ALICE) for _ in range(6)))
        assert {match.result for match in found} == {MatchResult.NONE}
        assert org.most == places

    asyncio.run(main())


def test_who_finds_no_place_waits_his_time() -> None:
    async def main() -> None:
        places = Places(1, patience_s=10.0)
        async with places.place():
            with pytest.raises(Busy):
                async with places.place():
                    pass
        async with places.place():
            waiting = asyncio.create_task(_have(places))
            await asyncio.sleep(9.0)
        await waiting

    run_virtual(main())


async def _have(places: Places) -> None:
    async with places.place():
        pass
