"""Everything around the scripted people: ports, the simulated Salesforce, the node as a child process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ivr.demo.options import DemoOptions
from ivr.peers import Unresolvable, address_of, own_address_towards
from ivr.salesforce.simulator.server import serve as serve_simulator
from ivr.shipped import demo_org, shipped_config
from ivr.waiting import any_of
from media.process import Child, ChildSpec, Streams, python_child

EVERYWHERE, LOOPBACK = "0.0.0.0", "127.0.0.1"
SIP, API, DESKTOP, SALESFORCE = 5060, 8080, 8081, 8082
RTP_SPAN = 100
START_TIMEOUT_S = 60.0


class DemoError(Exception):
    """The demo cannot run here; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where everything listens."""

    sip: int
    api: int
    desktop: int
    salesforce: int
    caller: int
    agent: int
    rtp: int
    caller_rtp: int
    agent_rtp: int


def choose_ports(*, fixed: bool) -> Ports:
    """The well-known ports where people are to find them, else free ones, so that nothing gets in the way."""
    taken: set[int] = set()

    def free(kind: socket.SocketKind) -> int:
        while True:
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            if port not in taken:
                taken.add(port)
                return port

    rtp = 10000 if fixed else _free_rtp_base()
    return Ports(
        sip=SIP if fixed else free(socket.SOCK_DGRAM),
        api=API if fixed else free(socket.SOCK_STREAM),
        desktop=DESKTOP if fixed else free(socket.SOCK_STREAM),
        salesforce=SALESFORCE if fixed else free(socket.SOCK_STREAM),
        caller=free(socket.SOCK_DGRAM),
        agent=free(socket.SOCK_DGRAM),
        rtp=rtp,
        caller_rtp=rtp + RTP_SPAN,
        agent_rtp=rtp + RTP_SPAN + 40,
    )


def _free_rtp_base() -> int:
    """An even port below the ephemeral range; the library steps over ports that are taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return 12000 + 200 * (int(probe.getsockname()[1]) % 90)


async def sip_host_of(options: DemoOptions) -> str:
    """Where the node listens for SIP: an agent's own telephone has to reach it. Raises DemoError."""
    if options.lan:
        return EVERYWHERE
    if options.agent is None:
        return LOOPBACK
    try:
        address = await address_of(options.agent)
    except Unresolvable as exc:
        raise DemoError(f"--agent {options.agent}: {exc}") from exc
    return own_address_towards(address)


@asynccontextmanager
async def salesforce(port: int) -> AsyncIterator[str]:
    """The simulated Salesforce; yields its base URL."""
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve_simulator("127.0.0.1", port, demo_org(), listening.set_result), name="salesforce simulator"
    )
    try:
        await any_of(task, listening)
        if task.done():
            task.result()
        yield await listening
    except OSError as exc:
        raise DemoError(f"the simulated Salesforce cannot listen on port {port}: {exc}") from exc
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await task


@asynccontextmanager
async def node(
    options: DemoOptions, ports: Ports, sip_host: str, salesforce_url: str, data: Path, log: TextIO
) -> AsyncIterator[Child]:
    """The node, started as an operator would; its log goes to a file."""
    argv, env = python_child("ivr.cli.entry")
    config = shipped_config() / "demo" / "ivr.yaml"
    env |= {
        "DEMO_DATA": str(data),
        "DEMO_SIP_HOST": sip_host,
        "DEMO_SIP_PORT": str(ports.sip),
        "DEMO_RTP_PORTS": f"{ports.rtp}-{ports.rtp + RTP_SPAN - 1}",
        "DEMO_AGENT": options.agent or f"sip:sam@127.0.0.1:{ports.agent}",
        "DEMO_SALESFORCE": salesforce_url,
        "DEMO_API_PORT": str(ports.api),
        "DEMO_DESKTOP_HOST": EVERYWHERE if options.lan else LOOPBACK,
        "DEMO_DESKTOP_PORT": str(ports.desktop),
    }
    listening = asyncio.Event()

    def on_line(line: str) -> None:
        log.write(line + "\n")
        log.flush()
        if line.startswith("ready "):
            listening.set()

    async def ready(_: Streams) -> None:
        await listening.wait()
        listening.clear()

    spec = ChildSpec(
        name="node",
        argv=(*argv, "serve", "--config", str(config), "--until-stdin-closes"),
        env=env,
        ready=ready,
        ready_timeout_s=START_TIMEOUT_S,
        on_line=on_line,
    )
    async with Child(spec) as child:
        yield child
