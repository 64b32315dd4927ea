"""An INVITE that the pool has room for: who calls whom, from where, and whether he may."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.call import Arrival, Call, new_call_id
from ivr.caller import caller_of
from ivr.ending import Ending
from ivr.peers import origin_of
from ivr.record import opened_record, timeline_draft
from ivr.services import Services
from ivr.timeline import Entry, Source, Timeline
from media.leg import Leg
from media.messages import Incoming
from media.pool import Booking
from media.sip import caller_identity, dialled_user


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A call to be taken; whether its peer's word about the caller counts."""

    arrival: Arrival
    trusted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What the caller is told, and `why` as metrics name it; `ending` where it counts as a call's."""

    code: int
    reason: str
    why: str
    source: str
    ending: Ending | None = None


def admit(services: Services, event: Incoming, *, is_open: bool) -> Admitted | Refusal:
    """Whether a call is taken. `is_open`: the node takes new ones."""
    config = services.config
    origin = origin_of(config, services.trunks, event.source, event.headers)
    if not is_open:
        return Refusal(code=503, reason="Service Unavailable", why="draining", source=origin.source)
    if not origin.allowed:
        return Refusal(code=403, reason="Forbidden", why="forbidden", source=origin.source)
    settings = config.trunks.get(origin.trunk) if origin.trunk else None
    rule = settings.dnis_from if settings else "request_uri"
    dialled = dialled_user(event.headers, event.request_uri, rule)
    entry_point = config.entry_point(dialled) if dialled else None
    if dialled is None or entry_point is None:
        return Refusal(
            code=404,
            reason="Not Found",
            why="unknown_number",
            source=origin.source,
            ending=Ending.NO_ENTRY_POINT,
        )
    flow = services.flows[config.entry_points[entry_point].flow]
    arrival = Arrival(
        sip_call_id=event.sip_call_id,
        from_tag=event.from_tag,
        source=origin.source,
        trunk=origin.trunk,
        dnis=dialled,
        entry_point=entry_point,
        flow=flow.name,
        flow_version=flow.stamp,
    )
    return Admitted(arrival=arrival, trusted=settings.trusted if settings else False)


def new_call(services: Services, leg: Leg, event: Incoming, booking: Booking, admitted: Admitted) -> Call:
    """The call of an INVITE that was admitted; its record is opened."""
    arrival = admitted.arrival
    call_id = new_call_id(services.clock.now())

    def keep(entry: Entry) -> None:
        services.store.timeline(call_id, (timeline_draft(entry),))

    call = Call(
        call_id=call_id,
        leg=leg,
        booking=booking,
        arrival=arrival,
        caller=caller_of(caller_identity(event.headers, trusted=admitted.trusted), services.config.region),
        timeline=Timeline(services.clock, keep),
        clock=services.clock,
        on_change=services.on_call_change,
    )
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
    return call
