"""Addresses of the peers that we call and that call us: names resolved, trunks recognised."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from ivr.config.model import PHONES_HOST, Config, Trunk
from media.edge.addresses import LOOPBACK, own_addresses
from media.sip.headers import Destination, Headers, header_values, parse_destination

RESOLVE_TIMEOUT_S = 2.0
SIP_PORT = 5060
EVERYWHERE = "0.0.0.0"


class Unresolvable(Exception):
    """The peer's name has no address now; the text names it."""


async def address_of(uri: str) -> str:
    """Where to send a request for `uri`, as "IP:port". Raises Unresolvable."""
    destination = parse_destination(uri)
    if destination is None:
        raise Unresolvable(f"not a SIP address: {uri}")
    return f"{await resolve(destination.host)}:{destination.port or SIP_PORT}"


async def agent_address(endpoint: str, config: Config) -> str:
    """Where to send a call for an agent, as "IP:port"; where phones have registered from, the edge knows."""
    destination = parse_destination(endpoint)
    if destination is None or destination.host != PHONES_HOST:
        return await address_of(endpoint)
    listen = config.sip.listen[0]
    host = LOOPBACK if listen.host == EVERYWHERE else listen.host
    return f"{host}:{listen.port}"


async def resolve(host: str) -> str:
    """The host's first IPv4 address; an address stays as it is. Raises Unresolvable."""
    return (await resolve_all(host))[0]


async def resolve_all(host: str) -> tuple[str, ...]:
    """The host's IPv4 addresses, at least one; an address stays as it is. Raises Unresolvable."""
    try:
        return (str(ipaddress.IPv4Address(host)),)
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except (OSError, TimeoutError, UnicodeError) as exc:
        raise Unresolvable(f"no address for {host}: {exc or 'time-out'}") from exc
    return tuple(str(entry[4][0]) for entry in found)


def own_address_towards(address: str) -> str:
    """Our own address on the way to a peer ("IP:port"), for From; loopback when there is no way."""
    host = address.rsplit(":", 1)[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, SIP_PORT))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def from_host(address: str, config: Config) -> str:
    """What we call ourselves in From towards a peer at "IP:port"."""
    sip, peer = config.sip, ipaddress.ip_address(address.rsplit(":", 1)[0])
    listens = [listen.host for listen in sip.listen]
    if sip.edge != "none" and peer.is_loopback and EVERYWHERE in listens:
        # A phone that registers at the edge, wherever it is.
        return str(sip.public_address or own_addresses()[0])
    if sip.public_address is not None and not _is_near(config, peer):
        return str(sip.public_address)
    own = own_address_towards(address)
    return own if EVERYWHERE in listens or own in listens else listens[0]


def destination_of(uri: str) -> Destination | None:
    """The host and port of a SIP URI."""
    return parse_destination(uri)


class Trunks:
    """Which trunk an INVITE came from, by the addresses that the trunks resolved to."""

    def __init__(self, trunks: Mapping[str, Trunk], addresses: Mapping[str, str]) -> None:
        self._trunks = trunks
        self._networks = {
            name: tuple(_networks(trunk, addresses.get(name))) for name, trunk in trunks.items()
        }

    def moved(self, name: str, address: str) -> None:
        """A trunk has another address, "IP:port"."""
        self._networks[name] = tuple(_networks(self._trunks[name], address))

    def of(self, source: str) -> str | None:
        """The trunk that has this source ("IP:port"), or None."""
        try:
            address = ipaddress.ip_address(source.rsplit(":", 1)[0])
        except ValueError:
            return None
        for name, networks in self._networks.items():
            if any(address in network for network in networks):
                return name
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an INVITE comes from: the peer's "IP:port" and, when it is one, the trunk."""

    source: str
    trunk: str | None
    allowed: bool


def origin_of(config: Config, trunks: Trunks, source: str, headers: Headers) -> Origin:
    """Who has sent it. Behind an edge the edge says so, and has let him in: the sender is the edge itself.
    Without one, headers of a peer's own say nothing."""
    if config.sip.edge == "none":
        trunk = trunks.of(source)
        return Origin(source=source, trunk=trunk, allowed=allowed(config, trunk, source))
    named = unquote(next(iter(header_values(headers, "X-IVR-Trunk")), ""))
    peer = next(iter(header_values(headers, "X-IVR-Source")), source)
    return Origin(source=peer, trunk=named if named in config.trunks else None, allowed=True)


def allowed(config: Config, trunk: str | None, source: str) -> bool:
    """Whether `accept_from` lets this source call: trunks, and private networks (loopback included)."""
    if trunk is not None or config.sip.accept_from == "any":
        return True
    try:
        address = ipaddress.ip_address(source.rsplit(":", 1)[0])
    except ValueError:
        return False
    return _is_near(config, address)


def _is_near(config: Config, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    local = [ipaddress.ip_network(str(network)) for network in config.sip.local_networks]
    return address.is_loopback or any(address in network for network in local)


def _networks(trunk: Trunk, address: str | None) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    texts = [str(source) for source in trunk.sources]
    if address is not None:
        texts.append(address.rsplit(":", 1)[0])
    return [ipaddress.ip_network(text, strict=False) for text in texts]
