"""Everything that a scenario over SIP needs: a node, a simulated Salesforce, telephones, the event stream."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

from ivr.api.client import ApiClient
from ivr.api.tokens import operator_token
from ivr.app import Started, start
from ivr.clock import SystemClock
from ivr.config import hash_password, load_config
from ivr.demo.people import Phone, phone, write_tone
from ivr.flow.rig.load import ScenarioFile
from ivr.flow.rig.queue import queues_of
from ivr.flow.rig.scenario import Scenario
from ivr.flow.rig.sip.able import connectors_of
from ivr.flow.rig.sip.ear import RATE, Ear
from ivr.flow.rig.sip.org import CLIENT_ID, CLIENT_SECRET, ScriptedOrg
from ivr.flow.rig.sip.watch import Watch
from ivr.salesforce.simulator.app import create_app
from ivr.salesforce.testing import serving
from media.sound import SoundLibrary
from media.speech.client import ProcessEngine
from media.speech.speech import Speech

PASSWORD = "rig"  # noqa: S105 - of agents who live as long as the scenario, on loopback
NOBODY = "nobody"
AGENT_TONE_HZ = 880.0
WRAP_UP_S = 60.0


class ShiftedClock(SystemClock):
    """The real clock, moved so that the call comes when the scenario says."""

    def __init__(self, begins: datetime) -> None:
        self._shift: timedelta = begins - super().now()

    def now(self) -> datetime:
        """The scenario's time."""
        return super().now() + self._shift


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that the people of a scenario touch."""

    node: Started
    org: ScriptedOrg
    operator: ApiClient
    watch: Watch
    caller: Phone
    phones: dict[str, Phone]
    desks: dict[str, ApiClient]
    voice: Speech
    ear: Ear
    recording: Path
    tone: Path


@asynccontextmanager
async def world(
    file: ScenarioFile, scenario: Scenario, folder: Path, texts: Sequence[str]
) -> AsyncIterator[World]:
    """A running node with everybody around it. `texts` are spoken before it starts: an engine says a sentence
    a little differently each time, and the node then plays these samples.

    Raises `CannotStart` and the errors of the parts."""
    async with AsyncExitStack() as stack:
        org = ScriptedOrg(scenario)
        url = await stack.enter_async_context(serving(create_app(org.org, org.faults)))
        ports = {name: free_port() for name in (*scenario.agents, NOBODY)}
        path = folder / "ivr.yaml"
        path.write_text(json.dumps(_config(file, scenario, url, ports)), encoding="utf-8")
        config = load_config(path, env=os.environ)
        caller = await stack.enter_async_context(phone(free_port(), rtp_base()))
        phones = {
            name: await stack.enter_async_context(phone(ports[name], rtp_base())) for name in scenario.agents
        }
        voice = await stack.enter_async_context(
            Speech(engine=ProcessEngine(), cache_dir=config.node.data_dir / "speech", rate=RATE)
        )
        ear = Ear(folder / "caller.wav", voice, file.prompts.language, _sounds(folder))
        for text in texts:
            await ear.wave(text)
        clock = ShiftedClock(scenario.begins)
        node = await stack.enter_async_context(start(config, desktop=False, clock=clock))
        operator = await stack.enter_async_context(
            ApiClient(node.api.url, operator_token(config.node.data_dir))
        )
        watch = Watch(operator)
        watching = asyncio.create_task(watch.run(), name="watch")
        stack.callback(watching.cancel)
        await watch.until(lambda event: event.type == "snapshot")
        desks = {}
        for name in scenario.agents:
            desks[name] = await stack.enter_async_context(ApiClient(node.api.url))
            await desks[name].sign_in(name, PASSWORD)
        yield World(
            node=node,
            org=org,
            operator=operator,
            watch=watch,
            caller=caller,
            phones=phones,
            desks=desks,
            voice=voice,
            ear=ear,
            recording=folder / "caller.wav",
            tone=write_tone(folder / "tone.wav", AGENT_TONE_HZ),
        )


def _config(file: ScenarioFile, scenario: Scenario, salesforce: str, ports: dict[str, int]) -> object:
    """The node's configuration; JSON is YAML."""
    rtp, hashed = rtp_base(), hash_password(PASSWORD)
    queues = queues_of(file.flow, scenario)
    teams = {
        name: [a for a, script in scenario.agents.items() if script.queues is None or name in script.queues]
        for name in queues
    }
    return {
        "node": {"name": "rig", "data_dir": "data", "drain_s": 0},
        "sip": {
            "listen": [f"udp:127.0.0.1:{free_port()}"],
            "rtp_ports": f"{rtp}-{rtp + 99}",
            "capacity": 2,
        },
        "entry_points": {"Rig": {"numbers": [scenario.caller.dials], "flow": file.flow.file.stem}},
        "queues": {
            name: {"teams": [name], "music": queue.music, "ring_s": queue.ring_s, "wrap_up_s": WRAP_UP_S}
            for name, queue in queues.items()
        },
        "teams": {name: {"agents": agents or [NOBODY]} for name, agents in teams.items()},
        "agents": {
            name: {
                "name": name,
                "endpoint": f"sip:{name}@127.0.0.1:{port}",
                "sign_in": {"password_hash": hashed},
            }
            for name, port in ports.items()
        },
        "connectors": {
            name: {
                "type": "salesforce",
                "login_url": salesforce,
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "deadline_s": scenario.salesforce.deadline_s,
            }
            for name in connectors_of(file.flow)
        },
        "language": file.prompts.language,
        "http": {"listen": "127.0.0.1:0"},
        "desktop": {"listen": "127.0.0.1:0"},
        "flows_dir": str(file.flow.file.absolute().parent),
        "prompts_dir": str(file.prompts_dir),
    }


def _sounds(folder: Path) -> dict[str, Path]:
    """The sounds that ship, at the telephone's rate."""
    library = SoundLibrary([Path(str(files("media"))) / "sounds"], folder / "sounds")
    library.load_all()
    return {name: library.get(name).paths[RATE] for name in library.names()}


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port that was free a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rtp_base() -> int:
    """An even port below the ephemeral ones; the library steps over ports that are taken."""
    return 12000 + 2 * (free_port() % 8000)
