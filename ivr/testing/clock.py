"""A clock that stands still until it is moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(2025, 1, 1, 12, 0, tzinfo=UTC)


class ManualClock:
    """A `Clock` that a test moves by hand."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start = start
        self._elapsed_s = 0.0

    def now(self) -> datetime:
        """The start plus what was advanced, in UTC."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Move both readings forward."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._elapsed_s += seconds
