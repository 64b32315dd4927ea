"""For tests of all who use Salesforce: a connector on the simulator, in memory or over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
from starlette.types import ASGIApp

from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.reply import RequestSeen
from ivr.salesforce.settings import SalesforceSettings
from ivr.salesforce.simulator.app import create_app
from ivr.salesforce.simulator.data import build_org, read_data
from ivr.salesforce.simulator.faults import Fault, FaultKind, Faults
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.schema import OBJECTS
from ivr.salesforce.simulator.server import serve_app

DEMO_DATA = Path(__file__).parents[2] / "config" / "demo" / "salesforce.yaml"
_START_S = 10.0


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now(self) -> datetime:
        """Wall time."""
        return datetime.fromtimestamp(1_763_000_000 + self.seconds, UTC)

    def monotonic(self) -> float:
        """Seconds."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.seconds += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedOrg:
    """A connector with the org behind it."""

    connector: SalesforceConnector
    settings: SalesforceSettings
    http: httpx.AsyncClient
    org: Org
    faults: Faults
    clock: ManualClock
    seen: list[RequestSeen] = field(default_factory=list)

    def fault(self, kind: FaultKind, *, times: int | None = 1, path: str = "/services/data") -> None:
        """Let the next requests to `path` go wrong."""
        self.faults.add(Fault(kind=kind, times=times, path=path))

    def outcomes(self, operation: str) -> list[str]:
        """How the HTTP requests of an operation went, in order."""
        return [seen.outcome for seen in self.seen if seen.operation == operation]

    async def expire_sessions(self) -> None:
        """End all sessions of the org."""
        (await self.http.post(f"{self.settings.login_url}/simulator/expire")).raise_for_status()

    def id_of(self, object_: str, name: str) -> str:
        """The id of the record with this Name (or Subject)."""
        for record in self.org.records(OBJECTS[object_.lower()]):
            if name in (record.get("Name"), record.get("Subject")):
                return str(record["Id"])
        raise LookupError(name)

    def comments(self, case_id: str) -> list[str]:
        """The comments that stand on a case."""
        rows = self.org.records(OBJECTS["casecomment"])
        return [str(row["CommentBody"]) for row in rows if row["ParentId"] == case_id]


@contextlib.asynccontextmanager
async def simulated(**changes: object) -> AsyncIterator[SimulatedOrg]:
    """A connector on the demo's org, in memory. `changes` are fields of `SalesforceSettings`.

    A cut connection needs a real one: `simulated_over_tcp`."""
    app, org, faults = _demo()
    async with _client(httpx.ASGITransport(app=app)) as http:
        yield _assembled(http, org, faults, "http://127.0.0.1", changes)


@contextlib.asynccontextmanager
async def simulated_over_tcp(**changes: object) -> AsyncIterator[SimulatedOrg]:
    """As `simulated`, over real sockets on 127.0.0.1."""
    app, org, faults = _demo()
    async with serving(app) as url, _client(httpx.AsyncHTTPTransport()) as http:
        yield _assembled(http, org, faults, url, changes)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """The app on a free port; gives its base URL."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = asyncio.create_task(serve_app(app, "127.0.0.1", 0, ready.set_result))
    try:
        async with asyncio.timeout(_START_S):
            url = await ready
        yield url
    finally:
        server.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await server


@functools.cache
def _demo_data() -> object:
    return read_data(DEMO_DATA)


def _demo() -> tuple[ASGIApp, Org, Faults]:
    org, faults = build_org(_demo_data(), lambda: datetime.now(UTC)), Faults()
    return create_app(org, faults), org, faults


def _client(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport, trust_env=False)


def _assembled(
    http: httpx.AsyncClient, org: Org, faults: Faults, url: str, changes: dict[str, object]
) -> SimulatedOrg:
    base = SalesforceSettings(
        name="Salesforce",
        login_url=url,
        client_id=org.identity.client_id,
        client_secret=org.identity.client_secret,
    )
    settings = replace(base, **changes)  # type: ignore[arg-type]  # the fields' own names and types
    clock, seen = ManualClock(), list[RequestSeen]()
    return SimulatedOrg(
        connector=SalesforceConnector(settings, http, clock, seen.append),
        settings=settings,
        http=http,
        org=org,
        faults=faults,
        clock=clock,
        seen=seen,
    )
