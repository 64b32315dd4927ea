"""The scripted caller and the scripted agents, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol, assert_never

from ivr.acd.model import Offer as AcdOffer
from ivr.acd.model import OfferFailure
from ivr.acd.service import AcdService
from ivr.flow.rig.scenario import Caller, CallerState, Deed, Offer, Scenario, ScriptedAgent
from ivr.flow.rig.story import Kind, Moment, Story
from ivr.ids import AgentId, CallId, QueueName

_STATE = {
    CallerState.ANSWERED: Kind.ANSWERED,
    CallerState.QUEUED: Kind.QUEUED,
    CallerState.CONNECTED: Kind.CONNECTED,
}


class CallerHand(Protocol):
    """What the caller can do to his telephone."""

    async def press(self, digits: str) -> None: ...

    async def hang_up(self) -> None: ...


async def live(caller: Caller, story: Story, phone: CallerHand) -> None:
    """The caller's deeds, one after the other."""
    heard = 0
    for deed in caller.does:
        heard = await _do(deed, story, phone, heard)


async def _do(deed: Deed, story: Story, phone: CallerHand, heard: int) -> int:
    """One deed; the index of the moment after which the caller listens on."""
    match deed:
        case Deed(hear=str(text)):
            return await story.until(lambda moment: _contains(moment, text), after=heard)
        case Deed(until=CallerState() as state):
            await story.until(lambda moment: moment.kind is _STATE[state])
        case Deed(wait_s=float(seconds)):
            await asyncio.sleep(seconds)
        case Deed(press=str(digits)):
            story.add(Kind.PRESSED, digits)
            await phone.press(digits)
        case Deed(speak=str(text)):
            story.add(Kind.SPOKE, text)
        case _:
            await phone.hang_up()
    return heard


def _contains(moment: Moment, text: str) -> bool:
    return moment.kind in (Kind.SAID, Kind.MUSIC) and text.casefold() in moment.text.casefold()


class Agents:
    """Everybody who may answer."""

    def __init__(self, scenario: Scenario, acd: AcdService, story: Story) -> None:
        self._scripts = scenario.agents
        self._offers = {name: _in_turn(agent) for name, agent in scenario.agents.items()}
        self._acd = acd
        self._story = story

    async def work(self, name: str) -> None:
        """An agent comes to work."""
        script = self._scripts[name]
        self._acd.sign_in(AgentId(name))
        if script.ready_at_s is not None:
            await asyncio.sleep(script.ready_at_s)
            self._acd.set_ready(AgentId(name))

    async def ring(self, offer: AcdOffer) -> Offer | OfferFailure:
        """His phone rings: the offer that he answered, or why he did not."""
        script = next(self._offers[offer.agent_id])
        self._story.add(Kind.RINGING, offer.agent_id)
        match script.fails:
            case None if script.answers_after_s <= offer.ring_s:
                await asyncio.sleep(script.answers_after_s)
                return script
            case None | OfferFailure.NO_ANSWER:
                await asyncio.sleep(offer.ring_s)
                return OfferFailure.NO_ANSWER
            case (
                OfferFailure.BUSY | OfferFailure.DECLINED | OfferFailure.UNREACHABLE | OfferFailure.GONE
            ) as failure:
                return failure
            case _:
                assert_never(script.fails)

    async def recover(self, name: str) -> None:
        """After he let a call down he may get ready again."""
        again_s = self._scripts[name].ready_again_s
        if again_s is not None:
            await asyncio.sleep(again_s)
            self._acd.set_ready(AgentId(name))


def _in_turn(agent: ScriptedAgent) -> Iterator[Offer]:
    yield from agent.offers
    while True:
        yield agent.offers[-1]


async def go_ahead(number: int, queue: str, leaves_s: float, acd: AcdService) -> None:
    """A caller before ours, who leaves after a time."""
    call_id = CallId(f"ahead-{queue}-{number}")
    acd.enqueue(call_id, QueueName(queue), 1, ("ahead",))
    await asyncio.sleep(leaves_s)
    acd.leave(call_id)
