"""The report for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ivr.load.figures import Spread
from ivr.load.report import Cost, LoadReport

_MB = 1 << 20
NO_PLOT = "No plot: it needs matplotlib (`pip install matplotlib`), and a run of more than a second."
_BUSY_SHARE = 0.1


def markdown(report: LoadReport, plot: str | None) -> str:
    """The whole report. `plot` is the name of the picture beside it, None when there is none."""
    parts = (
        _head(report),
        _verdict(report),
        _section("Calls", _calls(report)),
        _section("Times", _times(report)),
        _section("RTP at the callers", _rtp(report)),
        _section("Cost in the steady phase", _cost(report)),
        _section("Course", f"![calls, packets and CPU over time]({plot})" if plot else NO_PLOT),
    )
    return "\n\n".join(parts) + "\n"


def milliseconds(value: float | None) -> str:
    """A time in ms."""
    return "-" if value is None else f"{value * 1000:.1f}"


def _head(report: LoadReport) -> str:
    asked = report.asked
    where = f"the node at {asked.target}" if asked.target else "a node of its own"
    speak = "callers speak too" if asked.rtp else "callers only listen"
    agents = f", {asked.agents} agents who talk {asked.talk_s:g} s" if asked.agents else ""
    machine = ", ".join(
        f"{value} {key}" if key == "cores" else value for key, value in report.machine.items()
    )
    return (
        f"# Load: {asked.calls} calls, {asked.rate:g} a second, {asked.hold_s:g} s each\n\n"
        f"{report.began_at:%Y-%m-%d %H:%M} UTC against {where} ({speak}{agents}), on {machine}."
    )


def _verdict(report: LoadReport) -> str:
    if report.passed:
        return f"**Every call was good** ({report.good} of {report.calls})."
    lines = "\n".join(f"- {reason}" for reason in report.reasons)
    return f"**Not every call was good** ({report.good} of {report.calls} were).\n\n{lines}"


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}"


def _calls(report: LoadReport) -> str:
    rows = [("made", report.calls), ("answered", report.answered), ("good", report.good)]
    rows += [("with an agent", report.bridged)] if report.asked.agents else []
    rows += [(f"refused: {code}", count) for code, count in report.refused.items()]
    return _table(("calls", "number"), ((name, str(count)) for name, count in rows))


def _times(report: LoadReport) -> str:
    times = report.times
    rows: tuple[tuple[str, Spread], ...] = (
        ("INVITE to 200", times.invite_to_200),
        ("200 to first RTP packet", times.answer_to_first_rtp),
        ("200 to first audio", times.answer_to_first_audio),
        ("INVITE to caller identified", times.invite_to_identified),
        ("INVITE to greeting by name", times.invite_to_name),
        ("answer to greeting by name", times.answer_to_name),
        ("agent's 200 to caller hears agent", times.agent_200_to_caller_hears),
        ("agent's 200 to agent hears caller", times.agent_200_to_agent_hears),
        ("agent's 200 to two-way audio", times.agent_200_to_two_way),
        ("delay through the bridge, caller to agent", times.delay_caller_to_agent),
        ("delay through the bridge, agent to caller", times.delay_agent_to_caller),
    )
    measured = ((name, *_spread(value)) for name, value in rows if value.count)
    return _table(("ms", "calls", "p50", "p95", "p99", "most"), measured)


def _spread(value: Spread) -> tuple[str, ...]:
    return (str(value.count), *(milliseconds(v) for v in (value.p50, value.p95, value.p99, value.most)))


def _rtp(report: LoadReport) -> str:
    rtp, steady = report.rtp, report.rtp.steady
    rate = rtp.packets_per_s
    rows = [
        ("packets a second and call, median", _number(rate.p50, 2)),
        ("the same, the worst call", _number(rate.least, 2)),
        ("lost", str(rtp.lost)),
        ("out of order", str(rtp.reordered)),
        ("longest silence of a call, s", _number(rtp.longest_silence_s.most, 2)),
        ("steady phase: calls heard in all of it", str(steady.streams)),
        ("steady phase: packets a second in all", _number(steady.packets / steady.seconds, 0)),
        ("steady phase: time between packets, p50, ms", milliseconds(steady.gap_p50_s)),
        ("steady phase: time between packets, p99, ms", milliseconds(steady.gap_p99_s)),
        ("steady phase: time between packets, most, ms", milliseconds(steady.gap_max_s)),
        ("what was heard (2 s each)", ", ".join(f"{k} {n}" for k, n in rtp.kinds.items()) or "-"),
    ]
    if rtp.sent:
        rows.append(
            ("sent by callers and agents, of these more than 5 ms late", f"{rtp.sent}, {rtp.sent_late}")
        )
    return _table(("RTP", "value"), rows)


def _cost(report: LoadReport) -> str:
    if report.cost is None:
        return "Not measured: the calls were over before the load was steady."
    cost = report.cost
    rows = [
        (use.part.value, str(use.processes), _percent(use.cores), _mb(use.pss), _mb(use.pss_most))
        for use in cost.parts
    ]
    if rows:
        processes = str(sum(use.processes for use in cost.parts))
        rows.append(("**whole node**", processes, _percent(cost.cores), _mb(cost.pss), ""))
    table = _table(("part", "processes", "% of a core", "PSS, MB", "largest, MB"), rows) if rows else ""
    return "\n\n".join(part for part in (_summary(cost), table, _beside(cost)) if part)


def _summary(cost: Cost) -> str:
    each = "" if cost.cores_per_call is None else f": {_percent(cost.cores_per_call, 3)} % of a core a call"
    return f"{cost.seconds:.1f} s with {cost.calls_up:.1f} calls up on average{each}."


def _beside(cost: Cost) -> str:
    tools = ", ".join(f"{name} {_percent(cores)} %" for name, cores in cost.beside.items())
    text = f"Beside the node, not counted: {tools}; all other programs {_percent(cost.others)} % of a core."
    if cost.others > _BUSY_SHARE:
        text += (
            " **The machine was busy with something else: times and pacing are worse than the node's own.**"
        )
    return text


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(cores: float, digits: int = 1) -> str:
    return f"{cores * 100:.{digits}f}"


def _mb(size: int) -> str:
    return f"{size / _MB:.1f}"
