"""The store on a real SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ivr.ids import CallId
from ivr.store.errors import NoteConflict, RowDone, StoreUnavailable, UnknownCall, UnknownRow
from ivr.store.store import Store
from ivr.store.testing import closed, comment, entry, opened, write_lock
from ivr.store.values import OutboxState, RecordState
from ivr.testing.clock import EPOCH, ManualClock

C1, C2 = CallId("c1"), CallId("c2")


@asynccontextmanager
async def a_store(tmp_path: Path, clock: ManualClock, boot: str = "boot-1") -> AsyncIterator[Store]:
    async with Store.open(
        tmp_path / "ivr.db", tmp_path, clock, boot, busy_timeout_s=0.05, retry_s=0.05
    ) as store:
        yield store


def test_a_call_from_invite_to_comment(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        async with a_store(tmp_path, clock) as store:
            store.record_opened(opened("c1", EPOCH))
            store.timeline(C1, [entry("INVITE", EPOCH), entry("greeting", EPOCH, 1.0)])
            store.record_updated(C1, answered_at=EPOCH, queue="Support", priority=3, detail={"a": 1})
            store.record_updated(C1, priority=2, case_id="500", detail={"b": 2})
            note = await store.save_note(C1, "alice", "wants a refund", 0)
            assert (note.revision, note.agent) == (1, "alice")
            limit = EPOCH + timedelta(seconds=300)
            await store.close_call(closed("c1", EPOCH + timedelta(seconds=60)), [comment("c1", limit)])
            assert await store.claim_due(10) == ()
            await store.release(C1)
            (row,) = await store.claim_due(10)
            assert (row.state, row.attempts, row.body) == (OutboxState.SENDING, 1, None)
            assert row.target == {"case_id": "500xx0000000001AAA"}
            assert row.marker == "[call:c1]"
            assert await store.claim_due(10) == (), "claimed once"
            assert await store.freeze(row.id, "first body") == "first body"
            assert await store.freeze(row.id, "second body") == "first body"
            assert await store.outbox_depth() == 1
            await store.succeeded(row.id, "00a1")
            assert await store.outbox_depth() == 0
        async with a_store(tmp_path, clock, "boot-2") as store:
            record = await store.call(C1)
            assert record.state is RecordState.CLOSED
            assert (record.priority, record.queue, record.case_id) == (2, "Support", "500")
            assert (record.ending, record.ended_by, record.sip_code) == ("caller_hung_up", "caller", 200)
            assert record.started_at == record.answered_at == EPOCH
            assert record.detail == {"a": 1, "b": 2}
            assert [e.event for e in await store.timeline_of(C1)] == ["INVITE", "greeting"]
            assert await store.note(C1) == note
            (row,) = await store.outbox_rows(state=OutboxState.DONE)
            assert (row.body, row.result_id) == ("first body", "00a1")
            with pytest.raises(UnknownCall):
                await store.call(C2)

    asyncio.run(scenario())


def test_abandoned_rows_are_due_at_once_and_held_ones_at_their_limit(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        async with a_store(tmp_path, clock) as store:
            await store.close_call(closed("c1", EPOCH), [comment("c1", None)])
            await store.close_call(closed("c2", EPOCH), [comment("c2", EPOCH + timedelta(seconds=300))])
            assert [row.call_id for row in await store.claim_due(10)] == [C1]
            clock.advance(299)
            assert C2 not in [row.call_id for row in await store.claim_due(10)]
            clock.advance(1)
            assert [row.call_id for row in await store.claim_due(10)] == [C2]

    asyncio.run(scenario())


def test_a_release_that_comes_before_the_close_counts(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, ManualClock()) as store:
            store.record_opened(opened("c1", EPOCH))
            store.release_soon(C1)
            await store.close_call(closed("c1", EPOCH), [comment("c1", EPOCH + timedelta(days=1))])
            assert [row.call_id for row in await store.claim_due(10)] == [C1]

    asyncio.run(scenario())


def test_rows_that_are_held_give_way_to_others_and_those_let_go_do_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        limit = EPOCH + timedelta(seconds=300)
        first, other = comment("c1", limit), replace(comment("c1", limit), marker="[call:c1:task]")
        moved = replace(first, target={"case_id": "500xx0000000002AAA"})
        async with a_store(tmp_path, clock) as store:
            await store.close_call(closed("c1", EPOCH), [first, other])
            await store.close_call(closed("c2", EPOCH), [comment("c2", limit)])
            await store.replan(C1, [moved])
            assert {(row.call_id, row.state) for row in await store.outbox_rows()} == {
                (C1, OutboxState.HELD),
                (C2, OutboxState.HELD),
            }
            assert await store.claim_due(10) == ()
            await store.release(C1)
            (row,) = await store.claim_due(10)
            assert row.target == moved.target
            await store.replan(C1, [first, other])
            rows = {row.marker: row for row in await store.outbox_rows() if row.call_id == C1}
            assert rows[first.marker].target == moved.target, "it may have been sent"
            assert rows[other.marker].state is OutboxState.DUE, "wrap-up is over"

    asyncio.run(scenario())


def test_another_plan_waits_in_the_spool_for_the_database(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        limit = EPOCH + timedelta(seconds=300)
        moved = replace(comment("c1", limit), target={"case_id": "500xx0000000002AAA"})
        async with a_store(tmp_path, clock) as store:
            await store.close_call(closed("c1", EPOCH), [comment("c1", limit)])
            with write_lock(tmp_path / "ivr.db"):
                await store.replan(C1, [moved])
                assert store.behind
            await store.settle()
            (row,) = await store.outbox_rows()
            assert row.target == moved.target

    asyncio.run(scenario())


def test_a_database_of_an_earlier_version_gets_the_indexes_that_it_lacks(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        async with a_store(tmp_path, clock) as store:
            await store.close_call(closed("c1", EPOCH))
        with closing(sqlite3.connect(tmp_path / "ivr.db")) as file:
            file.execute("DROP INDEX calls_agent")
            file.commit()
        async with a_store(tmp_path, clock, "boot-2"):
            pass
        with closing(sqlite3.connect(tmp_path / "ivr.db")) as file:
            asked = "SELECT * FROM calls WHERE agent = 'a' ORDER BY started_at DESC, call_id DESC LIMIT 9"
            (plan,) = [row[-1] for row in file.execute(f"EXPLAIN QUERY PLAN {asked}")]
            assert "calls_agent (agent=?)" in plan, "found by the index, and no sorting after it"
            assert file.execute("SELECT count(*) FROM calls").fetchone() == (1,)

    asyncio.run(scenario())


def test_a_call_is_closed_once_and_markers_are_unique(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, ManualClock()) as store:
            store.record_opened(opened("c1", EPOCH))
            for ending in ("caller_hung_up", "agent_hung_up"):
                await store.close_call(
                    closed("c1", EPOCH, ending), [comment("c1", None), comment("c1", None)]
                )
            assert (await store.call(C1)).ending == "caller_hung_up"
            assert len(await store.outbox_rows()) == 1

    asyncio.run(scenario())


def test_a_claim_is_a_lease(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        async with a_store(tmp_path, clock) as store:
            await store.close_call(closed("c1", EPOCH), [comment("c1", None)])
            await store.claim_due(10, lease_s=30)
            clock.advance(29)
            assert await store.claim_due(10) == ()
            clock.advance(1)
            (row,) = await store.claim_due(10)
            assert row.attempts == 2

    asyncio.run(scenario())


def test_failures_retries_and_death(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        async with a_store(tmp_path, clock) as store:
            await store.close_call(closed("c1", EPOCH), [comment("c1", None)])
            (row,) = await store.claim_due(10)
            await store.retry(row.id)
            assert await store.claim_due(10) == (), "the sender has it"
            await store.failed(row.id, "503", clock.now() + timedelta(seconds=10))
            assert await store.claim_due(10) == ()
            clock.advance(10)
            (row,) = await store.claim_due(10)
            assert (row.last_error, row.attempts) == ("503", 2)
            await store.failed(row.id, "no such case", None)
            (dead,) = await store.outbox_rows(state=OutboxState.DEAD)
            assert dead.last_error == "no such case"
            assert await store.outbox_depth() == 0
            await store.retry(row.id)
            (row,) = await store.claim_due(10)
            await store.succeeded(row.id, None)
            await store.failed(row.id, "too late", None)
            assert [r.state for r in await store.outbox_rows()] == [OutboxState.DONE]
            with pytest.raises(RowDone):
                await store.retry(row.id)
            for verb in (store.retry(99), store.succeeded(99, None), store.freeze(99, "")):
                with pytest.raises(UnknownRow):
                    await verb

    asyncio.run(scenario())


def test_notes_conflict_and_the_same_again_does_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, ManualClock()) as store:
            first = await store.save_note(C1, "alice", "one", 0)
            assert await store.save_note(C1, "alice", "one", 0) == first, "its answer was lost"
            second = await store.save_note(C1, "bob", "two \ud800\x00", 1)
            assert (second.revision, second.text) == (2, "two ?")
            with pytest.raises(NoteConflict) as caught:
                await store.save_note(C1, "alice", "three", 1)
            assert caught.value.current == second
            with pytest.raises(NoteConflict):
                await store.save_note(C2, "alice", "from nowhere", 4)
            assert await store.note(C1) == second
            assert await store.note(C2) is None

    asyncio.run(scenario())


def test_of_many_at_once_one_note_wins_and_a_conflict_harms_no_other_write(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, ManualClock()) as store:
            saves = [store.save_note(C1, "alice", f"text {n}", 0) for n in range(20)]
            saves += [store.save_note(CallId(f"d{n}"), "bob", "mine", 0) for n in range(20)]
            results = await asyncio.gather(*saves, return_exceptions=True)
            assert sum(isinstance(r, NoteConflict) for r in results) == 19
            for n in range(20):
                note = await store.note(CallId(f"d{n}"))
                assert note is not None
                assert note.revision == 1

    asyncio.run(scenario())


def test_order_is_kept_over_many_batches(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, ManualClock()) as store:
            store.record_opened(opened("c1", EPOCH))
            for n in range(3_000):
                store.timeline(C1, [entry(f"e{n}", EPOCH)])
                store.record_updated(C1, priority=n)
            assert await store.settle()
            assert [e.event for e in await store.timeline_of(C1)] == [f"e{n}" for n in range(3_000)]
            assert (await store.call(C1)).priority == 2_999

    asyncio.run(scenario())


def test_leaving_writes_what_was_reported(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, ManualClock()) as store:
            for n in range(1_000):
                store.record_opened(opened(f"c{n}", EPOCH + timedelta(seconds=n)))
        with pytest.raises(StoreUnavailable):
            await store.release(C1)
        async with a_store(tmp_path, ManualClock()) as store:
            assert len(await store.calls(limit=2_000, state=RecordState.OPEN)) == 1_000
            assert [r.call_id for r in await store.calls(limit=2)] == ["c999", "c998"]
            assert await store.calls(state=RecordState.CLOSED) == ()

    asyncio.run(scenario())


def test_reads_go_on_while_another_writes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, ManualClock()) as store:
            store.record_opened(opened("c1", EPOCH))
            assert await store.settle()
            with write_lock(tmp_path / "ivr.db"):
                assert (await store.call(C1)).call_id == C1
                many = await asyncio.gather(*(store.calls() for _ in range(50)))
                assert [len(found) for found in many] == [1] * 50

    asyncio.run(scenario())


def test_other_writers_only_delay(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = ManualClock()
        async with (
            Store.open(tmp_path / "ivr.db", tmp_path / "a", clock, "a", busy_timeout_s=20) as one,
            Store.open(tmp_path / "ivr.db", tmp_path / "b", clock, "b", busy_timeout_s=20) as two,
        ):
            work = [
                store.close_call(closed(f"{name}{n}", EPOCH), [comment(f"{name}{n}", None)])
                for n in range(100)
                for name, store in (("a", one), ("b", two))
            ]
            await asyncio.gather(*work)
            assert not one.behind
            assert not two.behind
            assert await one.outbox_depth() == 200
            claims = await asyncio.gather(*(store.claim_due(30) for store in (one, two) * 5))
            ids = [row.id for rows in claims for row in rows]
            assert len(ids) == len(set(ids)) == 200

    asyncio.run(scenario())


def test_dead_rows_are_counted_until_they_are_retried(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, ManualClock()) as store:
            await store.close_call(closed("c1", EPOCH), [comment("c1", None)])
            await store.close_call(closed("c2", EPOCH), [comment("c2", None)])
            one, _ = await store.claim_due(10)
            assert await store.outbox_dead() == 0
            await store.failed(one.id, "the case is gone", None)
            assert (await store.outbox_dead(), await store.outbox_depth()) == (1, 1)
            await store.retry(one.id)
            assert (await store.outbox_dead(), await store.outbox_depth()) == (0, 2)

    asyncio.run(scenario())


def test_whoever_waits_for_due_rows_is_woken(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, ManualClock()) as store:
            async with asyncio.timeout(30), asyncio.TaskGroup() as group:
                group.create_task(store.wait_due(3600))
                await store.close_call(closed("c1", EPOCH), [comment("c1", None)])
            await store.wait_due(0.0)

    asyncio.run(scenario())


def test_the_database_is_private(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, ManualClock()):
            assert (tmp_path / "ivr.db").stat().st_mode & 0o077 == 0

    asyncio.run(scenario())


def test_text_that_databases_refuse_is_cleaned(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, ManualClock()) as store:
            store.record_opened(opened("c1", EPOCH))
            store.record_updated(C1, agent="a\udcff\x00b", detail={"x": "\ud800", "y": EPOCH})
            assert await store.settle()
            record = await store.call(C1)
            assert record.agent == "a?b"
            assert record.detail["x"] == "\ud800"

    asyncio.run(scenario())
