"""Listings of calls: the same answer from memory and from a real database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ivr import desk, listing
from ivr.ids import AgentId, CallId
from ivr.listing import CallQuery, Place, digits_of
from ivr.store.store import Store
from ivr.store.testing import closed, opened
from ivr.store.values import CallRecord
from ivr.testing.clock import EPOCH, ManualClock

NUMBERS = {"c1": "+14155550101", "c2": "+14155550102", "c3": "+14155550103", "c4": "lobby-phone", "c5": None}
MINUTE = timedelta(minutes=1)


async def fill(store: Store) -> None:
    """Five calls in as many minutes but for the last two, which came at once; the third hides its number."""
    for minute, (call_id, ani) in enumerate(NUMBERS.items()):
        call = replace(opened(call_id, EPOCH + min(minute, 3) * MINUTE), ani=ani)
        store.record_opened(replace(call, presentation="restricted") if call_id == "c3" else call)
        store.record_updated(CallId(call_id), queue="100% Gold" if call_id == "c1" else "Support")
    store.record_updated(CallId("c2"), agent="alice")
    store.record_updated(CallId("c4"), agent="alice")
    await store.close_call(closed("c4", EPOCH + 5 * MINUTE, "failed"), [])


QUERIES = [
    (CallQuery(), ["c5", "c4", "c3", "c2", "c1"]),
    (CallQuery(limit=2), ["c5", "c4"]),
    (CallQuery(agent=AgentId("alice")), ["c4", "c2"]),
    (CallQuery(agent=AgentId("alice"), limit=1), ["c4"]),
    (CallQuery(ending="failed"), ["c4"]),
    (CallQuery(text="415 555"), ["c2", "c1"]),
    (CallQuery(text="+1415"), ["c2", "c1"]),
    (CallQuery(text="LOBBY"), ["c4"]),
    (CallQuery(text="gold"), ["c1"]),
    (CallQuery(text="%"), ["c1"]),
    (CallQuery(text="_"), []),
    (CallQuery(text="0103"), []),
    (CallQuery(text="C5"), ["c5"]),
    (CallQuery(text="alice", agent=AgentId("bob")), []),
    (CallQuery(before=CallId("c5")), ["c4", "c3", "c2", "c1"]),
    (CallQuery(before=CallId("c4"), limit=2), ["c3", "c2"]),
    (CallQuery(before=CallId("c1")), []),
]


@pytest.mark.parametrize(("query", "expected"), QUERIES)
def test_memory_and_database_agree(query: CallQuery, expected: list[str], tmp_path: Path) -> None:
    """A withheld number is found by neither, and what a pattern means to SQL is text."""

    async def scenario() -> tuple[list[str], list[str]]:
        async with Store.open(tmp_path / "ivr.db", tmp_path, ManualClock(), "boot") as store:
            await fill(store)
            await store.settle()
            records = await store.calls()
            place = next((place_of(r) for r in records if r.call_id == query.before), None)
            summaries = [desk.recorded_summary(record) for record in records]
            in_memory = listing.select(summaries, query, place)
            stored = await store.listing(query, place)
            return [c.call_id for c in in_memory], [str(r.call_id) for r in stored]

    in_memory, stored = asyncio.run(scenario())
    assert in_memory == expected
    assert stored == expected


def place_of(record: CallRecord) -> Place:
    """Where a record stands."""
    return Place(started_at=record.started_at, call_id=record.call_id)


@pytest.mark.parametrize(
    ("text", "digits"),
    [("(415) 555-0199", "4155550199"), ("+82 2 555", "822555"), ("12", ""), ("c12345", ""), ("...", "")],
)
def test_digits_are_taken_from_what_may_be_a_number(text: str, digits: str) -> None:
    assert digits_of(text) == digits
