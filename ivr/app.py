"""The composition: the only place that constructs the node, in the order in which its parts need each other.

What starts last stops first. A node that cannot serve does not start: everything that a call needs is read,
checked and running before the SIP port answers.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

import structlog

from ivr.acd.changes import Change
from ivr.acd.service import AcdService
from ivr.api.app import create_api
from ivr.api.auth import Sessions
from ivr.api.errors import AddressInUse
from ivr.api.server import ApiServer
from ivr.api.stream import EventHub
from ivr.api.tokens import operator_token
from ivr.call import Call
from ivr.clock import Clock, SystemClock
from ivr.config import Config
from ivr.connectors import comment_rules, http_client, log_in, make_connectors
from ivr.definitions import FAREWELL, load_definitions
from ivr.edge import (
    NodeEdge,
    contact_secret,
    edge_phones,
    edge_settings,
    legs_of_a_worker,
    open_edge,
)
from ivr.ending import Ending
from ivr.errors import CannotStart
from ivr.listening import PortWait, pool_settings
from ivr.node import Node, NodeIdentity
from ivr.outbox import OutboxSender
from ivr.peers import Trunks, Unresolvable, own_address_towards
from ivr.reception import Reception
from ivr.reload import agent_definitions, queue_definitions, reread, with_former
from ivr.services import Services
from ivr.store.errors import StoreUnavailable
from ivr.store.store import Store
from ivr.store.values import CallRecord
from ivr.tasks import Tasks
from ivr.telemetry.metrics import Metrics
from ivr.trunks import TrunkStates, resolve_trunks
from ivr.waiting import any_of
from media.errors import EdgeError, WorkerStartError
from media.pool import Pool
from media.process import Child, ChildSpec, StartError, Streams, python_child
from media.speech.client import ProcessEngine
from media.speech.speech import Speech

END_LIMIT_S = 10.0
RECOVER_RETRY_S = 5.0
PORT_WAIT_S = 15.0
"""How long to wait for a SIP port that a former node's worker still holds while it says goodbye."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A node that takes calls, for whoever started it."""

    api_url: str
    desktop_url: str | None
    sip: str
    stop: Callable[[], None]


async def serve(
    config: Config,
    *,
    on_ready: Callable[[Running], None],
    desktop: bool = True,
    read: Callable[[], Config] | None = None,
) -> None:
    """Run a node until SIGTERM or SIGINT, then drain; a second signal ends it at once. Raises CannotStart.
    At SIGHUP the definitions are read again with `read`."""
    stopping, signalled, hurry = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        # A supervisor may close our standard input as well: only a second signal means hurry.
        (hurry if signalled.is_set() else signalled).set()
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        async with start(config, desktop=desktop) as started:
            on_ready(
                Running(
                    api_url=started.api.url,
                    desktop_url=started.desktop_url,
                    sip=started.sip,
                    stop=stopping.set,
                )
            )
            log.info("node.ready", sip=started.sip, api=started.api.url, desktop=started.desktop_url)
            async with Tasks() as tasks:
                if read is not None:
                    tasks.create_task(_reload_at_sighup(started, read), name="reload")
                await stopping.wait()
            log.info("node.draining", calls=started.reception.active)
            await drain(started, hurry, config.node.drain_s)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


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


async def _reload_at_sighup(started: Started, read: Callable[[], Config]) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    try:
        while True:
            await asked.wait()
            asked.clear()
            await reload(started, read)
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


async def reload(started: Started, read: Callable[[], Config]) -> bool:
    """Take the definitions as they are now; False when they do not check and the old ones stay."""
    before = started.reception.services
    services = await reread(read, before)
    if services is None:
        return False
    services.acd.redefine(queue_definitions(services.config), agent_definitions(services.config))
    started.reception.adopt(with_former(services, before))
    started.node.adopt(services)
    if started.edge is not None:
        try:
            await started.edge.redefine_phones(services.config)
        except EdgeError as exc:  # it is being started again, and asks for the phones itself
            log.warning("edge.not_told", error=str(exc))
    log.info("definitions.reloaded")
    return True


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
            definitions = await asyncio.to_thread(load_definitions, config)
            for finding in definitions.warnings:
                log.warning("flow.warning", finding=str(finding))
            metrics = Metrics()
            hub = EventHub(clock)
            store = await _open_store(config, clock, stack)
            rate = 16000 if config.sip.wideband else 8000
            cache = config.node.data_dir / "speech"
            speech = await stack.enter_async_context(
                Speech(engine=ProcessEngine(), cache_dir=cache, rate=rate)
            )
            http = await stack.enter_async_context(http_client())
            connectors = make_connectors(config, http, clock, metrics.requested)
            addresses = await resolve_trunks(config.trunks, clock)
            changes = _Changes()
            acd = await stack.enter_async_context(_acd(config, clock, changes.acd))
            services = Services(
                config=config,
                clock=clock,
                acd=acd,
                store=store,
                speech=speech,
                sounds=definitions.sounds,
                rate=rate,
                prompts=definitions.prompts,
                flows=definitions.flows,
                connectors=connectors,
                trunks=Trunks(config.trunks, addresses),
                metrics=metrics,
                on_call_change=changes.call,
                on_screen_pop=changes.screen_pop,
            )
            states = TrunkStates(config.trunks, changes.trunk)
            node = Node(_identity(config, clock), services, hub, states)
            tasks = await stack.enter_async_context(Tasks())
            reception = Reception(services, tasks)
            changes.bind(node, reception)
            farewell = str(definitions.sounds.get(FAREWELL).paths[rate])
            opened = PortWait(stack, clock, port_wait_s)
            # Before the workers, whose last words go through it.
            edge = await _open_edge(config, addresses, states, reception, opened)
            pool = await opened.when_the_port_is_free(
                lambda: Pool(
                    pool_settings(config, addresses, farewell, edge),
                    on_call=reception.on_call,
                    on_registration=states.report,
                    on_restart=lambda slot, reason: metrics.worker_restarted(),
                    now=clock.monotonic,
                    on_slot=edge.workers.changed if edge else lambda _: None,
                )
            )
            node.runs(reception, pool)
            stack.push_async_callback(_end_calls, reception, Ending.SHUTDOWN)
            sender = OutboxSender(
                store, connectors, {k: a.name for k, a in config.agents.items()}, clock, changes.delivered
            )
            tasks.create_task(_recover(store, config, clock), name="recover")
            tasks.create_task(sender.run(), name="outbox")
            tasks.create_task(_warm(speech, definitions.prompts.language, services), name="warm")
            tasks.create_task(log_in(connectors), name="log in")
            token = await asyncio.to_thread(operator_token, config.node.data_dir)
            app = create_api(node, Sessions(clock), hub, token)
            listen = config.http.listen
            api = await stack.enter_async_context(ApiServer(app, listen.host, listen.port))
            stack.callback(hub.close)
            desktop_url = await _start_desktop(config, api.url, stack) if desktop else None
        except (StartError, WorkerStartError, EdgeError, AddressInUse, Unresolvable, OSError) as exc:
            raise CannotStart(str(exc)) from exc
        listen_sip = config.sip.listen[0]
        yield Started(
            node=node,
            reception=reception,
            pool=pool,
            edge=edge,
            api=api,
            desktop_url=desktop_url,
            sip=f"{listen_sip.host}:{listen_sip.port}",
        )


async def drain(started: Started, hurry: asyncio.Event, limit_s: float) -> None:
    """No new calls; those in progress finish with their wrap-up, up to a limit or until told to hurry."""
    started.pool.open = started.reception.open = False
    over = asyncio.create_task(started.reception.wait_empty(), name="calls end")
    hurried = asyncio.create_task(hurry.wait(), name="hurry")
    try:
        await any_of(over, hurried, timeout_s=limit_s)
    finally:
        over.cancel()
        hurried.cancel()
    await _end_calls(started.reception, Ending.SHUTDOWN)


async def _end_calls(reception: Reception, why: Ending) -> None:
    """End every call and every wrap-up, so that records close and held comments go to the next start."""
    await reception.hang_up_all(why)
    await reception.wait_closed(END_LIMIT_S)


class _Changes:
    """Hands what owners report to those who were constructed after them."""

    def __init__(self) -> None:
        self._node: Node | None = None
        self._reception: Reception | None = None

    def bind(self, node: Node, reception: Reception) -> None:
        self._node, self._reception = node, reception

    def call(self, call: Call) -> None:
        if self._node is not None:
            self._node.on_call_change(call)

    def screen_pop(self, call: Call) -> None:
        if self._node is not None:
            self._node.on_screen_pop(call)

    def acd(self, change: Change) -> None:
        if self._node is not None and self._reception is not None:
            self._reception.on_acd_change(change)
            self._node.on_acd_change(change)

    def trunk(self, name: str) -> None:
        if self._node is not None:
            self._node.on_trunk_change(name)

    def delivered(self, record: CallRecord, outcome: str, detail: str) -> None:
        if self._node is not None:
            self._node.on_delivery(record, outcome, detail)


def _identity(config: Config, clock: Clock) -> NodeIdentity:
    return NodeIdentity(
        name=config.node.name,
        version=version("salesforce-ivr"),
        started_at=clock.now(),
        listens=tuple(str(listen) for listen in config.sip.listen),
    )


async def _open_store(config: Config, clock: Clock, stack: AsyncExitStack) -> Store:
    boot_id = secrets.token_hex(8)
    url = config.store.url.get_secret_value() if config.store.url else config.node.data_dir / "ivr.db"
    return await stack.enter_async_context(Store.open(url, config.node.data_dir, clock, boot_id))


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


async def _open_edge(
    config: Config, addresses: dict[str, str], states: TrunkStates, reception: Reception, opened: PortWait
) -> NodeEdge | None:
    if config.sip.edge == "none":
        return None
    rtp = config.sip.rtp_ports
    settings = edge_settings(
        config,
        addresses,
        legs=await legs_of_a_worker(),
        secret=await asyncio.to_thread(contact_secret, config.node.data_dir / "edge"),
        reserved_ports=range(rtp.first, rtp.last + 1),
    )
    return await opened.when_the_port_is_free(
        lambda: open_edge(config, settings, states.report, lambda: edge_phones(reception.services.config))
    )


def _acd(config: Config, clock: Clock, on_change: Callable[[Change], None]) -> AcdService:
    return AcdService(queue_definitions(config), agent_definitions(config), clock, on_change)


def _refuse_public_addresses(config: Config) -> None:
    """The library that answers here can be crashed by one packet: no worker on a public address."""
    for listen in config.sip.listen:
        host = own_address_towards("192.0.2.1:5060") if listen.host == "0.0.0.0" else listen.host
        if ipaddress.ip_address(host).is_global:
            raise CannotStart(
                f"sip.listen {listen} would answer on the public address {host}: direct mode (sip.edge: none)"
                " is for a laptop or a trusted network; listen on a private address"
            )


async def _warm(speech: Speech, language: str, services: Services) -> None:
    """Speak the prompts that are always the same before somebody waits for them."""
    fixed = [key for key in services.prompts.prompts if not services.prompts.places(key)]
    faults = await speech.warm([(services.prompts.text(key, {}), language) for key in fixed])
    for fault in faults:
        log.warning("speech.cannot_say", error=str(fault))


async def _start_desktop(config: Config, api_url: str, stack: AsyncExitStack) -> str:
    listen = config.desktop.listen
    argv, env = python_child("ivr.desktop.process")
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_line(line: str) -> None:
        word, _, url = line.rpartition(" ")
        if word == "desktop ready" and not listening.done():
            listening.set_result(url)
        else:
            log.info("desktop.says", line=line)

    async def ready(_: Streams) -> None:
        await asyncio.shield(listening)

    spec = ChildSpec(
        name="desktop",
        argv=(*argv, api_url, listen.host, str(listen.port)),
        env=env,
        ready=ready,
        ready_timeout_s=30.0,
        on_line=on_line,
    )
    await stack.enter_async_context(Child(spec))
    return await listening
