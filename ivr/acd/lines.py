"""The calls in the lines of their queues: where each stands, and how it gets from one to another. Pure.

A part of the core: it knows agents by their ids alone, and reports what it decides to the core's `Decisions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from ivr.acd.changes import CallQueued, CallRecovered, CallRescored
from ivr.acd.decisions import Decisions
from ivr.acd.errors import NotAllowed, UnknownCall
from ivr.acd.model import HIGHEST_PRIORITY, LOWEST_PRIORITY, Call, CallState
from ivr.ids import AgentId, CallId, QueueName


class Lines:
    """Every call of the ACD, from its place in a queue to the end of its conversation."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions
        self._calls: dict[CallId, Call] = {}
        self._arrivals = count(1)

    # Reading

    def call(self, call_id: CallId) -> Call:
        """A call that is here; raises `UnknownCall`."""
        if call_id not in self._calls:
            raise UnknownCall(call_id)
        return self._calls[call_id]

    def get(self, call_id: CallId) -> Call | None:
        """A call, or None when it is not here."""
        return self._calls.get(call_id)

    def calls(self) -> tuple[Call, ...]:
        """All calls, in order of arrival."""
        return tuple(self._calls.values())

    def bars_end(self) -> list[float]:
        """When calls may go to an agent again who let them down, in monotonic seconds."""
        return [bar.until for call in self._calls.values() for bar in call.bars]

    # Verbs

    def put(self, call: Call) -> None:
        """A call is as it says from now on."""
        self._calls[call.call_id] = call
        self._decisions.touch(call.queue)

    def remove(self, call: Call) -> None:
        """The call is no longer here."""
        del self._calls[call.call_id]
        self._decisions.touch(call.queue)

    def place(
        self,
        call_id: CallId,
        queue: QueueName,
        priority: int,
        reasons: Sequence[str],
        now: float,
        *,
        only_agent: AgentId | None = None,
        recovery: QueueName | None = None,
    ) -> None:
        """Give a call a place in the line of `queue`, or of one agent there. One that waits already keeps its
        time of arrival; one that an agent has is not moved: `NotAllowed`."""
        before = self._calls.get(call_id)
        if before is not None and before.state is not CallState.WAITING:
            raise NotAllowed(call_id, "enqueue", before.state)
        call = before or Call(
            call_id=call_id,
            queue=queue,
            priority=priority,
            reasons=(),
            queued_at=now,
            arrival=next(self._arrivals),
        )
        self._decisions.touch(call.queue)
        call = replace(call, queue=queue, priority=within(priority), reasons=tuple(reasons))
        self.put(replace(call, only_agent=only_agent, recovery=recovery))
        self._decisions.add(
            CallQueued(call_id=call_id, queue=queue, priority=call.priority, reasons=call.reasons)
        )

    def rescore(self, call: Call, priority: int, reasons: Sequence[str]) -> None:
        """Another priority; the time of arrival stays."""
        after = replace(call, priority=within(priority), reasons=tuple(reasons))
        self.put(after)
        self._decisions.add(
            CallRescored(
                call_id=call.call_id,
                queue=call.queue,
                before=call.priority,
                priority=after.priority,
                reasons=after.reasons,
            )
        )

    def recover(self, call: Call, why: str) -> None:
        """Put a waiting call into its recovery queue's general line; one without such a queue waits on."""
        if call.only_agent is None or call.recovery is None:
            return
        self._decisions.touch(call.queue)
        reasons = (*call.reasons, why)
        self.put(replace(call, queue=call.recovery, only_agent=None, recovery=None, reasons=reasons))
        self._decisions.add(
            CallRecovered(
                call_id=call.call_id,
                agent_id=call.only_agent,
                before=call.queue,
                queue=call.recovery,
                reasons=(why,),
            )
        )

    def lift_bars(self, now: float) -> None:
        """Forget whom calls may not be offered to, where the time for it is over."""
        for call in self.calls():
            if any(bar.until <= now for bar in call.bars):
                bars = tuple(bar for bar in call.bars if bar.until > now)
                self._calls[call.call_id] = replace(call, bars=bars)


def within(priority: int) -> int:
    """`priority`, held to 1 to 9."""
    return min(max(priority, HIGHEST_PRIORITY), LOWEST_PRIORITY)
