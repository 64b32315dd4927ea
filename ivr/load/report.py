"""The result of a load run: one document, from which the Markdown, the JSON and the plot are made. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from ivr.load.calls import Call, held_on_average
from ivr.load.figures import Spread, spread
from ivr.load.meter import Reading, Use
from ivr.load.options import LoadOptions
from ivr.load.peer_messages import PeerFigures, SteadyFigures
from ivr.load.processes import PartUse
from ivr.load.verdict import faults, reasons, refusals

_NS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One second of the run, for the plot. `cores` is the node's use, None when it is not ours."""

    at_s: float
    up: int
    failed: int
    packets_per_s: float
    cores: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the run was asked for."""

    calls: int
    rate: float
    hold_s: float
    rtp: bool
    target: str | None
    user: str
    agents: int
    talk_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long things took, in seconds. What was not measured has a count of 0."""

    invite_to_200: Spread
    answer_to_first_rtp: Spread
    answer_to_first_audio: Spread
    invite_to_identified: Spread
    invite_to_name: Spread
    answer_to_name: Spread
    agent_200_to_caller_hears: Spread
    agent_200_to_agent_hears: Spread
    agent_200_to_two_way: Spread
    delay_caller_to_agent: Spread
    delay_agent_to_caller: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Rtp:
    """What callers heard. `kinds` counts stretches of two seconds of the calls that were listened to.

    `sent` is what callers and agents said themselves, `sent_late` how much of it was 5 ms late or more."""

    packets_per_s: Spread
    lost: int
    reordered: int
    longest_silence_s: Spread
    gap_p99_s: Spread
    kinds: Mapping[str, int]
    steady: SteadyFigures
    sent: int
    sent_late: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The steady phase: `cores` of the whole node, `cores_per_call` for each call that was up on average."""

    seconds: float
    calls_up: float
    cores: float
    cores_per_call: float | None
    pss: int
    parts: tuple[PartUse, ...]
    beside: Mapping[str, float]
    others: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """The whole result."""

    began_at: datetime
    machine: Mapping[str, str]
    asked: Asked
    calls: int
    answered: int
    good: int
    bridged: int
    refused: Mapping[str, int]
    times: Times
    rtp: Rtp
    cost: Cost | None
    peer_cpu_s: float
    samples: tuple[Sample, ...]
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every call was good."""
        return not self.reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that was measured, to be made a report of. `steady`: both readings, None when it did not last."""

    began_at: datetime
    machine: Mapping[str, str]
    calls: tuple[Call, ...]
    peer: PeerFigures
    steady: tuple[Reading, Reading] | None
    use: Use | None
    samples: tuple[Sample, ...]


def make_report(options: LoadOptions, measured: Measured) -> LoadReport:
    """The report of what was measured."""
    calls = measured.calls
    return LoadReport(
        began_at=measured.began_at,
        machine=measured.machine,
        asked=_asked(options),
        calls=len(calls),
        answered=sum(call.answered for call in calls),
        good=sum(not faults(call) for call in calls),
        bridged=sum(call.bridge is not None for call in calls),
        refused=refusals(calls),
        times=_times(calls),
        rtp=_rtp(calls, measured.peer),
        cost=_cost(measured),
        peer_cpu_s=measured.peer.cpu_s,
        samples=measured.samples,
        reasons=reasons(calls, agents=options.agents),
    )


def to_json(report: LoadReport) -> bytes:
    """The report for programs; `passed` says in one word whether every call was good."""
    document = msgspec.to_builtins(report) | {"passed": report.passed}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _asked(options: LoadOptions) -> Asked:
    return Asked(
        calls=options.calls,
        rate=options.rate,
        hold_s=options.hold_s,
        rtp=options.rtp,
        target=options.target,
        user=options.user,
        agents=options.agents,
        talk_s=options.talk_s,
    )


def _times(calls: Sequence[Call]) -> Times:
    records = [call.record for call in calls if call.record is not None]
    bridges = [call.bridge for call in calls if call.bridge is not None]
    return Times(
        invite_to_200=spread(call.setup_s for call in calls),
        answer_to_first_rtp=spread(call.first_rtp_s for call in calls),
        answer_to_first_audio=spread(call.first_audio_s for call in calls),
        invite_to_identified=spread(record.identified_s for record in records),
        invite_to_name=spread(record.name_begins_s for record in records),
        answer_to_name=spread(record.answer_to_name_s for record in records),
        agent_200_to_caller_hears=spread(bridge.to_caller_s for bridge in bridges),
        agent_200_to_agent_hears=spread(bridge.to_agent_s for bridge in bridges),
        agent_200_to_two_way=spread(bridge.two_way_s for bridge in bridges),
        delay_caller_to_agent=spread(bridge.caller_to_agent_delay_s for bridge in bridges),
        delay_agent_to_caller=spread(bridge.agent_to_caller_delay_s for bridge in bridges),
    )


def _rtp(calls: Sequence[Call], peer: PeerFigures) -> Rtp:
    heard = [call.rtp for call in calls if call.rtp.packets]
    kinds: dict[str, int] = {}
    for kind in (kind for stream in heard for kind in stream.heard):
        kinds[kind] = kinds.get(kind, 0) + 1
    return Rtp(
        packets_per_s=spread(stream.packets_per_s for stream in heard),
        lost=sum(stream.lost for stream in heard),
        reordered=sum(stream.reordered for stream in heard),
        longest_silence_s=spread(stream.longest_silence_s for stream in heard),
        gap_p99_s=spread(stream.gap_p99_s for stream in heard),
        kinds=kinds,
        steady=peer.steady,
        sent=peer.sent,
        sent_late=peer.late,
    )


def _cost(measured: Measured) -> Cost | None:
    if measured.steady is None or measured.use is None:
        return None
    before, after = measured.steady
    use = measured.use
    up = held_on_average(measured.calls, before.wall_ns / _NS, after.wall_ns / _NS)
    return Cost(
        seconds=use.seconds,
        calls_up=up,
        cores=use.node_cores,
        cores_per_call=use.node_cores / up if up and use.parts else None,
        pss=use.node_pss,
        parts=use.parts,
        beside=use.beside,
        others=use.others,
    )
