"""The agents, and the queues that they serve: who is at what, and until when. Pure.

A part of the core: it knows calls by their ids alone, and reports what it decides to the core's `Decisions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ivr.acd.agent import Agent, AgentEvent, AgentState, advance
from ivr.acd.changes import AgentChanged, WrapUpEnded, WrapUpStarted
from ivr.acd.decisions import Decisions
from ivr.acd.errors import UnknownAgent, UnknownQueue
from ivr.acd.model import QueueDefinition, WrapUpEnd
from ivr.ids import AgentId, CallId, QueueName

_HOW: Mapping[AgentEvent, WrapUpEnd] = {
    AgentEvent.WRAP_UP_TIMEOUT: WrapUpEnd.TIMER,
    AgentEvent.END_WRAP_UP: WrapUpEnd.AGENT,
    AgentEvent.SET_READY: WrapUpEnd.AGENT,
    AgentEvent.SIGN_OUT: WrapUpEnd.SIGNED_OUT,
}


class Roster:
    """Every agent with its state, and every queue with its members."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions
        self._queues: dict[QueueName, QueueDefinition] = {}
        self._members: dict[QueueName, frozenset[AgentId]] = {}
        self._agents: dict[AgentId, Agent] = {}

    def define(
        self, queues: Mapping[QueueName, QueueDefinition], agents: Sequence[AgentId], now: float
    ) -> tuple[AgentId, ...]:
        """Take these definitions; what is known already keeps its state. Gives the agents that are no longer
        named. Raises `UnknownAgent` when a queue names an agent that is not among `agents`."""
        for name, queue in queues.items():
            if missing := set(queue.agents) - set(agents):
                raise UnknownAgent(f"queue {name}: {', '.join(sorted(missing))}")
        gone = tuple(agent_id for agent_id in self._agents if agent_id not in set(agents))
        for agent_id in agents:
            self._agents.setdefault(agent_id, Agent(id=agent_id, since=now))
        self._queues |= queues
        self._members |= {name: frozenset(queue.agents) for name, queue in queues.items()}
        return gone

    # Reading

    def queue(self, name: QueueName) -> QueueDefinition:
        """A queue's definition; raises `UnknownQueue`."""
        if name not in self._queues:
            raise UnknownQueue(name)
        return self._queues[name]

    def agent(self, agent_id: AgentId) -> Agent:
        """An agent; raises `UnknownAgent`."""
        if agent_id not in self._agents:
            raise UnknownAgent(agent_id)
        return self._agents[agent_id]

    def agents(self) -> tuple[Agent, ...]:
        """All agents."""
        return tuple(self._agents.values())

    def serving(self, queue: QueueName) -> tuple[Agent, ...]:
        """The agents of a queue; raises `UnknownQueue`."""
        return tuple(self._agents[agent_id] for agent_id in self.queue(queue).agents)

    @property
    def members(self) -> Mapping[QueueName, frozenset[AgentId]]:
        """The agents of each queue, by id."""
        return self._members

    def wrap_ups_end(self) -> list[float]:
        """When the wrap-ups that run are over, in monotonic seconds."""
        return [a.wrap_up_until for a in self._agents.values() if a.wrap_up_until is not None]

    # Verbs

    def move(
        self, agent_id: AgentId, event: AgentEvent, now: float, why: str, *, reason: str | None = None
    ) -> None:
        """Something happened to an agent. Raises what `advance` raises, and has then changed nothing."""
        before = self.agent(agent_id)
        after = advance(before, event, now, reason)
        if after == before:
            return
        self._agents[agent_id] = after
        for queue, members in self._members.items():
            if agent_id in members:
                self._decisions.touch(queue)
        self._decisions.add(
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

    def reserve(self, agent_id: AgentId, call_id: CallId, queue: QueueName, now: float) -> None:
        """The agent is kept for a call that is offered to him."""
        self.move(agent_id, AgentEvent.RESERVE, now, f"reserved for {call_id}")
        self._agents[agent_id] = replace(self._agents[agent_id], call_id=call_id, queue=queue)

    def begin_wrap_up(self, agent_id: AgentId, call_id: CallId, queue: QueueName, now: float) -> None:
        """The agent's conversation is over; wrap-up lasts as long as the queue says."""
        wrap_up_s = self._queues[queue].wrap_up_s
        self.move(agent_id, AgentEvent.CALL_OVER, now, f"conversation of {call_id} ended")
        self._agents[agent_id] = replace(self._agents[agent_id], wrap_up_until=now + wrap_up_s)
        self._decisions.add(
            WrapUpStarted(
                call_id=call_id,
                agent_id=agent_id,
                queue=queue,
                wrap_up_s=wrap_up_s,
                reasons=("conversation ended",),
            )
        )

    def end_wrap_ups(self, now: float) -> None:
        """End the wrap-ups whose time is over."""
        for agent in self.agents():
            if agent.wrap_up_until is not None and agent.wrap_up_until <= now:
                self.move(agent.id, AgentEvent.WRAP_UP_TIMEOUT, now, "wrap-up time is over")

    def _wrap_up_ended(self, before: Agent, event: AgentEvent, why: str) -> None:
        assert before.call_id is not None, "a wrap-up has a call"
        assert before.queue is not None, "a wrap-up has a queue"
        self._decisions.add(
            WrapUpEnded(
                call_id=before.call_id,
                agent_id=before.id,
                queue=before.queue,
                how=_HOW[event],
                reasons=(why,),
            )
        )
