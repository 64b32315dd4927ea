"""How a call ended: one classified termination, decided from what is known, without I/O."""

from __future__ import annotations

from enum import StrEnum

from media.messages import Ended


class Phase(StrEnum):
    """The part of its life that a call was in when it ended."""

    RINGING = "ringing"
    TREATMENT = "treatment"
    QUEUED = "queued"
    OFFERED = "offered"
    CONVERSATION = "conversation"
    TRANSFERRED = "transferred"


class Ending(StrEnum):
    """The one classified termination of a call."""

    CALLER_HUNG_UP = "caller_hung_up"
    AGENT_HUNG_UP = "agent_hung_up"
    ABANDONED_RINGING = "abandoned_ringing"
    ABANDONED_IN_TREATMENT = "abandoned_in_treatment"
    ABANDONED_IN_QUEUE = "abandoned_in_queue"
    ABANDONED_WHILE_OFFERED = "abandoned_while_offered"
    ENDED_BY_FLOW = "ended_by_flow"
    TRANSFERRED = "transferred"
    ENDED_BY_OPERATOR = "ended_by_operator"
    WORKER_LOST = "worker_lost"
    CONTROL_LOST = "control_lost"
    SHUTDOWN = "shutdown"
    FAILED = "failed"
    NO_ENTRY_POINT = "no_entry_point"
    NO_CAPACITY = "no_capacity"


class Result(StrEnum):
    """What an ending amounts to, for metrics."""

    HANDLED = "handled"
    ABANDONED = "abandoned"
    REFUSED = "refused"
    FAILED = "failed"


_BY_CALLER = {
    Phase.RINGING: Ending.ABANDONED_RINGING,
    Phase.TREATMENT: Ending.ABANDONED_IN_TREATMENT,
    Phase.QUEUED: Ending.ABANDONED_IN_QUEUE,
    Phase.OFFERED: Ending.ABANDONED_WHILE_OFFERED,
    Phase.CONVERSATION: Ending.CALLER_HUNG_UP,
    Phase.TRANSFERRED: Ending.TRANSFERRED,
}

_RESULTS = {
    Ending.CALLER_HUNG_UP: Result.HANDLED,
    Ending.AGENT_HUNG_UP: Result.HANDLED,
    Ending.ENDED_BY_FLOW: Result.HANDLED,
    Ending.TRANSFERRED: Result.HANDLED,
    Ending.ENDED_BY_OPERATOR: Result.HANDLED,
    Ending.ABANDONED_RINGING: Result.ABANDONED,
    Ending.ABANDONED_IN_TREATMENT: Result.ABANDONED,
    Ending.ABANDONED_IN_QUEUE: Result.ABANDONED,
    Ending.ABANDONED_WHILE_OFFERED: Result.ABANDONED,
    Ending.NO_ENTRY_POINT: Result.REFUSED,
    Ending.NO_CAPACITY: Result.REFUSED,
    Ending.WORKER_LOST: Result.FAILED,
    Ending.CONTROL_LOST: Result.FAILED,
    Ending.SHUTDOWN: Result.FAILED,
    Ending.FAILED: Result.FAILED,
}


def classify(phase: Phase, caller: Ended, ours: Ending | None) -> Ending:
    """The ending, from where the call was, how the caller's leg ended, and `ours`: what we ended it for.

    The caller's own hang-up wins over a reason of ours that came later: it is why the call ended."""
    if caller.by == "worker":
        return Ending.WORKER_LOST
    if caller.by == "peer" and ours is not Ending.AGENT_HUNG_UP:
        return _BY_CALLER[phase]
    return ours or Ending.FAILED


def result_of(ending: Ending) -> Result:
    """What the ending amounts to."""
    return _RESULTS[ending]
