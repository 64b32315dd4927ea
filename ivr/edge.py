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

from ivr.config import Config, Trunk
from ivr.errors import CannotStart
from ivr.peers import own_address_towards
from ivr.tasks import Tasks
from media.edge.accounts import Registrations, tell_phones, tell_trunks
from media.edge.addresses import LOOPBACK, free_worker_ports, own_addresses
from media.edge.edge import Edge
from media.edge.model import (
    CONTACT_PREFIX,
    EdgeListen,
    EdgePhone,
    EdgeRegistration,
    EdgeSettings,
    EdgeTrunk,
)
from media.edge.rpc import Rpc
from media.edge.workers import EdgeWorkers
from media.messages import Registration
from media.probe import max_legs

KEY_FILE = "contact.key"


def edge_settings(
    config: Config, addresses: Mapping[str, str], *, legs: int, secret: bytes, reserved_ports: range
) -> EdgeSettings:
    """The edge that a configuration asks for. `addresses` are the trunks', "IP:port"; `legs` is what one
    worker holds. Raises CannotStart when one worker cannot take a customer."""
    sip = config.sip
    places = legs // sip.legs_per_customer
    if places == 0:
        raise CannotStart(f"sip.legs_per_customer is {sip.legs_per_customer}; a worker holds {legs} legs")
    workers = -(-sip.capacity // places)
    listens = _listens(config)
    settings = EdgeSettings(
        folder=Path(),
        listens=listens,
        worker_first=free_worker_ports(workers, reserved_ports),
        workers=workers,
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


def _listens(config: Config) -> tuple[EdgeListen, ...]:
    """One address each: 0.0.0.0 would be written into messages."""
    found: dict[EdgeListen, None] = {}
    for listen in config.sip.listen:
        hosts = own_addresses() if listen.host == "0.0.0.0" else (listen.host,)
        for host in hosts:
            found[EdgeListen(host=host, port=listen.port)] = None
    return tuple(found)


def _trunk(name: str, trunk: Trunk, address: str, settings: EdgeSettings, secret: bytes) -> EdgeTrunk:
    host = address.rsplit(":", 1)[0]
    known = {f"{host}/32": None} | {str(net): None for net in trunk.sources if net.version == 4}
    return EdgeTrunk(
        name=quote(name, safe=""),
        networks=tuple(known),
        trusted=trunk.trusted,
        user=trunk.user or "",
        password=trunk.password.get_secret_value() if trunk.password else "",
        registration=_registration(name, trunk, address, settings, secret) if trunk.register_ else None,
    )


def _registration(
    name: str, trunk: Trunk, address: str, settings: EdgeSettings, secret: bytes
) -> EdgeRegistration:
    own = own_address_towards(address)
    listen = next((listen for listen in settings.listens if listen.host == own), settings.listens[0])
    near = settings.public_host is None or settings.is_local(address.rsplit(":", 1)[0])
    token = hmac.new(secret, name.encode(), hashlib.sha256).hexdigest()[:24]
    return EdgeRegistration(
        host=trunk.destination.host,
        address=address,
        contact=f"{CONTACT_PREFIX}{token}",
        socket=f"udp:{listen}",
        contact_address=str(listen) if near else f"{settings.public_host}:{listen.port}",
    )


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

    def side_for(self, address: str) -> str:
        """The side that a peer at "IP:port" sees."""
        return self.settings.side_towards(own_address_towards(address), address.rsplit(":", 1)[0])

    async def redefine_phones(self, config: Config) -> None:
        """Other accounts from now on. Raises EdgeError."""
        await tell_phones(self.edge.rpc, edge_phones(config))


@asynccontextmanager
async def open_edge(
    config: Config,
    settings: EdgeSettings,
    report: Callable[[Registration], None],
    phones: Callable[[], tuple[EdgePhone, ...]],
) -> AsyncIterator[NodeEdge]:
    """A running edge inside the block; `phones` are asked for each time that it starts. Raises EdgeError."""
    workers = EdgeWorkers(config.sip.legs_per_customer)
    registrations = Registrations(settings.trunks, report)

    async def on_started(rpc: Rpc) -> None:
        await workers.tell_all(rpc)
        await tell_phones(rpc, phones())
        await tell_trunks(rpc, settings.trunks)

    edge = Edge(
        settings,
        on_started=on_started,
        on_registrar=registrations.heard,
        kept=config.node.data_dir / "edge",
    )
    async with edge, Tasks() as tasks:
        tasks.create_task(workers.run(lambda: edge.rpc), name="edge workers")
        tasks.create_task(registrations.run(lambda: edge.rpc), name="edge registrations")
        yield NodeEdge(settings=settings, edge=edge, workers=workers)


async def legs_of_a_worker() -> int:
    """How many legs this build of the SIP library holds. Raises WorkerStartError."""
    return await max_legs(LOOPBACK)
