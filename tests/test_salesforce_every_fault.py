"""Every fault of Salesforce at every step of a call: the chain gives what it can, comment and Task are made
once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from ivr.clock import SystemClock
from ivr.ids import CallId
from ivr.lookup import CallerLookup
from ivr.numbers import E164
from ivr.salesforce.errors import SalesforceError, SetupFault
from ivr.salesforce.fields import OrgFields
from ivr.salesforce.model import Match, MatchResult
from ivr.salesforce.settings import Timeouts
from ivr.salesforce.simulator.data import FieldEntry
from ivr.salesforce.simulator.faults import Fault, FaultKind
from ivr.salesforce.simulator.schema import OBJECTS
from ivr.salesforce.tasks import TaskValues
from ivr.salesforce.testing import SimulatedOrg, simulated_over_tcp
from ivr.salesforce.writeback import WriteResult
from ivr.store.values import call_marker

ALICE = E164("+14155550123")
DEADLINE_S = 3.0
QUICK = Timeouts(connect_s=0.5, login_s=0.3, read_s=0.3, write_s=0.3, operation_s=1.5)
STEPS = {"login": "/services/oauth2", "find": "/search", "cases": "/composite"}
COMMENT = {
    "login": (None, "/services/oauth2"),
    "look": ("GET", "/query"),
    "make": ("POST", "/sobjects/CaseComment"),
}
TASK = {
    "login": (None, "/services/oauth2"),
    "look": ("GET", "/query"),
    "make": ("POST", "/sobjects/Task"),
}
UPSERT = {"login": (None, "/services/oauth2"), "look": ("GET", "/query"), "make": ("PATCH", "/sobjects/Task")}
SEARCH_NEXT = {
    FaultKind.STATUS, FaultKind.GARBAGE, FaultKind.SHAPE, FaultKind.EMPTY, FaultKind.HUGE,
    FaultKind.REDIRECT, FaultKind.DENIED, FaultKind.ERROR, FaultKind.OAUTH,
}  # fmt: skip
"""Faults of one answer: the search may fare better. With the others nobody answers, or nobody will."""
CALL = CallId("20260101-000000-00000001")
NORMALISED = OrgFields(normalised={"Contact": "Phone_E164__c"})


def fault(kind: FaultKind, path: str, method: str | None = None) -> Fault:
    """The fault, for as long as it is in force; slow is slower than anybody waits."""
    return Fault(kind=kind, times=None, path=path, method=method, seconds=2.0)


async def look_up(org: SimulatedOrg) -> tuple[Match, Match, list[Match]]:
    """A call's look-up chain: who, cases, and what was told to the call in between."""
    tasks: set[asyncio.Task[None]] = set()
    told: list[Match] = []

    def spawn(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        tasks.add(task)
        return task

    lookup = CallerLookup(
        org.connector,
        ALICE,
        withheld=False,
        deadline_s=DEADLINE_S,
        clock=SystemClock(),
        spawn=spawn,
        observe=lambda seen: None,
        found=told.append,
    )
    who, cases = await lookup.find(), await lookup.open_cases()
    await asyncio.gather(*tasks)
    return who, cases, told


@pytest.mark.parametrize(("kind", "step"), list(itertools.product(FaultKind, STEPS)))
def test_a_look_up_gives_what_it_can(kind: FaultKind, step: str) -> None:
    async def main() -> None:
        async with simulated_over_tcp(timeouts=QUICK) as org:
            org.faults.add(fault(kind, STEPS[step]))
            who, cases, told = await look_up(org)
            struck = org.faults.taken.is_set()
            if step == "cases":
                assert who.name == "Alice Morgan"
                assert not (struck and cases.cases_known)
            elif struck:
                assert who.result in (MatchResult.ERROR, MatchResult.NONE)
                assert who.result is not MatchResult.NONE or kind in (FaultKind.EMPTY, FaultKind.SHAPE)
                assert who.detail or who.result is MatchResult.NONE
            assert told
            assert struck

    asyncio.run(main())


@pytest.mark.parametrize("kind", FaultKind)
def test_a_bad_answer_about_the_normalised_field_leaves_the_search(kind: FaultKind) -> None:
    async def main() -> None:
        async with simulated_over_tcp(timeouts=QUICK, fields=NORMALISED) as org:
            org.faults.add(fault(kind, "/composite"))
            who = await org.connector.find(ALICE)
            assert org.faults.taken.is_set()
            if kind in SEARCH_NEXT:
                assert who.name == "Alice Morgan"
            else:
                assert (who.result, bool(who.detail)) == (MatchResult.ERROR, True)

    asyncio.run(main())


Write = Callable[[], Coroutine[Any, Any, WriteResult]]


async def made_once(org: SimulatedOrg, kind: FaultKind, step: tuple[str | None, str], write: Write) -> int:
    """Write with the fault in force, then without; how many there should be by now."""
    method, path = step
    org.faults.add(fault(kind, path, method))
    with pytest.raises(SalesforceError) as caught:
        await write()
    assert org.faults.taken.is_set()
    permanent = not caught.value.retryable and not isinstance(caught.value, SetupFault)
    org.faults.clear()
    org.clock.advance(600)  # whatever the breaker had against it is over
    if not permanent:
        await write()
    return 0 if permanent else 1


@pytest.mark.parametrize(("kind", "step"), list(itertools.product(FaultKind, COMMENT)))
def test_a_comment_is_made_once_whatever_happened_first(kind: FaultKind, step: str) -> None:
    async def main() -> None:
        marker = call_marker(CALL)
        async with simulated_over_tcp(timeouts=QUICK) as org:
            case_id = org.id_of("Case", "Container BHLU 204418 held at customs")

            async def write() -> WriteResult:
                return await org.connector.add_case_comment(case_id, f"A call.\n{marker}", marker)

            number = await made_once(org, kind, COMMENT[step], write)
            assert len([text for text in org.comments(case_id) if marker in text]) == number

    asyncio.run(main())


@pytest.mark.parametrize("external_id", [None, "Call_Id__c"])
@pytest.mark.parametrize(("kind", "step"), list(itertools.product(FaultKind, TASK)))
def test_a_task_is_made_once_whatever_happened_first(
    kind: FaultKind, step: str, external_id: str | None
) -> None:
    async def main() -> None:
        values: TaskValues = {"CallObject": CALL, "ActivityDate": f"{datetime.now(UTC):%Y-%m-%d}"}
        async with simulated_over_tcp(timeouts=QUICK, task_external_id=external_id) as org:
            if external_id is not None:
                FieldEntry(object="Task", name=external_id, external_id=True, unique=True).add_to(org.org)

            async def write() -> WriteResult:
                return await org.connector.add_task({**values, "Subject": "Call", "Status": "Completed"})

            number = await made_once(org, kind, (UPSERT if external_id else TASK)[step], write)
            made = [task for task in org.org.records(OBJECTS["task"]) if task["CallObject"] == CALL]
            assert len(made) == number

    asyncio.run(main())
