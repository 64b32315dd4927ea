"""Calls that Kamailio refused by itself because no worker was free: it counts them, and is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from media.edge.rpc import Rpc, RpcFault
from media.errors import EdgeError

LOOK_S = 5.0

log = structlog.get_logger()


class FullCalls:
    """Tells `report` how many more there are."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._seen = 0

    async def run(self, rpc: Callable[[], Rpc]) -> None:
        """Ask every few seconds, for ever: Kamailio tells nobody."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look(rpc())
            except EdgeError as exc:
                log.debug("edge.counts_unknown", error=str(exc))

    async def look(self, rpc: Rpc) -> None:
        """Ask once. A count that is lower than before is that of a Kamailio that was started again."""
        now = await _count(rpc)
        more = now - self._seen if now >= self._seen else now
        self._seen = now
        if more:
            self._report(more)


async def _count(rpc: Rpc) -> int:
    try:
        reply = await rpc.call("htable.get", "counts", "full")
    except RpcFault:
        return 0  # none yet
    return int(reply["item"]["value"])
