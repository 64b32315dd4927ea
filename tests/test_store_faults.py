"""The database refuses, the disk refuses, the process dies: nothing is lost and nothing doubled."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ivr.clock import Clock, SystemClock
from ivr.ids import CallId
from ivr.store import store as store_module
from ivr.store import writer as writer_module
from ivr.store.errors import NoteConflict, StoreUnavailable
from ivr.store.store import Store
from ivr.store.testing import closed, comment, entry, opened, write_lock
from ivr.store.values import OutboxState, RecordState, Recovered
from ivr.testing.clock import EPOCH, ManualClock

C1 = CallId("c1")
ROOT = Path(__file__).parent.parent


@asynccontextmanager
async def a_store(
    tmp_path: Path, boot: str = "boot-2", *, retry_s: float = 3600.0, clock: Clock | None = None
) -> AsyncIterator[Store]:
    async with Store.open(
        tmp_path / "ivr.db", tmp_path, clock or ManualClock(), boot, busy_timeout_s=0.05, retry_s=retry_s
    ) as store:
        yield store


def behind(store: Store) -> bool:
    return store.behind


async def a_whole_call(store: Store, call_id: str = "c1") -> None:
    store.record_opened(opened(call_id, EPOCH))
    store.timeline(CallId(call_id), [entry("INVITE", EPOCH), entry("BYE", EPOCH, 5.0)])
    store.record_updated(CallId(call_id), priority=1, detail={"a": 1})
    await store.save_note(CallId(call_id), "alice", "kept", 0)
    await store.close_call(closed(call_id, EPOCH), [comment(call_id, EPOCH + timedelta(days=1))])
    await store.release(CallId(call_id))


async def check_whole_call(store: Store, call_id: str = "c1") -> None:
    record = await store.call(CallId(call_id))
    assert (record.state, record.priority, record.detail) == (RecordState.CLOSED, 1, {"a": 1})
    assert record.ending == "caller_hung_up"
    assert [e.event for e in await store.timeline_of(CallId(call_id))] == ["INVITE", "BYE"]
    note = await store.note(CallId(call_id))
    assert note is not None
    assert note.text == "kept"
    rows = [row for row in await store.outbox_rows() if row.call_id == call_id]
    assert [row.state for row in rows] == [OutboxState.DUE]


def test_locked_then_free_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path) as store:
            with write_lock(tmp_path / "ivr.db"):
                await a_whole_call(store)
                assert behind(store)
                assert await store.calls() == ()
                note = await store.note(C1)
                assert note is not None, "known though spooled"
                with pytest.raises(StoreUnavailable):
                    await store.claim_due(1)
            assert await store.settle()
            assert not behind(store)
            assert not (tmp_path / "spool.jsonl").exists()
            await check_whole_call(store)

    asyncio.run(scenario())


def test_it_is_replayed_without_being_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, retry_s=0.01, clock=SystemClock()) as store:
            with write_lock(tmp_path / "ivr.db"):
                await a_whole_call(store)
            await store.wait_caught_up(30)
            await check_whole_call(store)

    asyncio.run(scenario())


def test_locked_from_open_to_close_then_replayed_by_the_next_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        with write_lock(tmp_path / "ivr.db", "EXCLUSIVE"):
            async with a_store(tmp_path, "boot-1") as store:
                assert not behind(store)
                await a_whole_call(store)
                assert behind(store)
        async with a_store(tmp_path) as store:
            assert not behind(store)
            await check_whole_call(store)
            assert await store.recover(EPOCH) == Recovered(calls=0, comments=0, released=0)

    asyncio.run(scenario())


def test_a_replay_that_is_repeated_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        with write_lock(tmp_path / "ivr.db", "EXCLUSIVE"):
            async with a_store(tmp_path, "boot-1") as store:
                await a_whole_call(store)
        lines = (tmp_path / "spool.jsonl").read_text()
        async with a_store(tmp_path) as store:
            (row,) = await store.claim_due(1)
            await store.succeeded(row.id, "00a")
            await store.save_note(C1, "alice", "later", 1)
        (tmp_path / "spool.jsonl").write_text(lines)
        async with a_store(tmp_path) as store:
            assert not behind(store)
            assert [row.state for row in await store.outbox_rows()] == [OutboxState.DONE]
            note = await store.note(C1)
            assert note is not None
            assert (note.text, note.revision) == ("later", 2)
            assert len(await store.timeline_of(C1)) == 2

    asyncio.run(scenario())


def test_notes_are_checked_while_the_database_refuses(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, "boot-1") as store:
            await store.save_note(C1, "alice", "one", 0)
        async with a_store(tmp_path) as store:
            with write_lock(tmp_path / "ivr.db"):
                with pytest.raises(NoteConflict):
                    await store.save_note(C1, "alice", "stale", 0)
                second = await store.save_note(C1, "alice", "two", 1)
                with pytest.raises(NoteConflict):
                    await store.save_note(C1, "bob", "stale", 1)
                third = await store.save_note(C1, "bob", "three", 2)
                assert (second.revision, third.revision) == (2, 3)
            assert await store.settle()
        async with a_store(tmp_path) as store:
            assert await store.note(C1) == third

    asyncio.run(scenario())


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / "ivr.db").write_bytes(b"this is no database, and long enough to be read as one" * 50)
        async with a_store(tmp_path, "boot-1") as store:
            await a_whole_call(store)
            with pytest.raises(StoreUnavailable):
                await store.calls()
        (tmp_path / "ivr.db").unlink()
        async with a_store(tmp_path) as store:
            await check_whole_call(store)

    asyncio.run(scenario())


def test_database_and_spool_refuse(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path) as store:
            with write_lock(tmp_path / "ivr.db"):
                (tmp_path / "spool.jsonl").mkdir()
                store.record_opened(opened("c1", EPOCH))
                with pytest.raises(StoreUnavailable):
                    await store.save_note(C1, "alice", "not durable", 0)
                with pytest.raises(StoreUnavailable):
                    await store.close_call(closed("c1", EPOCH), [comment("c1", None)])
                assert await store.note(C1) is None, "what was refused is not shown as saved"
                (tmp_path / "spool.jsonl").rmdir()
            assert await store.settle()
            assert (await store.call(C1)).state is RecordState.CLOSED, "kept in memory meanwhile"
            assert len(await store.outbox_rows()) == 1
            assert (await store.save_note(C1, "alice", "durable", 0)).revision == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("locked", [False, True])
def test_a_row_that_can_never_be_written_harms_no_other(tmp_path: Path, locked: bool) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path) as store:
            if locked:
                with write_lock(tmp_path / "ivr.db"):
                    store.record_opened(opened("c1", EPOCH))
                    store.record_updated(C1, priority=2**70)
                    store.record_updated(C1, queue="Support")
                    assert not await store.settle()
            else:
                store.record_opened(opened("c1", EPOCH))
                store.record_updated(C1, priority=2**70)
                store.record_updated(C1, queue="Support")
            assert await store.settle()
            record = await store.call(C1)
            assert (record.queue, record.priority) == ("Support", None)
            assert str(2**70) in (tmp_path / "rejected.jsonl").read_text()

    asyncio.run(scenario())


def test_full_queues_drop_timeline_first_and_count_what_they_lose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The real bounds would take a minute of writing.
    monkeypatch.setattr(writer_module, "CAPACITY", 20)
    monkeypatch.setattr(store_module, "TIMELINE_CAPACITY", 10)

    async def scenario() -> None:
        async with a_store(tmp_path) as store:
            for n in range(30):
                store.timeline(C1, [entry(f"e{n}", EPOCH)])
            assert (store.timeline_dropped, store.lost) == (19, 0)
            for n in range(12):
                store.record_opened(opened(f"c{n}", EPOCH))
            assert store.lost == 3
            with pytest.raises(StoreUnavailable):
                await store.close_call(closed("c1", EPOCH))
            while not await store.settle():
                await store.calls()
            assert len(await store.timeline_of(C1)) == 11
            assert len(await store.calls()) == 9

    asyncio.run(scenario())


def test_memory_is_bounded_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "BACKLOG", 5)

    async def scenario() -> None:
        async with a_store(tmp_path) as store:
            with write_lock(tmp_path / "ivr.db"):
                (tmp_path / "spool.jsonl").mkdir()
                for n in range(8):
                    store.record_opened(opened(f"c{n}", EPOCH + timedelta(seconds=n)))
                assert not await store.settle()
                assert store.lost == 3
                (tmp_path / "spool.jsonl").rmdir()
            assert await store.settle()
            assert [r.call_id for r in await store.calls()] == ["c7", "c6", "c5", "c4", "c3"]

    asyncio.run(scenario())


def test_what_waited_in_memory_reaches_the_spool_before_what_came_later(tmp_path: Path) -> None:
    async def scenario() -> None:
        with write_lock(tmp_path / "ivr.db", "EXCLUSIVE"):
            async with a_store(tmp_path, "boot-1") as store:
                (tmp_path / "spool.jsonl").mkdir()
                store.record_opened(opened("c1", EPOCH))
                store.record_updated(C1, priority=1)
                assert not await store.settle()
                (tmp_path / "spool.jsonl").rmdir()
                store.record_updated(C1, priority=2)
                assert not await store.settle()
        async with a_store(tmp_path) as store:
            assert (await store.call(C1)).priority == 2

    asyncio.run(scenario())


STEPS = """
import asyncio, os, signal
from datetime import timedelta
from pathlib import Path
from ivr.ids import CallId
from ivr.store.store import Store
from ivr.store.testing import closed, comment, entry, opened, write_lock
from ivr.testing.clock import EPOCH, ManualClock

C1 = CallId("c1")
TMP = Path({tmp!r})
LIMIT = EPOCH + timedelta(days=1)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    opening = Store.open(TMP / "ivr.db", TMP, ManualClock(), "boot-1", busy_timeout_s=0.05, retry_s=3600)
    async with opening as store:
{steps}
        die()

asyncio.run(main())
"""


def die_after(tmp_path: Path, steps: str) -> None:
    """Run `steps` on a store in a process of its own, which then kills itself with SIGKILL."""
    code = STEPS.format(tmp=str(tmp_path), steps=textwrap.indent(textwrap.dedent(steps), " " * 8))
    child = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=50,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr


@pytest.mark.process
def test_killed_in_a_call_with_a_case(tmp_path: Path) -> None:
    die_after(
        tmp_path,
        """
        store.record_opened(opened("c1", EPOCH))
        store.record_opened(opened("c2", EPOCH))
        store.record_updated(C1, case_id="500A", queue="Support")
        store.timeline(C1, [entry("INVITE", EPOCH), entry("queued", EPOCH, 7.0)])
        await store.save_note(C1, "alice", "half a note", 0)
        """,
    )

    async def scenario() -> None:
        async with a_store(tmp_path) as store:
            store.record_opened(opened("c3", EPOCH))
            later = EPOCH + timedelta(hours=8)
            assert await store.recover(later) == Recovered(calls=2, comments=1, released=0)
            record = await store.call(C1)
            assert (record.state, record.ending, record.ended_by) == (
                RecordState.CLOSED,
                "control_lost",
                "system",
            )
            assert record.ended_at == EPOCH + timedelta(seconds=7), "the last that is known of it"
            assert [e.event for e in await store.timeline_of(C1)] == ["INVITE", "queued", "control_lost"]
            (row,) = await store.outbox_rows()
            assert (row.call_id, row.state, row.marker) == (C1, OutboxState.DUE, "[call:c1]")
            assert (row.operation, row.target) == ("case_comment", {"case_id": "500A"})
            note = await store.note(C1)
            assert note is not None
            assert note.text == "half a note"
            assert [r.call_id for r in await store.calls(state=RecordState.OPEN)] == ["c3"]
            assert await store.recover(later) == Recovered(calls=0, comments=0, released=0)
            assert len(await store.outbox_rows()) == 1

    asyncio.run(scenario())


@pytest.mark.process
def test_killed_in_wrap_up(tmp_path: Path) -> None:
    die_after(
        tmp_path,
        """
        store.record_opened(opened("c1", EPOCH))
        store.record_updated(C1, case_id="500A")
        await store.close_call(closed("c1", EPOCH), [comment("c1", LIMIT)])
        """,
    )

    async def scenario() -> None:
        async with a_store(tmp_path) as store:
            assert [r.state for r in await store.outbox_rows()] == [OutboxState.HELD]
            assert await store.recover(EPOCH) == Recovered(calls=0, comments=0, released=1)
            assert [r.state for r in await store.outbox_rows()] == [OutboxState.DUE]
            assert (await store.call(C1)).ending == "caller_hung_up"

    asyncio.run(scenario())


@pytest.mark.process
def test_killed_while_sending(tmp_path: Path) -> None:
    die_after(
        tmp_path,
        """
        await store.close_call(closed("c1", EPOCH), [comment("c1", None)])
        (row,) = await store.claim_due(1)
        await store.freeze(row.id, "as it was first sent")
        """,
    )

    async def scenario() -> None:
        async with a_store(tmp_path) as store:
            assert await store.recover(EPOCH) == Recovered(calls=0, comments=0, released=1)
            (row,) = await store.claim_due(1)
            assert (row.body, row.attempts) == ("as it was first sent", 2)
            assert await store.recover(EPOCH) == Recovered(calls=0, comments=0, released=0)
            assert await store.claim_due(1) == (), "this boot's own claim stands"

    asyncio.run(scenario())


@pytest.mark.process
def test_killed_while_the_database_refuses(tmp_path: Path) -> None:
    die_after(
        tmp_path,
        """
        store.record_opened(opened("c1", EPOCH))
        store.record_updated(C1, case_id="500A")
        with write_lock(TMP / "ivr.db"):
            store.record_updated(C1, queue="Support")
            await store.save_note(C1, "alice", "in the spool", 0)
            await store.close_call(closed("c1", EPOCH), [comment("c1", LIMIT)])
        """,
    )

    async def scenario() -> None:
        assert (tmp_path / "spool.jsonl").exists()
        async with a_store(tmp_path) as store:
            assert await store.recover(EPOCH) == Recovered(calls=0, comments=0, released=1)
            record = await store.call(C1)
            assert (record.ending, record.queue) == ("caller_hung_up", "Support")
            note = await store.note(C1)
            assert note is not None
            assert note.text == "in the spool"
            assert len(await store.outbox_rows()) == 1

    asyncio.run(scenario())


def test_recover_waits_for_the_spool(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_store(tmp_path, "boot-1") as store:
            store.record_opened(opened("c1", EPOCH))
            assert await store.settle()
            with write_lock(tmp_path / "ivr.db"):
                await store.close_call(closed("c1", EPOCH))
        with write_lock(tmp_path / "ivr.db"):
            async with a_store(tmp_path) as store:
                with pytest.raises(StoreUnavailable):
                    await store.recover(EPOCH)
        async with a_store(tmp_path) as store:
            assert (await store.recover(EPOCH)).calls == 0
            assert (await store.call(C1)).ending == "caller_hung_up"

    asyncio.run(scenario())
