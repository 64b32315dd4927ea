"""The event stream's hub: numbers events, keeps the last ones, and hands them to whoever listens.

Publishing never waits. Each listener has a bounded queue; when one is full, its listener is closed with
1013 and told nothing more: it comes back with `?after=` or gets a new snapshot.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from ivr.api.errors import Overloaded
from ivr.api.models import AgentView, CallSummary, QueueView, ScreenPopView, StreamEvent, TrunkView
from ivr.api.sight import (
    Audience,
    ByAudience,
    Payload,
    agent_event,
    call_event,
    queue_event,
    screen_pop_event,
    trunk_event,
)
from ivr.clock import Clock
from ivr.ids import AgentId

GOING_AWAY = 1001
TRY_AGAIN_LATER = 1013
SESSION_OVER = 4001


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One event as JSON text for each audience."""

    seq: int
    operator: str
    owner: AgentId | None
    own: str | None
    others: str | None

    def to(self, audience: Audience) -> str | None:
        """What this audience gets, or None."""
        if audience is None:
            return self.operator
        return self.own if audience == self.owner else self.others


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state that a listener starts from, already cut to what it may see."""

    agents: list[AgentView]
    queues: list[QueueView]
    calls: list[CallSummary]


class SnapshotEvent(StreamEvent):
    """The first message of a stream that does not resume."""

    agents: list[AgentView]
    queues: list[QueueView]
    calls: list[CallSummary]


class Subscription:
    """One listener: a bounded queue of texts, and how it was closed."""

    def __init__(self, audience: Audience, *, seq: int, backlog: list[str] | None, size: int) -> None:
        self.audience = audience
        self.seq = seq
        """The last event before this listener."""
        self.backlog = backlog
        """What it missed, or None when it needs a snapshot."""
        self.close_code: int | None = None
        self.closed = asyncio.Event()
        self._queue: asyncio.Queue[str] = asyncio.Queue(size)

    def offer(self, text: str) -> None:
        """Queue a text, or close the listener as too slow."""
        if self.closed.is_set():
            return
        try:
            self._queue.put_nowait(text)
        except asyncio.QueueFull:
            self.close(TRY_AGAIN_LATER)

    async def next(self) -> str:
        """The next text, in order. Whoever awaits it also watches `closed`."""
        return await self._queue.get()

    def drain(self) -> list[str]:
        """Everything that is queued, without waiting."""
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]

    def close(self, code: int) -> None:
        """Tell the listener to leave with this WebSocket code; the first code stays."""
        if not self.closed.is_set():
            self.close_code = code
            self.closed.set()


class EventHub:
    """The one place that numbers events.

    `seq` starts at the wall clock's milliseconds, so that a number from before a restart is never taken for
    one of this run: the listener gets a snapshot.
    """

    def __init__(
        self, clock: Clock, *, ring: int = 2048, queue: int = 512, listeners: int = 1024, each: int = 64
    ) -> None:
        self._clock = clock
        self._seq = int(clock.now().timestamp() * 1000)
        self._ring: deque[Encoded] = deque(maxlen=ring)
        self._queue = queue
        self._listeners = listeners
        self._each = each
        self._subscriptions: set[Subscription] = set()

    @property
    def seq(self) -> int:
        """The last event's number."""
        return self._seq

    @property
    def listening(self) -> int:
        """How many listen."""
        return len(self._subscriptions)

    def publish(self, kind: str, call_id: str | None, payload: ByAudience) -> int:
        """Number an event and hand it on; never waits. Returns its `seq`."""
        self._seq += 1
        event = _encode(self._seq, kind, self._clock.now(), call_id, payload)
        self._ring.append(event)
        for subscription in self._subscriptions:
            text = event.to(subscription.audience)
            if text is not None:
                subscription.offer(text)
        return self._seq

    def agent_changed(self, view: AgentView) -> None:
        """An agent, or the call it holds, is now like this."""
        self.publish("agent", view.call.call_id if view.call else None, agent_event(view))

    def queue_changed(self, view: QueueView) -> None:
        """A queue is now like this."""
        self.publish("queue", None, queue_event(view))

    def call_changed(self, call: CallSummary) -> None:
        """A call is now like this."""
        self.publish("call", call.call_id, call_event(call))

    def screen_pop(self, agent_id: AgentId, call_id: str, pop: ScreenPopView) -> None:
        """A page to open on an agent's desktop, or what became of it."""
        self.publish("screen_pop", call_id, screen_pop_event(agent_id, pop))

    def trunk_changed(self, trunk: TrunkView) -> None:
        """A trunk is now like this."""
        self.publish("trunk", None, trunk_event(trunk))

    @contextmanager
    def subscribe(self, audience: Audience, after: int | None = None) -> Iterator[Subscription]:
        """Listen from here on, with what came after `after` where that is still kept."""
        mine = sum(1 for other in self._subscriptions if other.audience == audience)
        if len(self._subscriptions) >= self._listeners or mine >= self._each:
            raise Overloaded("Too many listen to the event stream; close one or try again later.")
        subscription = Subscription(
            audience, seq=self._seq, backlog=self._since(after, audience), size=self._queue
        )
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def end_session(self, agent_id: AgentId) -> None:
        """Close every stream of an agent who signed out."""
        for subscription in self._subscriptions:
            if subscription.audience == agent_id:
                subscription.close(SESSION_OVER)

    def close(self) -> None:
        """Close every stream; the node is leaving."""
        for subscription in self._subscriptions:
            subscription.close(GOING_AWAY)

    def snapshot(self, seq: int, state: Snapshot) -> str:
        """The snapshot event's text: the state at `seq` or a little later."""
        event = SnapshotEvent(
            seq=seq,
            type="snapshot",
            time=self._clock.now(),
            agents=state.agents,
            queues=state.queues,
            calls=state.calls,
        )
        return event.model_dump_json(by_alias=True)

    def _since(self, after: int | None, audience: Audience) -> list[str] | None:
        if after is None or not self._keeps(after):
            return None
        texts = (event.to(audience) for event in self._ring if event.seq > after)
        return [text for text in texts if text is not None]

    def _keeps(self, after: int) -> bool:
        """Whether everything later than `after` is still in the ring."""
        oldest = self._ring[0].seq if self._ring else self._seq + 1
        return oldest - 1 <= after <= self._seq


def _encode(seq: int, kind: str, time: datetime, call_id: str | None, payload: ByAudience) -> Encoded:
    def text(keys: Payload | None, shown_call: str | None) -> str | None:
        if keys is None:
            return None
        event = StreamEvent.model_validate(
            {"seq": seq, "type": kind, "time": time, "call_id": shown_call, **keys}
        )
        return event.model_dump_json(by_alias=True)

    operator = text(payload.operator, call_id)
    assert operator is not None
    same = payload.own is payload.operator
    return Encoded(
        seq=seq,
        operator=operator,
        owner=payload.owner,
        own=operator if same else text(payload.own, call_id),
        others=text(payload.others, None),
    )
