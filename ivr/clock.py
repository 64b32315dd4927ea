"""The one module that reads the time.

Wall time is for records and people; monotonic time is for waits and durations, so that a clock that jumps
by an hour changes no timer. Cores take a reading as an argument and never call these themselves.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What adapters need of the time; tests pass their own."""

    def now(self) -> datetime:
        """Wall time, always in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary point; never goes back."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Wall time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since an arbitrary point."""
        return time.monotonic()
