"""Queues and agents as others see them: copies, with wall times for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ivr.acd.agent import AgentState
from ivr.ids import AgentId, CallId, QueueName


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSnapshot:
    """An agent now. `pending` is the state asked for during a call; `call_id` the call that holds him."""

    id: AgentId
    name: str
    state: AgentState
    reason: str | None
    since: datetime
    pending: AgentState | None
    queues: tuple[QueueName, ...]
    call_id: CallId | None
    queue: QueueName | None
    wrap_up_ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedSnapshot:
    """A call in a queue. `position` is 1 for the head of the general line, or of the line of the one agent
    that the call is for; `offered_to` the agent whose phone rings for it."""

    call_id: CallId
    position: int
    priority: int
    reasons: tuple[str, ...]
    waiting_s: float
    offered_to: AgentId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSnapshot:
    """A queue now. `waiting` counts all that no agent has answered yet; `oldest_s` is the longest wait."""

    name: QueueName
    waiting: int
    oldest_s: float
    agents_ready: int
    agents_signed_in: int
    calls: tuple[QueuedSnapshot, ...]
