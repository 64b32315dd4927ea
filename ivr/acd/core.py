"""Queues and agents without I/O: events in, decisions out.

Every verb takes `now` (monotonic seconds) and returns what it decided, with reasons. All state is in frozen
values, the agents' in `Roster` and the calls' in `Lines`; what happens between the two is here. Who decides
is `advance` for an agent and `pairs` for a match. After each event every agent that can be reserved is
reserved, so there is never a caller who waits beside a ready agent. A verb that raises has changed nothing.

A call is offered only while somebody waits for its offers (`listen`); a waiter that goes away takes the
offer back with him (`unlisten`). Both `leave` and `tick` may come at any time and any number of times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ivr.acd.agent import Agent, AgentEvent, AgentState
from ivr.acd.changes import (
    CallAbandoned,
    CallConnected,
    CallOffered,
    Change,
    OfferFailed,
    OfferWithdrawn,
)
from ivr.acd.decisions import Decisions
from ivr.acd.errors import AgentUnavailable, NotAllowed
from ivr.acd.lines import Lines
from ivr.acd.match import Pair, line, pairs, position, positions
from ivr.acd.model import (
    SET_ASIDE_REASON,
    Bar,
    Call,
    CallState,
    Offer,
    OfferFailure,
    QueueDefinition,
)
from ivr.acd.roster import Roster
from ivr.ids import AgentId, CallId, QueueName

SAME_AGENT_AFTER_S = 5.0
"""How long a call is not offered again to an agent who did not take it."""

Changes = tuple[Change, ...]


class AcdCore:
    """The queues, the agents and the calls between them."""

    def __init__(
        self, queues: Mapping[QueueName, QueueDefinition], agents: Sequence[AgentId], now: float
    ) -> None:
        """Raises `UnknownAgent` when a queue names an agent that is not among `agents`."""
        self._decisions = Decisions()
        self._roster = Roster(self._decisions)
        self._roster.define(queues, agents, now)
        self._lines = Lines(self._decisions)

    def redefine(
        self, queues: Mapping[QueueName, QueueDefinition], agents: Sequence[AgentId], now: float
    ) -> Changes:
        """Other definitions: calls keep their places. A queue that is no longer named stays until the next
        start, for those who wait in it; so does an agent, signed out after what he is at. Raises
        `UnknownAgent` when a queue names an agent that is not among `agents`."""
        changes: list[Change] = []
        for agent_id in self._roster.define(queues, agents, now):
            changes += self.sign_out(agent_id, now)
        for name in queues:
            self._decisions.touch(name)
        return (*changes, *self._settle(now))

    # Calls

    def enqueue(
        self, call_id: CallId, queue: QueueName, priority: int, reasons: Sequence[str], now: float
    ) -> Changes:
        """Give a call a place. A waiting call moves to `queue`'s general line, with its time of arrival."""
        self._roster.queue(queue)
        self._lines.place(call_id, queue, priority, reasons, now)
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
        self._roster.queue(queue)
        if recovery is not None:
            self._roster.queue(recovery)
        if agent.state is AgentState.READY or (park and agent.state is not AgentState.SIGNED_OUT):
            self._lines.place(call_id, queue, priority, reasons, now, only_agent=agent_id, recovery=recovery)
        elif recovery is not None:
            why = (*reasons, f"agent {agent_id} is {agent.state}")
            self._lines.place(call_id, recovery, priority, why, now)
        else:
            raise AgentUnavailable(agent_id, agent.state)
        return self._settle(now)

    def listen(self, call_id: CallId, now: float) -> Changes:
        """From now on somebody waits for this call's offers."""
        self._lines.put(replace(self.call(call_id), listening=True))
        return self._settle(now)

    def unlisten(self, call_id: CallId, now: float) -> Changes:
        """Nobody waits any more: an open offer is withdrawn, the call keeps its place."""
        call = self._lines.get(call_id)
        if call is None:
            return ()
        if call.state is CallState.OFFERED:
            self._withdraw(call, now, "nobody waits for the offer")
            call = replace(call, state=CallState.WAITING, agent_id=None)
        self._lines.put(replace(call, listening=False))
        return self._settle(now)

    def rescore(self, call_id: CallId, priority: int, reasons: Sequence[str], now: float) -> Changes:
        """Change a queued call's priority. Ignored when an agent has it or it is gone: answers come late."""
        call = self._lines.get(call_id)
        if call is None or call.state is CallState.CONNECTED:
            return ()
        self._lines.rescore(call, priority, reasons)
        return self._settle(now)

    def offer_answered(self, call_id: CallId, now: float) -> Changes:
        """The agent took the call. Raises `UnknownCall` when the caller has left meanwhile."""
        call, agent_id = self._offered(call_id, "offer_answered")
        self._roster.move(agent_id, AgentEvent.ANSWER, now, f"answered {call_id}")
        self._lines.put(replace(call, state=CallState.CONNECTED))
        self._decisions.add(
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
        call = self._lines.get(call_id)
        if call is None or call.state is CallState.WAITING:
            return ()
        call, agent_id = self._offered(call_id, "offer_failed")
        aside = SET_ASIDE_REASON.get(failure)
        event = AgentEvent.SET_ASIDE if aside else AgentEvent.WITHDRAW
        self._roster.move(agent_id, event, now, f"{failure} for {call_id}", reason=aside)
        bars = tuple(bar for bar in call.bars if bar.agent_id != agent_id and bar.until > now)
        bar = Bar(agent_id=agent_id, until=now + SAME_AGENT_AFTER_S)
        back = replace(call, state=CallState.WAITING, agent_id=None, bars=(*bars, bar))
        self._lines.put(back)
        self._decisions.add(
            OfferFailed(
                call_id=call_id,
                agent_id=agent_id,
                queue=call.queue,
                failure=failure,
                reasons=(failure.value, "the call keeps its place"),
            )
        )
        if aside:
            self._lines.recover(back, f"{agent_id}: {failure}")
        return self._settle(now)

    def leave(self, call_id: CallId, now: float) -> Changes:
        """The call is over, wherever it is. Nothing to do when it is not here."""
        call = self._lines.get(call_id)
        if call is None:
            return ()
        if call.state is CallState.CONNECTED:
            return self.conversation_ended(call_id, now)
        if call.state is CallState.OFFERED:
            self._withdraw(call, now, "the caller left")
        self._lines.remove(call)
        self._decisions.add(
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
        call = self._lines.get(call_id)
        if call is None:
            return ()
        if call.state is not CallState.CONNECTED or call.agent_id is None:
            raise NotAllowed(call_id, "conversation_ended", call.state)
        self._lines.remove(call)
        self._roster.begin_wrap_up(call.agent_id, call_id, call.queue, now)
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
        self._roster.end_wrap_ups(now)
        self._lines.lift_bars(now)
        return self._settle(now)

    # Reading

    def next_due(self) -> float | None:
        """When `tick` has something to do, in monotonic seconds."""
        return min((*self._roster.wrap_ups_end(), *self._lines.bars_end()), default=None)

    def call(self, call_id: CallId) -> Call:
        """A call that is here; raises `UnknownCall`."""
        return self._lines.call(call_id)

    def calls(self) -> tuple[Call, ...]:
        """All calls, in order of arrival."""
        return self._lines.calls()

    def agent(self, agent_id: AgentId) -> Agent:
        """An agent; raises `UnknownAgent`."""
        return self._roster.agent(agent_id)

    def agents(self) -> tuple[Agent, ...]:
        """All agents."""
        return self._roster.agents()

    def members(self, queue: QueueName) -> tuple[Agent, ...]:
        """The agents of a queue; raises `UnknownQueue`."""
        return self._roster.serving(queue)

    def line(self, queue: QueueName) -> tuple[Call, ...]:
        """A queue's calls in order; raises `UnknownQueue`."""
        self._roster.queue(queue)
        return line(self._lines.calls(), queue)

    def position(self, call_id: CallId) -> int | None:
        """1 for the head of its queue; None when not queued."""
        call = self._lines.get(call_id)
        return position(self._lines.calls(), call) if call else None

    def positions(self) -> dict[CallId, int]:
        """The positions of all calls that no agent has."""
        return positions(self._lines.calls())

    # Inside

    def _offered(self, call_id: CallId, verb: str) -> tuple[Call, AgentId]:
        call = self.call(call_id)
        if call.state is not CallState.OFFERED or call.agent_id is None:
            raise NotAllowed(call_id, verb, call.state)
        return call, call.agent_id

    def _recover_abandoned(self) -> None:
        """Nobody waits for an agent who has signed out while there is another queue for it."""
        for call in self._lines.calls():
            if call.only_agent is None or call.state is not CallState.WAITING:
                continue
            if self._roster.agent(call.only_agent).state is AgentState.SIGNED_OUT:
                self._lines.recover(call, f"{call.only_agent}: {AgentState.SIGNED_OUT}")

    def _withdraw(self, call: Call, now: float, why: str) -> None:
        agent_id = call.agent_id
        assert agent_id is not None, "an offered call has an agent"
        self._roster.move(agent_id, AgentEvent.WITHDRAW, now, why)
        self._decisions.add(
            OfferWithdrawn(call_id=call.call_id, agent_id=agent_id, queue=call.queue, reasons=(why,))
        )

    def _agent_verb(
        self, agent_id: AgentId, event: AgentEvent, now: float, reason: str | None = None
    ) -> Changes:
        self._roster.move(agent_id, event, now, f"agent: {event}", reason=reason)
        return self._settle(now)

    def _settle(self, now: float) -> Changes:
        """Match what can be matched, and hand over what this step decided."""
        self._recover_abandoned()
        waiting = pairs(self._lines.calls(), self._roster.agents(), self._roster.members, now)
        for pair in list(waiting):
            self._reserve(pair, now)
        return self._decisions.take()

    def _reserve(self, pair: Pair, now: float) -> None:
        call, agent_id = pair.call, pair.agent.id
        self._roster.reserve(agent_id, call.call_id, call.queue, now)
        self._lines.put(replace(call, state=CallState.OFFERED, agent_id=agent_id))
        offer = Offer(
            call_id=call.call_id,
            queue=call.queue,
            agent_id=agent_id,
            priority=call.priority,
            ring_s=self._roster.queue(call.queue).ring_s,
            waited_s=now - call.queued_at,
            reasons=(*pair.reasons, *call.reasons),
        )
        self._decisions.add(CallOffered(offer=offer, reasons=offer.reasons))
