"""The flow's `Transfer` on a real call: a second leg in the caller's worker, rung, bridged, and ended.

Agents are kept away while a transfer is under way; a caller in the queue keeps the place until the far end
has answered. The caller hears the far end's own ringing where it sends any, else ours.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import dataclass

from ivr.api.models import CallStage
from ivr.call import Call
from ivr.ending import Ending, Phase
from ivr.flow.ports import PortError, TransferOrder, TransferOutcome
from ivr.numbers import to_e164
from ivr.peers import Unresolvable, agent_address, from_host, resolve
from ivr.referral import refer, refusal
from ivr.relay import Relay
from ivr.services import Services
from ivr.timeline import Source
from ivr.voice import CallVoice
from ivr.waiting import any_of
from media.errors import MediaError
from media.leg import Leg
from media.messages import Ended, LegEvent, MediaChanged, Progress
from media.sip import name_addr, sip_uri
from media.sip.headers import parse_destination

RINGBACK = "ringback.wav"
RELEASE_TIMEOUT_S = 1.0
MUSIC = "defaultmusic_on_hold.wav"
_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
_FILLERS = str.maketrans("", "", " -.()/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How to reach a target: the URI to ask for, where to send it, from whom, and by which trunk."""

    uri: str
    address: str
    from_uri: str
    trunk: str | None = None


class CallTransfer:
    """Implements the flow's `Transfer`."""

    def __init__(self, call: Call, voice: CallVoice, services: Services) -> None:
        self._call = call
        self._voice = voice
        self._services = services

    async def transfer(self, order: TransferOrder) -> TransferOutcome:
        """Ring the target, bridge, and return when the conversation is over or there was none."""
        if self._call.times.connected is not None:
            raise PortError("an agent has the call: what follows it has a time limit and is no transfer")
        try:
            way = await self._way(order)
        except Unresolvable as exc:
            self._call.timeline.add(Source.SIP, "transfer_unreachable", error=str(exc))
            return TransferOutcome.UNREACHABLE
        await self._call.offers.close()
        outcome = None
        try:
            if order.refer:
                outcome = await refer(self._call, way.uri, order.ring_s)
            else:
                outcome = await self._through(way, order.ring_s)
            if outcome is TransferOutcome.TALKED:
                await self._call.hang_up(Ending.TRANSFERRED)
        finally:
            if outcome is not TransferOutcome.TALKED:
                self._call.offers.reopen()
        return outcome

    async def _through(self, way: Way, ring_s: float) -> TransferOutcome:
        self._call.timeline.add(Source.SIP, "transfer_dials", trunk=way.trunk)
        ringing = asyncio.Event()
        try:
            leg = await self._dial(way, ringing)
        except MediaError as exc:
            raise PortError(str(exc)) from exc
        try:
            await self._ring(leg, ringing, ring_s)
            if not leg.answered.done() or leg.ended.done():
                await _tried(self._call.leg.stop_play(), self._call)
                return _why(leg)
            await self._talk(leg)
        except MediaError as exc:
            self._voice.reopen()
            raise PortError(str(exc)) from exc
        finally:
            await self._let_go(leg)
        return TransferOutcome.TALKED

    async def _dial(self, way: Way, ringing: asyncio.Event) -> Leg:
        def on_event(event: LegEvent) -> None:
            match event:
                case Progress():
                    self._call.timeline.add(Source.SIP, "transfer_progress", code=event.code)
                    ringing.set()
                case MediaChanged(active=True):
                    ringing.set()
                case Ended():
                    self._call.timeline.add(
                        Source.SIP, "transfer_leg_ended", by=event.by, code=event.code, reason=event.reason
                    )
                case _:
                    pass

        def prepare(leg: Leg) -> None:
            self._call.legs.append(leg)
            leg.listeners.append(on_event)

        return await self._call.booking.worker.dial(
            way.uri, way.address, from_uri=way.from_uri, trunk=way.trunk, prepare=prepare
        )

    async def _ring(self, leg: Leg, ringing: asyncio.Event, ring_s: float) -> None:
        """Until it is answered or will not be; meanwhile the caller hears it ring."""
        heard = asyncio.create_task(self._let_hear(leg, ringing), name=f"ringback {self._call.id}")
        try:
            await any_of(leg.answered, leg.ended, timeout_s=ring_s)
        finally:
            heard.cancel()
            await asyncio.gather(heard, return_exceptions=True)

    async def _let_hear(self, leg: Leg, ringing: asyncio.Event) -> None:
        """Our ringing at once, so that there is no silence; the far end's from its early media on."""
        ours = str(self._services.sounds.get(RINGBACK).paths[self._services.rate])
        await _tried(self._call.leg.start_loop(ours), self._call)
        while leg.media is None or not leg.media.active:
            ringing.clear()
            await ringing.wait()
        await _tried(leg.worker.mix({self._call.leg: (leg,)}), self._call)
        self._call.timeline.add(Source.MEDIA, "early_media")

    async def _talk(self, leg: Leg) -> None:
        """From the answer to either one's hang-up."""
        call, services = self._call, self._services
        music = str(services.sounds.get(MUSIC).paths[services.rate])
        self._voice.close()
        async with Relay(call.leg, leg, music=music, timeline=call.timeline):
            services.acd.leave(call.id)
            call.times.transferred = call.clock.now()
            call.moved(CallStage.CONNECTED, Phase.TRANSFERRED)
            call.timeline.add(Source.SIP, "transferred", by="bridge")
            await any_of(leg.ended, call.leg.ended)

    async def _let_go(self, leg: Leg) -> None:
        if not leg.ended.done():
            await leg.hang_up()
            await asyncio.wait({leg.ended}, timeout=RELEASE_TIMEOUT_S)

    # --- where to ----------------------------------------------------------------------------------------

    async def _way(self, order: TransferOrder) -> Way:
        if order.target.lower().startswith("sip:"):
            return await self._to_address(order)
        return await self._to_number(order)

    async def _to_address(self, order: TransferOrder) -> Way:
        if parse_destination(order.target) is None:
            raise PortError("the target is no SIP address")
        address = await agent_address(order.target, self._services.config)
        host = from_host(address, self._services.config)
        return Way(uri=order.target, address=address, from_uri=self._from(order, host))

    async def _to_number(self, order: TransferOrder) -> Way:
        config = self._services.config
        dialled = order.target.translate(_FILLERS)
        if _NUMBER.fullmatch(dialled) is None:
            raise PortError("the target is neither a number nor a SIP address")
        name = self._call.arrival.trunk or next(iter(config.trunks), None)
        if name is None:
            raise PortError("there is no trunk to call a number by")
        trunk = config.trunks[name]
        host = trunk.destination.host
        address = f"{await resolve(trunk.send_to.host)}:{trunk.send_to.port or 5060}"
        number = to_e164(dialled, config.region) or dialled
        return Way(
            uri=sip_uri(number, host, trunk.destination.port),
            address=address,
            from_uri=self._from(order, host),
            trunk=name if trunk.register_ else None,
        )

    def _from(self, order: TransferOrder, host: str) -> str:
        """Our own number, never the caller's: the call is ours now."""
        entry = self._services.config.entry_points[self._call.arrival.entry_point]
        return name_addr(None, sip_uri(order.caller_id or entry.outdial_ani or "ivr", host))


async def _tried(work: Awaitable[None], call: Call) -> None:
    """The caller's ear during the ringing; a fault there must not end the transfer."""
    try:
        await work
    except MediaError as exc:
        call.timeline.add(Source.MEDIA, "ringback_failed", error=str(exc))


def _why(leg: Leg) -> TransferOutcome:
    """Why there was no conversation."""
    return refusal(leg.ended.result().code) if leg.ended.done() else TransferOutcome.NO_ANSWER
