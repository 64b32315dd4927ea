"""A Task is made once, found by its call id or upserted by a field of the org's."""

from __future__ import annotations

import asyncio
import json
from datetime import date

import httpx
import pytest

from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.errors import BadRequest, ConnectionLost, SalesforceError
from ivr.salesforce.queries import tasks_of
from ivr.salesforce.settings import SalesforceSettings
from ivr.salesforce.simulator.faults import FaultKind
from ivr.salesforce.simulator.schema import OBJECTS
from ivr.salesforce.testing import ManualClock, SimulatedOrg, simulated, simulated_over_tcp
from ivr.salesforce.writeback import WriteOutcome

CALL = "6f1c2f0e-0001-4000-8000-0123456789ab"
ORG = "https://a.my.salesforce.com"
VALUES: dict[str, str | int] = {
    "Subject": "Inbound call", "Status": "Completed", "CallObject": CALL, "ActivityDate": "2025-01-01",
}  # fmt: skip


def tasks(org: SimulatedOrg) -> list[object]:
    return [task["CallObject"] for task in org.org.records(OBJECTS["task"])]


def test_made_once_then_found() -> None:
    async def main() -> None:
        async with simulated() as org:
            first = await org.connector.add_task(VALUES)
            again = await org.connector.add_task(VALUES)
            assert first.outcome is WriteOutcome.CREATED
            assert (again.outcome, again.id) == (WriteOutcome.ALREADY_THERE, first.id)
            other = await org.connector.add_task({**VALUES, "CallObject": CALL.upper()})
            assert other.outcome is WriteOutcome.CREATED, "call ids differ by case"
            assert tasks(org) == [CALL, CALL.upper()]

    asyncio.run(main())


def test_two_senders_at_once_make_one() -> None:
    async def main() -> None:
        async with simulated_over_tcp() as org:
            results = await asyncio.gather(*(org.connector.add_task(VALUES) for _ in range(5)))
            assert sorted(result.outcome for result in results) == ["already_there"] * 4 + ["created"]
            assert len(tasks(org)) == 1

    asyncio.run(main())


def test_a_lost_answer_does_not_make_a_second_task() -> None:
    async def main() -> None:
        async with simulated_over_tcp() as org:
            await org.connector.login()
            org.fault(FaultKind.LOST_ANSWER, path="/sobjects/Task")
            with pytest.raises(ConnectionLost):
                await org.connector.add_task(VALUES)
            assert org.outcomes("add_task") == ["connection_lost"], "a write is not tried again at once"
            assert (await org.connector.add_task(VALUES)).outcome is WriteOutcome.ALREADY_THERE
            assert len(tasks(org)) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    "change",
    [{"CallObject": ""}, {"CallObject": "x" * 256}, {"CallObject": "a\nbcdefghi"}, {"ActivityDate": "today"},
     {"WhoId": "null"}, {"WhatId": "' OR Id != '"}],
)  # fmt: skip
def test_what_cannot_be_known_again_is_not_sent(change: dict[str, str | int]) -> None:
    async def main() -> None:
        async with simulated() as org:
            with pytest.raises(BadRequest):
                await org.connector.add_task(VALUES | change)
            assert org.seen == []

    asyncio.run(main())


def test_no_call_id_changes_the_query() -> None:
    query = tasks_of("x' OR Subject LIKE '%", date(2025, 1, 1))
    assert "CallObject = 'x\\' OR Subject LIKE \\'%' AND" in query


# --- upsert by a field of the org's ----------------------------------------------------------------------


class Upserts:
    """An org with the field Call_Id__c on Task, which refuses the update of a Task as Salesforce does."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[dict[str, object]] = []
        self.lost = 0
        self.call_object = ""
        self._made = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth2/token"):
            return httpx.Response(200, json={"access_token": "t", "instance_url": ORG})
        if request.method == "GET":
            row = {"attributes": {"type": "Task"}, "Id": "00TgK0000000001QAA", "CallObject": self.call_object}
            rows = [row] if self._made else []
            return httpx.Response(200, json={"totalSize": len(rows), "done": True, "records": rows})
        self.requests.append((request.method, request.url.raw_path.decode()))
        self.bodies.append(json.loads(request.content))
        self.call_object = str(self.bodies[-1]["CallObject"])
        new, self._made = not self._made, True
        if not new:
            return httpx.Response(
                400, json=[{"errorCode": "INVALID_FIELD_FOR_INSERT_UPDATE", "message": "x"}]
            )
        if self.lost:
            self.lost -= 1
            raise httpx.ReadError("cut")
        return httpx.Response(
            201 if new else 200, json={"id": "00TgK0000000001QAA", "success": True, "created": new}
        )


async def upserted(org: Upserts, values: dict[str, str | int]) -> list[WriteOutcome]:
    settings = SalesforceSettings(
        name="x", login_url=ORG, client_id="a", client_secret="b", task_external_id="Call_Id__c"
    )
    async with httpx.AsyncClient(transport=httpx.MockTransport(org)) as http:
        connector = SalesforceConnector(settings, http, ManualClock(), lambda seen: None)
        return [(await connector.add_task(values)).outcome for _ in range(2)]


def test_an_upsert_is_made_once() -> None:
    org = Upserts()
    outcomes = asyncio.run(upserted(org, {**VALUES, "CallObject": "call/1?x=%27", "Call_Id__c": "no"}))
    assert outcomes == [WriteOutcome.CREATED, WriteOutcome.ALREADY_THERE]
    path = "/services/data/v62.0/sobjects/Task/Call_Id__c/call%2F1%3Fx%3D%2527"
    assert org.requests == [("PATCH", path)]
    assert "Call_Id__c" not in org.bodies[0]


def test_an_upsert_whose_answer_was_lost_is_found_by_the_next_attempt() -> None:
    async def main() -> None:
        org = Upserts()
        org.lost = 1
        async with httpx.AsyncClient(transport=httpx.MockTransport(org)) as http:
            settings = SalesforceSettings(
                name="x", login_url=ORG, client_id="a", client_secret="b", task_external_id="Call_Id__c"
            )
            connector = SalesforceConnector(settings, http, ManualClock(), lambda seen: None)
            with pytest.raises(ConnectionLost) as caught:
                await connector.add_task(VALUES)
            assert caught.value.retryable
            assert (await connector.add_task(VALUES)).outcome is WriteOutcome.ALREADY_THERE
        assert len(org.requests) == 1

    asyncio.run(main())


def test_several_records_with_the_id_are_told() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth2/token"):
            return httpx.Response(200, json={"access_token": "t", "instance_url": ORG})
        if request.method == "GET":
            return httpx.Response(200, json={"totalSize": 0, "done": True, "records": []})
        return httpx.Response(300, json=["/services/data/v62.0/sobjects/Task/1"])

    async def main() -> None:
        settings = SalesforceSettings(
            name="x", login_url=ORG, client_id="a", client_secret="b", task_external_id="Call_Id__c"
        )
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            connector = SalesforceConnector(settings, http, ManualClock(), lambda seen: None)
            with pytest.raises(SalesforceError, match="HTTP 300") as caught:
                await connector.add_task(VALUES)
            assert not caught.value.retryable

    asyncio.run(main())


def test_a_field_name_that_is_none_is_refused() -> None:
    with pytest.raises(BadRequest):
        SalesforceSettings(name="x", login_url=ORG, client_id="a", client_secret="b", task_external_id="../x")
