"""A caller's call from all sides: SIP, RTP, the agent's telephone and the node's record. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ivr.load.callers import Caller
from ivr.load.peer_messages import StreamFigures
from ivr.load.records import RecordTimes
from ivr.load.rtp import CYCLE_PACKETS, PACKET_S
from ivr.load.sipp_trace import EndedBy, SipCall, Taken, call_number

_NS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """What was measured of a conversation, in seconds.

    `to_caller_s`: the agent's 200 to the first packet with the agent's voice at the caller, `to_agent_s` the
    other way. `lasted_s`: the agent's 200 to the agent's BYE. Delays are medians over the bursts of the
    marker, from one party's socket to the other's.
    """

    to_caller_s: float | None
    to_agent_s: float | None
    lasted_s: float | None
    caller_to_agent_delay_s: float | None
    agent_to_caller_delay_s: float | None

    @property
    def two_way_s(self) -> float | None:
        """The agent's 200 until both have heard each other."""
        if self.to_caller_s is None or self.to_agent_s is None:
            return None
        return max(self.to_caller_s, self.to_agent_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call. `sip` None: its INVITE was never sent. `cut`: the node ended it without a reason."""

    number: int
    caller: Caller
    sip: SipCall | None
    rtp: StreamFigures
    record: RecordTimes | None = None
    bridge: Bridge | None = None
    cut: bool = False

    @property
    def answered(self) -> bool:
        """Whether there was a 200."""
        return self.sip is not None and self.sip.answered_s is not None

    @property
    def setup_s(self) -> float | None:
        """INVITE to 200."""
        if self.sip is None or self.sip.answered_s is None:
            return None
        return self.sip.answered_s - self.sip.invited_s

    @property
    def first_rtp_s(self) -> float | None:
        """200 to the first RTP packet; less than zero when it overtook the 200."""
        return self._after_answer(self.rtp.first_ns)

    @property
    def first_audio_s(self) -> float | None:
        """200 to the first packet that is not silence."""
        return self._after_answer(self.rtp.first_audio_ns)

    @property
    def without_rtp_s(self) -> float | None:
        """The last RTP packet to the first BYE."""
        if self.sip is None or self.sip.ended_s is None or self.rtp.last_ns is None:
            return None
        return self.sip.ended_s - self.rtp.last_ns / _NS

    def _after_answer(self, at_ns: int | None) -> float | None:
        if at_ns is None or self.sip is None or self.sip.answered_s is None:
            return None
        return at_ns / _NS - self.sip.answered_s


def join(
    callers: Sequence[Caller],
    sip: Mapping[str, SipCall],
    streams: Sequence[StreamFigures],
    records: Mapping[str, RecordTimes],
    bridges: Mapping[str, Bridge],
    *,
    patient: bool = True,
) -> tuple[Call, ...]:
    """The calls of a run in their order. `streams` are the callers'; records and bridges are by number.

    `patient`: nobody but an agent has a reason to hang up before the caller does."""
    by_number = {call_number(call_id): call for call_id, call in sip.items()}
    bridged = bridges if patient else {caller.number for caller in callers}
    return tuple(
        Call(
            number=number,
            caller=caller,
            sip=by_number.get(number),
            rtp=streams[number],
            record=records.get(caller.number),
            bridge=bridges.get(caller.number),
            cut=caller.number not in bridged and _ended_by(by_number.get(number)) is EndedBy.PEER,
        )
        for number, caller in enumerate(callers)
    )


def bridges(
    taken: Iterable[Taken],
    agent_sip: Mapping[str, SipCall],
    agent_streams: Mapping[int, StreamFigures],
    caller_streams: Mapping[str, StreamFigures],
) -> dict[str, Bridge]:
    """The conversations by the caller's number; agents' streams are by port. A port that was used twice
    (more calls than lines in the injection file) says nothing clear and counts for nothing."""
    answered = [t for t in taken if (call := agent_sip.get(t.call_id)) and call.answered_s is not None]
    ports = [t.port for t in answered]
    found: dict[str, Bridge] = {}
    for one in answered:
        caller, agent = caller_streams.get(one.caller), agent_streams.get(one.port)
        sip = agent_sip[one.call_id]
        if caller is not None and agent is not None and ports.count(one.port) == 1:
            found[one.caller] = _bridge(sip, caller, agent)
    return found


def delay_s(bursts_ns: Sequence[int], onsets_ns: Sequence[int]) -> float | None:
    """The median time from a burst that was sent to the one that was heard; None when there is no pair.

    A burst is one in a second, so the first onset within the next second is its own. The first pair counts
    only when it is the only one: the bridge may have begun in the middle of a burst.
    """
    cycle_ns = int(CYCLE_PACKETS * PACKET_S * _NS)
    delays: list[int] = []
    heard = sorted(onsets_ns)
    for burst in bursts_ns:
        later = next((onset for onset in heard if burst <= onset < burst + cycle_ns), None)
        if later is not None:
            delays.append(later - burst)
    counted = sorted(delays[1:] or delays)
    return counted[len(counted) // 2] / _NS if counted else None


def held_on_average(calls: Iterable[Call], from_s: float, until_s: float) -> float:
    """How many calls were up on average between two moments of the wall clock."""
    total = 0.0
    for call in calls:
        if call.sip is not None and call.sip.answered_s is not None:
            ended = call.sip.ended_s if call.sip.ended_s is not None else until_s
            total += max(0.0, min(ended, until_s) - max(call.sip.answered_s, from_s))
    return total / (until_s - from_s)


def _ended_by(call: SipCall | None) -> EndedBy | None:
    return call.ended_by if call is not None else None


def _bridge(sip: SipCall, caller: StreamFigures, agent: StreamFigures) -> Bridge:
    return Bridge(
        to_caller_s=_since(sip, caller.first_marker_ns),
        to_agent_s=_since(sip, agent.first_marker_ns),
        lasted_s=_since(sip, None if sip.ended_s is None else int(sip.ended_s * _NS)),
        caller_to_agent_delay_s=delay_s(caller.bursts_ns, agent.onsets_ns),
        agent_to_caller_delay_s=delay_s(agent.bursts_ns, caller.onsets_ns),
    )


def _since(sip: SipCall, at_ns: int | None) -> float | None:
    """The answer until then."""
    return None if at_ns is None or sip.answered_s is None else at_ns / _NS - sip.answered_s
