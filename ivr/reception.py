"""Where calls arrive, live and end: from an INVITE to a closed record.

`Reception` admits a call (`ivr/arrival.py`: who, from where, to which entry point) and runs it as one task
(`ivr/life.py`), at the end of which its record is closed (`ivr/closing.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import assert_never

import structlog

from ivr.acd.changes import CallRecovered, Change, WrapUpEnded
from ivr.api.models import CallStage
from ivr.arrival import Admitted, Refusal, admit, new_call
from ivr.call import Call
from ivr.closing import close, release_legs
from ivr.ending import Ending
from ivr.heirs import Heir
from ivr.ids import CallId
from ivr.life import CallLife
from ivr.services import Services
from ivr.store.values import OutboxDraft
from ivr.tasks import Tasks
from ivr.timeline import Source
from media.leg import Leg
from media.messages import Incoming
from media.pool import Booking

log = structlog.get_logger()


class Reception:
    """The running calls of a node. `tasks` outlives them."""

    def __init__(self, services: Services, tasks: Tasks) -> None:
        self._services = services
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

    def continues(self, event: Incoming) -> bool:
        """Whether this INVITE is that of a call in progress: the edge has moved it to another worker."""
        return self._services.config.sip.edge != "none" and any(self._of(event))

    def on_call(self, leg: Leg, event: Incoming, booking: Booking) -> None:
        """An INVITE that the pool has room for. Never blocks."""
        if self.continues(event) and self._goes_on(Heir(leg=leg, booking=booking), event):
            return
        services = self._services
        match admit(services, event, is_open=self.open):
            case Refusal() as refusal:
                if refusal.ending is not None:
                    services.metrics.ended(refusal.ending)
                services.metrics.refused(refusal.why)
                self._refuse(leg, booking, refusal.code, refusal.reason, source=refusal.source)
            case Admitted() as admitted:
                call = new_call(services, leg, event, booking, admitted)
                self._calls[call.id] = call
                call.changed()
                task = self._tasks.create_task(self._run(call, services), name=f"call {call.id}")
                self._tasks_of_calls.add(task)
                task.add_done_callback(self._tasks_of_calls.discard)
            case never:
                assert_never(never)

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

    def _of(self, event: Incoming) -> Iterator[Call]:
        wanted = (event.sip_call_id, event.from_tag)
        for call in self._calls.values():
            if (call.arrival.sip_call_id, call.arrival.from_tag) == wanted:
                yield call

    def _goes_on(self, heir: Heir, event: Incoming) -> bool:
        """Whether a call has the use of this leg, or has one already."""
        for call in self._of(event):
            if call.takes(heir):
                # Its former worker may only have been slow: what it says now is not heard any more.
                self._tasks.create_task(call.leg.hang_up(503), name="former leg")
                return True
            if not call.leg.ended.done():
                # RFC 3261 8.2.2.2: it has its answer, or will have it.
                self._refuse(heir.leg, heir.booking, 482, "Loop Detected", source=call.arrival.source)
                return True
        return False

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

    async def _run(self, call: Call, arrived_with: Services) -> None:
        """One call from INVITE to the end of wrap-up. A fault here ends this call and no other."""
        structlog.contextvars.bind_contextvars(call_id=call.id)
        drafts: Sequence[OutboxDraft] = ()
        life = CallLife(call, arrived_with, lambda: self._services, self._refuse_heir)
        try:
            log.info("call.opened", entry_point=call.arrival.entry_point, trunk=call.arrival.trunk)
            with self._services.metrics.calls_active.track_inprogress():
                drafts = await life.run()
        except Exception:  # a root: see above
            log.exception("call.failed")
            call.ending = call.ending or Ending.FAILED
            await release_legs(call)
            self._services.acd.conversation_ended(call.id)
            self._services.acd.leave(call.id)
        self._refuse_heir(call)
        try:
            await close(call, self._services, drafts)
        finally:
            self._calls.pop(call.id, None)
            call.moved(CallStage.ENDED)
