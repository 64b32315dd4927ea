"""The door to the database.

What a call reports (`record_opened`, `record_updated`, `timeline`, `release_soon`) returns at once and is
written in order. What must be certain (`close_call`, `save_note`, `release`) is awaited: it is in the
database, or forced to the spool, when it returns. The sender's verbs need the database itself and raise
`StoreUnavailable` when it refuses.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TypeVar, Unpack

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ivr.clock import Clock
from ivr.ids import CallId
from ivr.listing import CallQuery, Place
from ivr.store import notes, outbox, records, recovery
from ivr.store import timeline as timeline_rows
from ivr.store.engine import database_url, make_private, reader_engine, refused, writer_engine
from ivr.store.errors import StoreUnavailable, UnknownCall
from ivr.store.jobs import Job, Query, SaveNote, Write
from ivr.store.notes import Edit, RecentNotes
from ivr.store.operations import (
    AppendTimeline,
    CloseRecord,
    OpenRecord,
    Operation,
    ReleaseRows,
    ReplanRows,
    UpdateRecord,
)
from ivr.store.spool import Spool
from ivr.store.values import (
    CallClosed,
    CallFields,
    CallOpened,
    CallRecord,
    CommentRules,
    Note,
    OutboxDraft,
    OutboxRow,
    OutboxState,
    RecordState,
    Recovered,
    TimelineDraft,
    TimelineRow,
)
from ivr.store.writer import Writer

TIMELINE_CAPACITY = 10_000
"""With more jobs than this in the queue, timeline entries are dropped and counted; records are not."""
BUSY_TIMEOUT_S = 2.0
RETRY_S = 5.0
VERB_TIMEOUT_S = 60.0
READ_TIMEOUT_S = 15.0
LEASE_S = 120.0

_log = structlog.get_logger()
T = TypeVar("T")


class Store:
    """Records, timeline, notes and outbox of one node. Get one from `Store.open`."""

    def __init__(self, *, clock: Clock, boot_id: str, reader: AsyncEngine) -> None:
        self._clock, self._boot_id, self._reader = clock, boot_id, reader
        self._recent = RecentNotes()
        self._due = asyncio.Event()
        # Entries are numbered before they are written, so that a replay finds them again. A call lives in one
        # boot; beginning at the wall time (microseconds) only keeps the numbers of boots apart.
        self._numbers = count(int(clock.now().timestamp() * 1_000_000))
        self._writer: Writer
        self.timeline_dropped = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url_or_path: str | Path,
        data_dir: Path,
        clock: Clock,
        boot_id: str,
        *,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        retry_s: float = RETRY_S,
    ) -> AsyncIterator[Store]:
        """Open the database and replay the spool. When it refuses, the store opens all the same and spools.
        Leaving it writes all that was reported."""
        url = database_url(url_or_path)
        try:
            await asyncio.to_thread(make_private, url)
        except OSError as exc:
            _log.warning("store_file_refused", error=type(exc).__name__)
        reader, engine = reader_engine(url, busy_timeout_s), writer_engine(url, busy_timeout_s)
        store = cls(clock=clock, boot_id=boot_id, reader=reader)
        spool = Spool(data_dir)
        try:
            async with Writer(engine, spool, clock, store._on_written, retry_s=retry_s) as store._writer:
                await store.settle()
                yield store
        finally:
            await engine.dispose()
            await reader.dispose()

    # What calls report; never waits

    def record_opened(self, opened: CallOpened) -> None:
        """A call has come: its record is open."""
        self._writer.post(Write(OpenRecord(boot_id=self._boot_id, opened=opened)))

    def record_updated(self, call_id: CallId, **fields: Unpack[CallFields]) -> None:
        """Something was learned about a call, also after its end."""
        self._writer.post(Write(UpdateRecord(call_id=call_id, fields=fields)))

    def timeline(self, call_id: CallId, entries: Sequence[TimelineDraft]) -> None:
        """Things happened, in this order."""
        if self._writer.queued > TIMELINE_CAPACITY:
            self.timeline_dropped += len(entries)
            return
        rows = tuple(self._entry(call_id, entry) for entry in entries)
        self._writer.post(Write(AppendTimeline(rows=rows)))

    def release_soon(self, call_id: CallId) -> None:
        """`release`, without waiting for it."""
        self._writer.post(Write(ReleaseRows(call_id=call_id, at=self._clock.now())))

    # What must be certain

    async def close_call(self, closed: CallClosed, outbox: Sequence[OutboxDraft] = ()) -> None:
        """Close the record and insert its outbox rows, in one transaction. Rows are due at once when
        `release` came first. Raises `StoreUnavailable` when neither database nor spool takes it; it is then
        kept in memory and written as soon as may be."""
        op = CloseRecord(boot_id=self._boot_id, at=self._clock.now(), closed=closed, drafts=tuple(outbox))
        await self._durable(op)

    async def release(self, call_id: CallId) -> None:
        """Wrap-up is over: the call's held rows, also those still to come, are due."""
        await self._durable(ReleaseRows(call_id=call_id, at=self._clock.now()))

    async def replan(self, call_id: CallId, outbox: Sequence[OutboxDraft]) -> None:
        """Wrap-up has told who the caller is: these rows in place of the held ones. Otherwise as
        `close_call`."""
        await self._durable(ReplanRows(call_id=call_id, at=self._clock.now(), drafts=tuple(outbox)))

    async def save_note(self, call_id: CallId, agent: str, text: str, revision: int) -> Note:
        """Save the whole text in place of `revision` (0 for the first). Saving the same again, its answer
        lost, gives the same answer. Raises `NoteConflict` when another revision stands, `StoreUnavailable`
        when nothing takes it."""
        edit = Edit(call_id=call_id, agent=agent, text=text, revision=revision, at=self._clock.now())
        done: asyncio.Future[Note] = asyncio.get_running_loop().create_future()
        return await self._do(SaveNote(edit, self._recent, lambda: self._stored_note(call_id), done), done)

    async def recover(self, now: datetime, rules: CommentRules = CommentRules()) -> Recovered:  # noqa: B008 - frozen
        """Close what former boots left open as `control_lost` and let their outbox rows go; once at start.
        Raises `StoreUnavailable`; then do it again later."""
        self._writer.retry_now()
        recovered = await self._query(lambda conn: recovery.recover(conn, self._boot_id, now, rules))
        self._due.set()
        return recovered

    # The sender's verbs

    async def claim_due(self, limit: int, *, lease_s: float = LEASE_S) -> tuple[OutboxRow, ...]:
        """Up to `limit` rows to send now; each is this caller's until `lease_s` seconds have passed."""
        now = self._clock.now()
        return await self._query(lambda conn: outbox.claim_due(conn, limit, now, lease_s, self._boot_id))

    async def freeze(self, row_id: int, body: str) -> str:
        """Set a row's body before its first attempt; returns the body that stands, which is the one to
        send. Raises `UnknownRow`."""
        return await self._query(lambda conn: outbox.freeze(conn, row_id, body))

    async def succeeded(self, row_id: int, result_id: str | None) -> None:
        """The row is delivered. Raises `UnknownRow`."""
        await self._query(lambda conn: outbox.succeeded(conn, row_id, result_id))

    async def failed(self, row_id: int, error: str, retry_at: datetime | None) -> None:
        """An attempt failed: again at `retry_at`, or dead when None."""
        now = self._clock.now()
        await self._query(lambda conn: outbox.failed(conn, row_id, error, retry_at, now))

    async def retry(self, row_id: int) -> None:
        """Send this row now. Raises `UnknownRow`, `RowDone`."""
        now = self._clock.now()
        await self._query(lambda conn: outbox.retry(conn, row_id, now))
        self._due.set()

    async def wait_due(self, timeout_s: float) -> None:
        """Return when rows may have become due, at the latest after `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._due.wait()
        except TimeoutError:
            return
        self._due.clear()

    # Reading; each raises `StoreUnavailable`

    async def calls(self, limit: int = 100, state: RecordState | None = None) -> tuple[CallRecord, ...]:
        """Records, the latest first."""
        return await self._read(lambda conn: records.read_records(conn, limit, state))

    async def listing(self, query: CallQuery, older_than: Place | None) -> tuple[CallRecord, ...]:
        """The records that are asked for, the latest first; `older_than` is the place of `query.before`."""
        return await self._read(lambda conn: records.read_listing(conn, query, older_than))

    async def call(self, call_id: CallId) -> CallRecord:
        """A record; raises `UnknownCall`."""
        record = await self._read(lambda conn: records.read_record(conn, call_id))
        if record is None:
            raise UnknownCall(call_id)
        return record

    async def timeline_of(self, call_id: CallId) -> tuple[TimelineRow, ...]:
        """What happened in a call, in order."""
        return await self._read(lambda conn: timeline_rows.read(conn, call_id))

    async def note(self, call_id: CallId) -> Note | None:
        """The note of a call, also one that is still in the spool."""
        return self._recent.get(call_id) or await self._stored_note(call_id)

    async def outbox_rows(self, limit: int = 100, state: OutboxState | None = None) -> tuple[OutboxRow, ...]:
        """Rows, the latest first."""
        return await self._read(lambda conn: outbox.read(conn, limit, state))

    async def outbox_depth(self) -> int:
        """How many rows are still to be delivered; dead ones do not count."""
        return await self._read(outbox.depth)

    async def outbox_dead(self) -> int:
        """How many rows were given up and wait for somebody to retry them."""
        return await self._read(outbox.dead)

    # The state of the store itself

    @property
    def behind(self) -> bool:
        """Whether writes wait in the spool because the database refuses."""
        return self._writer.behind

    @property
    def lost(self) -> int:
        """Writes lost for good: the queue, or disk and memory, were full."""
        return self._writer.lost

    async def settle(self) -> bool:
        """Try the database now; True when all that was reported so far is in it."""
        self._writer.retry_now()
        try:
            await self._query(_nothing)
        except StoreUnavailable:
            return False
        return True

    async def wait_caught_up(self, timeout_s: float) -> None:
        """Wait until the spool has been replayed; raises `TimeoutError`."""
        await self._writer.wait_caught_up(timeout_s)

    # Inside

    def _entry(self, call_id: CallId, entry: TimelineDraft) -> TimelineRow:
        return TimelineRow(
            call_id=call_id,
            n=next(self._numbers),
            at=entry.at,
            offset_s=entry.offset_s,
            source=entry.source,
            event=entry.event,
            detail=entry.detail,
        )

    def _on_written(self, op: Operation) -> None:
        match op:
            case CloseRecord() | ReleaseRows() | ReplanRows():
                self._due.set()
            case _:
                pass

    async def _stored_note(self, call_id: CallId) -> Note | None:
        return await self._read(lambda conn: notes.read(conn, call_id))

    async def _durable(self, op: Operation) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._do(Write(op, done), done)

    async def _query(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        return await self._do(Query(work, done), done)

    async def _do(self, job: Job[T], done: asyncio.Future[T]) -> T:
        self._writer.post(job)
        try:
            async with asyncio.timeout(VERB_TIMEOUT_S):
                return await done
        except TimeoutError as exc:
            raise StoreUnavailable("the writer does not answer") from exc

    async def _read(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(READ_TIMEOUT_S), self._reader.connect() as conn:
                return await work(conn)
        except Exception as exc:
            if refused(exc):
                raise StoreUnavailable(type(exc).__name__) from exc
            raise


async def _nothing(_conn: AsyncConnection) -> None:
    """A job that only asks whether the database works."""
