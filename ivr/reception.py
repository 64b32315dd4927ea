"""Where calls arrive, live and end: from an INVITE to a closed record.

`Reception` admits a call (who, from where, to which entry point) and runs it as one task: treatment until an
agent answers, conversation, ending. The caller's leg is the call: when it has ended, everything else ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog

from ivr.acd.changes import CallRecovered, Change, WrapUpEnded
from ivr.api.models import CallStage
from ivr.call import Arrival, Call, new_call_id
from ivr.caller import caller_of
from ivr.conversation import Connected, agent_values, converse, find_agent
from ivr.ending import Ending, Phase, Result, classify, result_of
from ivr.flow.engine import FlowRun
from ivr.flow.ports import PortError, Ports
from ivr.flow.steps import Step
from ivr.flow.variables import StartValues
from ivr.heirs import Heir
from ivr.ids import CallId
from ivr.peers import origin_of
from ivr.record import closed_record, learned, opened_record, rtp_quality, timeline_draft
from ivr.salesforce.model import Match, MatchResult
from ivr.services import Services
from ivr.store.errors import StoreError
from ivr.store.values import OutboxDraft
from ivr.tasks import Tasks
from ivr.timeline import Entry, Source, Timeline
from ivr.transfer import CallTransfer
from ivr.treatment import CallConnector, CallDesktop, CallQueue
from ivr.voice import CallVoice
from ivr.waiting import any_of
from media.client import Leg
from media.errors import MediaError, WorkerLost
from media.messages import Incoming
from media.pool import Booking
from media.sip import caller_identity, dialled_user

ENDING_TIMEOUT_S = 5.0
LEGS_TIMEOUT_S = 3.0
MUSIC_RETRY_S = 3.0
LOST_LIMIT_S = 10.0
"""A worker that does not answer is gone by then, one way or the other."""

log = structlog.get_logger()


class Reception:
    """The running calls of a node. `tasks` outlives them."""

    def __init__(self, services: Services, tasks: Tasks) -> None:
        self._services = services
        self._arrived_with: dict[CallId, Services] = {}
        self._tasks = tasks
        self._calls: dict[CallId, Call] = {}
        self._tasks_of_calls: set[asyncio.Task[None]] = set()
        self.open = True

    @property
    def services(self) -> Services:
        """What new calls get."""
        return self._services

    def adopt(self, services: Services) -> None:
        """Other definitions: flows and entry points from the next call on, queues and agents at once."""
        self._services = services

    @property
    def calls(self) -> tuple[Call, ...]:
        """Calls from INVITE to the end of wrap-up."""
        return tuple(self._calls.values())

    def call(self, call_id: CallId) -> Call | None:
        """One of them."""
        return self._calls.get(call_id)

    @property
    def active(self) -> int:
        """Calls whose caller is still there."""
        return sum(1 for call in self._calls.values() if not call.leg.ended.done())

    def on_call(self, leg: Leg, event: Incoming, booking: Booking) -> None:
        """An INVITE that the pool has room for. Never blocks."""
        config = self._services.config
        origin = origin_of(config, self._services.trunks, event.source, event.headers)
        trunk, source = origin.trunk, origin.source
        if config.sip.edge != "none" and self._continues(Heir(leg=leg, booking=booking), event):
            return
        if not self.open or not origin.allowed:
            code, reason = (403, "Forbidden") if self.open else (503, "Service Unavailable")
            self._services.metrics.refused("forbidden" if self.open else "draining")
            self._refuse(leg, booking, code, reason, source=source)
            return
        settings = config.trunks.get(trunk) if trunk else None
        dialled = dialled_user(
            event.headers, event.request_uri, settings.dnis_from if settings else "request_uri"
        )
        entry_point = config.entry_point(dialled) if dialled else None
        if dialled is None or entry_point is None:
            self._services.metrics.ended(Ending.NO_ENTRY_POINT)
            self._services.metrics.refused("unknown_number")
            self._refuse(leg, booking, 404, "Not Found", source=source)
            return
        flow = self._services.flows[config.entry_points[entry_point].flow]
        arrival = Arrival(
            sip_call_id=event.sip_call_id,
            from_tag=event.from_tag,
            source=source,
            trunk=trunk,
            dnis=dialled,
            entry_point=entry_point,
            flow=flow.name,
            flow_version=flow.stamp,
        )
        trusted = settings.trusted if settings else False
        call = self._new_call(leg, event, booking, arrival, trusted=trusted)
        task = self._tasks.create_task(self._run(call), name=f"call {call.id}")
        self._tasks_of_calls.add(task)
        task.add_done_callback(self._tasks_of_calls.discard)

    def _continues(self, heir: Heir, event: Incoming) -> bool:
        """Whether this INVITE is that of a call in progress: the edge has moved it to another worker."""
        for call in self._calls.values():
            arrival = call.arrival
            same = (arrival.sip_call_id, arrival.from_tag) == (event.sip_call_id, event.from_tag)
            if same and call.takes(heir):
                # Its former worker may only have been slow: what it says now is not heard any more.
                self._tasks.create_task(call.leg.hang_up(503), name="former leg")
                return True
            if same and not call.leg.ended.done():
                # RFC 3261 8.2.2.2: it has its answer, or will have it.
                source = arrival.source
                self._refuse(heir.leg, heir.booking, 482, "Loop Detected", source=source)
                return True
        return False

    def on_acd_change(self, change: Change) -> None:
        """What the queue decided and a call must know."""
        match change:
            case WrapUpEnded(call_id=call_id, how=how):
                call = self._calls.get(call_id)
                if call is not None:
                    call.timeline.add(Source.AGENT, "wrap_up_ended", how=how.value)
                    call.desk.wrapped_up.set()
            case CallRecovered(call_id=call_id, queue=queue, agent_id=agent_id, reasons=reasons):
                call = self._calls.get(call_id)
                if call is not None:
                    call.recovered(queue, agent_id, reasons)
            case _:
                pass

    async def hang_up_all(self, why: Ending) -> None:
        """End every call; returns when their endings are written."""
        self.open = False
        calls = [call for call in self.calls if not call.leg.ended.done()]
        await asyncio.gather(*(call.hang_up(why) for call in calls), return_exceptions=True)

    async def wait_empty(self) -> None:
        """Until no call is left, wrap-ups included."""
        while self._tasks_of_calls:
            await asyncio.wait(self._tasks_of_calls)

    async def wait_closed(self, limit_s: float) -> None:
        """Until every call's record is written; wrap-ups are not waited for."""
        written = [call.closed for call in self.calls]
        if written:
            await asyncio.wait(written, timeout=limit_s)
        for call in self.calls:
            call.desk.wrapped_up.set()

    # --- arrival -----------------------------------------------------------------------------------------

    def _refuse(self, leg: Leg, booking: Booking, code: int, reason: str, *, source: str) -> None:
        log.warning("call.refused", code=code, source=source)
        booking.release()
        # The edge says a 503 in its own words, with the trunk's code: the whole node refuses.
        headers = () if self._services.config.sip.edge == "none" else (("X-IVR-Refused", "node"),)
        self._tasks.create_task(leg.hang_up(code, reason, headers), name="refuse")

    def _refuse_heir(self, call: Call) -> None:
        heir = call.heirs.close()
        if heir is not None:
            self._refuse(heir.leg, heir.booking, 503, "Service Unavailable", source=call.arrival.source)

    def _new_call(
        self, leg: Leg, event: Incoming, booking: Booking, arrival: Arrival, *, trusted: bool
    ) -> Call:
        services = self._services
        call_id = new_call_id(services.clock.now())

        def keep(entry: Entry) -> None:
            services.store.timeline(call_id, (timeline_draft(entry),))

        call = Call(
            call_id=call_id,
            leg=leg,
            booking=booking,
            arrival=arrival,
            caller=caller_of(caller_identity(event.headers, trusted=trusted), services.config.region),
            timeline=Timeline(services.clock, keep),
            clock=services.clock,
            on_change=services.on_call_change,
        )
        self._calls[call_id] = call
        self._arrived_with[call_id] = services
        services.store.record_opened(opened_record(call))
        call.timeline.add(
            Source.SIP,
            "invite",
            source=arrival.source,
            trunk=arrival.trunk,
            dnis=arrival.dnis,
            entry_point=arrival.entry_point,
            identity=call.caller.identity.source.value,
            presentation=call.caller.identity.presentation.value,
        )
        call.changed()
        return call

    # --- life --------------------------------------------------------------------------------------------

    async def _run(self, call: Call) -> None:
        """One call from INVITE to the end of wrap-up. A fault here ends this call and no other."""
        structlog.contextvars.bind_contextvars(call_id=call.id)
        drafts: Sequence[OutboxDraft] = ()
        try:
            log.info("call.opened", entry_point=call.arrival.entry_point, trunk=call.arrival.trunk)
            with self._services.metrics.calls_active.track_inprogress():
                drafts = await self._alive(call)
        except Exception:  # a root: see above
            log.exception("call.failed")
            call.ending = call.ending or Ending.FAILED
            await self._release_legs(call)
            self._services.acd.conversation_ended(call.id)
            self._services.acd.leave(call.id)
        self._refuse_heir(call)
        try:
            await self._end(call, drafts)
        finally:
            self._calls.pop(call.id, None)
            self._arrived_with.pop(call.id, None)
            call.moved(CallStage.ENDED)

    async def _alive(self, call: Call) -> Sequence[OutboxDraft]:
        """Everything while the caller is there, and the event flow of the end."""
        services = self._services
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
            call.runs_in(tasks, self._flow_run(call, ports))
            if call.caller.e164 is None:
                found(_unasked(call))
            call.flow.start_early(call.own)
            await self._attend(call, voice)
            call.end_tasks()
        async with asyncio.TaskGroup() as tasks:
            call.runs_in(tasks, call.flow)
            await self._contact_ended(call)
            call.end_tasks()
        return connector.drafts

    async def _attend(self, call: Call, voice: CallVoice) -> None:
        """As long as the caller has a leg. What was not answered may go on with another one."""
        while True:
            life = call.spawn(self._live(call, voice), "life")
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

    def _flow_run(self, call: Call, ports: Ports) -> FlowRun:
        services = self._arrived_with[call.id]
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

    async def _live(self, call: Call, voice: CallVoice) -> None:
        """Answer, treat, talk, hang up."""
        try:
            await self._answer(call)
        except WorkerLost:  # it has died, or hangs and is killed for it: the leg ends
            await any_of(call.leg.ended, timeout_s=LOST_LIMIT_S)
            return
        connected = None
        treatment = asyncio.create_task(call.flow.main(), name=f"treatment {call.id}")
        search = asyncio.create_task(find_agent(call, voice, self._services), name=f"search {call.id}")
        try:
            await any_of(treatment, search)
            if not search.done() and (queued := treatment.result().queued) is not None:
                await self._wait_with_music(call, voice, queued.queue, search)
            if search.done():
                connected = search.result()
        finally:
            treatment.cancel()
            search.cancel()
            await asyncio.gather(treatment, search, return_exceptions=True)
        if connected is not None:
            await converse(call, connected, voice, self._services)
        await call.hang_up(Ending.ENDED_BY_FLOW)

    async def _wait_with_music(
        self, call: Call, voice: CallVoice, queue: str, search: asyncio.Task[Connected]
    ) -> None:
        """The flow has ended and the call waits on: it waits with its queue's music, not in silence."""
        name = self._services.config.queues[queue].music
        music = asyncio.create_task(_music_whatever_happens(call, voice, name), name=f"music {call.id}")
        try:
            await search
        finally:
            music.cancel()
            await asyncio.gather(music, return_exceptions=True)

    async def _answer(self, call: Call) -> None:
        answer = self._arrived_with[call.id].config.entry_points[call.arrival.entry_point].answer
        if answer.after is not None:
            await call.leg.answer(180)
            with suppress(TimeoutError):
                async with asyncio.timeout(answer.at_most_s):
                    await call.known.wait()
        await call.answer()

    # --- ending ------------------------------------------------------------------------------------------

    async def _contact_ended(self, call: Call) -> None:
        """Release agent and legs at once, then let the flow have its last word, within a limit."""
        ended = call.leg.ended.result()
        call.ending = classify(call.phase, ended, call.ending)
        call.timeline.add(
            Source.SIP, "ended", by=ended.by, code=ended.code, reason=ended.reason, ending=call.ending.value
        )
        if call.phase is Phase.CONVERSATION:
            self._services.acd.conversation_ended(call.id)
        else:
            self._services.acd.leave(call.id)
        if call.phase is Phase.CONVERSATION:
            call.moved(CallStage.WRAP_UP)
        else:
            call.changed()
        await self._release_legs(call)
        try:
            async with asyncio.timeout(ENDING_TIMEOUT_S):
                await call.fire("PhoneContactEnded", agent_values(call, self._services))
        except TimeoutError:
            call.timeline.add(Source.FLOW, "event_failed", event="PhoneContactEnded", detail="time limit")

    async def _release_legs(self, call: Call) -> None:
        open_legs = [leg for leg in call.legs if not leg.ended.done()]
        try:
            await asyncio.gather(*(leg.hang_up() for leg in open_legs))
            if open_legs:
                await asyncio.wait({leg.ended for leg in open_legs}, timeout=LEGS_TIMEOUT_S)
        except MediaError as exc:
            log.warning("call.release_failed", error=str(exc))
        finally:
            call.booking.release()
        for who, quality in rtp_quality(call).items():
            call.timeline.add(Source.MEDIA, "rtp", leg=who, **quality)

    async def _end(self, call: Call, drafts: Sequence[OutboxDraft]) -> None:
        """Write the record; then wait out the wrap-up and let what was held for it go."""
        assert call.ending is not None
        call.times.ended = call.times.ended or call.clock.now()
        handled = call.phase is Phase.CONVERSATION
        self._services.store.record_updated(call.id, **learned(call))
        try:
            await self._services.store.close_call(closed_record(call), drafts)
        except StoreError as exc:  # it stays in the store's memory and is written as soon as may be
            log.warning("call.close_deferred", error=str(exc))
        call.closed.set_result(None)
        self._count(call)
        log.info(
            "call.closed",
            result=result_of(call.ending).value,
            ending=call.ending.value,
            waited_s=round(call.waited_s, 1),
            match=call.match.result.value if call.match else None,
            writes=len(drafts),
        )
        if handled:
            await call.desk.wrapped_up.wait()
            try:
                await self._services.store.release(call.id)
            except StoreError as exc:
                log.warning("call.release_deferred", error=str(exc))
                self._services.store.release_soon(call.id)

    def _count(self, call: Call) -> None:
        assert call.ending is not None
        metrics = self._services.metrics
        metrics.ended(call.ending)
        if call.match is not None:
            metrics.matched(call.match.result.value)
        if call.place is not None and result_of(call.ending) is Result.ABANDONED:
            metrics.abandoned(call.place.queue)


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
