"""Who gets whom: pure functions over calls and agents.

Calls by priority, then by time queued, over all queues; for each the agent of its queue who is idle longest.
A call that is for one agent is offered to him alone. Such calls stand in a line of their own, the agent's,
so that they neither hold up the callers of a queue's general line nor count for their positions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ivr.acd.agent import Agent, AgentState
from ivr.acd.model import Call, CallState
from ivr.ids import AgentId, CallId, QueueName


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


def position(calls: Iterable[Call], call: Call) -> int | None:
    """1 for the head of the call's line, general or of its one agent; None once an agent has it."""
    if call.state is CallState.CONNECTED:
        return None
    return 1 + sum(1 for other in calls if _same_line(other, call) and other.place < call.place)


def positions(calls: Iterable[Call]) -> dict[CallId, int]:
    """The position of every call that no agent has, in one pass over all lines."""
    found: dict[CallId, int] = {}
    ahead: Counter[tuple[QueueName | None, AgentId | None]] = Counter()
    for call in sorted((c for c in calls if c.state is not CallState.CONNECTED), key=lambda c: c.place):
        mine = (call.queue if call.only_agent is None else None, call.only_agent)
        ahead[mine] += 1
        found[call.call_id] = ahead[mine]
    return found


def may_take(call: Call, agent_id: AgentId, members: Mapping[QueueName, Collection[AgentId]]) -> bool:
    """Whether the call is for this agent at all."""
    if call.only_agent is not None:
        return call.only_agent == agent_id
    return agent_id in members[call.queue]


def alone(agent_id: AgentId) -> str:
    """The reason of a call that is for one agent."""
    return f"for agent {agent_id} alone"


def _same_line(one: Call, other: Call) -> bool:
    if one.state is CallState.CONNECTED or one.only_agent != other.only_agent:
        return False
    return one.only_agent is not None or one.queue == other.queue


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
