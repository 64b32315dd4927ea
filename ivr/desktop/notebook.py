"""The drafts of one agent: the call in hand, and those of earlier calls that the node does not have yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ivr.api.models import AgentCall, SaveNote
from ivr.desktop import notes
from ivr.desktop.notes import Draft, Phase

MAX_DRAFTS = 50
"""Beyond this many unsaved calls the oldest is dropped; all of them are on the screen by then."""


@dataclass(slots=True, kw_only=True)
class Notebook:
    """Drafts by call id, oldest first. `current` is the call whose notes the desktop shows."""

    drafts: dict[str, Draft] = field(default_factory=dict)
    current: str | None = None

    def follow(self, call: AgentCall | None, now: float) -> None:
        """The node told of the agent's call: open its draft, and forget earlier ones that are saved."""
        self.current = call.call_id if call else None
        if call is not None:
            draft = self.drafts.get(call.call_id)
            known = notes.remote(draft, call.note, now) if draft else notes.opened(call.call_id, call.note)
            self.drafts[call.call_id] = known
        self._prune()

    def change(self, call_id: str, step: Callable[[Draft], Draft]) -> None:
        """Take one step with a draft; a call that is no longer known is left alone."""
        if call_id in self.drafts:
            self.drafts[call_id] = step(self.drafts[call_id])
            self._prune()

    def discard(self, call_id: str) -> None:
        """Forget the draft of an earlier call, unsaved as it is, because the agent said so."""
        if call_id != self.current:
            self.drafts.pop(call_id, None)

    def take(self, now: float) -> tuple[str, SaveNote] | None:
        """The next save that is due, with its call."""
        for call_id, draft in self.drafts.items():
            taken, save = notes.take(draft, now)
            if save is not None:
                self.drafts[call_id] = taken
                return call_id, save
        return None

    def next_due(self) -> float | None:
        """When `take` has something next, in monotonic seconds."""
        return min((draft.due for draft in self.drafts.values() if draft.due is not None), default=None)

    def draft(self) -> Draft | None:
        """The draft of the call in hand."""
        return self.drafts.get(self.current) if self.current else None

    def leftovers(self) -> tuple[Draft, ...]:
        """Unsaved drafts of earlier calls."""
        return tuple(d for call_id, d in self.drafts.items() if call_id != self.current and d.unsaved)

    def settled(self, call_id: str) -> bool:
        """Whether nothing of this call's notes is on its way or waiting for its turn."""
        draft = self.drafts.get(call_id)
        return draft is None or draft.phase not in (Phase.DIRTY, Phase.SAVING)

    def _prune(self) -> None:
        gone = [c for c, d in self.drafts.items() if c != self.current and not d.unsaved]
        for call_id in gone:
            del self.drafts[call_id]
        while len(self.drafts) > MAX_DRAFTS:
            del self.drafts[next(call_id for call_id in self.drafts if call_id != self.current)]
