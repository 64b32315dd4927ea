"""A pool of workers behind a real Kamailio, without the rest of a node, and who talks to it."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from media.edge.accounts import Registrations, tell_phones, tell_trunks
from media.edge.edge import MORE_PLACES, Edge
from media.edge.model import EdgeListen, EdgeSettings, sides
from media.edge.rpc import Rpc
from media.edge.workers import EdgeWorkers
from media.errors import EdgeError
from media.leg import Leg
from media.messages import Incoming, Registration
from media.pool import Booking, Pool, PoolSettings, Slot
from tests.phones import HOST, LIMIT_S, Heard, Line, Waiting, free_port, free_rtp, within

needs_kamailio = pytest.mark.skipif(
    shutil.which("kamailio", path=MORE_PLACES) is None, reason="kamailio is not installed"
)


@dataclass(slots=True)
class EdgeNode(Waiting):
    """A pool behind an edge, with what it has reported."""

    edge: Edge
    pool: Pool
    workers: EdgeWorkers
    port: int
    host: str
    lines: asyncio.Queue[Line]
    restarts: list[tuple[int, str]] = field(default_factory=list)
    registrations: list[Registration] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> str:
        """Where the edge listens."""
        return f"{self.host}:{self.port}"

    async def rung(self) -> Line:
        """The next call that a worker was given."""
        return await within(self.lines.get())

    async def listed(self) -> dict[str, tuple[str, int]]:
        """Kamailio's list of workers: flags and load by duid."""
        try:
            reply = await self.edge.rpc.call("dispatcher.list")
        except EdgeError:
            return {}
        targets = [target["DEST"] for target in reply["RECORDS"][0]["SET"]["TARGETS"]]
        return {dest["ATTRS"]["DUID"]: (dest["FLAGS"], dest["RUNTIME"]["DLGLOAD"]) for dest in targets}

    async def all_listed(self) -> None:
        """Until every worker is on the list."""
        await self.until_edge(lambda: self._all_listed())

    async def _all_listed(self) -> bool:
        pids = {f"w{s.number}-{s.process.pid}" for s in self.pool.slots if s.process is not None}
        return set(await self.listed()) == pids and len(pids) == len(self.pool.slots)

    async def until_edge(self, reached: Callable[[], Awaitable[bool]]) -> None:
        """Until something is so in Kamailio, which tells nobody."""
        async with asyncio.timeout(LIMIT_S):
            while not await reached():  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.02)

    def no_call(self) -> bool:
        """Whether no call has come that was not taken by `rung`."""
        return self.lines.empty()


def worker_ports(count: int) -> int:
    """The first of so many free ports in a row."""
    while True:
        first = free_port(7_000, 9_900 - count)
        try:
            for port in range(first, first + count):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind((HOST, port))
        except OSError:
            continue
        return first


@asynccontextmanager
async def edge_node(
    folder: Path, *, workers: int = 2, capacity: int = 4, pool: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[EdgeNode]:
    """Workers and their edge on free ports; `changes` to `EdgeSettings`, `pool` to `PoolSettings`."""
    loop = asyncio.get_running_loop()
    host = changes.pop("host", HOST)
    port, first, rtp = changes.pop("port", 0) or free_port(), worker_ports(workers), free_rtp()
    settings = EdgeSettings(
        folder=folder,
        listens=(EdgeListen(host=host, port=port),),
        worker_first=first,
        workers=workers,
    )
    settings = replace(settings, **changes)
    told = EdgeWorkers(legs_per_customer=(pool or {}).get("legs_per_customer", 2))
    lines: asyncio.Queue[Line] = asyncio.Queue(256)
    made: list[EdgeNode] = []

    def on_call(leg: Leg, event: Incoming, booking: Booking) -> None:
        leg.ended.add_done_callback(lambda _: booking.release())
        lines.put_nowait(Line(leg=leg, heard=Heard(leg), incoming=event, booking=booking))

    def on_restart(slot: int, reason: str) -> None:
        made[0].restarts.append((slot, reason))
        made[0].tell()

    def on_slot(slot: Slot) -> None:
        told.changed(slot)
        made[0].tell()

    def on_registration(event: Registration) -> None:
        made[0].registrations.append(event)
        made[0].tell()

    registrations = Registrations(settings.trunks, on_registration)

    async def on_started(rpc: Rpc) -> None:
        await told.tell_all(rpc)
        await tell_phones(rpc, settings.phones)
        await tell_trunks(rpc, settings.trunks)

    pool_settings = PoolSettings(
        listen_host=HOST,
        listen_port=first,
        rtp_first=rtp,
        rtp_last=rtp + 40 * workers - 1,
        capacity=capacity,
        workers=workers,
        sides=sides(settings),
        side_for=lambda address: settings.side_towards(host, address.rsplit(":", 1)[0]),
    )
    pool_settings = replace(pool_settings, **(pool or {}))
    running = Pool(
        pool_settings,
        on_call=on_call,
        on_registration=lambda _: None,
        on_restart=on_restart,
        now=loop.time,
        on_slot=on_slot,
    )
    edge = Edge(settings, on_started=on_started, on_registrar=registrations.heard, kept=folder / "kept")
    node = EdgeNode(edge, running, told, port, host, lines)
    made.append(node)
    # The workers' last words go through the edge: it leaves after them.
    async with edge:
        telling = [
            asyncio.create_task(told.run(lambda: edge.rpc)),
            asyncio.create_task(registrations.run(lambda: edge.rpc)),
        ]
        try:
            async with running:
                await node.all_listed()
                yield node
        finally:
            for task in telling:
                task.cancel()
            await asyncio.gather(*telling, return_exceptions=True)
