"""The whole desktop as a value: mirror, notes and time in, what to show out. Pure; pages only draw it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from ivr.api.models import AgentCall, AgentStatus, AgentView, CallStage
from ivr.desktop import words
from ivr.desktop.card import CallCard, Labelled, PopPanel, build_card, build_pop
from ivr.desktop.mirror import Link, Mirror, QueueSeen
from ivr.desktop.notebook import Notebook
from ivr.desktop.notes import Draft, Phase
from ivr.desktop.pops import PopBook
from ivr.desktop.words import Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The agent, and what the two state buttons allow."""

    name: str
    status: Labelled
    in_state: str
    ready_enabled: bool
    not_ready_enabled: bool
    why_disabled: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One queue of the agent's."""

    name: str
    waiting: int
    text: str
    tone: Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class NotesPanel:
    """The notes of one call. `theirs` is the other text while the two conflict."""

    call_id: str
    text: str
    revision: int
    unsaved: bool
    state: Labelled
    theirs: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallClock:
    """What ticks during a call. `finish_enabled` is None where there is no wrap-up to finish."""

    text: str
    finish_enabled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesktopView:
    """Everything on the page. `sign_in_again`: the node dropped the token; a password brings it back."""

    header: Header | None
    banner: Labelled | None
    sign_in_again: bool
    missed: bool
    queues: tuple[QueueRow, ...]
    card: CallCard | None
    clock: CallClock | None
    pop: PopPanel | None
    notes: NotesPanel | None
    leftovers: tuple[NotesPanel, ...]
    idle: str
    title: str


def build(mirror: Mirror, notebook: Notebook, pops: PopBook, now: datetime) -> DesktopView:
    """The desktop at `now` (UTC)."""
    me = mirror.me
    call = me.call if me else None
    up = mirror.link is Link.UP
    draft = notebook.draft()
    return DesktopView(
        header=_header(me, up, now) if me else None,
        banner=_banner(mirror.link, notebook),
        sign_in_again=mirror.link is Link.EXPIRED,
        missed=mirror.missed,
        queues=tuple(_queue(seen, now) for seen in _own_queues(mirror)),
        card=build_card(call) if call else None,
        clock=_clock(call, up, now) if call else None,
        pop=_pop(call, pops) if call else None,
        notes=_notes(draft, mirror.link) if draft else None,
        leftovers=tuple(_notes(item, mirror.link) for item in notebook.leftovers()),
        idle=_idle(me),
        title=_title(me),
    )


def _header(me: AgentView, up: bool, now: datetime) -> Header:
    free = me.status in (AgentStatus.READY, AgentStatus.NOT_READY, AgentStatus.SIGNED_OUT)
    why = "" if free else "Your state can be changed when the call and its wrap-up are over."
    return Header(
        name=me.name,
        status=Labelled(text=words.status_words(me.status, me.reason), tone=words.status_tone(me.status)),
        in_state=words.span((now - me.since).total_seconds()),
        ready_enabled=up and free and me.status is not AgentStatus.READY,
        not_ready_enabled=up and free,
        why_disabled=why if up else "The node is not reachable.",
    )


def _banner(link: Link, notebook: Notebook) -> Labelled | None:
    draft = notebook.draft()
    unsaved = (draft is not None and draft.unsaved) or bool(notebook.leftovers())
    match link:
        case Link.UP:
            return None
        case Link.CONNECTING:
            return Labelled(text="Connecting to the node…", tone=Tone.INFO)
        case Link.AWAY:
            kept = " Your notes are kept here and saved when it is back." if unsaved else ""
            return Labelled(text=f"Node not reachable; reconnecting.{kept}", tone=Tone.BAD)
        case Link.EXPIRED:
            return Labelled(text="Your sign-in has ended. Nothing you typed is lost.", tone=Tone.WARN)
        case _ as unknown:
            assert_never(unknown)


def _own_queues(mirror: Mirror) -> tuple[QueueSeen, ...]:
    own = mirror.me.queues if mirror.me else ()
    return tuple(seen for name, seen in sorted(mirror.queues.items()) if name in own)


def _queue(seen: QueueSeen, now: datetime) -> QueueRow:
    queue = seen.queue
    oldest = queue.oldest_s + max(0.0, (now - seen.at).total_seconds())
    ready = f"{queue.agents_ready} of {queue.agents_signed_in} agents ready"
    return QueueRow(
        name=queue.name,
        waiting=queue.waiting,
        text=f"longest {words.span(oldest)} · {ready}" if queue.waiting else ready,
        tone=Tone.WARN if queue.waiting else Tone.PLAIN,
    )


def _clock(call: AgentCall, up: bool, now: datetime) -> CallClock:
    if call.stage is CallStage.WRAP_UP:
        return CallClock(text=_countdown(call, now), finish_enabled=up)
    if call.answered_at is not None:
        return CallClock(text=f"Talking {words.span((now - call.answered_at).total_seconds())}")
    return CallClock(text="")


def _countdown(call: AgentCall, now: datetime) -> str:
    if call.wrap_up_ends_at is None:
        return "Wrap-up ends when you finish it"
    left = (call.wrap_up_ends_at - now).total_seconds()
    return f"Wrap-up ends in {words.span(left)}" if left > 0 else "Wrap-up is ending"


def _pop(call: AgentCall, pops: PopBook) -> PopPanel | None:
    if call.screen_pop is None:
        return None
    return build_pop(call, pops.outcome(call.screen_pop.id, call.screen_pop.outcome))


def _notes(draft: Draft, link: Link) -> NotesPanel:
    return NotesPanel(
        call_id=draft.call_id,
        text=draft.text,
        revision=draft.revision,
        unsaved=draft.unsaved,
        state=notes_state(draft, link),
        theirs=draft.theirs.text if draft.theirs else None,
    )


def notes_state(draft: Draft, link: Link) -> Labelled:
    """What is said below the notes."""
    if link is Link.EXPIRED and draft.phase in (Phase.DIRTY, Phase.SAVING, Phase.OFFLINE):
        return Labelled(text="Not saved yet: sign in again", tone=Tone.WARN)
    match draft.phase:
        case Phase.CLEAN if draft.saved_at is not None:
            return Labelled(text=f"Saved {words.clock_time(draft.saved_at)}", tone=Tone.GOOD)
        case Phase.CLEAN:
            return Labelled(text="Saved as you type", tone=Tone.PLAIN)
        case Phase.DIRTY | Phase.SAVING:
            return Labelled(text="Saving…", tone=Tone.PLAIN)
        case Phase.OFFLINE:
            return Labelled(text="Not saved: node not reachable, retrying", tone=Tone.BAD)
        case Phase.CONFLICT:
            return Labelled(text="Not saved: the notes were also changed elsewhere", tone=Tone.WARN)
        case Phase.REFUSED:
            return Labelled(text=f"Not saved: {draft.problem}", tone=Tone.BAD)
        case _ as unknown:
            assert_never(unknown)


def _idle(me: AgentView | None) -> str:
    match me.status if me else None:
        case None:
            return "Loading…"
        case AgentStatus.READY:
            return "Ready. The next call comes here."
        case AgentStatus.NOT_READY | AgentStatus.SIGNED_OUT:
            return "You get no calls while you are not ready."
        case AgentStatus.RINGING | AgentStatus.TALKING | AgentStatus.WRAP_UP:
            return "Waiting for the details of your call…"


def _title(me: AgentView | None) -> str:
    if me is None:
        return "Agent desktop"
    if me.status is AgentStatus.RINGING:
        return "📞 Incoming call · Agent desktop"
    return f"{words.status_words(me.status, None)} · Agent desktop"
