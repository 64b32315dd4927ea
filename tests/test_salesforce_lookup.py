"""Look-ups on the demo's org, well and with everything going wrong."""

from __future__ import annotations

import asyncio
import dataclasses
import re

import pytest

from ivr.numbers import E164, to_e164
from ivr.salesforce.model import Account, Contact, Match, MatchResult
from ivr.salesforce.reply import RequestSeen
from ivr.salesforce.settings import BreakerSettings
from ivr.salesforce.simulator.faults import FaultKind
from ivr.salesforce.simulator.schema import OBJECTS
from ivr.salesforce.testing import SimulatedOrg, simulated, simulated_over_tcp

ALICE = E164("+14155550123")


async def looked_up(org: SimulatedOrg, number: str) -> Match:
    return await org.connector.open_cases(await org.connector.find(E164(number)))


def test_the_main_caller_of_the_demo() -> None:
    async def main() -> None:
        async with simulated() as org:
            match = await looked_up(org, ALICE)
            assert match.result is MatchResult.ONE
            assert match.name == "Alice Morgan"
            assert match.account is not None
            assert (match.account.name, match.account.priority, match.account.sla) == (
                "Blue Harbor Logistics",
                "High",
                "Gold",
            )
            assert [(case.priority, case.owner) for case in match.cases] == [
                ("High", "Dana Reyes"),
                ("Low", "Tom Okafor"),
            ]
            assert match.cases_known
            assert [(seen.operation, seen.outcome) for seen in org.seen] == [
                ("login", "ok"),
                ("find", "ok"),
                ("open_cases", "ok"),
            ]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("number", "result", "name", "account"),
    [
        ("+19995550000", MatchResult.NONE, None, None),
        ("+16285550131", MatchResult.ONE, "Priya Nair", "Castell Dental Studio"),
        ("+12125550151", MatchResult.MANY, None, "Redwood Legal Partners"),
        ("+15035550161", MatchResult.MANY, None, None),
        ("+13035550170", MatchResult.ONE, None, "Summit Hardware Supply"),
        ("+821001234567", MatchResult.ONE, "김민준", "한빛물산"),
        ("+821002345678", MatchResult.ONE, "박지우", "한빛물산"),
        ("+821003456789", MatchResult.ONE, "최수아", "푸른바다 여행사"),
        ("+442079460019", MatchResult.ONE, "Sinead O'Brien", "O'Brien & Sons <Ltd>"),
        ("+442079460321", MatchResult.ONE, None, "Thamesgate Travel"),
        ("+442079460322", MatchResult.ONE, "Oliver Hartley", "Thamesgate Travel"),
        ("+4930231 25002".replace(" ", ""), MatchResult.ONE, "Jürgen Weiß", "Lindenhof Maschinenbau GmbH"),
        ("+61755504321", MatchResult.ONE, "Matilda Nguyen", "Coral Bay Charters"),
        ("+17015550193", MatchResult.ONE, "Luis Ortega", "Prairie Wind Energy"),
        ("+12075550196", MatchResult.ONE, "Ruth Abernathy", "Harborlight Books"),
        ("+12075550197", MatchResult.NONE, None, None),  # a fax
        ("+13125550181", MatchResult.ONE, "Robert ' OR Name LIKE '%", "Robert'); DROP TABLE Accounts;--"),
        ("+12065550142", MatchResult.ONE, "Elena Fischer", None),
        ("+12065550144", MatchResult.NONE, None, None),  # a converted lead
        ("+16175550135", MatchResult.ONE, "Noor Haddad", None),
        ("+16175550136", MatchResult.MANY, None, None),
    ],
)
def test_callers_of_the_demo(number: str, result: MatchResult, name: str | None, account: str | None) -> None:
    async def main() -> None:
        async with simulated() as org:
            match = await looked_up(org, number)
            assert (match.result, match.name, match.account and match.account.name) == (result, name, account)

    asyncio.run(main())


def test_every_number_of_the_demo_can_be_called_from() -> None:
    """Guards the data: each stored phone is somebody's number in the world, and finds its record."""

    async def main() -> None:
        async with simulated() as org:
            for object_ in ("contact", "account"):
                for record in org.org.records(OBJECTS[object_]):
                    number = _callable(str(record["MobilePhone" if object_ == "contact" else "Phone"] or ""))
                    if number is None:
                        continue
                    match = await org.connector.find(number)
                    assert record["Id"] in [c.id for c in match.candidates], number

    asyncio.run(main())


def _callable(stored: str) -> E164 | None:
    digits = re.sub(r"[^\d+]", "", stored)
    return to_e164(digits, "US") if len(digits) >= 10 else None


def test_own_cases_come_before_those_of_colleagues_and_are_told_from_them() -> None:
    async def main() -> None:
        async with simulated() as org:
            match = await looked_up(org, "+17015550193")
            assert [(case.subject, case.own) for case in match.cases] == [
                ("Change of invoice copy", True),
                ("Turbine 12 reports no data", False),
                ("Turbine 9 reports no data", False),
                ("Question on monthly report", False),
            ]
            assert [case.subject for case in match.own_cases] == ["Change of invoice copy"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("number", "shown", "own"),
    [
        ("+14155550125", 2, 0),  # a contact without a case, whose colleague has two
        ("+14155550140", 2, 2),  # the account itself
        ("+12125550151", 1, 1),  # two of one account: its case that names nobody
        ("+17015550190", 4, 4),
    ],
)
def test_a_case_of_somebody_else_is_shown_and_not_the_callers(number: str, shown: int, own: int) -> None:
    async def main() -> None:
        async with simulated() as org:
            match = await looked_up(org, number)
            assert match.cases_known
            assert (len(match.cases), len(match.own_cases)) == (shown, own)

    asyncio.run(main())


@pytest.mark.parametrize("number", ["", "+", "123", "anonymous", "+1415", "%", "4155550123", "+999123456789"])
def test_what_is_no_number_is_never_searched_for(number: str) -> None:
    async def main() -> None:
        async with simulated() as org:
            assert (await org.connector.find(E164(number))).result is MatchResult.NONE
            assert org.seen == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "times", "detail"),
    [
        (FaultKind.UNAUTHORIZED, 2, "session_refused"),
        (FaultKind.QUOTA_DAILY, 1, "quota_exhausted"),
        (FaultKind.QUOTA_CONCURRENT, 1, "quota_exhausted"),
        (FaultKind.DENIED, 1, "denied"),
        (FaultKind.STATUS, 2, "unavailable"),
        (FaultKind.GARBAGE, 1, "garbage"),
        (FaultKind.SHAPE, 1, "garbage"),
        (FaultKind.EMPTY, 1, "garbage"),
        (FaultKind.HUGE, 1, "garbage"),
        (FaultKind.REDIRECT, 1, "garbage"),
    ],
)
def test_a_fault_is_a_result_that_says_what_failed(kind: FaultKind, times: int, detail: str) -> None:
    async def main() -> None:
        async with simulated() as org:
            org.fault(kind, times=times)
            match = await org.connector.find(ALICE)
            assert match.result is MatchResult.ERROR
            assert match.detail.startswith(f"{detail}: ")
            assert "415" not in match.detail

    asyncio.run(main())


@pytest.mark.parametrize("kind", [FaultKind.UNAUTHORIZED, FaultKind.STATUS])
def test_one_passing_fault_is_survived(kind: FaultKind) -> None:
    async def main() -> None:
        async with simulated() as org:
            org.fault(kind)
            assert (await org.connector.find(ALICE)).name == "Alice Morgan"

    asyncio.run(main())


@pytest.mark.parametrize("kind", [FaultKind.STATUS, FaultKind.GARBAGE, FaultKind.QUOTA_DAILY])
def test_a_fault_of_the_second_request_keeps_what_the_first_found(kind: FaultKind) -> None:
    async def main() -> None:
        async with simulated() as org:
            found = await org.connector.find(ALICE)
            org.fault(kind, times=2)
            match = await org.connector.open_cases(found)
            assert (match.result, match.name, match.cases_known) == (MatchResult.ONE, "Alice Morgan", False)
            assert match.detail

    asyncio.run(main())


@pytest.mark.parametrize(
    ("login_fault", "word"), [("invalid_client", "invalid_client"), ("invalid_grant", "invalid_grant")]
)
def test_a_refused_login_says_why(login_fault: str, word: str) -> None:
    async def main() -> None:
        changes = {"client_secret": "wrong"} if login_fault == "invalid_client" else {}
        async with simulated(**changes) as org:
            if not changes:
                org.fault(FaultKind.OAUTH, path="/oauth2/token")
            match = await org.connector.find(ALICE)
            assert match.result is MatchResult.ERROR
            assert word in match.detail
            assert org.outcomes("find") == []

    asyncio.run(main())


def test_garbage_from_the_token_endpoint() -> None:
    async def main() -> None:
        for kind in (
            FaultKind.GARBAGE,
            FaultKind.SHAPE,
            FaultKind.EMPTY,
            FaultKind.REDIRECT,
            FaultKind.STATUS,
        ):
            async with simulated() as org:
                org.fault(kind, path="/oauth2/token", times=2)
                assert (await org.connector.find(ALICE)).result is MatchResult.ERROR

    asyncio.run(main())


def test_one_login_for_any_number_of_expired_sessions() -> None:
    async def main() -> None:
        async with simulated_over_tcp() as org:
            await org.connector.login()
            await org.expire_sessions()
            matches = await asyncio.gather(*(org.connector.find(ALICE) for _ in range(30)))
            assert {match.name for match in matches} == {"Alice Morgan"}
            assert org.outcomes("login") == ["ok", "ok"]

    asyncio.run(main())


def test_one_login_for_any_number_of_first_callers_even_when_it_is_refused() -> None:
    async def main() -> None:
        patient = BreakerSettings(failures=1_000)
        async with simulated_over_tcp(client_secret="wrong", breaker=patient, lookups_at_once=30) as org:
            matches = await asyncio.gather(*(org.connector.find(ALICE) for _ in range(30)))
            assert {match.result for match in matches} == {MatchResult.ERROR}
            assert org.outcomes("login") == ["refused"]

    asyncio.run(main())


def test_a_cancelled_login_is_taken_up_by_the_next_who_waits() -> None:
    async def main() -> None:
        async with simulated() as org:
            org.fault(FaultKind.SLOW, path="/oauth2/token")
            first = asyncio.create_task(org.connector.find(ALICE))
            await org.faults.taken.wait()
            second = asyncio.create_task(org.connector.find(ALICE))
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await second).name == "Alice Morgan"
            assert org.outcomes("login") == ["cancelled", "ok"]

    asyncio.run(main())


def test_the_breaker_leaves_a_failing_org_alone_and_tries_again() -> None:
    async def main() -> None:
        async with simulated(breaker=BreakerSettings(failures=2, open_s=10.0)) as org:
            org.fault(FaultKind.STATUS, times=2)
            assert (await org.connector.find(ALICE)).detail.startswith("unavailable")
            sent = len(org.seen)
            assert (await org.connector.find(ALICE)).detail.startswith("breaker_open")
            assert len(org.seen) == sent
            org.clock.advance(10.0)
            assert (await org.connector.find(ALICE)).name == "Alice Morgan"

    asyncio.run(main())


def test_a_spent_day_quota_opens_the_breaker_for_minutes() -> None:
    async def main() -> None:
        async with simulated() as org:
            org.fault(FaultKind.QUOTA_DAILY)
            await org.connector.find(ALICE)
            org.clock.advance(299.0)
            assert (await org.connector.find(ALICE)).detail.startswith("breaker_open")

    asyncio.run(main())


def test_usage_is_known_after_the_first_answer() -> None:
    async def main() -> None:
        async with simulated() as org:
            before = org.connector.usage
            assert before is None
            await org.connector.find(ALICE)
            usage = org.connector.usage
            assert usage is not None
            assert (usage.used, usage.limit) == (1, 15_000)

    asyncio.run(main())


def test_requests_are_told_to_the_call_they_were_made_for() -> None:
    async def main() -> None:
        async with simulated() as org:
            mine: list[RequestSeen] = []
            await org.connector.find(ALICE)
            await org.connector.find(ALICE, mine.append)
            assert [seen.operation for seen in mine] == ["find"]
            assert [seen.operation for seen in org.seen] == ["login", "find", "find"]
            assert all("415" not in seen.path for seen in org.seen)

    asyncio.run(main())


def test_a_match_with_nobody_in_it_is_not_asked_about() -> None:
    async def main() -> None:
        async with simulated() as org:
            for result in (MatchResult.NONE, MatchResult.WITHHELD, MatchResult.ERROR, MatchResult.MANY):
                match = Match(result=result)
                assert await org.connector.open_cases(match) is match
            assert org.seen == []

    asyncio.run(main())


def test_a_record_deleted_meanwhile_is_gone() -> None:
    async def main() -> None:
        async with simulated() as org:
            found = await org.connector.find(ALICE)
            assert found.contact is not None
            gone = dataclasses.replace(found.contact, id="003gK0000ZZZZZZEAC")
            match = await org.connector.open_cases(dataclasses.replace(found, contact=gone))
            assert match.contact is None
            assert match.account is not None
            assert match.cases_known
            nobody = Match(result=MatchResult.ONE, contact=gone)
            assert (await org.connector.open_cases(nobody)).result is MatchResult.NONE

    asyncio.run(main())


def test_an_id_that_is_none_never_reaches_a_query() -> None:
    async def main() -> None:
        async with simulated() as org:
            evil = Match(
                result=MatchResult.ONE,
                contact=Contact(id="' OR IsClosed = false OR Id = '", name="x"),
                account=Account(id="null", name="y"),
            )
            match = await org.connector.open_cases(evil)
            assert match.detail.startswith("bad_request")
            assert org.seen == []

    asyncio.run(main())


def test_an_org_without_the_custom_fields_has_no_priority() -> None:
    async def main() -> None:
        async with simulated(priority_field="Tier__c", sla_field="Contract__c") as org:
            match = await looked_up(org, ALICE)
            assert match.account is not None
            assert (match.account.priority, match.account.sla) == (None, None)
            assert match.cases_known

    asyncio.run(main())
