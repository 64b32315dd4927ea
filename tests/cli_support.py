"""For tests of the command line: a configuration, a fake node and a simulated org that answer beside them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Generic, TypeVar

import pytest
import structlog
from typer.testing import CliRunner, Result

from ivr.api.testing import RunningFake, fake_node
from ivr.cli.app import create_app
from ivr.salesforce.simulator.app import create_app as create_org
from ivr.salesforce.simulator.data import load_org
from ivr.salesforce.simulator.faults import Faults
from ivr.salesforce.testing import DEMO_DATA, serving
from ivr.telemetry.logs import configure_logs

ROOT = Path(__file__).resolve().parent.parent
TOKEN_VARIABLE = "IVR_OPERATOR_TOKEN"
DEADLINE_S = 20.0
HASH = "scrypt$16384$8$1$c2FsdHNhbHRzYWx0c2FsdA==$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
T = TypeVar("T")


class Beside(Generic[T]):
    """Something asynchronous that runs in a thread of its own while a command does."""

    def __init__(self, entered: AbstractAsyncContextManager[T]) -> None:
        self._entered = entered
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._hold()), name="beside")
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event
        self.value: T

    async def _hold(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with self._entered as self.value:
            self._ready.set()
            await self._over.wait()

    def __enter__(self) -> Beside[T]:
        self._thread.start()
        assert self._ready.wait(DEADLINE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(DEADLINE_S)

    def do(self, work: Coroutine[None, None, object]) -> None:
        """Do something there, and wait until it is done."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE_S)


@pytest.fixture
def quiet_logs() -> Iterator[None]:
    """Logs of what runs beside a command would stand in its output; what the command set up is undone."""
    configure_logs("console", "CRITICAL")
    yield
    structlog.reset_defaults()


@contextmanager
def node_beside() -> Iterator[Beside[RunningFake]]:
    """A fake node that answers on a port of its own."""
    with Beside(fake_node()) as beside:
        yield beside


@asynccontextmanager
async def simulated_org() -> AsyncIterator[tuple[str, Faults]]:
    """The demo's org on a port of its own: its URL, and the faults to add to."""
    org, faults = load_org(DEMO_DATA), Faults()
    async with serving(create_org(org, faults)) as url:
        yield url, faults


@contextmanager
def org_beside() -> Iterator[str]:
    """The demo's org; gives its URL."""
    with Beside(simulated_org()) as beside:
        yield beside.value[0]


def run_ivr(*args: str, env: dict[str, str] | None = None) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(create_app(), list(args), env={TOKEN_VARIABLE: None, **(env or {})})


def free_udp() -> str:
    """HOST:PORT with a UDP port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def write_config(
    folder: Path,
    *,
    http: str = "127.0.0.1:0",
    sip: str = "127.0.0.1:5060",
    music: str = "defaultmusic_on_hold.wav",
    login_url: str = "http://127.0.0.1:9",
    secret: str = "demo-secret-not-for-production",
    trunks: str = "{}",
    more: str = "",
) -> Path:
    """A configuration around the shipped flow and prompts."""
    path = folder / "ivr.yaml"
    path.write_text(f"""\
node: {{name: test, data_dir: var}}
sip: {{listen: ["udp:{sip}"], rtp_ports: 21000-21999}}
trunks: {trunks}
entry_points:
  Support: {{numbers: ["+14155550100"], flow: salesforce_ani_lookup}}
queues:
  Support: {{teams: [Tier1], music: {music}}}
teams:
  Tier1: {{agents: [alice]}}
agents:
  alice: {{name: Alice Kim, endpoint: "sip:alice@127.0.0.1:5070", sign_in: {{password_hash: "{HASH}"}}}}
connectors:
  Salesforce:
    type: salesforce
    login_url: "{login_url}"
    client_id: 3MVG9demoIvrConnector.simulated
    client_secret: {secret}
http: {{listen: "{http}"}}
desktop: {{listen: "127.0.0.1:0"}}
flows_dir: {ROOT / "config/flows"}
prompts_dir: {ROOT / "config/prompts"}
{more}
""")
    return path
