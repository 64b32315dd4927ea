"""What a connector tells whoever watches it, for metrics: values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ivr.salesforce.reply import ApiUsage, RequestSeen


class Purpose(StrEnum):
    """What requests are for: a caller's name and cases, what is written after calls, a flow's own."""

    LOOK_UP = "look_up"
    WRITE_BACK = "write_back"
    FLOW = "flow"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorState:
    """The state after a request: for which purposes the org is left alone after failures. `usage` is None
    until the org has told it."""

    left_alone: frozenset[Purpose]
    usage: ApiUsage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """A request was not sent: "breaker_open" or "shed"."""

    operation: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSeen:
    """What became of an attempt to write: "delivered", "retry" or "dead"."""

    operation: str
    outcome: str


News = RequestSeen | ConnectorState | NotSent | WriteSeen
