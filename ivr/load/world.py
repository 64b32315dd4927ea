"""Everything a run needs, started in order: RTP peer, node, agents' telephones, agents ready."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from ivr.load.callers import Caller
from ivr.load.errors import LoadBroken
from ivr.load.node import (
    AGENT_HOST,
    CALLER_HOST,
    NodeSpec,
    NodeUnderTest,
    capacity_for,
    free_port,
    node_under_test,
    sign_in_all,
)
from ivr.load.options import LoadOptions, Phases
from ivr.load.peer import PeerStreams, RtpPeerClient, rtp_peer
from ivr.load.sipp import Sipp, SippSpec, sipp
from ivr.peers import own_address_towards

RING_MS = 500
ANSWER_MS = 10_000
GRACE_S = 60.0
SPARE_AGENT_STREAMS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What runs. `agents` and `node` are None where there are none of our own."""

    peer: RtpPeerClient
    caller_host: str
    target: str
    caller_streams: PeerStreams
    agent_streams: PeerStreams
    node: NodeUnderTest | None
    agents: Sipp | None

    @property
    def beside(self) -> dict[str, int]:
        """The tools' processes by name."""
        found = {"RTP peer": self.peer.pid, "SIPp agents": self.agents.pid if self.agents else None}
        found["Salesforce simulator"] = self.node.salesforce_pid if self.node else None
        return {name: pid for name, pid in found.items() if pid is not None}


@asynccontextmanager
async def world(
    options: LoadOptions, phases: Phases, callers: tuple[Caller, ...], folder: Path
) -> AsyncIterator[World]:
    """All that a run needs; it is ended with the block."""
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(rtp_peer())
        host = CALLER_HOST if options.target is None else own_address_towards(options.target)
        caller_streams = await peer.open(host, options.calls, sends=options.rtp)
        count = options.calls + options.agents + SPARE_AGENT_STREAMS if options.agents else 0
        agent_streams = await peer.open(AGENT_HOST, count, sends=True)
        node, agents = None, None
        if options.target is None:
            port = free_port(socket.SOCK_DGRAM, AGENT_HOST)
            node = await stack.enter_async_context(
                node_under_test(_node(options, phases, callers, folder, port))
            )
            if options.salesforce_delay_s:
                await slow_down(node.salesforce_url, options.salesforce_delay_s)
            if options.agents:
                spec = _agents(options, phases, agent_streams, folder, port)
                agents = await stack.enter_async_context(sipp(spec))
                await sign_in_all(node, options.agents, stack)
        yield World(
            peer=peer,
            caller_host=host,
            target=node.sip if node else str(options.target),
            caller_streams=caller_streams,
            agent_streams=agent_streams,
            node=node,
            agents=agents,
        )


async def slow_down(salesforce_url: str, delay_s: float) -> None:
    """Let each request to the simulator's API take longer. Raises LoadBroken."""
    fault = {"kind": "slow", "seconds": delay_s, "times": None, "path": "/services/data"}
    try:
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.post(f"{salesforce_url}/simulator/faults", json=fault)).raise_for_status()
    except httpx.HTTPError as exc:
        raise LoadBroken(f"the simulated Salesforce cannot be slowed down: {exc}") from exc


def caller_spec(
    options: LoadOptions, phases: Phases, callers: tuple[Caller, ...], around: World, folder: Path
) -> SippSpec:
    """The callers' SIPp."""
    return SippSpec(
        name="caller",
        folder=folder,
        host=around.caller_host,
        port=free_port(socket.SOCK_DGRAM, around.caller_host),
        values={
            "user": options.user,
            "answer_ms": str(ANSWER_MS),
            "hold_ms": str(round(options.hold_s * 1000)),
        },
        lines=[(c.number, str(port)) for c, port in zip(callers, around.caller_streams.ports, strict=True)],
        timeout_s=phases.over_s + GRACE_S,
        target=around.target,
        calls=options.calls,
        rate=options.rate,
    )


def _node(
    options: LoadOptions, phases: Phases, callers: tuple[Caller, ...], folder: Path, agent_port: int
) -> NodeSpec:
    return NodeSpec(
        folder=folder,
        capacity=capacity_for(phases.at_once, options.rate),
        callers=callers,
        agents=options.agents,
        agent_port=agent_port,
        user=options.user,
    )


def _agents(options: LoadOptions, phases: Phases, streams: PeerStreams, folder: Path, port: int) -> SippSpec:
    return SippSpec(
        name="agent",
        folder=folder,
        host=AGENT_HOST,
        port=port,
        values={"ring_ms": str(RING_MS), "talk_ms": str(round(options.talk_s * 1000))},
        lines=[(str(port),) for port in streams.ports],
        timeout_s=phases.over_s + 2 * GRACE_S,
    )
