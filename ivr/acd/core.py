"""Queues and agents without I/O: events in, decisions out.

Every verb takes `now` (monotonic seconds) and returns what it decided, with reasons. All state is in two
dictionaries of frozen values; who decides is `advance` for an agent and `pairs` for a match. After each
event every agent that can be reserved is reserved, so there is never a caller who waits beside a ready
agent. A verb that raises has changed nothing.

A call is offered only while somebody waits for its offers (`listen`); a waiter that goes away takes the
offer back with him (`unlisten`). Both `leave` and `tick` may come at any time and any number of times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count

from ivr.acd.agent import Agent, AgentEvent, AgentState, advance
from ivr.acd.changes import (
    AgentChanged,
    CallAbandoned,
    CallConnected,
    CallOffered,
    CallQueued,
    CallRecovered,
    CallRescored,
    Change,
    OfferFailed,
    OfferWithdrawn,
    QueueChanged,
    WrapUpEnded,
    WrapUpStarted,
)
from ivr.acd.errors import AgentUnavailable, NotAllowed, UnknownAgent, UnknownCall, UnknownQueue
from ivr.acd.match import Pair, line, pairs, position
from ivr.acd.model import (
    HIGHEST_PRIORITY,
    LOWEST_PRIORITY,
    SET_ASIDE_REASON,
    Bar,
    Call,
    CallState,
    Offer,
    OfferFailure,
    QueueDefinition,
    WrapUpEnd,
)
from ivr.ids import AgentId, CallId, QueueName

SAME_AGENT_AFTER_S = 5.0
"""How long a call is not offered again to an agent who did not take it."""

Changes = tuple[Change, ...]

_HOW: Mapping[AgentEvent, WrapUpEnd] = {
    AgentEvent.WRAP_UP_TIMEOUT: WrapUpEnd.TIMER,
    AgentEvent.END_WRAP_UP: WrapUpEnd.AGENT,
    AgentEvent.SET_READY: WrapUpEnd.AGENT,
    AgentEvent.SIGN_OUT: WrapUpEnd.SIGNED_OUT,
}


class AcdCore:
    """The queues, the agents and the calls between them."""

    def __init__(
        self, queues: Mapping[QueueName, QueueDefinition], agents: Sequence[AgentId], now: float
    ) -> None:
        """Raises `UnknownAgent` when a queue names an agent that is not among `agents`."""
        self._queues = dict(queues)
        self._members = {name: frozenset(queue.agents) for name, queue in queues.items()}
        self._agents = {agent_id: Agent(id=agent_id, since=now) for agent_id in agents}
        self._calls: dict[CallId, Call] = {}
        self._arrivals = count(1)
        self._out: list[Change] = []
        self._touched: dict[QueueName, None] = {}
        for name, members in self._members.items():
            if missing := members - self._agents.keys():
                raise UnknownAgent(f"queue {name}: {', '.join(sorted(missing))}")

    def redefine(
        self, queues: Mapping[QueueName, QueueDefinition], agents: Sequence[AgentId], now: float
    ) -> Changes:
        """Other definitions: calls keep their places. A queue that is no longer named stays until the next
        start, for those who wait in it; so does an agent, signed out after what he is at. Raises
        `UnknownAgent` when a queue names an agent that is not among `agents`."""
        for name, queue in queues.items():
            if missing := set(queue.agents) - set(agents):
                raise UnknownAgent(f"queue {name}: {', '.join(sorted(missing))}")
        gone = [agent_id for agent_id in self._agents if agent_id not in set(agents)]
        for agent_id in agents:
            self._agents.setdefault(agent_id, Agent(id=agent_id, since=now))
        self._queues |= queues
        self._members |= {name: frozenset(queue.agents) for name, queue in queues.items()}
        changes: list[Change] = []
        for agent_id in gone:
            changes += self.sign_out(agent_id, now)
        for name in queues:
            self._touch(name)
        return (*changes, *self._settle(now))

    # Calls

    def enqueue(
        self, call_id: CallId, queue: QueueName, priority: int, reasons: Sequence[str], now: float
    ) -> Changes:
        """Give a call a place. A waiting call moves to `queue`'s general line, with its time of arrival."""
        self._place(call_id, queue, priority, tuple(reasons), now)
        return self._settle(now)

    def enqueue_agent(
        self,
        call_id: CallId,
        queue: QueueName,
        agent_id: AgentId,
        priority: int,
        reasons: Sequence[str],
        now: float,
        *,
        park: bool,
        recovery: QueueName | None = None,
    ) -> Changes:
        """Give a call a place in `queue` from which it is offered to one agent alone.

        With `park` it also waits for one who is not ready or at another call. Where it cannot wait, as for an
        agent who is signed out, it begins in the general line of `recovery`; without one `AgentUnavailable`
        is raised. Later it goes there when the agent does not take it or signs out."""
        agent = self.agent(agent_id)
        self._queue(queue)
        if recovery is not None:
            self._queue(recovery)
        if agent.state is AgentState.READY or (park and agent.state is not AgentState.SIGNED_OUT):
            self._place(call_id, queue, priority, tuple(reasons), now, only_agent=agent_id, recovery=recovery)
        elif recovery is not None:
            why = (*reasons, f"agent {agent_id} is {agent.state}")
            self._place(call_id, recovery, priority, why, now)
        else:
            raise AgentUnavailable(agent_id, agent.state)
        return self._settle(now)

    def listen(self, call_id: CallId, now: float) -> Changes:
        """From now on somebody waits for this call's offers."""
        self._put(replace(self.call(call_id), listening=True))
        return self._settle(now)

    def unlisten(self, call_id: CallId, now: float) -> Changes:
        """Nobody waits any more: an open offer is withdrawn, the call keeps its place."""
        call = self._calls.get(call_id)
        if call is None:
            return ()
        if call.state is CallState.OFFERED:
            self._withdraw(call, now, "nobody waits for the offer")
            call = replace(call, state=CallState.WAITING, agent_id=None)
        self._put(replace(call, listening=False))
        return self._settle(now)

    def rescore(self, call_id: CallId, priority: int, reasons: Sequence[str], now: float) -> Changes:
        """Change a queued call's priority. Ignored when an agent has it or it is gone: answers come late."""
        call = self._calls.get(call_id)
        if call is None or call.state is CallState.CONNECTED:
            return ()
        after = replace(call, priority=within(priority), reasons=tuple(reasons))
        self._put(after)
        self._out.append(
            CallRescored(
                call_id=call_id,
                queue=call.queue,
                before=call.priority,
                priority=after.priority,
                reasons=after.reasons,
            )
        )
        return self._settle(now)

    def offer_answered(self, call_id: CallId, now: float) -> Changes:
        """The agent took the call. Raises `UnknownCall` when the caller has left meanwhile."""
        call, agent_id = self._offered(call_id, "offer_answered")
        self._move(agent_id, AgentEvent.ANSWER, now, f"answered {call_id}")
        self._put(replace(call, state=CallState.CONNECTED))
        self._out.append(
            CallConnected(
                call_id=call_id,
                agent_id=agent_id,
                queue=call.queue,
                waited_s=now - call.queued_at,
                reasons=("agent answered",),
            )
        )
        return self._settle(now)

    def offer_failed(self, call_id: CallId, failure: OfferFailure, now: float) -> Changes:
        """The agent did not take the call: it has its old place again, and another agent is tried. Nothing
        to do when the offer is already withdrawn or the caller gone."""
        call = self._calls.get(call_id)
        if call is None or call.state is CallState.WAITING:
            return ()
        call, agent_id = self._offered(call_id, "offer_failed")
        aside = SET_ASIDE_REASON.get(failure)
        event = AgentEvent.SET_ASIDE if aside else AgentEvent.WITHDRAW
        self._move(agent_id, event, now, f"{failure} for {call_id}", reason=aside)
        bars = tuple(bar for bar in call.bars if bar.agent_id != agent_id and bar.until > now)
        bar = Bar(agent_id=agent_id, until=now + SAME_AGENT_AFTER_S)
        back = replace(call, state=CallState.WAITING, agent_id=None, bars=(*bars, bar))
        self._put(back)
        self._out.append(
            OfferFailed(
                call_id=call_id,
                agent_id=agent_id,
                queue=call.queue,
                failure=failure,
                reasons=(failure.value, "the call keeps its place"),
            )
        )
        if aside:
            self._recover(back, f"{agent_id}: {failure}")
        return self._settle(now)

    def leave(self, call_id: CallId, now: float) -> Changes:
        """The call is over, wherever it is. Nothing to do when it is not here."""
        call = self._calls.get(call_id)
        if call is None:
            return ()
        if call.state is CallState.CONNECTED:
            return self.conversation_ended(call_id, now)
        if call.state is CallState.OFFERED:
            self._withdraw(call, now, "the caller left")
        self._remove(call)
        self._out.append(
            CallAbandoned(
                call_id=call_id,
                queue=call.queue,
                waited_s=now - call.queued_at,
                reasons=(f"left while {call.state}",),
            )
        )
        return self._settle(now)

    def conversation_ended(self, call_id: CallId, now: float) -> Changes:
        """Caller and agent are apart: wrap-up begins. Nothing to do when the call is not here."""
        call = self._calls.get(call_id)
        if call is None:
            return ()
        if call.state is not CallState.CONNECTED or call.agent_id is None:
            raise NotAllowed(call_id, "conversation_ended", call.state)
        self._remove(call)
        wrap_up_s = self._queues[call.queue].wrap_up_s
        self._move(call.agent_id, AgentEvent.CALL_OVER, now, f"conversation of {call_id} ended")
        self._agents[call.agent_id] = replace(self._agents[call.agent_id], wrap_up_until=now + wrap_up_s)
        self._out.append(
            WrapUpStarted(
                call_id=call_id,
                agent_id=call.agent_id,
                queue=call.queue,
                wrap_up_s=wrap_up_s,
                reasons=("conversation ended",),
            )
        )
        return self.tick(now)

    # Agents

    def sign_in(self, agent_id: AgentId, now: float) -> Changes:
        """Signed out becomes not ready; takes back a sign-out that has not happened yet."""
        return self._agent_verb(agent_id, AgentEvent.SIGN_IN, now)

    def sign_out(self, agent_id: AgentId, now: float) -> Changes:
        """At once, or after the call and its wrap-up; in wrap-up at once, which ends it."""
        return self._agent_verb(agent_id, AgentEvent.SIGN_OUT, now)

    def set_ready(self, agent_id: AgentId, now: float) -> Changes:
        """Ready for calls; ends a wrap-up; takes back a deferred wish."""
        return self._agent_verb(agent_id, AgentEvent.SET_READY, now)

    def set_not_ready(self, agent_id: AgentId, reason: str | None, now: float) -> Changes:
        """At once, or after the call and its wrap-up."""
        return self._agent_verb(agent_id, AgentEvent.SET_NOT_READY, now, reason)

    def end_wrap_up(self, agent_id: AgentId, now: float) -> Changes:
        """The agent is done with his notes."""
        return self._agent_verb(agent_id, AgentEvent.END_WRAP_UP, now)

    def tick(self, now: float) -> Changes:
        """Do what is due: wrap-ups that are over, calls that may go to the same agent again."""
        for agent in list(self._agents.values()):
            if agent.wrap_up_until is not None and agent.wrap_up_until <= now:
                self._move(agent.id, AgentEvent.WRAP_UP_TIMEOUT, now, "wrap-up time is over")
        for call in list(self._calls.values()):
            if any(bar.until <= now for bar in call.bars):
                self._calls[call.call_id] = replace(
                    call, bars=tuple(bar for bar in call.bars if bar.until > now)
                )
        return self._settle(now)

    # Reading

    def next_due(self) -> float | None:
        """When `tick` has something to do, in monotonic seconds."""
        times = [a.wrap_up_until for a in self._agents.values() if a.wrap_up_until is not None]
        times += [bar.until for call in self._calls.values() for bar in call.bars]
        return min(times, default=None)

    def call(self, call_id: CallId) -> Call:
        """A call that is here; raises `UnknownCall`."""
        if call_id not in self._calls:
            raise UnknownCall(call_id)
        return self._calls[call_id]

    def calls(self) -> tuple[Call, ...]:
        """All calls, in order of arrival."""
        return tuple(self._calls.values())

    def agent(self, agent_id: AgentId) -> Agent:
        """An agent; raises `UnknownAgent`."""
        if agent_id not in self._agents:
            raise UnknownAgent(agent_id)
        return self._agents[agent_id]

    def agents(self) -> tuple[Agent, ...]:
        """All agents."""
        return tuple(self._agents.values())

    def members(self, queue: QueueName) -> tuple[Agent, ...]:
        """The agents of a queue; raises `UnknownQueue`."""
        return tuple(self._agents[agent_id] for agent_id in self._queue(queue).agents)

    def line(self, queue: QueueName) -> tuple[Call, ...]:
        """A queue's calls in order; raises `UnknownQueue`."""
        self._queue(queue)
        return line(self._calls.values(), queue)

    def position(self, call_id: CallId) -> int | None:
        """1 for the head of its queue; None when not queued."""
        call = self._calls.get(call_id)
        return position(self._calls.values(), call) if call else None

    # Inside

    def _queue(self, name: QueueName) -> QueueDefinition:
        if name not in self._queues:
            raise UnknownQueue(name)
        return self._queues[name]

    def _offered(self, call_id: CallId, verb: str) -> tuple[Call, AgentId]:
        call = self.call(call_id)
        if call.state is not CallState.OFFERED or call.agent_id is None:
            raise NotAllowed(call_id, verb, call.state)
        return call, call.agent_id

    def _place(
        self,
        call_id: CallId,
        queue: QueueName,
        priority: int,
        reasons: tuple[str, ...],
        now: float,
        *,
        only_agent: AgentId | None = None,
        recovery: QueueName | None = None,
    ) -> None:
        self._queue(queue)
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
        self._touch(call.queue)
        priority = within(priority)
        call = replace(call, queue=queue, priority=priority, reasons=reasons)
        self._put(replace(call, only_agent=only_agent, recovery=recovery))
        self._out.append(CallQueued(call_id=call_id, queue=queue, priority=priority, reasons=reasons))

    def _recover(self, call: Call, why: str) -> None:
        """Put a waiting call into its recovery queue's general line; one without such a queue waits on."""
        if call.only_agent is None or call.recovery is None:
            return
        self._touch(call.queue)
        reasons = (*call.reasons, why)
        self._put(replace(call, queue=call.recovery, only_agent=None, recovery=None, reasons=reasons))
        self._out.append(
            CallRecovered(
                call_id=call.call_id,
                agent_id=call.only_agent,
                before=call.queue,
                queue=call.recovery,
                reasons=(why,),
            )
        )

    def _recover_abandoned(self) -> None:
        """Nobody waits for an agent who has signed out while there is another queue for it."""
        for call in list(self._calls.values()):
            if call.only_agent is None or call.state is not CallState.WAITING:
                continue
            if self._agents[call.only_agent].state is AgentState.SIGNED_OUT:
                self._recover(call, f"{call.only_agent}: {AgentState.SIGNED_OUT}")

    def _put(self, call: Call) -> None:
        self._calls[call.call_id] = call
        self._touch(call.queue)

    def _remove(self, call: Call) -> None:
        del self._calls[call.call_id]
        self._touch(call.queue)

    def _touch(self, queue: QueueName) -> None:
        self._touched[queue] = None

    def _withdraw(self, call: Call, now: float, why: str) -> None:
        agent_id = call.agent_id
        assert agent_id is not None, "an offered call has an agent"
        self._move(agent_id, AgentEvent.WITHDRAW, now, why)
        self._out.append(
            OfferWithdrawn(call_id=call.call_id, agent_id=agent_id, queue=call.queue, reasons=(why,))
        )

    def _agent_verb(
        self, agent_id: AgentId, event: AgentEvent, now: float, reason: str | None = None
    ) -> Changes:
        self._move(agent_id, event, now, f"agent: {event}", reason=reason)
        return self._settle(now)

    def _move(
        self, agent_id: AgentId, event: AgentEvent, now: float, why: str, *, reason: str | None = None
    ) -> None:
        before = self.agent(agent_id)
        after = advance(before, event, now, reason)
        if after == before:
            return
        self._agents[agent_id] = after
        for queue, members in self._members.items():
            if agent_id in members:
                self._touch(queue)
        self._out.append(
            AgentChanged(
                agent_id=agent_id,
                before=before.state,
                state=after.state,
                pending=after.pending,
                reasons=(why,),
            )
        )
        if before.state is AgentState.WRAP_UP and after.state is not AgentState.WRAP_UP:
            self._wrap_up_ended(before, event, why)

    def _wrap_up_ended(self, before: Agent, event: AgentEvent, why: str) -> None:
        assert before.call_id is not None, "a wrap-up has a call"
        assert before.queue is not None, "a wrap-up has a queue"
        self._out.append(
            WrapUpEnded(
                call_id=before.call_id,
                agent_id=before.id,
                queue=before.queue,
                how=_HOW[event],
                reasons=(why,),
            )
        )

    def _settle(self, now: float) -> Changes:
        """Match what can be matched, and hand over what this step decided."""
        self._recover_abandoned()
        for pair in list(pairs(self._calls.values(), self._agents.values(), self._members, now)):
            self._reserve(pair, now)
        self._out += [
            QueueChanged(queue=name, reasons=("calls or agents changed",)) for name in self._touched
        ]
        out, self._out, self._touched = tuple(self._out), [], {}
        return out

    def _reserve(self, pair: Pair, now: float) -> None:
        call, agent_id = pair.call, pair.agent.id
        self._move(agent_id, AgentEvent.RESERVE, now, f"reserved for {call.call_id}")
        self._agents[agent_id] = replace(self._agents[agent_id], call_id=call.call_id, queue=call.queue)
        self._put(replace(call, state=CallState.OFFERED, agent_id=agent_id))
        offer = Offer(
            call_id=call.call_id,
            queue=call.queue,
            agent_id=agent_id,
            priority=call.priority,
            ring_s=self._queues[call.queue].ring_s,
            waited_s=now - call.queued_at,
            reasons=(*pair.reasons, *call.reasons),
        )
        self._out.append(CallOffered(offer=offer, reasons=offer.reasons))


def within(priority: int) -> int:
    """`priority`, held to 1 to 9."""
    return min(max(priority, HIGHEST_PRIORITY), LOWEST_PRIORITY)
