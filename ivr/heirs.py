"""An INVITE that the edge has moved to another worker before it was answered: the same call, on another leg.

A call is known by Call-ID and From tag. Until it is answered its leg has carried nothing but ringing, so all
that the call has (record, timeline, look-ups under way) goes on as it is with the leg that comes next.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from media.leg import Leg
from media.pool import Booking


@dataclass(frozen=True, slots=True, kw_only=True)
class Heir:
    """A leg that a call may go on with, and its place in that worker."""

    leg: Leg
    booking: Booking


class Heirs:
    """The next leg of one call: one at a time, and none any more once it is closed."""

    def __init__(self) -> None:
        self._next: Heir | None = None
        self._came = asyncio.Event()
        self._open = True

    def offer(self, heir: Heir) -> bool:
        """The INVITE has come again; False when the call has no use for it."""
        if not self._open or self._next is not None:
            return False
        self._next = heir
        self._came.set()
        return True

    async def next(self, limit_s: float) -> Heir | None:
        """The one that has come or comes within the limit."""
        if self._next is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await self._came.wait()
        return self._taken()

    def close(self) -> Heir | None:
        """No more; the one that was not taken, for its refusal."""
        self._open = False
        return self._taken()

    def _taken(self) -> Heir | None:
        heir, self._next = self._next, None
        self._came.clear()
        return heir
