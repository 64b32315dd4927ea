"""One UDP port that takes the RTP of many calls and tells them apart by the sender (RFC 3550 5.1)."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import cast

from tests.phones import HOST, Waiting

BUFFER_BYTES = 32 << 20
FRAME, FRAME_S = 160, 0.02
_SO_RCVBUFFORCE = 33
_HEADER = struct.Struct("!BBHII")


@dataclass(slots=True)
class Stream:
    """The packets of one sender."""

    packets: int = 0
    lost: int = 0
    sounding: int = 0
    _last: int | None = None
    _source: int = 0

    def take(self, data: bytes) -> None:
        """Count a packet, and those that its number says are missing before it."""
        _, _, number, _, source = _HEADER.unpack_from(data)
        if self._last is not None and source == self._source:
            self.lost += (number - self._last - 1) & 0xFFFF
        self.packets += 1
        self.sounding += data.count(data[-1], _HEADER.size) < len(data) - _HEADER.size
        self._last, self._source = number, source


class RtpMeter(Waiting, asyncio.DatagramProtocol):
    """Streams by the sender's port."""

    def __init__(self) -> None:
        super().__init__()
        self.port = 0
        self.streams: dict[int, Stream] = {}
        self._awaited: dict[int, int] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._next: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own UDP transport is no subclass of the interface before Python 3.12.
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) < _HEADER.size:
            return
        sender = addr[1]
        if sender not in self.streams:
            self.streams[sender] = Stream()
            self.tell()
        quiet = not self.streams[sender].sounding
        self.streams[sender].take(data)
        if quiet and self.streams[sender].sounding:
            self.tell()
        if self._awaited.get(sender) == self.streams[sender].packets:
            del self._awaited[sender]
            self.tell()  # only when something is reached: thousands come in a second

    def speak(self, address: tuple[str, int], number: int = 1) -> None:
        """Send PCMU there every 20 ms from now on, as a telephone does."""
        assert self._transport is not None
        payload = bytes([0x55 + number % 2]) * FRAME
        self._transport.sendto(
            _HEADER.pack(0x80, 0, number & 0xFFFF, number * FRAME, self.port) + payload, address
        )
        self._next = asyncio.get_running_loop().call_later(FRAME_S, self.speak, address, number + 1)

    def hush(self) -> None:
        """Send nothing more."""
        if self._next is not None:
            self._next.cancel()

    async def heard(self, count: int) -> frozenset[int]:
        """Until so many calls are heard; their senders."""
        return await self.until(lambda: frozenset(self.streams) if len(self.streams) >= count else None)

    async def more(self, senders: Iterable[int], packets: int = 10) -> None:
        """Until each of these senders has sent so many more."""
        self._awaited = {sender: self.streams[sender].packets + packets for sender in senders}
        await self.until(lambda: True if not self._awaited else None)

    async def sounds(self, senders: Iterable[int]) -> None:
        """Until each of these senders has sent voice or music: packets that are not of one value."""
        wanted = tuple(senders)
        await self.until(lambda: all(self.streams[sender].sounding for sender in wanted) or None)

    def lost(self, senders: Iterable[int]) -> int:
        """Packets of these senders that never came."""
        return sum(self.streams[sender].lost for sender in senders)


@asynccontextmanager
async def rtp_meter(host: str = HOST) -> AsyncIterator[RtpMeter]:
    """A meter with room for what comes while the test is busy."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    with suppress(OSError):  # beyond the system's limit, where we may
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER_BYTES)
    sock.bind((host, 0))
    sock.setblocking(False)
    transport, meter = await asyncio.get_running_loop().create_datagram_endpoint(RtpMeter, sock=sock)
    try:
        yield meter
    finally:
        meter.hush()
        transport.close()
