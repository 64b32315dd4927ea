"""What the edge is told: where it listens, who its peers are, where the workers are."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from media.messages import Side

REALM = "ivr"
"""Of the phones' digest."""
CONTACT_PREFIX = "ivrc"
"""How the user part of every Contact that we register begins."""
FULL_REASONS = {
    480: "Temporarily Unavailable",
    486: "Busy Here",
    500: "Server Internal Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
}
"""What a full node may say, with its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeListen:
    """One UDP address of the edge, never 0.0.0.0: it is written into messages."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpListen:
    """A TCP address for trunks, which is a UDP address of the edge as well. Behind the gate Kamailio has
    `inner_port` of the loopback for it."""

    host: str
    port: int
    inner_port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeRegistration:
    """A registration that the edge keeps up. `address` is where it goes, host:port, an IP literal."""

    host: str
    address: str
    contact: str
    socket: str
    """Where it is sent from, as udp:HOST:PORT."""
    contact_address: str
    """What the registrar is to send calls to, host:port."""
    expires_s: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTrunk:
    """A carrier or PBX: known by its address `host`, by the networks that it calls from, or by the contact
    that it was told.

    `name` is how X-IVR-Trunk names it: letters, digits, `-._~%`. `user` and `password` answer challenges."""

    name: str
    networks: tuple[str, ...]
    trusted: bool = False
    user: str = ""
    password: str = ""
    registration: EdgeRegistration | None = None
    host: str = ""
    """Where it is now, an IP literal; the only thing that may change while the edge runs."""
    full_code: int = 503
    """What a call is refused with when nobody can take it: one of FULL_REASONS."""

    @property
    def token(self) -> str:
        """The user part of its Contact; empty when it does not register."""
        return self.registration.contact if self.registration else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgePhone:
    """An account that a softphone registers with."""

    user: str
    password: str

    @property
    def ha1(self) -> str:
        """RFC 2617 3.2.2.2: what a registrar may keep instead of the password."""
        text = f"{self.user}:{REALM}:{self.password}"
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """An edge. Rates are messages a second; workers have ports `worker_first` and following on 127.0.0.1."""

    folder: Path
    listens: tuple[EdgeListen, ...]
    worker_first: int
    workers: int
    tcp: tuple[TcpListen, ...] = ()
    public_host: str | None = None
    local_networks: tuple[str, ...] = ()
    accept_any: bool = False
    trunks: tuple[EdgeTrunk, ...] = ()
    phones: tuple[EdgePhone, ...] = ()
    user_agent: str = "salesforce-ivr"
    retry_after_s: int = 10
    worker_rate: int = 5
    source_rate: int = 10
    trunk_rate: int = 100
    registration_retry_s: int = 15

    def is_local(self, host: str) -> bool:
        """Whether an address is this machine's or in a local network."""
        address = ipaddress.ip_address(host)
        networks = (ipaddress.ip_network(network) for network in self.local_networks)
        return address.is_loopback or any(address in network for network in networks)

    def side_towards(self, own: str, peer: str) -> str:
        """The name of the side that a peer sees, given our own address on the way to it."""
        listen = next((listen for listen in self.listens if listen.host == own), self.listens[0])
        public = self.public_host is not None and not self.is_local(peer)
        return f"public-{listen}" if public else str(listen)


def sides(settings: EdgeSettings) -> tuple[Side, ...]:
    """How workers present themselves, by the edge's address and by whether the peer is near."""
    return tuple(_sides(settings))


def _sides(settings: EdgeSettings) -> Iterable[Side]:
    for listen in settings.listens:
        place = str(listen)
        yield Side(name=place, proxy=place, contact=place, media_bind=listen.host, media_host=listen.host)
        if settings.public_host is not None:
            yield Side(
                name=f"public-{place}",
                proxy=place,
                contact=f"{settings.public_host}:{listen.port}",
                media_bind=listen.host,
                media_host=settings.public_host,
            )
