"""The notes of calls: one text a call, saved with the revision that it replaces."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ivr.ids import CallId
from ivr.store.errors import NoteConflict
from ivr.store.schema import clean, insert_new, notes
from ivr.store.values import Note

REMEMBERED = 1_000
"""Notes kept in memory: those in the spool must be known while the database refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What an agent saved: the whole text, and the revision that he had before him (0 for none)."""

    call_id: CallId
    agent: str
    text: str
    revision: int
    at: datetime

    def onto(self, current: Note | None) -> Note:
        """The note after this edit. The same edit again, its answer lost, is answered again; raises
        `NoteConflict` when another revision stands."""
        text, standing = clean(self.text), current.revision if current else 0
        if current and standing == self.revision + 1 and (current.agent, current.text) == (self.agent, text):
            return current
        if standing != self.revision:
            raise NoteConflict(current)
        return Note(
            call_id=self.call_id, agent=self.agent, text=text, revision=standing + 1, saved_at=self.at
        )


class RecentNotes:
    """The last notes saved by this process, the oldest forgotten first."""

    def __init__(self) -> None:
        self._notes: OrderedDict[CallId, Note] = OrderedDict()

    def get(self, call_id: CallId) -> Note | None:
        """The note as it was last saved here."""
        return self._notes.get(call_id)

    def put(self, note: Note) -> None:
        """Remember a note."""
        self._notes[note.call_id] = note
        self._notes.move_to_end(note.call_id)
        if len(self._notes) > REMEMBERED:
            self._notes.popitem(last=False)

    def restore(self, call_id: CallId, note: Note | None) -> None:
        """Undo a `put`: `note` is what stood before."""
        self._notes.pop(call_id, None)
        if note is not None:
            self.put(note)


async def read(conn: AsyncConnection, call_id: CallId) -> Note | None:
    """The note of a call, or None."""
    row = (await conn.execute(select(notes).where(notes.c.call_id == call_id))).mappings().first()
    return None if row is None else Note(**row)


async def put(conn: AsyncConnection, note: Note) -> None:
    """Store a revision, unless a later one stands."""
    await conn.execute(insert_new(conn, notes).values(**asdict(note)))
    await conn.execute(
        update(notes)
        .where(notes.c.call_id == note.call_id, notes.c.revision < note.revision)
        .values(agent=note.agent, text=note.text, revision=note.revision, saved_at=note.saved_at)
    )
