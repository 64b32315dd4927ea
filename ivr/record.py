"""A call as the store keeps it: pure translation."""

from __future__ import annotations

from ivr.call import Call
from ivr.ending import Ending
from ivr.store.values import RECORD_CONNECTOR, CallClosed, CallFields, CallOpened, TimelineDraft
from ivr.timeline import Entry
from media.leg import Leg


def opened_record(call: Call) -> CallOpened:
    """The record at INVITE."""
    arrival = call.arrival
    return CallOpened(
        call_id=call.id,
        started_at=call.times.started,
        entry_point=arrival.entry_point,
        dnis=arrival.dnis,
        ani=call.caller.e164 or call.caller.identity.ani,
        presentation=call.caller.identity.presentation.value,
        sip_call_id=arrival.sip_call_id,
        sip_from_tag=arrival.from_tag,
        trunk=arrival.trunk,
        flow=arrival.flow,
        flow_version=arrival.flow_version,
        detail={"source": arrival.source, "identity": call.caller.identity.source.value},
    )


def learned(call: Call) -> CallFields:
    """What is known of a call now."""
    match = call.match
    fields = CallFields(
        answered_at=call.times.answered,
        queued_at=call.times.queued,
        offered_at=call.times.offered,
        agent_answered_at=call.times.connected,
        queue=call.place.queue if call.place else None,
        priority=call.place.priority if call.place else None,
        agent=call.desk.agent,
        match_result=match.result.value if match else None,
        account_id=match.account.id if match and match.account else None,
        contact_id=match.contact.id if match and match.contact else None,
        case_id=call.case_id,
    )
    if match is not None and match.connector is not None:
        fields["detail"] = {RECORD_CONNECTOR: match.connector}
    return fields


def closed_record(call: Call) -> CallClosed:
    """The record at its end: the one classified termination, and the RTP quality of both legs."""
    assert call.ending is not None
    code = call.leg.ended.result().code if call.leg.ended.done() else 0
    return CallClosed(
        call_id=call.id,
        ended_at=call.times.ended or call.clock.now(),
        ending=call.ending.value,
        ended_by=ended_by(call.ending),
        sip_code=code or None,
        rtp=rtp_quality(call),
        detail={"waited_s": round(call.waited_s, 1)},
    )


def rtp_quality(call: Call) -> dict[str, dict[str, str | int | float]]:
    """What the RTP of the caller's leg, and of the agent's, was like; none of a leg without audio."""
    quality = {"caller": _quality(call.leg)}
    for leg in call.legs[1:]:
        if leg.answered.done():
            quality["agent"] = _quality(leg)
    return {who: numbers for who, numbers in quality.items() if numbers}


def ended_by(ending: Ending) -> str:
    """Who ended the call."""
    match ending:
        case Ending.CALLER_HUNG_UP:
            return "caller"
        case Ending.AGENT_HUNG_UP:
            return "agent"
        case _ if ending.value.startswith("abandoned"):
            return "caller"
        case Ending.ENDED_BY_OPERATOR:
            return "operator"
        case _:
            return "system"


def timeline_draft(entry: Entry) -> TimelineDraft:
    """An entry for the database."""
    return TimelineDraft(
        at=entry.at,
        offset_s=entry.offset_s,
        source=entry.source.value,
        event=entry.event,
        detail=entry.detail,
    )


def _quality(leg: Leg) -> dict[str, str | int | float]:
    stats = leg.stats
    if stats is None:
        return {}
    return {
        "codec": stats.codec,
        "rx_packets": stats.rx_packets,
        "rx_lost": stats.rx_lost,
        "rx_jitter_ms": round(stats.rx_jitter_ms, 1),
        "tx_packets": stats.tx_packets,
        "tx_lost": stats.tx_lost,
        "rtt_ms": round(stats.rtt_ms, 1),
    }
