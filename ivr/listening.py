"""What listens for SIP: the workers' settings, in both modes, and waiting for a port to become free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from typing import TypeVar

import structlog

from ivr.clock import Clock
from ivr.config import Config
from ivr.edge import NodeEdge
from ivr.trunks import registrars
from media.edge.addresses import LOOPBACK
from media.edge.model import sides
from media.errors import EdgeError, WorkerStartError
from media.pool import PoolSettings

T = TypeVar("T")

log = structlog.get_logger()


class PortWait:
    """Opens what listens, and waits for a port that a former node is about to leave."""

    def __init__(self, stack: AsyncExitStack, clock: Clock, port_wait_s: float) -> None:
        self._stack = stack
        self._clock = clock
        self._port_wait_s = port_wait_s

    async def when_the_port_is_free(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """What `make` opens, which may say that it \"cannot listen\" for so long."""
        limit = self._clock.monotonic() + self._port_wait_s
        while True:
            try:
                return await self._stack.enter_async_context(make())
            except (WorkerStartError, EdgeError) as exc:
                if "cannot listen" not in str(exc) or self._clock.monotonic() > limit:
                    raise
                waits_s = round(limit - self._clock.monotonic())
                log.warning("node.port_taken", error=str(exc), waits_s=waits_s)
                await asyncio.sleep(1.0)  # free when the other process has gone: nobody tells us


def pool_settings(
    config: Config, addresses: dict[str, str], farewell: str, edge: NodeEdge | None
) -> PoolSettings:
    """The pool that a configuration asks for; behind an edge, with its workers on the loopback."""
    settings = _direct_settings(config, addresses, farewell)
    if edge is None:
        return settings
    return replace(
        settings,
        listen_host=LOOPBACK,
        listen_port=edge.settings.worker_first,
        workers=edge.settings.workers,
        public_host=None,
        registrars=(),
        sides=sides(edge.settings),
        side_for=edge.side_for,
        recycle_after=config.sip.recycle_after,
    )


def _direct_settings(config: Config, addresses: dict[str, str], farewell: str) -> PoolSettings:
    sip, listen = config.sip, config.sip.listen[0]
    return PoolSettings(
        listen_host=listen.host,
        listen_port=listen.port,
        rtp_first=sip.rtp_ports.first,
        rtp_last=sip.rtp_ports.last,
        capacity=sip.capacity,
        legs_per_customer=sip.legs_per_customer,
        public_host=str(sip.public_address) if sip.public_address else None,
        local_networks=tuple(str(network) for network in sip.local_networks),
        user_agent=sip.user_agent,
        wideband=sip.wideband,
        farewell=farewell,
        registrars=registrars(config.trunks, addresses),
        retry_after_s=sip.retry_after_s,
    )
