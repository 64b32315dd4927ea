"""From the queue to an agent and through the conversation: offers, the agent's phone, the mix, holds."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar, assert_never

from ivr.acd.model import Offer, OfferFailure
from ivr.api.models import CallStage
from ivr.call import Call
from ivr.ending import Ending, Phase
from ivr.peers import Unresolvable, agent_address, from_host
from ivr.services import Services
from ivr.timeline import Source
from ivr.voice import CallVoice
from ivr.waiting import any_of
from media.errors import MediaError
from media.leg import Leg
from media.messages import Ended, LegEvent, MediaChanged, Progress
from media.sip import name_addr, sip_uri

T = TypeVar("T")
RELEASE_TIMEOUT_S = 1.0
HOLD_EVENTS = 64
AGENT_LEFT_TIMEOUT_S = 30.0
"""How long a flow may speak to the caller after the agent has hung up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """An agent has answered and both hear each other."""

    offer: Offer
    leg: Leg


async def find_agent(call: Call, voice: CallVoice, services: Services) -> Connected:
    """Take offers one after the other until an agent answers. Waits as long as the caller does."""
    await call.queued.wait()
    while True:
        await call.offers.passed()
        found = await _unless(call.offers.shut, _one_offer(call, voice, services))
        if found is None:
            await _withdraw(call, voice, services)
            continue
        offer, outcome = found
        match outcome:
            case Leg():
                return Connected(offer=offer, leg=outcome)
            case OfferFailure():
                call.timeline.add(Source.AGENT, "no_answer", agent=offer.agent_id, reason=outcome.value)
                call.desk.agent = None
                call.moved(CallStage.QUEUED, Phase.QUEUED)
                services.acd.offer_failed(call.id, outcome)
            case _:
                assert_never(outcome)


async def _one_offer(call: Call, voice: CallVoice, services: Services) -> tuple[Offer, Leg | OfferFailure]:
    offer = await services.acd.next_offer(call.id)
    return offer, await _ring(call, voice, offer, services)


async def _withdraw(call: Call, voice: CallVoice, services: Services) -> None:
    """A transfer is under way: whoever is rung for the call is let go, and the call keeps its place."""
    voice.reopen()
    ringing = [leg for leg in call.legs[1:] if not leg.ended.done()]
    await asyncio.gather(*(leg.hang_up() for leg in ringing))
    if ringing:
        await asyncio.wait({leg.ended for leg in ringing}, timeout=RELEASE_TIMEOUT_S)
    if call.phase is Phase.OFFERED:
        call.timeline.add(Source.QUEUE, "offer_withdrawn", agent=call.desk.agent)
        call.desk.agent = None
        call.moved(CallStage.QUEUED, Phase.QUEUED)
    services.acd.offer_failed(call.id, OfferFailure.GONE)


async def _unless(stopped: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What comes of the work; None when it was stopped first, and is over then."""
    working = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(stopped.wait())
    try:
        await any_of(working, waiting)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        waiting.cancel()
        await asyncio.gather(working, waiting, return_exceptions=True)


async def _ring(call: Call, voice: CallVoice, offer: Offer, services: Services) -> Leg | OfferFailure:
    """Ring one agent's phone. The leg belongs to the call from the first moment: its end cleans up."""
    call.times.offered = call.clock.now()
    call.desk.agent = offer.agent_id
    call.moved(CallStage.OFFERED, Phase.OFFERED)
    call.timeline.add(Source.QUEUE, "offered", agent=offer.agent_id, reasons=list(offer.reasons))
    call.spawn(call.fire("AgentOffered", agent_values(call, services)), "event AgentOffered")
    try:
        leg = await _dial(call, offer, services)
    except (Unresolvable, MediaError) as exc:
        call.timeline.add(Source.AGENT, "cannot_dial", agent=offer.agent_id, error=str(exc))
        # What our own worker refuses (no leg left) is never the agent's fault.
        return OfferFailure.UNREACHABLE if isinstance(exc, Unresolvable) else OfferFailure.GONE
    await any_of(leg.answered, leg.ended, timeout_s=offer.ring_s)
    if leg.answered.done() and not leg.ended.done():
        return await _bridge(call, voice, leg, services)
    failure = failure_of(leg.ended.result()) if leg.ended.done() else OfferFailure.NO_ANSWER
    await leg.hang_up()
    await asyncio.wait({leg.ended}, timeout=RELEASE_TIMEOUT_S)
    return failure


async def _dial(call: Call, offer: Offer, services: Services) -> Leg:
    agent = services.config.agents[offer.agent_id]
    address = await agent_address(agent.endpoint, services.config)
    own = from_host(address, services.config)
    customer = _customer(call, own, offer.queue)
    hides = services.config.sip.agent_caller_id == "p-asserted-identity"

    def prepare(leg: Leg) -> None:
        call.legs.append(leg)
        leg.listeners.append(lambda event: _on_agent_leg(call, event))

    return await call.booking.worker.dial(
        agent.endpoint,
        address,
        from_uri=name_addr(offer.queue, sip_uri("ivr", own)) if hides else customer,
        headers=(("P-Asserted-Identity", customer),) if hides else (),
        prepare=prepare,
    )


def _customer(call: Call, own: str, queue: str) -> str:
    """The customer as the agent's phone shows him: name, queue and number; nothing of a private number."""
    if call.caller.private:
        return name_addr(f"Anonymous ({queue})", "sip:anonymous@anonymous.invalid")
    name = (call.match.name if call.match else None) or call.caller.identity.display or "Unknown"
    number = call.caller.e164 or call.caller.identity.ani or "unknown"
    return name_addr(f"{name} ({queue})", sip_uri(number, own))


def _on_agent_leg(call: Call, event: LegEvent) -> None:
    match event:
        case Progress():
            call.timeline.add(Source.SIP, "agent_progress", code=event.code)
        case Ended():
            call.timeline.add(
                Source.SIP, "agent_leg_ended", by=event.by, code=event.code, reason=event.reason
            )
        case _:
            pass


def failure_of(ended: Ended) -> OfferFailure:
    """Why an agent's phone did not take the call, from its final response. A redirection is not followed."""
    match ended.code:
        case 486 | 600:
            return OfferFailure.BUSY
        case 603 | 403 | 480 | 301 | 302 | 305 | 380:
            return OfferFailure.DECLINED
        case 487:
            return OfferFailure.NO_ANSWER
        case _:
            return OfferFailure.GONE if ended.by == "worker" else OfferFailure.UNREACHABLE


async def _bridge(call: Call, voice: CallVoice, leg: Leg, services: Services) -> Leg | OfferFailure:
    """Both hear each other first, everything else after."""
    voice.close()
    try:
        await call.booking.worker.mix({call.leg: (leg,), leg: (call.leg,)})
    except MediaError as exc:
        call.timeline.add(Source.MEDIA, "mix_failed", error=str(exc))
        await leg.hang_up()
        voice.reopen()
        return OfferFailure.GONE
    if call.leg.ended.done():
        # The caller hung up as the agent answered: the call's end, which is on its way, cancels this wait.
        await asyncio.get_running_loop().create_future()
    if leg.ended.done():
        voice.reopen()
        return failure_of(leg.ended.result())
    services.acd.offer_answered(call.id)
    call.times.connected = call.clock.now()
    call.moved(CallStage.CONNECTED, Phase.CONVERSATION)
    call.timeline.add(Source.AGENT, "answered", agent=call.desk.agent, waited_s=round(call.waited_s, 1))
    return leg


def agent_values(call: Call, services: Services) -> dict[str, str]:
    """What event flows may know of the agent, as `AgentAnswered.AgentName`."""
    agent = call.desk.agent
    if agent is None:
        return {}
    queue = {"QueueName": str(call.place.queue)} if call.place else {}
    return {"AgentId": str(agent), "AgentName": services.config.agents[agent].name, **queue}


async def converse(call: Call, connected: Connected, voice: CallVoice, services: Services) -> None:
    """Until one of the two hangs up. A hold by the agent's phone gives the caller music."""
    agent = connected.leg
    holds: asyncio.Queue[bool] = asyncio.Queue(HOLD_EVENTS)

    def listen(event: LegEvent) -> None:
        match event:
            case MediaChanged(held=held, active=active) if (held or active) and not holds.full():
                holds.put_nowait(held)
            case _:
                pass

    agent.listeners.append(listen)
    if agent.media is not None and agent.media.held:
        holds.put_nowait(True)
    call.spawn(call.fire("AgentAnswered", agent_values(call, services)), "event AgentAnswered")
    music = asyncio.create_task(_follow_holds(call, connected, holds, services), name=f"holds {call.id}")
    try:
        await any_of(agent.ended, call.leg.ended)
    finally:
        music.cancel()
        await asyncio.gather(music, return_exceptions=True)
    if agent.ended.done() and not call.leg.ended.done():
        await _agent_left(call, agent.ended.result(), voice, services)


async def _agent_left(call: Call, ended: Ended, voice: CallVoice, services: Services) -> None:
    """The agent is free for his notes; the caller may hear a last word of the flow, within a limit."""
    call.timeline.add(Source.AGENT, "hung_up", by=ended.by)
    services.acd.conversation_ended(call.id)
    voice.reopen()
    try:
        async with asyncio.timeout(AGENT_LEFT_TIMEOUT_S):
            await call.fire("AgentDisconnected", agent_values(call, services))
    except TimeoutError:
        call.timeline.add(Source.FLOW, "event_failed", event="AgentDisconnected", detail="time limit")
    await call.hang_up(Ending.AGENT_HUNG_UP)


async def _follow_holds(
    call: Call, connected: Connected, holds: asyncio.Queue[bool], services: Services
) -> None:
    queue = services.config.queues[connected.offer.queue]
    music = str(services.sounds.get(queue.music).paths[services.rate])
    while True:
        held = await holds.get()
        if held == call.held:
            continue
        call.timeline.add(Source.AGENT, "holds" if held else "resumes")
        try:
            await _set_hold(call, connected.leg, held, music)
        except MediaError as exc:
            call.timeline.add(Source.MEDIA, "hold_failed", error=str(exc))
            continue
        call.held = held
        call.moved(CallStage.ON_HOLD if held else CallStage.CONNECTED)


async def _set_hold(call: Call, agent: Leg, held: bool, music: str) -> None:
    worker = call.booking.worker
    if held:
        await worker.mix({call.leg: (), agent: ()})
        await call.leg.start_loop(music)
    else:
        await worker.mix({call.leg: (agent,), agent: (call.leg,)})
