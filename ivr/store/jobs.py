"""What the writer is asked to do: jobs that run on a connection, and what stands for them when it refuses."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, assert_never

from sqlalchemy.ext.asyncio import AsyncConnection

from ivr.store import notes, outbox, records, timeline
from ivr.store.errors import StoreError, StoreUnavailable
from ivr.store.notes import Edit, RecentNotes
from ivr.store.operations import (
    AppendTimeline,
    CloseRecord,
    OpenRecord,
    Operation,
    PutNote,
    ReleaseRows,
    ReplanRows,
    UpdateRecord,
)
from ivr.store.values import Note, TimelineRow

T = TypeVar("T")


async def apply(conn: AsyncConnection, op: Operation) -> None:
    """Carry out one write; again does no harm."""
    match op:
        case OpenRecord():
            await records.open_record(conn, op)
        case UpdateRecord():
            await records.update_record(conn, op)
        case AppendTimeline():
            await timeline.append(conn, op.rows)
        case CloseRecord():
            await records.close_record(conn, op)
        case PutNote():
            await notes.put(conn, op.note)
        case ReleaseRows():
            await records.mark_released(conn, op.call_id, op.at)
            await outbox.release(conn, op.call_id, op.at)
        case ReplanRows():
            await records.replan(conn, op)
        case _:
            assert_never(op)


class Job(ABC, Generic[T]):
    """A piece of a transaction. `done` is there when somebody waits for it."""

    def __init__(self, done: asyncio.Future[T] | None = None) -> None:
        self._done = done

    @property
    def entries(self) -> tuple[TimelineRow, ...]:
        """Timeline entries, if the job is nothing else: those of a batch are inserted in one statement."""
        return ()

    @abstractmethod
    async def run(self, conn: AsyncConnection) -> T:
        """Do it; nothing is certain before the commit."""

    def committed(self, result: T) -> None:
        """It stands."""
        if self._done is not None and not self._done.done():
            self._done.set_result(result)

    def fail(self, error: StoreError) -> None:
        """It does not stand."""
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)

    async def operation(self) -> tuple[Operation, T]:
        """What to spool instead, and the result that this has. Raises `StoreError` when it cannot wait."""
        raise StoreUnavailable("the database refuses")

    def not_spooled(self) -> Operation | None:
        """The spool refused too: what to keep in memory, nothing being certain."""
        return None


class Query(Job[T]):
    """A verb that needs the database now."""

    def __init__(self, work: Callable[[AsyncConnection], Awaitable[T]], done: asyncio.Future[T]) -> None:
        super().__init__(done)
        self._work = work

    async def run(self, conn: AsyncConnection) -> T:
        """Do it."""
        return await self._work(conn)


class Write(Job[None]):
    """An operation that may wait in the spool."""

    def __init__(self, op: Operation, done: asyncio.Future[None] | None = None) -> None:
        super().__init__(done)
        self.op = op

    @property
    def entries(self) -> tuple[TimelineRow, ...]:
        """The rows of an `AppendTimeline`."""
        return self.op.rows if isinstance(self.op, AppendTimeline) else ()

    async def run(self, conn: AsyncConnection) -> None:
        """Apply it."""
        await apply(conn, self.op)

    async def operation(self) -> tuple[Operation, None]:
        """The operation itself."""
        return self.op, None

    def not_spooled(self) -> Operation | None:
        """Kept, for the database may recover before the process ends."""
        return self.op


class SaveNote(Job[Note]):
    """An edit of a note, checked against the revision that stands, be it in the database or the spool."""

    def __init__(
        self,
        edit: Edit,
        recent: RecentNotes,
        read: Callable[[], Awaitable[Note | None]],
        done: asyncio.Future[Note],
    ) -> None:
        super().__init__(done)
        self._edit, self._recent, self._read = edit, recent, read
        self._before: Note | None = None

    async def run(self, conn: AsyncConnection) -> Note:
        """Save it; raises `NoteConflict`."""
        note = self._edit.onto(await notes.read(conn, self._edit.call_id))
        await notes.put(conn, note)
        return note

    def committed(self, result: Note) -> None:
        """It stands, and is known while the database refuses."""
        self._recent.put(result)
        super().committed(result)

    async def operation(self) -> tuple[Operation, Note]:
        """The note as it will stand; raises `NoteConflict`."""
        self._before = self._recent.get(self._edit.call_id)
        current = self._before or await self._standing()
        note = self._edit.onto(current)
        self._recent.put(note)
        return PutNote(note=note), note

    def not_spooled(self) -> Operation | None:
        """Forgotten: the agent is told, and his page saves again."""
        self._recent.restore(self._edit.call_id, self._before)
        return None

    async def _standing(self) -> Note | None:
        try:
            return await self._read()
        except StoreUnavailable:
            # Nobody can tell what stands: better to keep the text under the number that the agent saw next.
            edit = self._edit
            blank = Note(call_id=edit.call_id, agent="", text="", revision=edit.revision, saved_at=edit.at)
            return blank if edit.revision else None
