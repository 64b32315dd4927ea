"""One call's notes while they are typed: a state machine without I/O.

Typing makes a draft dirty and sets when it is due. `take` hands out the text to save, one save at a time.
What came of the save is told by `saved`, `unreachable`, `conflict` or `refused`. No transition loses text:
only `keep_theirs` drops what was typed, and a person asks for that.

    CLEAN --edited--> DIRTY --take--> SAVING --saved--> CLEAN (or DIRTY, when typing went on)
                        ^                |--unreachable--> OFFLINE --take--> SAVING
                        +--keep_*-- CONFLICT <--conflict--|--refused--> REFUSED --edited--> DIRTY
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from ivr.api.models import NoteView, SaveNote

DEBOUNCE_S = 0.4
LONGEST_UNSAVED_S = 2.0
"""Someone who types without a pause is saved this often."""
RETRY_S = (1.0, 2.0, 4.0, 5.0)
JOIN = "\n\n--- also noted elsewhere ---\n"


class Phase(StrEnum):
    """Where the text is between the keyboard and the node."""

    CLEAN = "clean"
    DIRTY = "dirty"
    SAVING = "saving"
    OFFLINE = "offline"
    CONFLICT = "conflict"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The text as typed, and what the node has of it. Times but `saved_at` are monotonic seconds."""

    call_id: str
    text: str
    revision: int
    saved_at: datetime | None
    phase: Phase = Phase.CLEAN
    due: float | None = None
    dirty_since: float | None = None
    failures: int = 0
    theirs: NoteView | None = None
    problem: str = ""

    @property
    def unsaved(self) -> bool:
        """Whether the node lacks something that was typed."""
        return self.phase is not Phase.CLEAN


def opened(call_id: str, note: NoteView) -> Draft:
    """A draft that starts from what the node has."""
    return Draft(call_id=call_id, text=note.text, revision=note.revision, saved_at=note.saved_at)


def edited(draft: Draft, text: str, now: float) -> Draft:
    """The agent typed."""
    if text == draft.text:
        return draft
    since = draft.dirty_since if draft.dirty_since is not None else now
    typed = replace(draft, text=text, dirty_since=since)
    match draft.phase:
        case Phase.CLEAN | Phase.DIRTY | Phase.REFUSED:
            due = min(now + DEBOUNCE_S, since + LONGEST_UNSAVED_S)
            return replace(typed, phase=Phase.DIRTY, due=due, problem="")
        case Phase.SAVING | Phase.OFFLINE | Phase.CONFLICT:
            return typed


def restored(draft: Draft, text: str, revision: int, now: float) -> Draft:
    """A browser tab brings text that was never saved, typed over `revision`; the node may object to it."""
    if not draft.unsaved:
        return replace(edited(draft, text, now), revision=revision, due=now) if text != draft.text else draft
    if draft.text.startswith(text):
        return draft
    return edited(draft, text if text.startswith(draft.text) else text + JOIN + draft.text, now)


def hurried(draft: Draft, now: float) -> Draft:
    """Do not wait for a pause in typing, nor for the next retry."""
    match draft.phase:
        case Phase.DIRTY | Phase.OFFLINE:
            return replace(draft, phase=Phase.DIRTY, due=now)
        case Phase.CLEAN | Phase.SAVING | Phase.CONFLICT | Phase.REFUSED:
            return draft


def take(draft: Draft, now: float) -> tuple[Draft, SaveNote | None]:
    """The save to make now, if one is due."""
    if draft.due is None or now < draft.due or draft.phase not in (Phase.DIRTY, Phase.OFFLINE):
        return draft, None
    return replace(draft, phase=Phase.SAVING, due=None, dirty_since=None), SaveNote(
        text=draft.text, revision=draft.revision
    )


def saved(draft: Draft, note: NoteView, now: float) -> Draft:
    """The node has `note` now."""
    kept = replace(
        draft,
        revision=note.revision,
        saved_at=note.saved_at,
        failures=0,
        theirs=None,
        problem="",
    )
    if kept.text == note.text:
        return replace(kept, phase=Phase.CLEAN, due=None, dirty_since=None)
    since = draft.dirty_since if draft.dirty_since is not None else now
    return replace(kept, phase=Phase.DIRTY, due=now + DEBOUNCE_S, dirty_since=since)


def unreachable(draft: Draft, now: float) -> Draft:
    """The node did not answer; the save is tried again."""
    wait = RETRY_S[min(draft.failures, len(RETRY_S) - 1)]
    return replace(draft, phase=Phase.OFFLINE, due=now + wait, failures=draft.failures + 1)


def conflict(draft: Draft, sent: SaveNote, current: NoteView, now: float) -> Draft:
    """The node holds another revision. The same text is our own save, whose answer was lost."""
    if current.text in (sent.text, draft.text):
        return saved(draft, current, now)
    if not draft.text.strip():
        return _adopt(draft, current)
    return replace(draft, phase=Phase.CONFLICT, due=None, theirs=current, failures=0)


def refused(draft: Draft, why: str) -> Draft:
    """The node will not take it; the text stays on screen until it is changed or discarded."""
    return replace(draft, phase=Phase.REFUSED, due=None, problem=why)


def remote(draft: Draft, note: NoteView, now: float) -> Draft:
    """The node told of a note, saved here or elsewhere. Unsaved typing is never replaced by it."""
    if note.revision <= draft.revision:
        return draft
    match draft.phase:
        case Phase.CLEAN:
            return _adopt(draft, note)
        case Phase.CONFLICT:
            return replace(draft, theirs=note)
        case Phase.DIRTY | Phase.OFFLINE if note.text == draft.text:
            return saved(draft, note, now)
        case Phase.DIRTY | Phase.OFFLINE | Phase.SAVING | Phase.REFUSED:
            return draft


def keep_both(draft: Draft, now: float) -> Draft:
    """Resolve a conflict: this text, then the other below it."""
    theirs = draft.theirs.text if draft.theirs else ""
    return _resolved(draft, draft.text + JOIN + theirs, now)


def keep_mine(draft: Draft, now: float) -> Draft:
    """Resolve a conflict: this text replaces the other."""
    return _resolved(draft, draft.text, now)


def keep_theirs(draft: Draft) -> Draft:
    """Resolve a conflict: the other text replaces this one."""
    return _adopt(draft, draft.theirs) if draft.theirs else draft


def _adopt(draft: Draft, note: NoteView) -> Draft:
    return opened(draft.call_id, note)


def _resolved(draft: Draft, text: str, now: float) -> Draft:
    if draft.theirs is None:
        return draft
    return replace(
        draft,
        text=text,
        revision=draft.theirs.revision,
        phase=Phase.DIRTY,
        due=now,
        theirs=None,
        dirty_since=now,
    )
