"""A transfer that the caller's own side carries out: SIP REFER (RFC 3515), and how it went."""

from __future__ import annotations

import asyncio

from ivr.call import Call
from ivr.ending import Phase
from ivr.flow.ports import PortError, TransferOutcome
from ivr.timeline import Source
from ivr.waiting import any_of
from media.errors import MediaError
from media.messages import LegEvent, Referred


def refusal(code: int) -> TransferOutcome:
    """Why there was no conversation, from a final response; a redirection is not followed."""
    match code:
        case 486 | 600:
            return TransferOutcome.BUSY
        case 603 | 403 | 301 | 302 | 305 | 380:
            return TransferOutcome.DECLINED
        case 408 | 480 | 487:
            return TransferOutcome.NO_ANSWER
        case _:
            return TransferOutcome.UNREACHABLE


async def refer(call: Call, uri: str, limit_s: float) -> TransferOutcome:
    """Ask, and wait for the peer's last word on it. A peer that hangs up after it has agreed has gone to the
    target, which is what was asked for."""
    last: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def listen(event: LegEvent) -> None:
        match event:
            case Referred(code=code, final=final):
                call.timeline.add(Source.SIP, "referred", code=code, final=final)
                if code < 200:
                    call.phase = (
                        Phase.TRANSFERRED
                    )  # it calls the target: a hang-up from here on is the transfer
                elif not last.done():
                    last.set_result(code)
            case _:
                pass

    before = call.phase
    call.leg.listeners.append(listen)
    try:
        call.timeline.add(Source.SIP, "refers")
        await call.leg.refer(uri)
        await any_of(last, call.leg.ended, timeout_s=limit_s)
    except MediaError as exc:
        raise PortError(str(exc)) from exc
    finally:
        call.leg.listeners.remove(listen)
    if last.done() and 200 <= last.result() < 300:
        call.phase = Phase.TRANSFERRED
        call.times.transferred = call.clock.now()
        call.timeline.add(Source.SIP, "transferred", by="refer")
        return TransferOutcome.TALKED
    if call.leg.ended.done():
        # The call's end, which is on its way, cancels this wait; nothing of the flow may run before it.
        await asyncio.get_running_loop().create_future()
    call.phase = before
    return refusal(last.result()) if last.done() else TransferOutcome.NO_ANSWER
