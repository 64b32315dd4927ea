"""A whole node in the test's process, with real SIP, a simulated Salesforce, telephones and a desktop."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ivr.api.client import ApiClient
from ivr.api.models import AgentStatus, AgentView, CallView, StreamEvent
from ivr.api.tokens import operator_token
from ivr.app import Started, start
from ivr.config import hash_password, load_config
from ivr.demo.people import Phone, phone, write_tone
from ivr.salesforce.simulator.app import create_app
from ivr.salesforce.simulator.data import build_org, read_data
from ivr.salesforce.simulator.faults import Fault, FaultKind, Faults
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.schema import OBJECTS
from ivr.salesforce.testing import DEMO_DATA, serving
from media.leg import Leg

LIMIT_S = 30.0
ALICE = "+14155550123"
"""Alice Morgan of Blue Harbor Logistics, customer priority High, an open case of priority High."""
UNKNOWN = "+12065550199"
ROOT = Path(__file__).parents[1]

CONFIG = """
node: {{name: test, data_dir: data, drain_s: 30}}
sip:
  listen: ["udp:127.0.0.1:{sip}"]
  rtp_ports: {rtp}-{rtp_last}
  capacity: 2
  {sip_more}
entry_points:
  Support: {{numbers: ["+14155550100", "support", "service"], flow: {flow}, answer: {answer}}}
queues:
  Support: {{teams: [Tier1], ring_s: {ring_s}, wrap_up_s: {wrap_up_s}}}
teams:
  Tier1: {{agents: [sam, jin]}}
agents:
  sam: {{name: Sam Park, endpoint: "sip:sam@127.0.0.1:{sam}", sign_in: {{password_hash: "{hash}"}}}}
  jin: {{name: Jin Lee, endpoint: "sip:jin@127.0.0.1:{jin}", sign_in: {{password_hash: "{hash}"}}}}
connectors:
  Salesforce:
    type: salesforce
    login_url: "{salesforce}"
    client_id: 3MVG9demoIvrConnector.simulated
    client_secret: demo-secret-not-for-production
    deadline_s: {deadline_s}
    write_back: {{abandoned: {abandoned}}}
http: {{listen: "127.0.0.1:0"}}
desktop: {{listen: "127.0.0.1:0"}}
flows_dir: {flows}
prompts_dir: {root}/config/prompts
{more}
"""


@functools.cache
def _hash() -> str:
    return hash_password("secret")


@functools.cache
def _data() -> object:
    return read_data(DEMO_DATA)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a scenario."""
    asyncio.run(work)


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port that was free a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rtp_base() -> int:
    """An even port below the ephemeral ones."""
    return 12000 + 2 * (free_port() % 8000)


@dataclass(slots=True)
class Salesforce:
    """The simulated org."""

    url: str
    org: Org
    faults: Faults

    def fault(
        self, kind: FaultKind, *, times: int | None = None, seconds: float = 1.0, path: str = "/services/data"
    ) -> None:
        """Let requests go wrong."""
        self.faults.add(Fault(kind=kind, times=times, seconds=seconds, path=path))

    def comments(self, call_id: str) -> list[str]:
        """The comments that name a call."""
        rows = self.org.records(OBJECTS["casecomment"])
        return [str(r["CommentBody"]) for r in rows if call_id in str(r["CommentBody"])]

    def opens_case(self, contact: str, subject: str) -> str:
        """A new open case of a contact; its id."""
        known = next(row for row in self.org.records(OBJECTS["contact"]) if row["Name"] == contact)
        owner = next(iter(self.org.records(OBJECTS["user"])))
        links = {"ContactId": known["Id"], "AccountId": known["AccountId"], "OwnerId": owner["Id"]}
        values = {"Subject": subject, "Priority": "High", "Status": "New", "Origin": "Phone"}
        return str(self.org.create(OBJECTS["case"], {**values, **links})["Id"])


@asynccontextmanager
async def simulated_salesforce() -> AsyncIterator[Salesforce]:
    """The demo's org on a port."""
    from datetime import UTC, datetime

    org, faults = build_org(_data(), lambda: datetime.now(UTC)), Faults()
    async with serving(create_app(org, faults)) as url:
        yield Salesforce(url, org, faults)


class Watch:
    """The operator's event stream, remembered."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self.events: list[StreamEvent] = []
        self._news = asyncio.Condition()

    async def run(self) -> None:
        async with aclosing(self._client.events()) as events:
            async for event in events:
                async with self._news:
                    self.events.append(event)
                    self._news.notify_all()

    async def until(self, wanted: Callable[[StreamEvent], bool]) -> StreamEvent:
        """The first event, past or to come, that is wanted."""
        async with asyncio.timeout(LIMIT_S), self._news:
            while True:
                found = next((event for event in self.events if wanted(event)), None)
                if found is not None:
                    return found
                await self._news.wait()

    async def stage(self, stage: str, call_id: str | None = None) -> str:
        """Until a call is in this stage; its id."""
        event = await self.until(
            lambda e: (
                e.type == "call" and _part(e, "call").get("stage") == stage and call_id in (None, e.call_id)
            )
        )
        return str(event.call_id)

    async def agent(self, agent: str, status: AgentStatus, reason: str | None = None) -> None:
        """Until an agent is in this status."""
        await self.until(
            lambda e: (
                e.type == "agent"
                and _part(e, "agent").get("id") == agent
                and _part(e, "agent").get("status") == status.value
                and reason in (None, _part(e, "agent").get("reason"))
            )
        )

    async def delivery(self, call_id: str, outcome: str) -> None:
        """Until a write for a call has come to this."""
        await self.until(
            lambda e: (
                e.type == "outbox" and e.call_id == call_id and (e.model_extra or {})["outcome"] == outcome
            )
        )

    async def deliveries(self, call_id: str, number: int) -> None:
        """Until so many writes for a call are delivered."""

        def delivered(event: StreamEvent) -> bool:
            told = (event.type, event.call_id, (event.model_extra or {}).get("outcome"))
            return told == ("outbox", call_id, "delivered")

        async with asyncio.timeout(LIMIT_S), self._news:
            await self._news.wait_for(lambda: sum(map(delivered, self.events)) >= number)

    async def ended(self, call_id: str) -> str:
        """Until a call has its ending; which one."""
        event = await self.until(
            lambda e: e.type == "call" and e.call_id == call_id and _part(e, "call").get("ending") is not None
        )
        return str(_part(event, "call")["ending"])


def _part(event: StreamEvent, key: str) -> dict[str, Any]:
    part = (event.model_extra or {}).get(key)
    return part if isinstance(part, dict) else {}


@dataclass(slots=True)
class Scene:
    """All that a scenario touches."""

    node: Started
    salesforce: Salesforce
    operator: ApiClient
    watch: Watch
    caller: Phone
    phones: dict[str, Phone]
    folder: Path
    config_path: Path
    sip: str
    tone: Path
    desks: dict[str, ApiClient] = field(default_factory=dict)

    async def dial(self, from_uri: str = f"<sip:{ALICE}@127.0.0.1>", to: str = "support") -> Leg:
        """A caller dials; returns when the INVITE is out."""
        return await self.caller.call(f"sip:{to}@{self.sip}", self.sip, from_uri)

    async def call(self, from_uri: str = f"<sip:{ALICE}@127.0.0.1>") -> tuple[Leg, str]:
        """A caller dials, is answered, and waits in the queue; leg and call id."""
        known = {e.call_id for e in self.watch.events}
        leg = await self.dial(from_uri)
        await soon(leg.answered)
        event = await self.watch.until(
            lambda e: (
                e.type == "call" and e.call_id not in known and _part(e, "call").get("stage") == "queued"
            )
        )
        return leg, str(event.call_id)

    async def ready(self, agent: str = "sam") -> ApiClient:
        """An agent signs in and is ready."""
        desk = self.desks[agent]
        await desk.sign_in(agent, "secret")
        await desk.set_state(agent, AgentStatus.READY)
        return desk

    async def answer(self, agent: str = "sam") -> Leg:
        """The agent's phone rings and is answered; the agent speaks a tone."""
        leg: Leg = (await soon(self.phones[agent].rung()))[0]
        await leg.answer(200)
        await soon(leg.answered)
        await leg.start_loop(str(self.tone))
        return leg

    async def me(self, agent: str = "sam") -> AgentView:
        """What the agent's desktop shows."""
        return await self.desks[agent].me()

    async def record_of(self, call_id: str) -> CallView:
        """The record and timeline of a call."""
        return await self.operator.call(call_id)

    async def speech_warm(self) -> None:
        """Until the prompts that are always the same are in the cache."""
        async with asyncio.timeout(LIMIT_S):
            while not list((self.folder / "data" / "speech").glob("*.wav")):
                await self.tick()

    async def cases_known(self, call_id: str) -> None:
        """Until the call's open cases were read."""
        async with asyncio.timeout(LIMIT_S):
            while (await self.operator.call(call_id)).record["case_id"] is None:
                await self.tick()

    async def tick(self) -> None:
        """Let the node go on; for waits on what no event tells."""
        await asyncio.sleep(0.05)

    async def salesforce_logged_out(self) -> None:
        """All sessions end, so that the next request has to log in."""
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.post(f"{self.salesforce.url}/simulator/expire")).raise_for_status()

    def events_of(self, view: CallView, event: str) -> list[dict[str, Any]]:
        """The details of all entries of that name."""
        return [entry.detail for entry in view.timeline if entry.event == event]


async def soon(work: Any) -> Any:
    """Wait within the limit of all tests."""
    async with asyncio.timeout(LIMIT_S):
        return await work


def write_config(folder: Path, **changes: object) -> Path:
    """A configuration in a folder; `changes` are the places of CONFIG."""
    rtp = rtp_base()
    places: dict[str, object] = {
        "sip": free_port(),
        "rtp": rtp,
        "rtp_last": rtp + 99,
        "sip_more": "",
        "flow": "quick",
        "answer": "at_once",
        "ring_s": 20,
        "wrap_up_s": 30,
        "sam": free_port(),
        "jin": free_port(),
        "hash": _hash(),
        "salesforce": "http://127.0.0.1:1",
        "deadline_s": 2.5,
        "abandoned": "true",
        "flows": ROOT / "tests" / "data" / "flows",
        "root": ROOT,
        "more": "",
    }
    path = folder / "ivr.yaml"
    path.write_text(CONFIG.format(**(places | changes)), encoding="utf-8")
    return path


@asynccontextmanager
async def scene(
    folder: Path, rewrite: Callable[[str], str] = str, /, **changes: object
) -> AsyncIterator[Scene]:
    """A running node with everybody around it; `rewrite` has the last word on its configuration file."""
    async with AsyncExitStack() as stack:
        salesforce = await stack.enter_async_context(simulated_salesforce())
        path = write_config(folder, **({"salesforce": salesforce.url} | changes))
        path.write_text(rewrite(path.read_text(encoding="utf-8")), encoding="utf-8")
        config = load_config(path, env=os.environ)
        caller = await stack.enter_async_context(phone(free_port(), rtp_base()))
        phones = {}
        for agent, settings in config.agents.items():
            if settings.phone is not None:
                continue  # it registers at the edge, from wherever it is
            phones[agent] = await stack.enter_async_context(phone(settings.destination.port, rtp_base()))
        node = await stack.enter_async_context(start(config, desktop=False))
        operator = await stack.enter_async_context(
            ApiClient(node.api.url, operator_token(config.node.data_dir))
        )
        watch = Watch(operator)
        watching = asyncio.create_task(watch.run())
        stack.callback(watching.cancel)
        await watch.until(lambda e: e.type == "snapshot")
        desks = {agent: await stack.enter_async_context(ApiClient(node.api.url)) for agent in config.agents}
        yield Scene(
            node=node,
            salesforce=salesforce,
            operator=operator,
            watch=watch,
            caller=caller,
            phones=phones,
            folder=folder,
            config_path=path,
            sip=node.sip,
            tone=write_tone(folder / "tone.wav", 880.0),
            desks=desks,
        )
