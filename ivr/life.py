"""The life of one call: treatment until an agent answers, conversation, and the flow's last word.

The caller's leg is the call: when it has ended, everything else ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from ivr.call import Call
from ivr.closing import contact_ended
from ivr.conversation import Connected, converse, find_agent
from ivr.ending import Ending
from ivr.flow.engine import FlowRun
from ivr.flow.ports import PortError, Ports
from ivr.flow.steps import Step
from ivr.flow.variables import StartValues
from ivr.salesforce.model import Match, MatchResult
from ivr.services import Services
from ivr.store.values import OutboxDraft
from ivr.timeline import Source
from ivr.transfer import CallTransfer
from ivr.treatment import CallConnector, CallDesktop, CallQueue
from ivr.voice import CallVoice
from ivr.waiting import any_of
from media.errors import WorkerLost

MUSIC_RETRY_S = 3.0
LOST_LIMIT_S = 10.0
"""A worker that does not answer is gone by then, one way or the other."""


class CallLife:
    """Runs a call. Its flow and entry point are those that it arrived with, all else is as it is now."""

    def __init__(
        self,
        call: Call,
        arrived_with: Services,
        now: Callable[[], Services],
        refuse_heir: Callable[[Call], None],
    ) -> None:
        """`refuse_heir` refuses the next leg of a call that has no use for it any more."""
        self._call = call
        self._arrived_with = arrived_with
        self._now = now
        self._refuse_heir = refuse_heir

    @property
    def _services(self) -> Services:
        return self._now()

    async def run(self) -> Sequence[OutboxDraft]:
        """Everything while the caller is there, and the event flow of the end. What is to be written back."""
        call, services = self._call, self._services
        queue = CallQueue(call, services)

        def found(match: Match) -> None:
            call.identified(match)
            queue.rescore()
            if match.late:
                call.spawn(call.flow.look_again(), "late look-up")

        connector = CallConnector(call, services, found)
        voice = CallVoice(
            call.leg,
            speech=services.speech,
            sounds=services.sounds,
            rate=services.rate,
            timeline=call.timeline,
            clock=services.clock,
            hang_up=call.hang_up,
        )
        ports = Ports(
            voice=voice,
            queue=queue,
            connector=connector,
            desktop=CallDesktop(call, services),
            transfer=CallTransfer(call, voice, services),
        )
        async with asyncio.TaskGroup() as tasks:
            call.runs_in(tasks, self._flow_run(ports))
            if call.caller.e164 is None:
                found(_unasked(call))
            call.flow.start_early(call.own)
            await self._attend(voice)
            call.end_tasks()
        async with asyncio.TaskGroup() as tasks:
            call.runs_in(tasks, call.flow)
            await contact_ended(call, self._services)
            call.end_tasks()
        return connector.drafts

    async def _attend(self, voice: CallVoice) -> None:
        """As long as the caller has a leg. What was not answered may go on with another one."""
        call = self._call
        while True:
            life = call.spawn(self._live(voice), "life")
            await any_of(life, call.leg.ended)
            if not call.leg.ended.done():
                await call.hang_up(Ending.FAILED)
            await call.leg.ended
            call.times.ended = self._services.clock.now()
            if self._services.config.sip.edge == "none" or not await call.goes_on():
                self._refuse_heir(call)
                return
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
            call.times.ended = None
            voice.on(call.leg)
            call.changed()

    def _flow_run(self, ports: Ports) -> FlowRun:
        call, services = self._call, self._arrived_with
        return FlowRun(
            flow=services.flows[services.config.entry_points[call.arrival.entry_point].flow],
            ports=ports,
            start=StartValues(
                ani=call.caller.e164 or "",
                dnis=call.arrival.dnis,
                interaction_id=call.id,
                entry_point_id=call.arrival.entry_point,
            ),
            prompts=services.prompts,
            observe=lambda step: _write_step(call, step),
            default_queue=next(iter(services.config.queues), ""),
            clock=services.clock,
        )

    async def _live(self, voice: CallVoice) -> None:
        """Answer, treat, talk, hang up."""
        call = self._call
        try:
            await self._answer()
        except WorkerLost:  # it has died, or hangs and is killed for it: the leg ends
            await any_of(call.leg.ended, timeout_s=LOST_LIMIT_S)
            return
        connected = None
        treatment = asyncio.create_task(call.flow.main(), name=f"treatment {call.id}")
        search = asyncio.create_task(find_agent(call, voice, self._services), name=f"search {call.id}")
        try:
            await any_of(treatment, search)
            if not search.done() and (queued := treatment.result().queued) is not None:
                await self._wait_with_music(voice, queued.queue, search)
            if search.done():
                connected = search.result()
        finally:
            treatment.cancel()
            search.cancel()
            await asyncio.gather(treatment, search, return_exceptions=True)
        if connected is not None:
            await converse(call, connected, voice, self._services)
        await call.hang_up(Ending.ENDED_BY_FLOW)

    async def _wait_with_music(self, voice: CallVoice, queue: str, search: asyncio.Task[Connected]) -> None:
        """The flow has ended and the call waits on: it waits with its queue's music, not in silence."""
        call = self._call
        name = self._services.config.queues[queue].music
        music = asyncio.create_task(_music_whatever_happens(call, voice, name), name=f"music {call.id}")
        try:
            await search
        finally:
            music.cancel()
            await asyncio.gather(music, return_exceptions=True)

    async def _answer(self) -> None:
        call = self._call
        answer = self._arrived_with.config.entry_points[call.arrival.entry_point].answer
        if answer.after is not None:
            await call.leg.answer(180)
            with suppress(TimeoutError):
                async with asyncio.timeout(answer.at_most_s):
                    await call.known.wait()
        await call.answer()


async def _music_whatever_happens(call: Call, voice: CallVoice, name: str) -> None:
    """A queued caller never sits in silence: music that cannot start is tried again."""
    while True:
        try:
            await voice.music(name, duration_s=None)
        except PortError as exc:
            call.timeline.add(Source.MEDIA, "music_failed", error=str(exc))
            await asyncio.sleep(MUSIC_RETRY_S)


def _unasked(call: Call) -> Match:
    """What is known of a caller without a number to ask Salesforce for."""
    if call.caller.withheld:
        return Match(result=MatchResult.WITHHELD)
    return Match(result=MatchResult.NONE, detail="not a public number")


def _write_step(call: Call, step: Step) -> None:
    call.timeline.add(
        Source.FLOW,
        step.activity,
        flow=step.flow,
        type=step.type,
        outcome=step.outcome,
        ms=round(step.seconds * 1000),
        early=step.early or None,
        detail=step.detail or None,
    )
