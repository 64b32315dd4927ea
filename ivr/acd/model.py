"""The nouns of the ACD: definitions, calls, offers. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ivr.ids import AgentId, CallId, QueueName

HIGHEST_PRIORITY = 1
LOWEST_PRIORITY = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDefinition:
    """An agent of the configuration. `name` is for people; `email` is how other systems know him."""

    id: AgentId
    name: str
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDefinition:
    """A queue of the configuration. `agents`: all members of its teams."""

    name: QueueName
    agents: tuple[AgentId, ...]
    ring_s: float = 20.0
    wrap_up_s: float = 60.0


class OfferFailure(StrEnum):
    """Why an agent did not take an offered call."""

    NO_ANSWER = "no_answer"
    BUSY = "busy"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    GONE = "gone"
    """The offer fell through by no fault of the agent (his leg's worker died): he stays ready."""


SET_ASIDE_REASON: dict[OfferFailure, str] = {
    OfferFailure.NO_ANSWER: "RONA",
    OfferFailure.BUSY: "busy",
    OfferFailure.DECLINED: "declined",
    OfferFailure.UNREACHABLE: "unreachable",
}
"""Not-ready reason by failure; a failure that is not here leaves the agent ready."""


class WrapUpEnd(StrEnum):
    """What ended a wrap-up."""

    TIMER = "timer"
    AGENT = "agent"
    SIGNED_OUT = "signed_out"


class CallState(StrEnum):
    """Where a call is, seen from its queue."""

    WAITING = "waiting"
    OFFERED = "offered"
    CONNECTED = "connected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Until `until` (monotonic seconds) the call is not offered to `agent_id` again."""

    agent_id: AgentId
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call in the ACD. `arrival` numbers calls in the order in which they were queued."""

    call_id: CallId
    queue: QueueName
    priority: int
    reasons: tuple[str, ...]
    queued_at: float
    arrival: int
    state: CallState = CallState.WAITING
    agent_id: AgentId | None = None
    listening: bool = False
    """Somebody waits for its offers; an offer that nobody hears would strand an agent."""
    bars: tuple[Bar, ...] = ()
    only_agent: AgentId | None = None
    """The one agent that it is offered to, whether he serves the queue or not."""
    recovery: QueueName | None = None
    """The queue in whose general line it goes on when `only_agent` fails it."""

    @property
    def place(self) -> tuple[int, float, int]:
        """Sort key: priority, then time queued."""
        return (self.priority, self.queued_at, self.arrival)

    def barred(self, agent_id: AgentId, now: float) -> bool:
        """Whether this agent let the call down just now."""
        return any(bar.agent_id == agent_id and bar.until > now for bar in self.bars)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A call for an agent, who is reserved until the offer is answered, fails or is withdrawn."""

    call_id: CallId
    queue: QueueName
    agent_id: AgentId
    priority: int
    ring_s: float
    waited_s: float
    reasons: tuple[str, ...]
