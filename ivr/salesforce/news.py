"""What a connector tells whoever watches it, for metrics: values only."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.salesforce.reply import ApiUsage, RequestSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorState:
    """The state after a request. `usage` is None until the org has told it."""

    breaker_open: bool
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
