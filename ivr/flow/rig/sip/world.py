"""Everything that a scenario over SIP needs: a node, a simulated Salesforce, telephones, the event stream."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

from ivr.acd.model import OfferFailure
from ivr.api.client import ApiClient
from ivr.api.tokens import operator_token
from ivr.app import Started, start
from ivr.clock import SystemClock
from ivr.config import load_config
from ivr.demo.people import Phone, phone, write_tone
from ivr.flow.activities.base import Port
from ivr.flow.rig.family import nodes
from ivr.flow.rig.load import ScenarioFile
from ivr.flow.rig.scenario import Scenario
from ivr.flow.rig.sip.able import callers_ahead, connectors_of
from ivr.flow.rig.sip.answers import ScriptedAnswers
from ivr.flow.rig.sip.crowd import Crowd
from ivr.flow.rig.sip.ear import RATE, SPEAK_TIMEOUT_S, Ear
from ivr.flow.rig.sip.far import HOST as FAR_HOST
from ivr.flow.rig.sip.far import TONE_HZ as FAR_TONE_HZ
from ivr.flow.rig.sip.far import FarEnd
from ivr.flow.rig.sip.org import ScriptedOrg
from ivr.flow.rig.sip.settings import NOBODY, PASSWORD, Places, node_settings
from ivr.flow.rig.sip.watch import Watch
from ivr.flow.rig.story import Kind, Story
from ivr.salesforce.simulator.app import create_app
from ivr.salesforce.testing import serving
from media.sound import SoundLibrary
from media.speech.client import ProcessEngine
from media.speech.speech import Speech

LOOPBACK = "127.0.0.1"
AGENT_TONE_HZ = 880.0
LEGS_OF_A_PHONE = 4
START_S = 10.0
FIRST_PORT, PORTS = 28_200, 4_500


class ShiftedClock(SystemClock):
    """The real clock, moved so that the call comes when the scenario says."""

    def __init__(self, begins: datetime) -> None:
        self._shift: timedelta = begins - super().now()

    def now(self) -> datetime:
        """The scenario's time."""
        return super().now() + self._shift


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that the people of a scenario touch. `far` is None where nobody is put through; `waiting` are the
    telephones of callers ahead."""

    node: Started
    org: ScriptedOrg
    answers: ScriptedAnswers
    operator: ApiClient
    watch: Watch
    caller: Phone
    waiting: tuple[Phone, ...]
    phones: dict[str, Phone]
    desks: dict[str, ApiClient]
    far: FarEnd | None
    crowd: Crowd | None
    voice: Speech
    ear: Ear
    recording: Path
    tone: Path


@asynccontextmanager
async def world(
    file: ScenarioFile, scenario: Scenario, folder: Path, virtual: Story, texts: Sequence[str]
) -> AsyncIterator[World]:
    """A running node with everybody around it. `texts` are spoken before it starts: an engine says a sentence
    a little differently each time, and the node then plays these samples.

    Raises `CannotStart` and the errors of the parts."""
    async with AsyncExitStack() as stack:
        org, clock = ScriptedOrg(scenario), ShiftedClock(scenario.begins)
        answers = ScriptedAnswers(scenario.salesforce.http, clock.now)
        phones = _Phones(stack)
        far = await _far_end(file, scenario, folder, virtual, phones)
        ports = {name: free_port() for name in (*scenario.agents, NOBODY)}
        places = Places(
            sip=free_port(),
            rtp=rtp_base(),
            phones=ports,
            far="" if far is None else far.address,
            connectors=await _servers(file, org, answers, stack),
        )
        path = folder / "ivr.yaml"
        path.write_text(json.dumps(node_settings(file, scenario, folder, places)), encoding="utf-8")
        config = load_config(path, env=os.environ)
        caller = await phones.add()
        waiting = [await phones.add() for _ in range(-(-callers_ahead(scenario) // LEGS_OF_A_PHONE))]
        agents = {name: await phones.add(ports[name]) for name in scenario.agents}
        crowd = await _crowd(scenario, phones)
        voice = await stack.enter_async_context(
            Speech(engine=ProcessEngine(), cache_dir=config.node.data_dir / "speech", rate=RATE)
        )
        ear = Ear(folder / "caller.wav", voice, file.prompts.language, _sounds(folder))
        for text in texts:
            await ear.wave(text)
        node = await stack.enter_async_context(start(config, desktop=False, clock=clock))
        for text in virtual.unheard:
            await _break(text, node, ear, voice)
        operator = await stack.enter_async_context(
            ApiClient(node.api.url, operator_token(config.node.data_dir))
        )
        yield World(
            node=node,
            org=org,
            answers=answers,
            operator=operator,
            watch=await _watching(operator, stack),
            caller=caller,
            waiting=tuple(waiting),
            phones=agents,
            desks=await _desks(node, scenario, stack),
            far=far.end if far is not None else None,
            crowd=crowd,
            voice=voice,
            ear=ear,
            recording=folder / "caller.wav",
            tone=write_tone(folder / "tone.wav", AGENT_TONE_HZ),
        )


class _Phones:
    """Telephones, each on a port and in a process of its own, until the stack is left."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def add(self, port: int | None = None, host: str = LOOPBACK) -> Phone:
        return await self._stack.enter_async_context(phone(port or free_port(), rtp_base(), host))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Far:
    end: FarEnd
    address: str


async def _far_end(
    file: ScenarioFile, scenario: Scenario, folder: Path, virtual: Story, phones: _Phones
) -> _Far | None:
    if not any(Port.TRANSFER in node.activity.uses for _, node in nodes(file.flow)):
        return None
    port = free_port()
    tone = write_tone(folder / "far.wav", FAR_TONE_HZ)
    far = await phones.add(port, FAR_HOST)
    end = FarEnd(far, scenario.transfers, virtual.of(Kind.TRANSFERRED), tone)
    return _Far(end=end, address=f"{FAR_HOST}:{port}")


async def _crowd(scenario: Scenario, phones: _Phones) -> Crowd | None:
    offers = [offer for agent in scenario.agents.values() for offer in agent.offers]
    if not any(offer.fails is OfferFailure.GONE for offer in offers):
        return None
    port = free_port()
    return Crowd(await phones.add(port), f"{LOOPBACK}:{port}")


async def _servers(
    file: ScenarioFile, org: ScriptedOrg, answers: ScriptedAnswers, stack: AsyncExitStack
) -> dict[str, str]:
    """A server for each connector, all of one org; their URLs."""
    app = create_app(org.org, org.faults)
    return {
        name: await stack.enter_async_context(serving(answers.before(app, name)))
        for name in connectors_of(file.flow)
    }


async def _watching(operator: ApiClient, stack: AsyncExitStack) -> Watch:
    watch = Watch(operator)
    task = asyncio.create_task(watch.run(), name="watch")
    stack.callback(task.cancel)
    async with asyncio.timeout(START_S):
        await watch.until(lambda event: event.type == "snapshot")
    return watch


async def _desks(node: Started, scenario: Scenario, stack: AsyncExitStack) -> dict[str, ApiClient]:
    desks = {}
    for name in scenario.agents:
        desks[name] = await stack.enter_async_context(ApiClient(node.api.url))
        await desks[name].sign_in(name, PASSWORD)
    return desks


async def _break(text: str, node: Started, ear: Ear, voice: Speech) -> None:
    """Damage what the node would play, so that the activity that plays it fails."""
    if text in ear.sounds:
        path = node.reception.services.sounds.get(text).paths[RATE]
    else:
        path = await voice.say(text, ear.language, timeout_s=SPEAK_TIMEOUT_S)
    await asyncio.to_thread(path.write_bytes, b"damaged by the rig")


def _sounds(folder: Path) -> dict[str, Path]:
    """The sounds that ship, at the telephone's rate."""
    library = SoundLibrary([Path(str(files("media"))) / "sounds"], folder / "sounds")
    library.load_all()
    return {name: library.get(name).paths[RATE] for name in library.names()}


def free_port() -> int:
    """A port that was free a moment ago, and that nobody is given who does not ask for it by number: above
    our RTP ports, below the ephemeral ones."""
    while True:
        port = FIRST_PORT + secrets.randbelow(PORTS)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def rtp_base() -> int:
    """An even port below those; the library steps over ports that are taken."""
    return 12000 + 2 * secrets.randbelow(8000)
