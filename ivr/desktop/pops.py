"""Screen pops: which browser tab opens one, and what is told to the node of it. Pure bookkeeping.

Tabs of one agent see the same pop at the same time. The first to claim it opens it, once; its outcome is told
to the node once. A person may open a blocked one later, which is told too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ivr.api.models import PopOutcome

MAX_POPS = 10_000


def web_address(url: str) -> str | None:
    """The address if a browser may be sent there: http or https with a host; None for anything else."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return None if any(ord(c) < 33 for c in url) else url


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """An acknowledgement on its way to the node."""

    call_id: str
    pop_id: str
    outcome: PopOutcome


@dataclass(slots=True, kw_only=True)
class PopBook:
    """Claims and outcomes by pop id, for all tabs of this process."""

    _outcomes: dict[str, PopOutcome] = field(default_factory=dict)

    def claim(self, pop_id: str) -> bool:
        """True for the first who asks: that one opens the page."""
        if pop_id in self._outcomes:
            return False
        if len(self._outcomes) >= MAX_POPS:
            del self._outcomes[next(iter(self._outcomes))]
        self._outcomes[pop_id] = PopOutcome.PENDING
        return True

    def release(self, pop_id: str) -> None:
        """Give a claim back that came to nothing; an outcome stays."""
        if self._outcomes.get(pop_id) is PopOutcome.PENDING:
            del self._outcomes[pop_id]

    def outcome(self, pop_id: str, told: PopOutcome) -> PopOutcome:
        """What is known of a pop: what happened here, else what the node says."""
        here = self._outcomes.get(pop_id, PopOutcome.PENDING)
        return told if here is PopOutcome.PENDING or told is PopOutcome.OPENED else here

    def settle(self, pop_id: str, outcome: PopOutcome) -> bool:
        """Record an outcome; True if it is news for the node. What was opened stays opened."""
        before = self._outcomes.get(pop_id)
        if before in (outcome, PopOutcome.OPENED):
            return False
        self._outcomes[pop_id] = outcome
        return True
