"""Who gets whom: pure functions over calls and agents.

Calls by priority, then by time queued, over all queues; for each the agent of its queue who is idle longest.
A call that is for one agent is offered to him alone. Such calls stand in a line of their own, the agent's,
so that they neither hold up the callers of a queue's general line nor count for their positions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ivr.acd.agent import Agent, AgentState
from ivr.acd.model import Call, CallState
from ivr.ids import AgentId, QueueName


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A call and the agent to reserve for it."""

    call: Call
    agent: Agent
    reasons: tuple[str, ...]


def pairs(
    calls: Iterable[Call],
    agents: Iterable[Agent],
    members: Mapping[QueueName, Collection[AgentId]],
    now: float,
) -> Iterator[Pair]:
    """Reservations to make now, in order of service. `members`: the agents of each queue."""
    idle = sorted((a for a in agents if a.state is AgentState.READY), key=lambda a: (a.idle_since, a.id))
    if not idle:
        return
    for call in sorted((c for c in calls if _wants(c)), key=lambda c: c.place):
        able = [a for a in idle if may_take(call, a.id, members) and not call.barred(a.id, now)]
        if able:
            idle.remove(able[0])
            yield Pair(call=call, agent=able[0], reasons=_reasons(call, able, now))
        if not idle:
            return


def line(calls: Iterable[Call], queue: QueueName) -> tuple[Call, ...]:
    """The calls of a queue in order. One that is offered keeps its place until it is answered."""
    mine = (c for c in calls if c.queue == queue and c.state is not CallState.CONNECTED)
    return tuple(sorted(mine, key=lambda c: c.place))


def position(calls: Collection[Call], call: Call) -> int | None:
    """1 for the head of the call's line, general or of its one agent; None once an agent has it."""
    if call.state is CallState.CONNECTED:
        return None
    if call.only_agent is None:
        mine = [c for c in line(calls, call.queue) if c.only_agent is None]
    else:
        his = (c for c in calls if c.only_agent == call.only_agent and c.state is not CallState.CONNECTED)
        mine = sorted(his, key=lambda c: c.place)
    return [c.call_id for c in mine].index(call.call_id) + 1


def may_take(call: Call, agent_id: AgentId, members: Mapping[QueueName, Collection[AgentId]]) -> bool:
    """Whether the call is for this agent at all."""
    if call.only_agent is not None:
        return call.only_agent == agent_id
    return agent_id in members[call.queue]


def alone(agent_id: AgentId) -> str:
    """The reason of a call that is for one agent."""
    return f"for agent {agent_id} alone"


def _wants(call: Call) -> bool:
    return call.state is CallState.WAITING and call.listening


def _reasons(call: Call, able: list[Agent], now: float) -> tuple[str, ...]:
    idle_s = now - able[0].idle_since
    waits = f"priority {call.priority}, waiting {now - call.queued_at:.1f} s"
    if call.only_agent is not None:
        return (waits, alone(call.only_agent))
    return (
        waits,
        f"idle longest of {len(able)} ready: {idle_s:.1f} s",
    )
