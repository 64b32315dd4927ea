"""The composition: the only place that constructs the node, in the order in which its parts need each other.

What starts last stops first. A node that cannot serve does not start: everything that a call needs is read,
checked and running before the SIP port answers.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import structlog

from ivr.acd.service import AcdService
from ivr.api.app import create_api
from ivr.api.auth import Sessions
from ivr.api.errors import AddressInUse
from ivr.api.server import ApiServer
from ivr.api.stream import EventHub
from ivr.api.tokens import operator_token
from ivr.clock import Clock, SystemClock
from ivr.config import Config
from ivr.connectors import comment_rules, http_client, log_in, make_connectors
from ivr.definitions import FAREWELL, Definitions, load_definitions
from ivr.desktop.child import desktop_child
from ivr.edge import (
    NodeEdge,
    TrunkMoves,
    contact_secret,
    edge_phones,
    edge_settings,
    legs_of_a_worker,
    open_edge,
)
from ivr.ending import Ending
from ivr.errors import CannotStart
from ivr.flow.prompts import PromptCatalogue
from ivr.listening import PortWait, pool_settings
from ivr.node import Node, NodeIdentity
from ivr.outbox import OutboxSender
from ivr.peers import Trunks, Unresolvable, own_address_towards
from ivr.reception import Reception
from ivr.reload import agent_definitions, queue_definitions
from ivr.reports import Reports
from ivr.services import Services
from ivr.store.errors import StoreUnavailable
from ivr.store.store import Store
from ivr.tasks import Tasks
from ivr.telemetry.metrics import Metrics
from ivr.trunk_addresses import TrunkAddresses
from ivr.trunks import TrunkStates, resolve_trunks
from media.edge.addresses import LoopbackPorts
from media.errors import EdgeError, WorkerStartError
from media.pool import Pool
from media.process import StartError
from media.speech.client import ProcessEngine
from media.speech.speech import Speech

END_LIMIT_S = 10.0
RECOVER_RETRY_S = 5.0
PORT_WAIT_S = 15.0
"""How long to wait for a SIP port that a former node's worker still holds while it says goodbye."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The parts of a running node that its keeper needs."""

    node: Node
    reception: Reception
    pool: Pool
    edge: NodeEdge | None
    api: ApiServer
    desktop_url: str | None
    sip: str


@asynccontextmanager
async def start(
    config: Config, *, desktop: bool, clock: Clock | None = None, port_wait_s: float = PORT_WAIT_S
) -> AsyncIterator[Started]:
    """A running node inside the block. Raises CannotStart; leaving it ends all at once."""
    clock = clock or SystemClock()
    if config.sip.edge == "none":
        _refuse_public_addresses(config)
    async with AsyncExitStack() as stack:
        try:
            started = await _compose(config, clock, stack, desktop=desktop, port_wait_s=port_wait_s)
        except (StartError, WorkerStartError, EdgeError, AddressInUse, Unresolvable, OSError) as exc:
            raise CannotStart(str(exc)) from exc
        yield started


async def end_calls(reception: Reception, why: Ending) -> None:
    """End every call and every wrap-up, so that records close and held comments go to the next start."""
    await reception.hang_up_all(why)
    await reception.wait_closed(END_LIMIT_S)


async def _compose(
    config: Config, clock: Clock, stack: AsyncExitStack, *, desktop: bool, port_wait_s: float
) -> Started:
    """The whole, from what a call needs to the pages. What is opened is on `stack`."""
    hub, reports = EventHub(clock), Reports()
    definitions = await _definitions(config)
    addresses = await resolve_trunks(config.trunks, clock)
    services, speech = await _open_services(config, clock, stack, definitions, addresses, reports)
    states = TrunkStates(config.trunks, reports.trunk)
    node = Node(_identity(config, clock), services, hub, states)
    tasks = await stack.enter_async_context(Tasks())
    reception = Reception(services, tasks)
    reports.bind(node, reception)
    opened = PortWait(stack, clock, port_wait_s)
    # Before the workers, whose last words go through it.
    ports = stack.enter_context(LoopbackPorts())
    edge = await _open_edge(config, addresses, states, reception, opened, ports)
    pool = await _open_pool(services, addresses, states, reception, edge, opened)
    node.runs(reception, pool)
    places = TrunkAddresses(config.trunks, dict(addresses), TrunkMoves(services.trunks, edge).moved)
    tasks.create_task(places.run(states.failing), name="trunk addresses")
    stack.push_async_callback(end_calls, reception, Ending.SHUTDOWN)
    _begin_tasks(tasks, services, speech, reports)
    api = await _open_api(config, clock, stack, node, hub)
    return Started(
        node=node,
        reception=reception,
        pool=pool,
        edge=edge,
        api=api,
        desktop_url=await _open_desktop(config, api.url, stack) if desktop else None,
        sip=f"{config.sip.listen[0].host}:{config.sip.listen[0].port}",
    )


async def _definitions(config: Config) -> Definitions:
    definitions = await asyncio.to_thread(load_definitions, config)
    for finding in definitions.warnings:
        log.warning("flow.warning", finding=str(finding))
    return definitions


async def _open_services(
    config: Config,
    clock: Clock,
    stack: AsyncExitStack,
    definitions: Definitions,
    addresses: dict[str, str],
    reports: Reports,
) -> tuple[Services, Speech]:
    """What calls share: database, voice, Salesforce, queues. The voice is given apart, for its warming up."""
    metrics = Metrics()
    rate = 16000 if config.sip.wideband else 8000
    store = await _open_store(config, clock, stack)
    cache = config.node.data_dir / "speech"
    speech = await stack.enter_async_context(Speech(engine=ProcessEngine(), cache_dir=cache, rate=rate))
    http = await stack.enter_async_context(http_client())
    acd = AcdService(queue_definitions(config), agent_definitions(config), clock, reports.acd)
    services = Services(
        config=config,
        clock=clock,
        acd=await stack.enter_async_context(acd),
        store=store,
        speech=speech,
        sounds=definitions.sounds,
        rate=rate,
        prompts=definitions.prompts,
        flows=definitions.flows,
        connectors=make_connectors(config, http, clock, metrics.requested),
        trunks=Trunks(config.trunks, addresses),
        metrics=metrics,
        on_call_change=reports.call,
        on_screen_pop=reports.screen_pop,
    )
    return services, speech


async def _open_store(config: Config, clock: Clock, stack: AsyncExitStack) -> Store:
    boot_id = secrets.token_hex(8)
    url = config.store.url.get_secret_value() if config.store.url else config.node.data_dir / "ivr.db"
    return await stack.enter_async_context(Store.open(url, config.node.data_dir, clock, boot_id))


async def _open_edge(
    config: Config,
    addresses: dict[str, str],
    states: TrunkStates,
    reception: Reception,
    opened: PortWait,
    ports: LoopbackPorts,
) -> NodeEdge | None:
    if config.sip.edge == "none":
        return None
    settings = edge_settings(
        config,
        addresses,
        legs=await legs_of_a_worker(),
        secret=await asyncio.to_thread(contact_secret, config.node.data_dir / "edge"),
        ports=ports,
    )
    return await opened.when_the_port_is_free(
        lambda: open_edge(
            config,
            settings,
            states.report,
            lambda: edge_phones(reception.services.config),
            reception.services.metrics.turned_away,
            lambda calls: reception.services.metrics.refused("capacity", calls),
        )
    )


async def _open_pool(
    services: Services,
    addresses: dict[str, str],
    states: TrunkStates,
    reception: Reception,
    edge: NodeEdge | None,
    opened: PortWait,
) -> Pool:
    farewell = str(services.sounds.get(FAREWELL).paths[services.rate])
    settings = pool_settings(services.config, addresses, farewell, edge)
    return await opened.when_the_port_is_free(
        lambda: Pool(
            settings,
            on_call=reception.on_call,
            on_registration=states.report,
            on_restart=lambda slot, reason: services.metrics.worker_restarted(),
            now=services.clock.monotonic,
            on_slot=edge.workers.changed if edge else lambda _: None,
            on_refused=services.metrics.refused,
            continues=reception.continues,
        )
    )


def _begin_tasks(tasks: Tasks, services: Services, speech: Speech, reports: Reports) -> None:
    """What goes on beside the calls for as long as the node runs, or until it is done."""
    config, store, connectors = services.config, services.store, services.connectors
    names = {key: agent.name for key, agent in config.agents.items()}
    sender = OutboxSender(store, connectors, names, services.clock, reports.delivered)
    tasks.create_task(_recover(store, config, services.clock), name="recover")
    tasks.create_task(sender.run(), name="outbox")
    tasks.create_task(_warm(speech, services.prompts), name="warm")
    tasks.create_task(log_in(connectors), name="log in")


async def _open_api(
    config: Config, clock: Clock, stack: AsyncExitStack, node: Node, hub: EventHub
) -> ApiServer:
    token = await asyncio.to_thread(operator_token, config.node.data_dir)
    app = create_api(node, Sessions(clock), hub, token)
    api = await stack.enter_async_context(ApiServer(app, config.http.listen.host, config.http.listen.port))
    stack.callback(hub.close)
    return api


async def _open_desktop(config: Config, api_url: str, stack: AsyncExitStack) -> str:
    listen = config.desktop.listen
    return await stack.enter_async_context(desktop_child(api_url, listen.host, listen.port))


def _identity(config: Config, clock: Clock) -> NodeIdentity:
    return NodeIdentity(
        name=config.node.name,
        version=version("salesforce-ivr"),
        started_at=clock.now(),
        listens=tuple(str(listen) for listen in config.sip.listen),
    )


async def _recover(store: Store, config: Config, clock: Clock) -> None:
    """Close what a former boot left open; again and again while the database refuses."""
    while True:
        try:
            recovered = await store.recover(clock.now(), comment_rules(config))
        except StoreUnavailable as exc:
            log.warning("store.not_recovered", error=str(exc))
            await asyncio.sleep(RECOVER_RETRY_S)
            continue
        if recovered.calls:
            log.warning("store.recovered", calls=recovered.calls, comments=recovered.comments)
        return


def _refuse_public_addresses(config: Config) -> None:
    """The library that answers here can be crashed by one packet: no worker on a public address."""
    for listen in config.sip.listen:
        host = own_address_towards("192.0.2.1:5060") if listen.host == "0.0.0.0" else listen.host
        if ipaddress.ip_address(host).is_global:
            raise CannotStart(
                f"sip.listen {listen} would answer on the public address {host}: direct mode (sip.edge: none)"
                " is for a laptop or a trusted network; listen on a private address"
            )


async def _warm(speech: Speech, prompts: PromptCatalogue) -> None:
    """Speak the prompts that are always the same before somebody waits for them."""
    fixed = [key for key in prompts.prompts if not prompts.places(key)]
    faults = await speech.warm([(prompts.text(key, {}), prompts.language) for key in fixed])
    for fault in faults:
        log.warning("speech.cannot_say", error=str(fault))
