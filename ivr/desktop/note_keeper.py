"""The notes of one agent on their way to the node: saved a moment after typing, and again if need be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from ivr.api.errors import ApiError, Conflict
from ivr.api.models import AgentCall, SaveNote
from ivr.clock import Clock
from ivr.desktop import notes
from ivr.desktop.notebook import Notebook
from ivr.desktop.notes import Draft
from ivr.desktop.ports import NodeClient
from ivr.desktop.refusals import may_pass

SETTLE_TIMEOUT_S = 4.0


class NoteKeeper:
    """The drafts, what tabs do with them, and the loop that saves them.

    `changed` is called after each change. While `paused` says so, nothing is sent; `wake` ends the pause."""

    def __init__(
        self,
        client: NodeClient,
        clock: Clock,
        *,
        changed: Callable[[], None],
        paused: Callable[[], bool],
    ) -> None:
        self.book = Notebook()
        self._client = client
        self._clock = clock
        self._tell = changed
        self._paused = paused
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()

    # For the tabs

    def typed(self, call_id: str, text: str) -> None:
        """The agent typed in one of the tabs."""
        self._step(call_id, partial(notes.edited, text=text, now=self._now()))

    def hurry(self, call_id: str) -> None:
        """Save without waiting: the field lost its focus, or the page is left."""
        self._step(call_id, partial(notes.hurried, now=self._now()))

    def restore(self, call_id: str, text: str, revision: int) -> None:
        """A tab was reloaded with text that the node never got."""
        self._step(call_id, partial(notes.restored, text=text, revision=revision, now=self._now()))

    def resolve(self, call_id: str, how: Callable[[Draft, float], Draft]) -> None:
        """Settle a conflict in the way the agent chose."""
        self._step(call_id, lambda draft: how(draft, self._now()))

    def discard(self, call_id: str) -> None:
        """Drop the unsaved notes of an earlier call."""
        self.book.discard(call_id)
        self._note_changed()

    async def settle(self, call_id: str) -> bool:
        """Save now and wait for the answer; True when nothing is left unsaved."""
        self.hurry(call_id)
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                while not self.book.settled(call_id):
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            return False
        draft = self.book.drafts.get(call_id)
        return draft is None or not draft.unsaved

    # For the hub

    def follow(self, call: AgentCall | None) -> None:
        """The node told of the agent's call."""
        self.book.follow(call, self._now())

    def wake(self) -> None:
        """The node is there again: what waited for it goes now."""
        for call_id in tuple(self.book.drafts):
            self.book.change(call_id, partial(notes.hurried, now=self._now()))
        self._changed.set()

    async def save_notes(self) -> None:
        """The loop; until cancelled."""
        while True:
            self._changed.clear()
            taken = None if self._paused() else self.book.take(self._now())
            if taken is not None:
                await self._save(*taken)
                continue
            await self._wait()

    async def _wait(self) -> None:
        due = None if self._paused() else self.book.next_due()
        wait_s = None if due is None else max(0.0, due - self._now())
        try:
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _save(self, call_id: str, save: SaveNote) -> None:
        answer: Callable[[Draft], Draft] = partial(notes.unreachable, now=self._now())
        try:
            answer = await self._try_save(call_id, save)
        finally:
            self._step(call_id, answer)

    async def _try_save(self, call_id: str, save: SaveNote) -> Callable[[Draft], Draft]:
        """The step that the node's answer means for the draft."""
        try:
            note = await self._client.save_note(call_id, save.text, save.revision)
        except Conflict as exc:
            if exc.current is None:
                return partial(notes.refused, why=exc.detail)
            return partial(notes.conflict, sent=save, current=exc.current, now=self._now())
        except ApiError as exc:
            if may_pass(exc):
                return partial(notes.unreachable, now=self._now())
            return partial(notes.refused, why=exc.detail)
        return partial(notes.saved, note=note, now=self._now())

    def _step(self, call_id: str, step: Callable[[Draft], Draft]) -> None:
        self.book.change(call_id, step)
        self._note_changed()

    def _note_changed(self) -> None:
        self._changed.set()
        self._settled.set()
        self._tell()

    def _now(self) -> float:
        return self._clock.monotonic()
