"""A circuit breaker: after several failures in a row, leave the other side alone for a while.

Closed -> (failures in a row) -> open -> (time) -> half open, where one request probes -> closed or open.
Pure: the time is passed in as a reading of a monotonic clock, in seconds.
"""

from __future__ import annotations

from enum import StrEnum


class BreakerState(StrEnum):
    """What the breaker lets through: all, nothing, one."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Counts failures in a row. Each `allow` that says yes is followed by exactly one of `succeeded`,
    `failed`, `tripped` or `abandoned`."""

    def __init__(self, *, failures: int, open_s: float) -> None:
        self._limit = failures
        self._open_s = open_s
        self._in_a_row = 0
        self._closed_again_at: float | None = None
        self._probing = False

    def state(self, now: float) -> BreakerState:
        """The state at `now`."""
        if self._closed_again_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._closed_again_at else BreakerState.HALF_OPEN

    def allow(self, now: float) -> bool:
        """Whether a request may be sent; in half-open one at a time."""
        match self.state(now):
            case BreakerState.CLOSED:
                return True
            case BreakerState.OPEN:
                return False
            case BreakerState.HALF_OPEN:
                if self._probing:
                    return False
                self._probing = True
                return True

    def succeeded(self) -> None:
        """The other side answered."""
        self._in_a_row = 0
        self._closed_again_at = None
        self._probing = False

    def failed(self, now: float) -> None:
        """The other side did not answer, or not as it should."""
        self._in_a_row += 1
        if self._probing or self._in_a_row >= self._limit:
            self.tripped(now, self._open_s)

    def tripped(self, now: float, for_s: float) -> None:
        """Open at once for `for_s` seconds."""
        self._closed_again_at = now + for_s
        self._probing = False

    def abandoned(self) -> None:
        """The request was cancelled: nothing was learned."""
        self._probing = False
