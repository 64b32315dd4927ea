"""What a running flow reports: its steps, for the timeline, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ivr.flow.ports import Queued

CANCELLED = "cancelled"
ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One activity was run.

    `flow` is "main" or an event's name; `outcome` an edge, or "ended", or "cancelled" when the call went on
    without it (an agent answered, the caller hung up). `early`: started at INVITE; when the walk gets there,
    another step says how long it had to wait.
    """

    flow: str
    activity: str
    type: str
    outcome: str
    seconds: float
    detail: str = ""
    early: bool = False


Observe = Callable[[Step], None]


class MainEnd(StrEnum):
    """How a main flow ended."""

    RETURNED = "returned"
    HUNG_UP = "hung_up"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MainResult:
    """The main flow is over. `queued`: where the call waits; when it does not, its owner hangs up."""

    end: MainEnd
    queued: Queued | None
    detail: str = ""


class EventEnd(StrEnum):
    """How an event flow ended; ABSENT when the flow does not answer this event."""

    DONE = "done"
    FAILED = "failed"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventResult:
    """An event flow is over."""

    end: EventEnd
    detail: str = ""
