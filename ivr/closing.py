"""The end of a call: agent and legs released, the flow's last word, the record closed, the wrap-up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from ivr.api.models import CallStage
from ivr.call import Call
from ivr.conversation import agent_values
from ivr.ending import Phase, Result, classify, result_of
from ivr.record import closed_record, learned, rtp_quality
from ivr.services import Services
from ivr.store.errors import StoreError
from ivr.store.values import OutboxDraft
from ivr.telemetry.metrics import Metrics
from ivr.timeline import Source
from media.errors import MediaError

ENDING_TIMEOUT_S = 5.0
LEGS_TIMEOUT_S = 3.0

log = structlog.get_logger()


async def contact_ended(call: Call, services: Services) -> None:
    """Release agent and legs at once, then let the flow have its last word, within a limit."""
    ended = call.leg.ended.result()
    call.ending = classify(call.phase, ended, call.ending)
    call.timeline.add(
        Source.SIP, "ended", by=ended.by, code=ended.code, reason=ended.reason, ending=call.ending.value
    )
    if call.phase is Phase.CONVERSATION:
        services.acd.conversation_ended(call.id)
        call.moved(CallStage.WRAP_UP)
    else:
        services.acd.leave(call.id)
        call.changed()
    await release_legs(call)
    try:
        async with asyncio.timeout(ENDING_TIMEOUT_S):
            await call.fire("PhoneContactEnded", agent_values(call, services))
    except TimeoutError:
        call.timeline.add(Source.FLOW, "event_failed", event="PhoneContactEnded", detail="time limit")


async def release_legs(call: Call) -> None:
    """Hang up who is still there and give the place in the worker back, within a limit."""
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


async def close(call: Call, services: Services, drafts: Sequence[OutboxDraft]) -> None:
    """Write the record; then wait out the wrap-up and let what was held for it go."""
    assert call.ending is not None
    call.times.ended = call.times.ended or call.clock.now()
    handled = call.phase is Phase.CONVERSATION
    services.store.record_updated(call.id, **learned(call))
    try:
        await services.store.close_call(closed_record(call), drafts)
    except StoreError as exc:  # it stays in the store's memory and is written as soon as may be
        log.warning("call.close_deferred", error=str(exc))
    call.closed.set_result(None)
    _count(call, services.metrics)
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
            await services.store.release(call.id)
        except StoreError as exc:
            log.warning("call.release_deferred", error=str(exc))
            services.store.release_soon(call.id)


def _count(call: Call, metrics: Metrics) -> None:
    assert call.ending is not None
    metrics.ended(call.ending)
    if call.looked_up is not None:
        metrics.matched(call.looked_up.result.value)
    if call.place is not None and result_of(call.ending) is Result.ABANDONED:
        metrics.abandoned(call.place.queue)
