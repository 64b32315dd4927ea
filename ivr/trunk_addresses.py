"""Where the trunks are: their names are resolved again every few minutes, and when a registration fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import structlog

from ivr.config import Trunk
from ivr.peers import Unresolvable, resolve_all

RESOLVE_AGAIN_S = 300.0
RESTS_S = 30.0
"""Between two looks, however often a registration fails."""

log = structlog.get_logger()

Resolve = Callable[[str], Awaitable[tuple[str, ...]]]
Moved = Callable[[str, str], Awaitable[None]]


class TrunkAddresses:
    """Keeps the trunks' addresses, "IP:port" by name. `moved` is awaited with name and address of a change.

    A name with several addresses keeps the one that it has while that is among them: servers give them in
    turn."""

    def __init__(
        self,
        trunks: Mapping[str, Trunk],
        addresses: dict[str, str],
        moved: Moved,
        resolve: Resolve = resolve_all,
    ) -> None:
        self._trunks = trunks
        self._addresses = addresses
        self._moved = moved
        self._resolve = resolve

    async def run(self, failing: asyncio.Event) -> None:
        """Look again, for ever; at once when a registration is `failing`."""
        while self._trunks:
            failing.clear()
            await asyncio.sleep(RESTS_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(RESOLVE_AGAIN_S - RESTS_S):
                    await failing.wait()
            await self.look()

    async def look(self) -> None:
        """Resolve all once, and tell what has changed."""
        for name, trunk in self._trunks.items():
            try:
                found = await self._resolve(trunk.send_to.host)
            except Unresolvable as exc:  # it stays where it was
                log.warning("trunk.unresolvable", trunk=name, error=str(exc))
                continue
            host, _, port = self._addresses[name].rpartition(":")
            if host not in found:
                self._addresses[name] = f"{found[0]}:{port}"
                log.info("trunk.moved", trunk=name)
                await self._moved(name, self._addresses[name])
