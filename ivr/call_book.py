"""Calls for people to read, running and over: listings, one call in full, its note."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from ivr import desk, listing
from ivr.api.errors import NotFound, Overloaded
from ivr.api.models import CallSummary, CallView, NoteView, TimelineEntry
from ivr.call import Call
from ivr.ids import CallId
from ivr.listing import CallQuery, Place
from ivr.store.errors import StoreUnavailable, UnknownCall
from ivr.store.store import Store

NO_NOTE = NoteView(text="", revision=0, saved_at=None)
T = TypeVar("T")


class CallBook:
    """What memory and database know of calls. A running call is told as it is, not as it was recorded."""

    def __init__(self, store: Store, running: Callable[[], tuple[Call, ...]]) -> None:
        self._store = store
        self._running = running

    async def calls(self, query: CallQuery) -> list[CallSummary]:
        """The calls that are asked for, newest first. `NotFound` when there is no call `query.before`."""
        older_than = await self._place(query.before) if query.before else None
        running = {str(call.id): desk.call_summary(call) for call in self._running()}
        # As many more as may be left out again, because they run.
        more = replace(query, limit=query.limit + len(running))
        stored = await read(self._store.listing(more, older_than))
        over = [desk.recorded_summary(record) for record in stored if record.call_id not in running]
        return listing.select([*running.values(), *over], query, older_than)

    async def call(self, call_id: CallId) -> CallView | None:
        """One call in full; None when there is none of that id."""
        running = self._find(call_id)
        if running is not None:
            await self._store.settle()  # what it reported may still be on its way to the database
        try:
            record = await read(self._store.call(call_id))
        except UnknownCall:
            return None
        rows = await read(self._store.timeline_of(call_id))
        note = await self.note(call_id)
        summary = desk.call_summary(running) if running else desk.recorded_summary(record)
        return CallView(
            **summary.model_dump(),
            record=desk.record_plain(record),
            notes=(note,) if note and note.revision else (),
            timeline=tuple(
                TimelineEntry(
                    at=row.at,
                    offset_s=row.offset_s,
                    source=row.source,
                    event=row.event,
                    detail={k: v for k, v in row.detail.items() if v is not None},
                )
                for row in rows
            ),
        )

    async def note(self, call_id: CallId) -> NoteView | None:
        """The call's note; revision 0 when nothing was saved; None when there is no such call."""
        note = await read(self._store.note(call_id))
        if note is not None:
            return desk.note_view(note)
        if self._find(call_id) is not None:
            return NO_NOTE
        try:
            await read(self._store.call(call_id))
        except UnknownCall:
            return None
        return NO_NOTE

    async def _place(self, call_id: CallId) -> Place:
        running = self._find(call_id)
        if running is not None:
            return Place(started_at=desk.call_summary(running).started_at, call_id=call_id)
        try:
            record = await read(self._store.call(call_id))
        except UnknownCall as exc:
            raise NotFound("there is no such call to go on from") from exc
        return Place(started_at=record.started_at, call_id=call_id)

    def _find(self, call_id: CallId) -> Call | None:
        return next((call for call in self._running() if call.id == call_id), None)


async def read(work: Awaitable[T]) -> T:
    """What the database answers; `Overloaded` while it does not."""
    try:
        return await work
    except StoreUnavailable as exc:
        raise Overloaded("the database does not answer now") from exc
