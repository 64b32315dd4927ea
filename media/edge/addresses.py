"""This machine's IPv4 addresses, and free ports of the loopback."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from contextlib import ExitStack

from media.errors import EdgeError

_SIOCGIFADDR = 0x8915
_FIRST, _LAST = 7000, 9999
LOOPBACK = "127.0.0.1"


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


def free_tcp_ports(count: int) -> tuple[int, ...]:
    """Free TCP ports of the loopback, outside of what the system gives out by itself. Raises EdgeError."""
    found: list[int] = []
    for port in range(_LAST, _FIRST, -1):
        if len(found) == count:
            break
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        found.append(port)
    if len(found) < count:
        raise EdgeError(f"no {count} free TCP ports between {_FIRST} and {_LAST}")
    return tuple(found)


def free_worker_ports(count: int, avoid: range) -> int:
    """The first of `count` free UDP ports of the loopback in a row, outside of `avoid`. Raises EdgeError."""
    first = _FIRST
    while first + count - 1 <= _LAST:
        if first <= avoid.stop and avoid.start <= first + count:
            first = avoid.stop + 1
            continue
        taken = _first_taken(first, count)
        if taken is None:
            return first
        first = taken + 1
    raise EdgeError(f"no {count} free UDP ports in a row between {_FIRST} and {_LAST} for the workers")


def _first_taken(first: int, count: int) -> int | None:
    with ExitStack() as stack:
        for port in range(first, first + count):
            probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                return port
    return None
