"""How many look-ups of an org may be under way at once.

A look-up is given far longer than a caller waits for it, so an org that hangs collects them. The bound keeps
them from taking all connections, which other orgs and what is written share. Who waits for a place holds
nothing, and goes with his call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ivr.salesforce.errors import Busy


class Places:
    """So many places; who finds none waits at most `patience_s` for one."""

    def __init__(self, number: int, patience_s: float) -> None:
        self._free = asyncio.Semaphore(number)
        self._patience_s = patience_s

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Have one for as long as the context lasts. Raises Busy."""
        try:
            async with asyncio.timeout(self._patience_s):
                await self._free.acquire()
        except TimeoutError as exc:
            raise Busy("as many look-ups are under way as there may be at once") from exc
        try:
            yield
        finally:
            self._free.release()
