"""What the desktop knows of the node: a mirror fed by the event stream. Pure; it decides nothing.

The node owns every state shown here. A new snapshot replaces the mirror, so what was missed while the stream
was away cannot linger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from ivr.api.models import AgentStatus, AgentView, QueueView, ScreenPopView, StreamEvent


class Link(StrEnum):
    """How the desktop stands with the node. `EXPIRED`: the node no longer takes the agent's token."""

    CONNECTING = "connecting"
    UP = "up"
    AWAY = "away"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSeen:
    """A queue as it was at one moment; its oldest wait grows from there."""

    queue: QueueView
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """One agent's part of the node. `missed` holds from an unanswered offer until the state changes."""

    agent_id: str
    link: Link = Link.CONNECTING
    me: AgentView | None = None
    queues: Mapping[str, QueueSeen] = field(default_factory=lambda: MappingProxyType({}))
    missed: bool = False


def apply(mirror: Mirror, event: StreamEvent) -> Mirror:
    """The mirror after one event; kinds and agents that are none of this agent's business change nothing.

    Raises pydantic's ValidationError (a ValueError) for an event that breaks the contract.
    """
    extra = event.model_extra or {}
    match event.type:
        case "snapshot":
            return _snapshot(mirror, extra, event.time)
        case "agent":
            return with_agent(mirror, AgentView.model_validate(extra.get("agent")))
        case "queue":
            return _with_queues(mirror, (QueueView.model_validate(extra.get("queue")),), event.time)
        case "screen_pop" if extra.get("agent") == mirror.agent_id:
            return _with_pop(mirror, event.call_id, ScreenPopView.model_validate(extra.get("pop")))
        case _:
            return mirror


def with_agent(mirror: Mirror, agent: AgentView) -> Mirror:
    """The mirror with a newer view of the agent; another agent's view is ignored."""
    if agent.id != mirror.agent_id:
        return mirror
    return replace(mirror, me=agent, missed=_missed(mirror, agent))


def with_link(mirror: Mirror, link: Link) -> Mirror:
    """The mirror with another state of the link; what was last known stays on screen."""
    return replace(mirror, link=link)


def _missed(mirror: Mirror, agent: AgentView) -> bool:
    if agent.status is not AgentStatus.NOT_READY:
        return False
    if _says_missed(agent.reason):
        return True
    was_ringing = mirror.me is not None and mirror.me.status is AgentStatus.RINGING
    same_spell = mirror.me is not None and mirror.me.since == agent.since
    return was_ringing or (mirror.missed and same_spell)


def _says_missed(reason: str | None) -> bool:
    words = (reason or "").casefold().replace("_", " ")
    return any(word in words for word in ("rona", "missed", "no answer"))


def _snapshot(mirror: Mirror, extra: Mapping[str, object], at: datetime) -> Mirror:
    fresh = replace(mirror, queues=MappingProxyType({}), link=Link.UP)
    fresh = _with_queues(fresh, tuple(QueueView.model_validate(item) for item in _items(extra, "queues")), at)
    for item in _items(extra, "agents"):
        fresh = with_agent(fresh, AgentView.model_validate(item))
    return fresh


def _items(extra: Mapping[str, object], key: str) -> list[object]:
    match extra.get(key):
        case list() as items:
            return items
        case _:
            return []


def _with_queues(mirror: Mirror, queues: tuple[QueueView, ...], at: datetime) -> Mirror:
    seen = dict(mirror.queues) | {queue.name: QueueSeen(queue=queue, at=at) for queue in queues}
    return replace(mirror, queues=MappingProxyType(seen))


def _with_pop(mirror: Mirror, call_id: str | None, pop: ScreenPopView) -> Mirror:
    me = mirror.me
    if me is None or me.call is None or call_id not in (None, me.call.call_id):
        return mirror
    call = me.call.model_copy(update={"screen_pop": pop})
    return replace(mirror, me=me.model_copy(update={"call": call}))
