"""A comment is made once, whole characters only, its marker kept."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.salesforce.errors import BadRequest, Busy, ConnectionLost, Denied, SalesforceError, Unavailable
from ivr.salesforce.simulator.faults import FaultKind
from ivr.salesforce.testing import simulated, simulated_over_tcp
from ivr.salesforce.writeback import COMMENT_BYTES, WriteOutcome, fit

MARKER = "[call:6f1c2f0e-0001]"


@given(st.text(st.characters(exclude_categories=()), max_size=3_000))
@example("메모 " * 1_000)
@example("x" * 5_000)
@example("x" * 3_990 + MARKER)
@example("\ud800" * 10)
@example("")
def test_a_body_fits_and_keeps_its_marker(body: str) -> None:
    fitted = fit(body, MARKER)
    assert len(fitted.encode()) <= COMMENT_BYTES
    assert MARKER in fitted


@given(st.text(max_size=200))
def test_a_short_body_with_its_marker_is_left_alone(text: str) -> None:
    body = f"{text}{MARKER}"
    assert fit(body, MARKER) == body


def test_a_long_body_keeps_as_much_as_there_is_room_for() -> None:
    fitted = fit("한" * 2_000, MARKER)
    assert fitted.startswith("한" * 1_300)
    assert len(fitted.encode()) > COMMENT_BYTES - 4
    assert fitted.endswith("\n" + MARKER)


def test_made_once_then_found() -> None:
    async def main() -> None:
        async with simulated() as org:
            case = org.id_of("Case", "Lost parcel")
            first = await org.connector.add_case_comment(case, f"Called back. {MARKER}", MARKER)
            again = await org.connector.add_case_comment(case, f"Called back. {MARKER}", MARKER)
            assert first.outcome is WriteOutcome.CREATED
            assert (again.outcome, again.id) == (WriteOutcome.ALREADY_THERE, first.id)
            assert org.comments(case) == [f"Called back. {MARKER}"]

    asyncio.run(main())


def test_two_senders_at_once_make_one() -> None:
    async def main() -> None:
        async with simulated_over_tcp() as org:
            case = org.id_of("Case", "Lost parcel")
            results = await asyncio.gather(
                *(org.connector.add_case_comment(case, "Notes", MARKER) for _ in range(5))
            )
            assert sorted(result.outcome for result in results) == ["already_there"] * 4 + ["created"]
            assert len(org.comments(case)) == 1

    asyncio.run(main())


def test_another_call_s_comment_is_another_comment() -> None:
    async def main() -> None:
        async with simulated() as org:
            case = org.id_of("Case", "Lost parcel")
            for marker in (MARKER, MARKER.upper(), MARKER.replace("0", "_")):
                result = await org.connector.add_case_comment(case, "Notes", marker)
                assert result.outcome is WriteOutcome.CREATED
            assert len(org.comments(case)) == 3

    asyncio.run(main())


@pytest.mark.parametrize("body", ["it's \\ 100% \"x\"\n' OR Id != '", "<b>&</b>", "메모\u0000\ud800"])
def test_any_text_can_be_a_note(body: str) -> None:
    async def main() -> None:
        async with simulated() as org:
            case = org.id_of("Case", "Lost parcel")
            await org.connector.add_case_comment(case, body, MARKER)
            (made,) = org.comments(case)
            assert made.startswith(body.encode(errors="replace").decode())

    asyncio.run(main())


def test_a_lost_answer_does_not_make_a_second_comment() -> None:
    async def main() -> None:
        async with simulated_over_tcp() as org:
            case = org.id_of("Case", "Lost parcel")
            await org.connector.login()
            org.fault(FaultKind.LOST_ANSWER, path="/sobjects/CaseComment")
            with pytest.raises(ConnectionLost) as lost:
                await org.connector.add_case_comment(case, "Notes", MARKER)
            assert lost.value.retryable
            assert len(org.comments(case)) == 1
            result = await org.connector.add_case_comment(case, "Notes", MARKER)
            assert result.outcome is WriteOutcome.ALREADY_THERE
            assert len(org.comments(case)) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "error", "retryable"),
    [
        (FaultKind.STATUS, Unavailable, True),
        (FaultKind.LOCKED_ROW, Busy, True),
        (FaultKind.DENIED, Denied, False),
    ],
)
def test_a_failed_create_is_sent_once_and_says_whether_to_come_back(
    kind: FaultKind, error: type[SalesforceError], retryable: bool
) -> None:
    async def main() -> None:
        async with simulated() as org:
            org.fault(kind, path="/sobjects/CaseComment")
            with pytest.raises(error) as caught:
                await org.connector.add_case_comment(org.id_of("Case", "Lost parcel"), "Notes", MARKER)
            assert caught.value.retryable is retryable
            assert len(org.outcomes("add_comment")) == 1

    asyncio.run(main())


def test_an_expired_session_between_read_and_write_is_renewed() -> None:
    async def main() -> None:
        async with simulated() as org:
            case = org.id_of("Case", "Lost parcel")
            org.fault(FaultKind.UNAUTHORIZED, path="/sobjects/CaseComment")
            result = await org.connector.add_case_comment(case, "Notes", MARKER)
            assert result.outcome is WriteOutcome.CREATED
            assert len(org.comments(case)) == 1
            assert org.outcomes("add_comment") == ["session_refused", "ok"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("case_id", "marker"),
    [("null", MARKER), ("", MARKER), ("500gK0000000001QAA", ""), ("500gK0000000001QAA", "a\n" * 9)],
)
def test_what_cannot_be_written_is_refused_before_anything_is_sent(case_id: str, marker: str) -> None:
    async def main() -> None:
        async with simulated() as org:
            with pytest.raises(BadRequest):
                await org.connector.add_case_comment(case_id, "Notes", marker)
            assert org.seen == []

    asyncio.run(main())
