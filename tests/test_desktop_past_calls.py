"""The list of past calls as values: words, pages, and the way through them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ivr.api.models import CallStage, CallSummary
from ivr.desktop.past_calls import ENDINGS, PAGE_ROWS, Asked, build_page
from ivr.desktop.words import Tone
from ivr.ending import Ending, Result, result_of

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def call(number: int, ending: str | None = "caller_hung_up") -> CallSummary:
    started = START - timedelta(minutes=number)
    return CallSummary(
        call_id=f"c{number}/x",
        stage=CallStage.ENDED if ending else CallStage.CONNECTED,
        entry_point="Support",
        started_at=started,
        ended_at=started + timedelta(seconds=75) if ending else None,
        number="+1 415 555 0199",
        match="one",
        queue=None,
        agent="sam",
        ending=ending,
    )


def test_a_row_says_how_long_and_how_it_ended_and_where_its_page_is() -> None:
    (row,) = build_page([call(1)], Asked()).rows
    assert (row.lasted, row.ended.text, row.ended.tone) == ("1:15", "Caller hung up", Tone.PLAIN)
    assert (row.queue, row.page) == ("", "/calls/c1%2Fx")


def test_a_call_in_progress_says_where_it_is() -> None:
    (row,) = build_page([call(1, None)], Asked()).rows
    assert (row.lasted, row.ended.text) == ("", "On the line")


def test_what_failed_stands_out_and_an_ending_of_a_newer_node_is_words() -> None:
    failed, new = build_page([call(1, "worker_lost"), call(2, "sold_to_bidder")], Asked()).rows
    assert failed.ended.tone is Tone.BAD
    assert (new.ended.text, new.ended.tone) == ("Sold to bidder", Tone.PLAIN)


def test_pages_go_on_from_their_last_call_and_back_again() -> None:
    first = build_page([call(n) for n in range(PAGE_ROWS + 1)], Asked())
    assert (len(first.rows), first.number, first.more) == (PAGE_ROWS, 1, True)
    second = Asked().older(first)
    assert second.before == f"c{PAGE_ROWS - 1}/x"
    page = build_page([call(PAGE_ROWS)], second)
    assert (page.number, page.more) == (2, False)
    assert second.older(page).newer() == second
    assert second.newer() == Asked()
    assert Asked().newer() == Asked()


def test_an_empty_list_says_why() -> None:
    assert build_page([], Asked()).nothing == "You had no calls yet."
    assert build_page([], Asked(text="415")).nothing == "No call of yours is like that."
    assert Asked().older(build_page([], Asked())) == Asked()


def test_the_endings_to_choose_from_are_those_of_calls_that_an_agent_took() -> None:
    never = {ending for ending in Ending if result_of(ending) in (Result.REFUSED, Result.ABANDONED)}
    assert set(ENDINGS) == set(Ending) - never - {Ending.ENDED_BY_FLOW}
