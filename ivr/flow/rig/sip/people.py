"""The scripted caller and agents on real telephones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ivr.acd.model import OfferFailure
from ivr.api.errors import ApiError
from ivr.api.models import AgentStatus
from ivr.flow.rig.scenario import CallerState, Deed, Offer, Scenario, ScriptedAgent
from ivr.flow.rig.sip.world import World
from ivr.ids import CallId
from ivr.waiting import any_of
from media.client import WorkerClient
from media.leg import Leg

_REFUSALS = {
    OfferFailure.BUSY: (486, "Busy Here"),
    OfferFailure.DECLINED: (603, "Decline"),
    OfferFailure.UNREACHABLE: (500, "Server Internal Error"),
}
_STAGES = {CallerState.QUEUED: ("queued", "offered"), CallerState.CONNECTED: ("connected",)}
_ANY_STAGE = ("ringing", "treatment", "queued", "offered", "connected")


async def dial(world: World, scenario: Scenario) -> Leg:
    """The caller dials, and what he hears is recorded from the first sample on: the recording begins when
    there is media, whatever the machine is busy with then. Returns when the INVITE is out."""
    caller, sip = scenario.caller, world.node.sip
    known = f"<sip:{caller.number}@127.0.0.1>"
    from_uri = known if caller.number else '"Anonymous" <sip:anonymous@anonymous.invalid>'
    leg = await world.caller.call(f"sip:{caller.dials}@{sip}", sip, from_uri)
    await leg.record(str(world.recording))
    return leg


class Caller:
    """What the caller does. `said` and `music` are what the flow says and plays in virtual time."""

    def __init__(self, world: World, leg: Leg, said: Sequence[str], music: Sequence[str]) -> None:
        self._world = world
        self._leg = leg
        self._said = said
        self._music = music
        self._heard_s = 0.0

    async def live(self, deeds: Sequence[Deed]) -> None:
        """Everything in order."""
        for deed in deeds:
            await self._do(deed)

    async def _do(self, deed: Deed) -> None:
        match deed:
            case Deed(hear=str(text)):
                said = [whole for whole in self._said if text.casefold() in whole.casefold()]
                music = [name for name in self._music if text.casefold() in name.casefold()]
                self._heard_s = await self._world.ear.hear(said, music=music, after_s=self._heard_s)
            case Deed(until=CallerState.ANSWERED):
                pass  # he speaks to nobody before
            case Deed(until=CallerState() as state):
                await self._world.watch.stage(*_STAGES[state])
            case Deed(wait_s=float(seconds)):
                await asyncio.sleep(seconds)
            case Deed(press=str(digits)):
                await self._leg.digits(digits)
            case Deed(speak=str(text)):
                spoken = await self._world.voice.say(text, "en-US", timeout_s=10.0)
                await self._leg.play((str(spoken),))
            case _:
                await self._leg.hang_up()


class Agent:
    """An agent with a telephone and a desktop."""

    def __init__(self, world: World, name: str, script: ScriptedAgent) -> None:
        self._world = world
        self._name = name
        self._script = script
        self._turn = 0
        self._fell_through = 0

    async def get_ready(self) -> None:
        """When the script says."""
        if self._script.ready_at_s is not None:
            await asyncio.sleep(self._script.ready_at_s)
            await self._ready()

    async def answer_calls(self) -> None:
        """Every time the phone rings, what the next offer says."""
        while True:
            leg, _, booking = await self._world.phones[self._name].rung()
            offer = self._offer()
            self._turn += 1
            try:
                if not await self._take(leg, offer) and self._script.ready_again_s is not None:
                    await asyncio.sleep(self._script.ready_again_s)
                    await self._ready()
            finally:
                booking.release()

    def _offer(self) -> Offer:
        return self._script.offers[min(self._turn, len(self._script.offers) - 1)]

    async def _take(self, leg: Leg, offer: Offer) -> bool:
        """Whether it was answered."""
        if offer.fails in _REFUSALS:
            await leg.hang_up(*_REFUSALS[offer.fails])
            return False
        await leg.answer(180)
        if offer.fails is None:
            await any_of(leg.ended, timeout_s=offer.answers_after_s)
        else:
            await any_of(leg.ended)
        if leg.ended.done():
            return False
        await leg.answer(200)
        await leg.start_loop(str(self._world.tone))
        await any_of(leg.ended, timeout_s=offer.talks_s)
        if not leg.ended.done():
            await leg.hang_up()
        return True

    async def _ready(self) -> None:
        crowd, desk = self._world.crowd, self._world.desks[self._name]
        if crowd is None or self._offer().fails is not OfferFailure.GONE:
            await desk.set_state(self._name, AgentStatus.READY)
            return
        await crowd.fill(await self._worker())
        await desk.set_state(self._name, AgentStatus.READY)
        while self._offer().fails is OfferFailure.GONE:
            self._fell_through += 1
            self._turn += 1
            await self._world.watch.let_go(self._name, self._fell_through)
        await crowd.clear()

    async def _worker(self) -> WorkerClient:
        """The caller's, whose legs ring the agents."""
        call_id = await self._world.watch.stage(*_ANY_STAGE)
        call = self._world.node.reception.call(CallId(call_id))
        assert call is not None, "the caller is there"
        return call.booking.worker


async def wrap_up(world: World, agent: str, call_id: str) -> None:
    """The agent is done at once; nothing to do when the wrap-up is over."""
    try:
        await world.desks[agent].end_wrap_up(call_id)
    except ApiError:
        return
