"""The gate before Kamailio's TCP reader: connections of trunks alone come through.

Theory of operation. Kamailio 5.6 reads from a connection before anything can turn it away, and its reader
has an open fault (CVE-2026-39863). So it listens for TCP on the loopback only. The gate holds the address
that is seen, ends at once what is no trunk's without having passed on a byte, and hands on the rest as it
comes. Before that goes one line that names both ends (the PROXY protocol, version 1): for Kamailio the
connection is the trunk's own. Kamailio makes no connections itself; what it has to say goes over those that
stand.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

import structlog

from media.edge.addresses import LOOPBACK
from media.edge.model import EdgeTrunk, TcpListen
from media.errors import EdgeError

MOST = 64
"""Connections at once; a trunk has one or a few."""
CONNECT_S = 2.0
IDLE_S = 7200.0
"""Without a byte from one of the ends. RFC 5626 4.4.1 has peers say something every two minutes."""
TAKE_S = 10.0
"""For an end to take what it is sent."""
CLOSE_S = 1.0
TELL_S = 60.0
MOST_TOLD = 1024
CHUNK = 16384

log = structlog.get_logger()


def is_trunks(host: str, trunks: Iterable[EdgeTrunk]) -> bool:
    """Whether an address is one that a trunk calls from."""
    address = ipaddress.ip_address(host)
    return any(
        host == trunk.host or any(address in ipaddress.ip_network(network) for network in trunk.networks)
        for trunk in trunks
    )


class TcpGate:
    """`async with TcpGate(...)` holds the addresses; `trunks` says who may connect at the moment."""

    def __init__(
        self,
        listens: Iterable[TcpListen],
        trunks: Callable[[], Iterable[EdgeTrunk]],
        on_refused: Callable[[str], None],
    ) -> None:
        """`on_refused` is told the address of whoever was turned away, once a minute."""
        self._listens = tuple(listens)
        self._trunks = trunks
        self._on_refused = on_refused
        self._servers: list[asyncio.Server] = []
        self._open: set[asyncio.Task[None]] = set()
        self._told: dict[str, float] = {}

    async def __aenter__(self) -> Self:
        try:
            for listen in self._listens:
                self._servers.append(await self._serve(listen))
        except OSError as exc:
            await self._end()
            raise EdgeError(f"cannot listen on tcp:{listen}: {exc.strerror or exc}") from exc
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._end()

    async def _serve(self, listen: TcpListen) -> asyncio.Server:
        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._open.add(task)
            try:
                await self._connection(listen, reader, writer)
            finally:
                self._open.discard(task)
                writer.transport.abort()

        return await asyncio.start_server(accepted, listen.host, listen.port, limit=CHUNK)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open, timeout=CLOSE_S)

    async def _connection(
        self, listen: TcpListen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        host, port = writer.get_extra_info("peername")[:2]
        own = writer.get_extra_info("sockname")[0]
        if not is_trunks(host, self._trunks()) or len(self._open) > MOST:
            self._tell(host)
            return
        try:
            async with asyncio.timeout(CONNECT_S):
                inner, kamailio = await asyncio.open_connection(LOOPBACK, listen.inner_port, limit=CHUNK)
        except (OSError, TimeoutError) as exc:
            log.warning("edge.tcp_refused", error=str(exc) or "time-out")
            return
        kamailio.write(f"PROXY TCP4 {host} {own} {port} {listen.port}\r\n".encode())
        try:
            await _both_ways((reader, kamailio), (inner, writer))
        finally:
            kamailio.transport.abort()

    def _tell(self, host: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told.get(host, -TELL_S) < TELL_S:
            return
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told[host] = now
        self._on_refused(host)


_Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _both_ways(*ways: _Way) -> None:
    """Until either end closes, or says nothing for too long."""
    copying = [asyncio.create_task(_copy(*way), name="edge tcp") for way in ways]
    try:
        await asyncio.wait(copying, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in copying:
            task.cancel()
        await asyncio.gather(*copying, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, TimeoutError):  # the other end has gone
        while data := await _next(reader):
            writer.write(data)
            async with asyncio.timeout(TAKE_S):
                await writer.drain()


async def _next(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(IDLE_S):
        return await reader.read(CHUNK)
