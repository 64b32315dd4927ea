"""This machine's IPv4 addresses, and free ports of the loopback."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from contextlib import ExitStack
from typing import Self

from media.errors import EdgeError

_SIOCGIFADDR = 0x8915
_FIRST, _LAST = 7000, 9999
LOOPBACK = "127.0.0.1"
_TWIN = {socket.SOCK_DGRAM: socket.SOCK_STREAM, socket.SOCK_STREAM: socket.SOCK_DGRAM}


def own_addresses() -> tuple[str, ...]:
    """One address of each interface that has one; the loopback last."""
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                reply = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
            except OSError:
                continue  # it has none
            found.append(socket.inet_ntoa(reply[20:24]))
    return tuple(sorted(found, key=lambda text: ipaddress.ip_address(text).is_loopback))


class LoopbackPorts:
    """Ports of the loopback for a node's own parts, kept from other nodes: `with LoopbackPorts() as ports`.

    Between the choice of a port and the bind of the part that it is for, a node that starts at the same time
    would choose it as well. So whoever chooses a UDP port holds the TCP port of that number, and the other
    way round, from before he looks until his end. Ports are outside of what the system gives out by itself.
    """

    def __init__(self) -> None:
        self._held = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def tcp(self, count: int) -> tuple[int, ...]:
        """Free TCP ports. Raises EdgeError."""
        found: list[int] = []
        for port in range(_LAST, _FIRST, -1):
            if len(found) == count:
                break
            if self._take(range(port, port + 1), socket.SOCK_STREAM) is None:
                found.append(port)
        if len(found) < count:
            raise EdgeError(f"no {count} free TCP ports between {_FIRST} and {_LAST}")
        return tuple(found)

    def for_workers(self, count: int, avoid: range) -> int:
        """The first of `count` free UDP ports in a row, outside of `avoid`. Raises EdgeError."""
        first = _FIRST
        while first + count - 1 <= _LAST:
            if first <= avoid.stop and avoid.start <= first + count:
                first = avoid.stop + 1
                continue
            taken = self._take(range(first, first + count), socket.SOCK_DGRAM)
            if taken is None:
                return first
            first = taken + 1
        raise EdgeError(f"no {count} free UDP ports in a row between {_FIRST} and {_LAST} for the workers")

    def _take(self, ports: range, kind: socket.SocketKind) -> int | None:
        """Hold all of these ports, or none; returns the first that somebody else has."""
        with ExitStack() as holding:
            for port in ports:
                try:
                    holding.enter_context(_bound(port, _TWIN[kind]))
                    _bound(port, kind).close()
                except OSError:
                    return port
            self._held.push(holding.pop_all())
        return None


def _bound(port: int, kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(socket.AF_INET, kind)
    try:
        sock.bind((LOOPBACK, port))
    except OSError:
        sock.close()
        raise
    return sock
