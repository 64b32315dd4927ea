"""The ACD of a node: the core on one event loop, with its timer, its waiters and its listener.

Every verb is synchronous: when it returns, the decision stands and `on_change` has been told. Only waiting
for an offer is awaited. State is in memory and dies with the process by design: the next start begins with
empty queues, and the store releases what wrap-ups held.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog

from ivr.acd.agent import Agent, AgentState
from ivr.acd.changes import CallOffered, Change
from ivr.acd.core import AcdCore, Changes
from ivr.acd.errors import CallGone, NotAllowed, UnknownAgent
from ivr.acd.estimate import LOOKBACK_S, HandledCalls
from ivr.acd.match import alone
from ivr.acd.model import AgentDefinition, Call, CallState, Offer, OfferFailure, QueueDefinition
from ivr.acd.views import AgentSnapshot, QueuedSnapshot, QueueSnapshot
from ivr.clock import Clock
from ivr.ids import AgentId, CallId, QueueName

_log = structlog.get_logger()


class AcdService:
    """Queues and agents of one node. Use with `async with`, on one event loop."""

    def __init__(
        self,
        queues: Mapping[QueueName, QueueDefinition],
        agents: Mapping[AgentId, AgentDefinition],
        clock: Clock,
        on_change: Callable[[Change], None],
    ) -> None:
        """`on_change` is told every decision in order and must not block; it may call the service's verbs.
        Raises `UnknownAgent` when a queue names an agent that is not defined."""
        self._core = AcdCore(queues, tuple(agents), clock.monotonic())
        self._queues, self._agents = dict(queues), dict(agents)
        self._clock = clock
        self._on_change = on_change
        self._handled = HandledCalls()
        self._offers: dict[CallId, Offer] = {}
        self._waiters: dict[CallId, asyncio.Future[Offer | None]] = {}
        self._untold: deque[Change] = deque()
        self._telling = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._set_timer()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the timer and end the waits with `CallGone`."""
        self._loop = None
        self._set_timer()
        for call_id in list(self._waiters):
            self._wake(call_id, None)

    # Calls

    def enqueue(self, call_id: CallId, queue: QueueName, priority: int, reasons: Sequence[str] = ()) -> None:
        """Give a call a place; a waiting one moves and keeps its time of arrival. Raises `UnknownQueue`;
        `NotAllowed` when the call is offered or connected."""
        self._publish(self._core.enqueue(call_id, queue, priority, reasons, self._now()))

    def enqueue_agent(
        self,
        call_id: CallId,
        queue: QueueName,
        agent_id: AgentId,
        priority: int,
        reasons: Sequence[str] = (),
        *,
        park: bool = True,
        recovery: QueueName | None = None,
    ) -> None:
        """Give a call a place for one agent alone; see `AcdCore.enqueue_agent`. Raises `UnknownQueue`,
        `UnknownAgent`; `AgentUnavailable` when it can neither wait for him nor go to `recovery`; `NotAllowed`
        when the call is offered or connected."""
        self._publish(
            self._core.enqueue_agent(
                call_id, queue, agent_id, priority, reasons, self._now(), park=park, recovery=recovery
            )
        )

    async def next_offer(self, call_id: CallId) -> Offer:
        """Wait until an agent is reserved for the call; at once when one is. Waits as long as the caller
        does. Whoever takes the offer ends it by `offer_answered`, `offer_failed` or `leave`. A wait that is
        cancelled puts the agent back and the call waits on, but gets no offer until this is called again.

        Raises `UnknownCall`, `NotAllowed` when somebody waits already, `CallGone` when the call leaves."""
        if call_id in self._waiters:
            raise NotAllowed(call_id, "next_offer", "another wait is open")
        if self._core.call(call_id).state is CallState.CONNECTED:
            raise NotAllowed(call_id, "next_offer", CallState.CONNECTED)
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[call_id] = waiter
        try:
            self._publish(self._core.listen(call_id, self._now()))
            if (standing := self._offers.get(call_id)) is not None:
                return standing
            offer: Offer | None = await waiter
        except asyncio.CancelledError:
            self._publish(self._core.unlisten(call_id, self._now()))
            raise
        finally:
            del self._waiters[call_id]
        # Between the wake-up and now the caller may have hung up.
        if offer is None or self._offers.get(call_id) is not offer:
            raise CallGone(call_id)
        return offer

    def offer_answered(self, call_id: CallId) -> None:
        """The agent took the call. Raises `UnknownCall` when the caller has left (then hang up on the
        agent, who is free again), `NotAllowed` when there is no offer."""
        self._publish(self._core.offer_answered(call_id, self._now()))

    def offer_failed(self, call_id: CallId, reason: OfferFailure) -> None:
        """The agent did not take the call; await `next_offer` again. Ignored when the caller has left."""
        self._publish(self._core.offer_failed(call_id, reason, self._now()))

    def rescore(self, call_id: CallId, priority: int, reasons: Sequence[str] = ()) -> None:
        """Change a queued call's priority, not its time of arrival. Ignored once an agent has it."""
        self._publish(self._core.rescore(call_id, priority, reasons, self._now()))

    def leave(self, call_id: CallId) -> None:
        """The call is over, wherever it is; safe to call at any time and twice."""
        self._publish(self._core.leave(call_id, self._now()))

    def conversation_ended(self, call_id: CallId) -> None:
        """Wrap-up begins, and ends by its timer at the latest. Ignored when the call is not here."""
        self._publish(self._core.conversation_ended(call_id, self._now()))

    def redefine(
        self, queues: Mapping[QueueName, QueueDefinition], agents: Mapping[AgentId, AgentDefinition]
    ) -> None:
        """Other queues, teams and agents from now on; see `AcdCore.redefine`. Raises `UnknownAgent`."""
        changes = self._core.redefine(queues, tuple(agents), self._now())
        self._queues |= queues
        self._agents |= agents
        self._publish(changes)

    # Agents

    def sign_in(self, agent_id: AgentId) -> None:
        """Signed out becomes not ready. Raises `UnknownAgent`."""
        self._publish(self._core.sign_in(agent_id, self._now()))

    def sign_out(self, agent_id: AgentId) -> None:
        """At once; while ringing or talking after the call and its wrap-up. In wrap-up it ends it."""
        self._publish(self._core.sign_out(agent_id, self._now()))

    def set_ready(self, agent_id: AgentId) -> None:
        """Ready for calls. Raises `NotAllowed` when signed out."""
        self._publish(self._core.set_ready(agent_id, self._now()))

    def set_not_ready(self, agent_id: AgentId, reason: str | None = None) -> None:
        """At once, or after the call and its wrap-up. Raises `NotAllowed` when signed out."""
        self._publish(self._core.set_not_ready(agent_id, reason, self._now()))

    def end_wrap_up(self, agent_id: AgentId) -> None:
        """The agent is done. Raises `NotAllowed` when not in wrap-up."""
        self._publish(self._core.end_wrap_up(agent_id, self._now()))

    # Reading

    def position(self, call_id: CallId) -> int | None:
        """1 for the next to be served in its queue; None when not queued."""
        return self._core.position(call_id)

    def agent(self, agent_id: AgentId) -> AgentSnapshot:
        """An agent now; raises `UnknownAgent`."""
        return self._agent_view(self._core.agent(agent_id))

    def agent_named(self, text: str) -> AgentId:
        """Who is meant: an agent's id, or without regard to case his e-mail address or the name that only
        one has. Raises `UnknownAgent`."""
        if AgentId(text) in self._agents:
            return AgentId(text)
        wanted, agents = text.casefold(), self._agents.values()
        meant = [agent.id for agent in agents if (agent.email or "").casefold() == wanted != ""]
        meant = meant or [agent.id for agent in agents if agent.name.casefold() == wanted]
        if len(meant) != 1:
            raise UnknownAgent(
                "no agent has this id, e-mail address or name"
                if not meant
                else "several agents have this name"
            )
        return meant[0]

    def call(self, call_id: CallId) -> Call:
        """A call that is here; raises `UnknownCall`."""
        return self._core.call(call_id)

    def agents(self) -> tuple[AgentSnapshot, ...]:
        """All agents, in the order of the configuration."""
        return tuple(self._agent_view(agent) for agent in self._core.agents())

    def queue(self, name: QueueName) -> QueueSnapshot:
        """A queue now; raises `UnknownQueue`."""
        calls, now = self._core.line(name), self._now()
        states = [agent.state for agent in self._core.members(name)]
        positions = self._core.positions()
        return QueueSnapshot(
            name=name,
            waiting=len(calls),
            oldest_s=max((now - call.queued_at for call in calls), default=0.0),
            agents_ready=states.count(AgentState.READY),
            agents_signed_in=len(states) - states.count(AgentState.SIGNED_OUT),
            calls=tuple(_queued_view(call, positions[call.call_id], now) for call in calls),
        )

    def place_s(self, name: QueueName, lookback_s: float = LOOKBACK_S) -> float | None:
        """Seconds that a place in a queue takes, from the calls handled lately; None when not known. Raises
        `UnknownQueue`."""
        states = [agent.state for agent in self._core.members(name)]
        return self._handled.place_s(name, states, self._now(), lookback_s)

    def queues(self) -> tuple[QueueSnapshot, ...]:
        """All queues, in the order of the configuration."""
        return tuple(self.queue(name) for name in self._queues)

    # Inside

    def _now(self) -> float:
        return self._clock.monotonic()

    def _agent_view(self, agent: Agent) -> AgentSnapshot:
        now, wall = self._now(), self._clock.now()
        ends = agent.wrap_up_until
        return AgentSnapshot(
            id=agent.id,
            name=self._agents[agent.id].name,
            state=agent.state,
            reason=agent.reason,
            since=wall - timedelta(seconds=now - agent.since),
            pending=agent.pending,
            queues=tuple(name for name, queue in self._queues.items() if agent.id in queue.agents),
            call_id=agent.call_id,
            queue=agent.queue,
            wrap_up_ends_at=None if ends is None else wall + timedelta(seconds=ends - now),
        )

    def _publish(self, changes: Changes) -> None:
        """Wake who waits, set the timer, tell the listener; in that order, so that a listener sees a
        settled world and may itself call a verb."""
        self._handled.note(changes, self._now())
        self._follow_offers(changes)
        self._set_timer()
        self._tell(changes)

    def _follow_offers(self, changes: Changes) -> None:
        """Keep the open offers as the core has them, and wake the waiters."""
        for change in changes:
            match change:
                case CallOffered(offer=offer):
                    self._offers[offer.call_id] = offer
                    self._wake(offer.call_id, offer)
                case _:
                    pass
        states = {call.call_id: call.state for call in self._core.calls()}
        for call_id in [c for c in self._offers if states.get(c) is not CallState.OFFERED]:
            del self._offers[call_id]
        for call_id in [c for c in self._waiters if c not in states]:
            self._wake(call_id, None)

    def _wake(self, call_id: CallId, offer: Offer | None) -> None:
        waiter = self._waiters.get(call_id)
        if waiter is not None and not waiter.done():
            waiter.set_result(offer)

    def _tell(self, changes: Iterable[Change]) -> None:
        self._untold.extend(changes)
        if self._telling:
            return
        self._telling = True
        try:
            while self._untold:
                self._tell_one(self._untold.popleft())
        finally:
            self._telling = False

    def _tell_one(self, change: Change) -> None:
        # A root: a listener's fault must not reach the caller whose verb happened to cause the change.
        try:
            self._on_change(change)
        except Exception:  # noqa: BLE001
            _log.exception("acd_listener_failed", change=type(change).__name__)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._core.next_due()
        if self._loop is not None and due is not None:
            self._timer = self._loop.call_later(max(due - self._now(), 0.0), self._on_timer)

    def _on_timer(self) -> None:
        self._publish(self._core.tick(self._now()))


def _queued_view(call: Call, position: int, now: float) -> QueuedSnapshot:
    return QueuedSnapshot(
        call_id=call.call_id,
        position=position,
        priority=call.priority,
        reasons=call.reasons if call.only_agent is None else (*call.reasons, alone(call.only_agent)),
        waiting_s=now - call.queued_at,
        offered_to=call.agent_id,
    )
