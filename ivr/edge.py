"""The edge of a node: what the configuration says of it, and its life beside the pool."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import structlog

from ivr.config import Config, Trunk
from ivr.errors import CannotStart
from ivr.peers import Trunks, own_address_towards
from ivr.tasks import Tasks
from media.edge.accounts import Registrations, tell_moved, tell_phones, tell_trunks
from media.edge.addresses import LOOPBACK, LoopbackPorts, own_addresses
from media.edge.counts import FullCalls
from media.edge.edge import Edge
from media.edge.model import (
    CONTACT_PREFIX,
    EdgeListen,
    EdgePhone,
    EdgeRegistration,
    EdgeSettings,
    EdgeTrunk,
    TcpListen,
)
from media.edge.rpc import Rpc
from media.edge.workers import EdgeWorkers
from media.errors import EdgeError
from media.messages import Registration
from media.probe import max_legs

KEY_FILE = "contact.key"

log = structlog.get_logger()


def edge_settings(
    config: Config, addresses: Mapping[str, str], *, legs: int, secret: bytes, ports: LoopbackPorts
) -> EdgeSettings:
    """The edge that a configuration asks for; `ports` are to be held while it runs.

    `addresses` are the trunks', "IP:port"; `legs` is what one worker holds. Raises CannotStart when that is
    too few for a customer."""
    sip = config.sip
    places = legs // sip.legs_per_customer
    if places == 0:
        raise CannotStart(f"sip.legs_per_customer is {sip.legs_per_customer}; a worker holds {legs} legs")
    workers = -(-sip.capacity // places)
    listens = _listens(config, "udp")
    outer = _listens(config, "tcp")
    settings = EdgeSettings(
        folder=Path(),
        listens=listens,
        worker_first=ports.for_workers(workers, range(sip.rtp_ports.first, sip.rtp_ports.last + 1)),
        workers=workers,
        tcp=tuple(
            TcpListen(host=listen.host, port=listen.port, inner_port=inner)
            for listen, inner in zip(outer, ports.tcp(len(outer)), strict=True)
        ),
        public_host=sip.public_address,
        local_networks=tuple(str(network) for network in sip.local_networks if network.version == 4),
        accept_any=sip.accept_from == "any",
        phones=edge_phones(config),
        user_agent=sip.user_agent,
        retry_after_s=sip.retry_after_s,
    )
    trunks = tuple(
        _trunk(name, trunk, addresses[name], settings, secret) for name, trunk in config.trunks.items()
    )
    return replace(settings, trunks=trunks)


def edge_phones(config: Config) -> tuple[EdgePhone, ...]:
    """The accounts that agents' softphones register with."""
    return tuple(
        EdgePhone(user=agent.phone.user, password=agent.phone.password.get_secret_value())
        for agent in config.agents.values()
        if agent.phone is not None
    )


def _listens(config: Config, transport: str) -> tuple[EdgeListen, ...]:
    """One address each: 0.0.0.0 would be written into messages."""
    found: dict[EdgeListen, None] = {}
    for listen in config.sip.listen:
        if listen.transport != transport:
            continue
        hosts = own_addresses() if listen.host == "0.0.0.0" else (listen.host,)
        for host in hosts:
            found[EdgeListen(host=host, port=listen.port)] = None
    return tuple(found)


def _trunk(name: str, trunk: Trunk, address: str, settings: EdgeSettings, secret: bytes) -> EdgeTrunk:
    return EdgeTrunk(
        name=quote(name, safe=""),
        host=address.rsplit(":", 1)[0],
        networks=tuple(str(net) for net in trunk.sources if net.version == 4),
        trusted=trunk.trusted,
        user=trunk.user or "",
        password=trunk.password.get_secret_value() if trunk.password else "",
        registration=_registration(name, trunk, address, settings, secret) if trunk.register_ else None,
        full_code=trunk.full_code,
    )


def _registration(
    name: str, trunk: Trunk, address: str, settings: EdgeSettings, secret: bytes
) -> EdgeRegistration:
    token = hmac.new(secret, name.encode(), hashlib.sha256).hexdigest()[:24]
    socket, contact = _way(address, settings)
    return EdgeRegistration(
        host=trunk.destination.host,
        address=address,
        contact=f"{CONTACT_PREFIX}{token}",
        socket=socket,
        contact_address=contact,
    )


def _way(address: str, settings: EdgeSettings) -> tuple[str, str]:
    """Which of our sockets leads to an address, and what we are called there."""
    own = own_address_towards(address)
    listen = next((listen for listen in settings.listens if listen.host == own), settings.listens[0])
    near = settings.public_host is None or settings.is_local(address.rsplit(":", 1)[0])
    return f"udp:{listen}", str(listen) if near else f"{settings.public_host}:{listen.port}"


def moved_trunk(trunk: EdgeTrunk, address: str, settings: EdgeSettings) -> EdgeTrunk:
    """The same trunk at another address, "IP:port"."""
    registration = trunk.registration
    if registration is not None:
        socket, contact = _way(address, settings)
        registration = replace(registration, address=address, socket=socket, contact_address=contact)
    return replace(trunk, host=address.rsplit(":", 1)[0], registration=registration)


def contact_secret(folder: Path) -> bytes:
    """What the user parts of our Contacts are made from: the same for all starts, known to nobody else."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / KEY_FILE
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(secrets.token_bytes(32))
    return file.read_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEdge:
    """The edge as the rest of a node needs it."""

    settings: EdgeSettings
    edge: Edge
    workers: EdgeWorkers
    trunks: dict[str, EdgeTrunk]
    """As they are now, by the name that the edge knows them by."""

    def side_for(self, address: str) -> str:
        """The side that a peer at "IP:port" sees."""
        return self.settings.side_towards(own_address_towards(address), address.rsplit(":", 1)[0])

    async def redefine_phones(self, config: Config) -> None:
        """Other accounts from now on. Raises EdgeError."""
        await tell_phones(self.edge.rpc, edge_phones(config))

    async def trunk_moved(self, name: str, address: str) -> None:
        """A trunk is somewhere else now, "IP:port". Raises EdgeError; a new edge is told all the same."""
        key = quote(name, safe="")
        trunk = self.trunks[key] = moved_trunk(self.trunks[key], address, self.settings)
        await tell_moved(self.edge.rpc, trunk)


class TrunkMoves:
    """Tells whoever knows trunks by their addresses that one has another."""

    def __init__(self, trunks: Trunks, edge: NodeEdge | None) -> None:
        self._trunks = trunks
        self._edge = edge

    async def moved(self, name: str, address: str) -> None:
        """A trunk is somewhere else now, "IP:port"."""
        self._trunks.moved(name, address)
        if self._edge is not None:
            try:
                await self._edge.trunk_moved(name, address)
            except EdgeError as exc:  # it is being started again, and is told all then
                log.warning("edge.not_told", error=str(exc))


@asynccontextmanager
async def open_edge(
    config: Config,
    settings: EdgeSettings,
    report: Callable[[Registration], None],
    phones: Callable[[], tuple[EdgePhone, ...]],
    on_refused: Callable[[str], None],
    on_full: Callable[[int], None],
) -> AsyncIterator[NodeEdge]:
    """A running edge inside the block; `phones` are asked for each time that it starts, `on_refused` is told
    why a source was turned away, `on_full` how many more calls no worker was free for. Raises EdgeError."""
    workers = EdgeWorkers(config.sip.legs_per_customer)
    trunks = {trunk.name: trunk for trunk in settings.trunks}
    registrations = Registrations(settings.trunks, report)

    async def on_started(rpc: Rpc) -> None:
        await workers.tell_all(rpc)
        await tell_phones(rpc, phones())
        await tell_trunks(rpc, list(trunks.values()))

    edge = Edge(
        settings,
        on_started=on_started,
        on_registrar=registrations.heard,
        on_refused=on_refused,
        trunks=trunks.values,
        kept=config.node.data_dir / "edge",
    )
    async with edge, Tasks() as tasks:
        tasks.create_task(workers.run(lambda: edge.rpc), name="edge workers")
        tasks.create_task(registrations.run(lambda: edge.rpc), name="edge registrations")
        tasks.create_task(FullCalls(on_full).run(lambda: edge.rpc), name="edge counts")
        yield NodeEdge(settings=settings, edge=edge, workers=workers, trunks=trunks)


async def legs_of_a_worker() -> int:
    """How many legs this build of the SIP library holds. Raises WorkerStartError."""
    return await max_legs(LOOPBACK)
