"""Whether agents may be offered a call now. A transfer that is under way keeps them away."""

from __future__ import annotations

import asyncio


class OfferGate:
    """Between the search for an agent, and a transfer that wants it to pause."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.shut = asyncio.Event()
        """Set while the search has to stop; it then comes back to `passed`, with nothing left behind."""

    async def passed(self) -> None:
        """The search is at rest; returns when it may go on."""
        self._idle.set()
        await self._open.wait()
        self._idle.clear()

    async def close(self) -> None:
        """No offers from now on; returns when none is open."""
        self._open.clear()
        self.shut.set()
        await self._idle.wait()

    def reopen(self) -> None:
        """Offers may come again."""
        self.shut.clear()
        self._open.set()
