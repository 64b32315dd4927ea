"""The list of past calls as values: rows in words, and the way through its pages. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ivr.api.models import CallSummary
from ivr.desktop import words
from ivr.desktop.card import Labelled
from ivr.desktop.story import call_page
from ivr.ending import Ending, Result, result_of

PAGE_ROWS = 25
ENDINGS = (
    Ending.CALLER_HUNG_UP,
    Ending.AGENT_HUNG_UP,
    Ending.TRANSFERRED,
    Ending.ENDED_BY_OPERATOR,
    Ending.WORKER_LOST,
    Ending.CONTROL_LOST,
    Ending.SHUTDOWN,
    Ending.FAILED,
)
"""How a call ends that an agent took; the others are over before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """A call in the list; `page` tells the rest of it."""

    call_id: str
    started: str
    number: str
    queue: str
    entry_point: str
    lasted: str
    ended: Labelled
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the agent looks for, and the last call of each page that lies before the one in sight."""

    text: str = ""
    ending: str | None = None
    behind: tuple[str, ...] = ()

    @property
    def before(self) -> str | None:
        """The page holds calls older than this one; None on the first."""
        return self.behind[-1] if self.behind else None

    def newer(self) -> Asked:
        """One page back."""
        return replace(self, behind=self.behind[:-1])

    def older(self, page: PastCalls) -> Asked:
        """One page on from `page`."""
        return replace(self, behind=(*self.behind, page.rows[-1].call_id)) if page.rows else self


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCalls:
    """One page of the list."""

    rows: tuple[CallRow, ...] = ()
    number: int = 1
    more: bool = False
    nothing: str = ""


def build_page(calls: Sequence[CallSummary], asked: Asked) -> PastCalls:
    """The page; `calls` has one more than fits on it when there are older ones."""
    filtered = asked.text or asked.ending
    return PastCalls(
        rows=tuple(_row(call) for call in calls[:PAGE_ROWS]),
        number=len(asked.behind) + 1,
        more=len(calls) > PAGE_ROWS,
        nothing="" if calls else "No call of yours is like that." if filtered else "You had no calls yet.",
    )


def ending_words(ending: str) -> str:
    """An ending as people say it."""
    return ending.replace("_", " ").capitalize()


def _row(call: CallSummary) -> CallRow:
    lasted = (call.ended_at - call.started_at).total_seconds() if call.ended_at else None
    return CallRow(
        call_id=call.call_id,
        started=f"{call.started_at.astimezone():%Y-%m-%d %H:%M:%S}",
        number=call.number,
        queue=call.queue or "",
        entry_point=call.entry_point,
        lasted=words.span(lasted) if lasted is not None else "",
        ended=_ended(call),
        page=call_page(call.call_id),
    )


def _ended(call: CallSummary) -> Labelled:
    if call.ended_at is None or call.ending is None:
        return Labelled(text=words.stage_words(call.stage), tone=words.stage_tone(call.stage))
    return Labelled(text=ending_words(call.ending), tone=_tone(call.ending))


def _tone(ending: str) -> words.Tone:
    """An ending that a newer node may name is no reason to fail."""
    known = ending in set(Ending)
    return words.Tone.BAD if known and result_of(Ending(ending)) is Result.FAILED else words.Tone.PLAIN
