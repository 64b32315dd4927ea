"""Another host for tests: a network namespace behind a pair of virtual interfaces, and sockets in it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.raw_sip import RawCall, RawPeer

CLONE_NEWNET = 0x40000000


def _works() -> bool:
    """Whether namespaces can be made here: `ip` of iproute2, and the right to."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        return False
    name = f"ivrtry{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False, timeout=10)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False, timeout=10)
    return made.returncode == 0


needs_netns = pytest.mark.skipif(not _works(), reason="no network namespaces here (iproute2 and root)")


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace with its address, and ours on the way to it."""

    name: str
    host: str
    ours: str

    def socket(self) -> socket.socket:
        """A UDP socket in it, on a port of the system's choice."""
        libc = ctypes.CDLL(None, use_errno=True)
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            try:
                sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sock.bind((self.host, 0))
            finally:
                libc.setns(here, CLONE_NEWNET)
        finally:
            os.close(here)
            os.close(there)
        sock.setblocking(False)
        return sock


@contextmanager
def namespace(host: str, ours: str) -> Iterator[Place]:
    """A namespace that has `host`; `ours` is what it reaches us by. Gone afterwards."""
    name = f"ivr{os.getpid()}"
    outer, inner = f"iv{os.getpid()}a", f"iv{os.getpid()}b"

    def ip(*words: str, inside: bool = False) -> None:
        command = ["ip", *(("-n", name) if inside else ()), *words]
        subprocess.run(command, check=True, capture_output=True, timeout=10)

    ip("netns", "add", name)
    try:
        ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name)
        ip("address", "add", f"{ours}/24", "dev", outer)
        ip("link", "set", outer, "up")
        ip("address", "add", f"{host}/24", "dev", inner, inside=True)
        ip("link", "set", inner, "up", inside=True)
        ip("link", "set", "lo", "up", inside=True)
        yield Place(name, host, ours)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True, timeout=10)
        subprocess.run(["ip", "link", "del", outer], check=False, capture_output=True, timeout=10)
        assert not Path(f"/run/netns/{name}").exists()


class FarPeer(RawPeer):
    """A raw peer in a namespace; `wire` keeps what it was sent as it came."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host
        self.wire: list[str] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.strip():
            self.wire.append(data.decode("utf-8", "surrogateescape"))
        super().datagram_received(data, addr)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


@asynccontextmanager
async def far_peer(place: Place) -> AsyncIterator[FarPeer]:
    """A peer in a namespace."""
    loop = asyncio.get_running_loop()
    sock = place.socket()
    _, peer = await loop.create_datagram_endpoint(lambda: FarPeer(place.host), sock=sock)
    try:
        yield peer
    finally:
        peer.close()


@dataclass(slots=True)
class FarCall(RawCall):
    """A dialog of a far peer towards `host`, which follows Contact and Record-Route as it should."""

    host: str = ""
    contact: str = ""
    routes: list[str] = field(default_factory=list)

    @property
    def target(self) -> tuple[str, int]:
        return self.host, self.port

    def request(self, method: str, *extra: str, **options: object) -> str:
        routes = [f"Route: {route}" for route in self.routes]
        text = RawCall.request(self, method, *routes, *extra, **options)  # type: ignore[arg-type]  # as it is
        text = text.replace(f"127.0.0.1:{self.port}", f"{self.host}:{self.port}")
        text = text.replace("IP4 127.0.0.1", f"IP4 {self.host}").replace("Content-Length", "l", 1)
        head, _, body = text.partition("\r\n\r\n")
        head = "\r\n".join(line for line in head.split("\r\n") if not line.startswith("l:"))
        if self.contact:
            _, _, rest = head.partition("\r\n")
            head = f"{method} {self.contact} SIP/2.0\r\n{rest}"
        return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}"

    def follow(self, contact: str, routes: list[str]) -> None:
        """Where the further requests of the dialog go."""
        self.contact = contact.split("<")[-1].split(">")[0]
        self.routes = routes
