"""The caller's place in the real ACD."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ivr.acd.errors import AcdError, AgentUnavailable
from ivr.acd.model import AgentDefinition, QueueDefinition
from ivr.acd.score import Score
from ivr.acd.service import AcdService
from ivr.flow.activities.base import NeedKind
from ivr.flow.model import Flow
from ivr.flow.ports import AgentNotAvailable, AgentOrder, PortError, Queued, QueueStanding
from ivr.flow.rig.family import nodes
from ivr.flow.rig.scenario import Scenario, ScriptedQueue
from ivr.flow.rig.story import Kind, Standing, Story
from ivr.ids import AgentId, CallId, QueueName
from ivr.salesforce.model import Match
from ivr.treatment import score_of

FALLBACK_QUEUE = "Support"


def queues_of(flow: Flow, scenario: Scenario) -> dict[str, ScriptedQueue]:
    """The queues that exist: those that the flow names and those that the scenario does."""
    named = [
        need.name for _, node in nodes(flow) for need in node.activity.needs() if need.kind is NeedKind.QUEUE
    ]
    names = dict.fromkeys((*scenario.queues, *named)) or {FALLBACK_QUEUE: None}
    return {name: scenario.queues.get(name, ScriptedQueue()) for name in names}


def definitions(
    queues: Mapping[str, ScriptedQueue], scenario: Scenario
) -> tuple[dict[QueueName, QueueDefinition], dict[AgentId, AgentDefinition]]:
    """Queues and agents as the ACD takes them."""
    agents = {AgentId(name): AgentDefinition(id=AgentId(name), name=name) for name in scenario.agents}
    return {
        QueueName(name): QueueDefinition(
            name=QueueName(name),
            agents=tuple(
                AgentId(agent)
                for agent, script in scenario.agents.items()
                if script.queues is None or name in script.queues
            ),
            ring_s=queue.ring_s,
        )
        for name, queue in queues.items()
    }, agents


class RigQueue:
    """Implements the flow's `Queue`; scores as a real call does."""

    def __init__(self, call_id: CallId, acd: AcdService, story: Story) -> None:
        self._call_id = call_id
        self._acd = acd
        self._story = story
        self._scored = False
        self.match: Match | None = None
        self.queued = asyncio.Event()

    async def enqueue(self, queue: str, *, priority: int | None) -> Queued:
        """Queue the call."""
        self._scored = priority is None
        by = Score(priority=priority, reasons=("set by the flow",)) if priority else score_of(self.match)
        try:
            self._acd.enqueue(self._call_id, QueueName(queue), by.priority, by.reasons)
        except AcdError as exc:
            raise PortError(str(exc)) from exc
        self._story.queued = Standing(queue=queue, priority=by.priority)
        self._story.add(Kind.QUEUED, f"{queue}, priority {by.priority}: {', '.join(by.reasons)}")
        self.queued.set()
        return Queued(queue=queue, priority=by.priority, reasons=by.reasons)

    async def enqueue_agent(self, order: AgentOrder) -> Queued | AgentNotAvailable:
        """Queue the call for one agent."""
        self._scored = order.priority is None
        by = (
            score_of(self.match)
            if order.priority is None
            else Score(priority=order.priority, reasons=("set by the flow",))
        )
        recovery = None if order.recovery_queue is None else QueueName(order.recovery_queue)
        try:
            agent = self._acd.agent_named(order.agent)
            self._acd.enqueue_agent(
                self._call_id, QueueName(order.queue), agent, by.priority, by.reasons,
                park=order.park, recovery=recovery,
            )  # fmt: skip
        except AgentUnavailable as exc:
            return AgentNotAvailable(reason=exc.state)
        except AcdError as exc:
            raise PortError(str(exc)) from exc
        now = self._acd.call(self._call_id)
        self._story.queued = Standing(queue=now.queue, priority=by.priority)
        only = "" if now.only_agent is None else f" for {now.only_agent}"
        self._story.add(Kind.QUEUED, f"{now.queue}{only}, priority {by.priority}: {', '.join(now.reasons)}")
        self.queued.set()
        return Queued(queue=now.queue, priority=by.priority, reasons=now.reasons, agent=now.only_agent)

    def position(self) -> int | None:
        """The place in the queue."""
        return self._acd.position(self._call_id)

    async def look_up(self, queue: str, *, lookback_s: float) -> QueueStanding:
        """How a queue stands now."""
        try:
            now = self._acd.queue(QueueName(queue))
            place_s = self._acd.place_s(QueueName(queue), lookback_s)
        except AcdError as exc:
            raise PortError(str(exc)) from exc
        return QueueStanding(
            waiting=now.waiting,
            oldest_s=now.oldest_s,
            agents_ready=now.agents_ready,
            agents_signed_in=now.agents_signed_in,
            place_s=place_s,
        )

    def identified(self, match: Match) -> None:
        """Salesforce has told more: the waiting call may move up."""
        self.match = match
        place = self._story.queued
        by = score_of(match)
        if place is None or not self._scored or by.priority == place.priority:
            return
        self._acd.rescore(self._call_id, by.priority, by.reasons)
        self._story.queued = Standing(queue=place.queue, priority=by.priority)
        self._story.add(Kind.RESCORED, f"{place.priority} to {by.priority}: {', '.join(by.reasons)}")
