"""The node under test: a configuration of its own, a simulated Salesforce, `ivr serve` as a child."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ivr.api.client import ApiClient
from ivr.api.models import AgentStatus
from ivr.api.tokens import operator_token
from ivr.config import hash_password
from ivr.load.callers import Caller, org_yaml
from ivr.load.errors import LoadBroken, LoadImpossible
from ivr.shipped import shipped_config
from media.process import Child, ChildSpec, CrashReport, StartError, Streams, python_child

NODE_HOST, CALLER_HOST, AGENT_HOST = "127.0.0.1", "127.0.0.2", "127.0.0.3"
"""Three addresses of the loopback: callers are a trunk of the node, agents are not."""
PROGRAMS_BESIDE = "/usr/sbin:/usr/local/sbin:/sbin"
PASSWORD = "load"  # noqa: S105 - of a node that lives on the loopback for minutes
START_BASE_S, START_WORKER_S = 60.0, 0.5
RTP_FIRST, RTP_PORTS_CUSTOMER = 12_000, 16
CUSTOMERS_WORKER = 2
MOST_CUSTOMERS = 1_000
WORKER_RATE = 5.0
RELEASE_S = 2.0
"""How long a place may stay taken after a call, on a busy machine."""

_CONFIG = """\
node: {{name: load, data_dir: data, drain_s: 0}}
sip:
  edge: kamailio
  listen: ["udp:{host}:{sip}"]
  rtp_ports: {rtp_first}-{rtp_last}
  capacity: {capacity}
{more}trunks:
  load: {{uri: "sip:{caller_host}", trusted: true}}
entry_points:
  Support: {{numbers: ["{user}"], flow: {flow}, answer: {answer}}}
queues:
  Support: {{teams: [Load], ring_s: 20, wrap_up_s: 0}}
teams:
  Load: {{agents: [{names}]}}
agents:
{agents}
connectors:
  Salesforce:
    type: salesforce
    login_url: "{salesforce}"
    client_id: load
    client_secret: load
http: {{listen: "{host}:0"}}
desktop: {{listen: "{host}:0"}}
flows_dir: {flows}
prompts_dir: {prompts}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """A node to test. `capacity`: customers at once; `agent_port`: where all agents' telephones are.

    `sip_more`: further lines of the `sip` section, such as a benchmark wants to try.
    """

    folder: Path
    capacity: int
    callers: tuple[Caller, ...]
    agents: int = 0
    agent_port: int = 5060
    user: str = "support"
    flow: str = "salesforce_ani_lookup"
    answer: str = "at_once"
    sip_more: Mapping[str, str | int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeUnderTest:
    """A running node. `pid` is the control process, the root of all that is counted; the simulator at
    `salesforce_url` is not, and takes faults and delays while the node runs."""

    pid: int
    sip: str
    api_url: str
    operator: ApiClient
    salesforce_url: str
    salesforce_pid: int | None
    log: Path


def agent_ids(count: int) -> tuple[str, ...]:
    """The keys of the agents."""
    return tuple(f"agent{number}" for number in range(1, count + 1))


def free_port(kind: socket.SocketKind, host: str = NODE_HOST) -> int:
    """A port that was free a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def require_kamailio() -> None:
    """Raises LoadImpossible with the remedy."""
    places = os.pathsep.join((os.environ.get("PATH", ""), PROGRAMS_BESIDE))
    if shutil.which("kamailio", path=places) is None:
        raise LoadImpossible("Kamailio is not installed: apt-get install kamailio")


def capacity_for(at_once: int, rate: float) -> int:
    """Customers at once for which a node is set up: some room, since a place is free only when the library
    gives it back, and enough workers for the rate, each of which takes five calls a second at most."""
    for_rate = math.ceil(rate / WORKER_RATE) * CUSTOMERS_WORKER
    room = max(2, at_once // 20, math.ceil(rate * RELEASE_S))
    return max(at_once + room, for_rate)


def config_text(spec: NodeSpec, *, sip: int, salesforce: str, password_hash: str) -> str:
    """The node's configuration. Pure."""
    shipped = shipped_config().absolute()
    names = agent_ids(max(1, spec.agents))
    return _CONFIG.format(
        host=NODE_HOST,
        sip=sip,
        rtp_first=RTP_FIRST,
        rtp_last=RTP_FIRST + RTP_PORTS_CUSTOMER * (spec.capacity + 1) - 1,
        capacity=spec.capacity,
        more="".join(f"  {key}: {value}\n" for key, value in (spec.sip_more or {}).items()),
        caller_host=CALLER_HOST,
        user=spec.user,
        flow=spec.flow,
        answer=spec.answer,
        names=", ".join(names),
        agents="\n".join(_agent(name, spec.agent_port, password_hash) for name in names),
        salesforce=salesforce,
        flows=shipped / "flows",
        prompts=shipped / "prompts",
    )


@asynccontextmanager
async def node_under_test(spec: NodeSpec) -> AsyncIterator[NodeUnderTest]:
    """A node, its Salesforce beside it; both are ended with the block. Raises LoadError."""
    require_kamailio()
    if spec.capacity > MOST_CUSTOMERS:
        raise LoadImpossible(f"{spec.capacity} customers at once: at most {MOST_CUSTOMERS} on one machine")
    await asyncio.to_thread(spec.folder.mkdir, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        try:
            salesforce = await stack.enter_async_context(simulator(spec))
            child, ready, log = await stack.enter_async_context(_node(spec, salesforce.url))
        except StartError as exc:
            raise LoadBroken(str(exc)) from exc
        token = await asyncio.to_thread(operator_token, spec.folder / "data")
        operator = await stack.enter_async_context(ApiClient(ready["api"], token))
        assert child.pid is not None
        yield NodeUnderTest(
            pid=child.pid,
            sip=ready["sip"],
            api_url=ready["api"],
            operator=operator,
            salesforce_url=salesforce.url,
            salesforce_pid=salesforce.pid,
            log=log,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """The simulated Salesforce of a run; its cost is not the node's."""

    url: str
    pid: int | None


@asynccontextmanager
async def simulator(spec: NodeSpec) -> AsyncIterator[Simulator]:
    """A Salesforce that knows all callers of the run, in a process of its own."""
    data = spec.folder / "salesforce.yaml"
    await asyncio.to_thread(data.write_text, org_yaml(spec.callers), "utf-8")
    argv = ("salesforce", "simulator", "--port", "0", "--host", NODE_HOST, "--data", str(data))
    async with _program("salesforce", argv, spec.folder / "salesforce.log") as (child, ready):
        yield Simulator(url=ready["url"], pid=child.pid)


async def sign_in_all(node: NodeUnderTest, agents: int, stack: AsyncExitStack) -> None:
    """Every agent signed in and ready, until the stack is closed."""
    for name in agent_ids(agents):
        desk = await stack.enter_async_context(ApiClient(node.api_url))
        await desk.sign_in(name, PASSWORD)
        await desk.set_state(name, AgentStatus.READY)


@asynccontextmanager
async def _node(spec: NodeSpec, salesforce: str) -> AsyncIterator[tuple[Child, dict[str, str], Path]]:
    config, log = spec.folder / "ivr.yaml", spec.folder / "node.log"
    sip = free_port(socket.SOCK_DGRAM)
    secret = await asyncio.to_thread(hash_password, PASSWORD)
    text = config_text(spec, sip=sip, salesforce=salesforce, password_hash=secret)
    await asyncio.to_thread(config.write_text, text, "utf-8")
    argv = ("serve", "--config", str(config), "--until-stdin-closes")
    start_s = START_BASE_S + START_WORKER_S * spec.capacity / CUSTOMERS_WORKER
    async with _program("node", argv, log, start_s=start_s) as (child, ready):
        yield child, ready, log


@asynccontextmanager
async def _program(
    name: str, arguments: tuple[str, ...], log: Path, *, start_s: float = START_BASE_S
) -> AsyncIterator[tuple[Child, dict[str, str]]]:
    """A command of ours as a child that says `ready key=value ...`; its output goes to a file."""
    argv, env = python_child("ivr.cli.entry")
    said: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
    with log.open("w", encoding="utf-8") as file:

        def on_line(line: str) -> None:
            file.write(line + "\n")
            if line.startswith("ready ") and not said.done():
                said.set_result(dict(word.split("=", 1) for word in line.split()[1:]))

        async def ready(_: Streams) -> None:
            await said

        def on_crash(report: CrashReport) -> None:
            file.write(f"{report.name}: {report.reason}\n")

        spec = ChildSpec(
            name=name,
            argv=(*argv, *arguments),
            env=env,
            ready=ready,
            ready_timeout_s=start_s,
            on_line=on_line,
            on_crash=on_crash,
        )
        async with Child(spec) as child:
            yield child, said.result()


def _agent(name: str, port: int, password_hash: str) -> str:
    endpoint, secret = f"sip:{name}@{AGENT_HOST}:{port}", f'{{password_hash: "{password_hash}"}}'
    return f'  {name}: {{name: {name}, endpoint: "{endpoint}", sign_in: {secret}}}'
