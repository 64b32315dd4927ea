"""The load runs behind the benchmarks, and what each of them is to show."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console

from ivr.bench.table import Row
from ivr.load.options import LoadOptions
from ivr.load.processes import Part
from ivr.load.report import LoadReport
from ivr.load.run import measure

MB = 1 << 20
HOLD_S, RAMP_RATE = 60.0, 10.0
NAME_DELAY_S = 0.3


async def run(options: LoadOptions, console: Console) -> LoadReport:
    """One load run without a report of its own. Raises LoadError."""
    console.print(
        f"{options.calls} calls, {options.rate:g} a second, {options.hold_s:g} s each", highlight=False
    )
    return await measure(options, console)


def held(calls: int, *, rtp: bool, hold_s: float = HOLD_S, rate: float = RAMP_RATE) -> LoadOptions:
    """So many callers on hold at once. They hold for as long again as it takes them all to come."""
    return _options(calls, rate=rate, hold_s=hold_s + calls / rate, rtp=rtp)


def held_rows(report: LoadReport) -> tuple[Row, ...]:
    """What a held caller costs and hears."""
    asked, cost, steady = report.asked, report.cost, report.rtp.steady
    each = None if cost is None or cost.cores_per_call is None else cost.cores_per_call * 100
    of = f"{asked.calls} held, {'two-way' if asked.rtp else 'one-way'}: "
    worker = _part(report, Part.WORKER)
    return (
        Row(
            measure=of + "CPU a caller, whole process tree",
            unit="% of a core",
            found=each,
            wanted=0.31 if asked.rtp else 0.17,
            digits=3,
        ),
        Row(
            measure=of + "good calls", unit="", found=report.good, wanted=asked.calls, at_least=True, digits=0
        ),
        Row(
            measure=of + "packets a second, the worst call",
            unit="",
            found=report.rtp.packets_per_s.least,
            wanted=49.5,
            at_least=True,
            digits=2,
        ),
        Row(measure=of + "p99 of inter-packet time", unit="ms", found=_ms(steady.gap_p99_s), wanted=30),
        Row(measure=of + "worker PSS, the largest", unit="MB", found=worker, wanted=8),
        Row(measure=of + "memory of the whole node", unit="MB", found=cost.pss / MB if cost else None),
    )


def setup() -> LoadOptions:
    """20 new calls a second through the whole flow, 200 at once, for 40 s."""
    return _options(800, rate=20.0, hold_s=10.0)


def setup_rows(report: LoadReport) -> tuple[Row, ...]:
    """How fast callers are answered."""
    times, asked = report.times, report.asked
    rate = f"at {asked.rate:g} calls/s: "
    control = (
        [part.cores * 100 for part in report.cost.parts if part.part is Part.CONTROL] if report.cost else []
    )
    return (
        Row(measure=rate + "INVITE to 200, p99", unit="ms", found=_ms(times.invite_to_200.p99), wanted=50),
        Row(
            measure=rate + "200 to first prompt audio, p99",
            unit="ms",
            found=_ms(times.answer_to_first_audio.p99),
            wanted=100,
        ),
        Row(
            measure=rate + "good calls",
            unit="",
            found=report.good,
            wanted=asked.calls,
            at_least=True,
            digits=0,
        ),
        Row(measure=rate + "control process", unit="% of a core", found=control[0] if control else None),
    )


def name() -> LoadOptions:
    """Few callers, each request to Salesforce taking 300 ms."""
    return _options(20, rate=1.0, hold_s=10.0, salesforce_delay_s=NAME_DELAY_S)


def name_rows(report: LoadReport) -> tuple[Row, ...]:
    """When a caller hears his name."""
    times = report.times
    of = f"Salesforce takes {NAME_DELAY_S * 1000:g} ms a request: "
    return (
        Row(
            measure=of + "INVITE to caller identified, p50",
            unit="ms",
            found=_ms(times.invite_to_identified.p50),
        ),
        Row(
            measure=of + "INVITE to the name spoken, p50",
            unit="ms",
            found=_ms(times.invite_to_name.p50),
            wanted=NAME_DELAY_S * 1000,
        ),
        Row(
            measure=of + "three requests after the answer would be", unit="ms", found=NAME_DELAY_S * 3 * 1000
        ),
    )


def bridge() -> LoadOptions:
    """Callers who speak, and agents who take one after the other."""
    return _options(40, rate=1.0, hold_s=20.0, rtp=True, agents=10, talk_s=5.0)


def bridge_rows(report: LoadReport) -> tuple[Row, ...]:
    """How fast two parties hear each other, and how late."""
    times = report.times
    return (
        Row(
            measure="agent's 200 to two-way audio, p99",
            unit="ms",
            found=_ms(times.agent_200_to_two_way.p99),
            wanted=60,
        ),
        Row(
            measure="delay through the bridge, caller to agent, p50",
            unit="ms",
            found=_ms(times.delay_caller_to_agent.p50),
            wanted=20,
        ),
        Row(
            measure="delay through the bridge, agent to caller, p50",
            unit="ms",
            found=_ms(times.delay_agent_to_caller.p50),
            wanted=20,
        ),
        Row(measure="conversations", unit="", found=report.bridged, digits=0),
    )


def _options(
    calls: int,
    *,
    rate: float,
    hold_s: float,
    rtp: bool = False,
    agents: int = 0,
    talk_s: float = 5.0,
    salesforce_delay_s: float = 0.0,
) -> LoadOptions:
    return LoadOptions(
        calls=calls,
        rate=rate,
        hold_s=hold_s,
        rtp=rtp,
        target=None,
        user="support",
        agents=agents,
        talk_s=talk_s,
        out=Path(tempfile.gettempdir()) / "ivr-bench",
        salesforce_delay_s=salesforce_delay_s,
    )


def _part(report: LoadReport, part: Part) -> float | None:
    found = [use.pss_most / MB for use in report.cost.parts if use.part is part] if report.cost else []
    return found[0] if found else None


def _ms(value_s: float | None) -> float | None:
    return None if value_s is None else value_s * 1000
