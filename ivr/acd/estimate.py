"""How long a caller will wait: a simple estimate from the calls that the queue has handled lately. Pure.

A place in the line takes the mean time for which a call keeps its agent (conversation and wrap-up), divided
by the agents who serve the queue now. Nobody waits for an agent who is ready. With fewer than three calls in
the look-back, or without an agent, nothing is said: a guess would be worse than none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from ivr.acd.agent import AgentState
from ivr.acd.changes import CallConnected, Change, WrapUpEnded
from ivr.ids import CallId, QueueName

KEPT = 50
"""Calls of a queue that are remembered."""
FEWEST = 3
LOOKBACK_S = 1800.0
SERVING = frozenset({AgentState.READY, AgentState.RINGING, AgentState.TALKING, AgentState.WRAP_UP})
"""States of agents who take calls, now or soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """A call that is over with its wrap-up; times are monotonic seconds."""

    ended_at: float
    handled_s: float


class HandledCalls:
    """The latest handled calls of each queue, learned from what the ACD decides."""

    def __init__(self) -> None:
        self._answered: dict[CallId, float] = {}
        self._handled: dict[QueueName, deque[Handled]] = {}

    def note(self, changes: Iterable[Change], now: float) -> None:
        """What has just been decided."""
        for change in changes:
            match change:
                case CallConnected(call_id=call_id):
                    self._answered[call_id] = now
                case WrapUpEnded(call_id=call_id, queue=queue) if call_id in self._answered:
                    handled = Handled(ended_at=now, handled_s=now - self._answered.pop(call_id))
                    self._handled.setdefault(queue, deque(maxlen=KEPT)).append(handled)
                case _:
                    pass

    def place_s(
        self, queue: QueueName, states: Iterable[AgentState], now: float, lookback_s: float
    ) -> float | None:
        """Seconds that a place in this queue takes, with its agents in these states; None when not known."""
        recent = [
            call.handled_s for call in self._handled.get(queue, ()) if call.ended_at >= now - lookback_s
        ]
        serving = sum(1 for state in states if state in SERVING)
        if len(recent) < FEWEST or not serving:
            return None
        return sum(recent) / len(recent) / serving


def wait_s(position: int, ready: int, place_s: float | None) -> float | None:
    """Seconds until the caller at this place has an agent, of whom some are ready now."""
    if position <= ready:
        return 0.0
    return None if place_s is None else (position - ready) * place_s
