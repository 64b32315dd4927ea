"""What the ACD decided: frozen values, each with its reasons."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.acd.agent import AgentState
from ivr.acd.model import Offer, OfferFailure, WrapUpEnd
from ivr.ids import AgentId, CallId, QueueName


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQueued:
    """A call took a place, or moved to another queue with its time of arrival."""

    call_id: CallId
    queue: QueueName
    priority: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecovered:
    """A call that was for one agent goes on in its recovery queue's general line and keeps its arrival."""

    call_id: CallId
    agent_id: AgentId
    before: QueueName
    queue: QueueName
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRescored:
    """A call changed its priority and kept its time of arrival."""

    call_id: CallId
    queue: QueueName
    before: int
    priority: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOffered:
    """An agent is reserved for a call."""

    offer: Offer
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferWithdrawn:
    """The agent is not to take the call after all: the caller left, or nobody waited for the offer."""

    call_id: CallId
    agent_id: AgentId
    queue: QueueName
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferFailed:
    """The agent did not take the call; the call has its place back."""

    call_id: CallId
    agent_id: AgentId
    queue: QueueName
    failure: OfferFailure
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallConnected:
    """The agent answered; the call is out of the queue."""

    call_id: CallId
    agent_id: AgentId
    queue: QueueName
    waited_s: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAbandoned:
    """The call left the queue before an agent answered."""

    call_id: CallId
    queue: QueueName
    waited_s: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUpStarted:
    """The conversation is over; the agent has `wrap_up_s` for his notes."""

    call_id: CallId
    agent_id: AgentId
    queue: QueueName
    wrap_up_s: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUpEnded:
    """The notes are final: what was held for them may go. Comes exactly once for each `WrapUpStarted`."""

    call_id: CallId
    agent_id: AgentId
    queue: QueueName
    how: WrapUpEnd
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentChanged:
    """An agent's state, its reason or what he asked for has changed."""

    agent_id: AgentId
    before: AgentState
    state: AgentState
    pending: AgentState | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChanged:
    """A queue's calls, or the agents that serve it, have changed; once for each queue and step."""

    queue: QueueName
    reasons: tuple[str, ...]


Change = (
    CallQueued
    | CallRecovered
    | CallRescored
    | CallOffered
    | OfferWithdrawn
    | OfferFailed
    | CallConnected
    | CallAbandoned
    | WrapUpStarted
    | WrapUpEnded
    | AgentChanged
    | QueueChanged
)
