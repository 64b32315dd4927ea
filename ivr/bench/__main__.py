"""`python -m ivr.bench MEASURE`: one benchmark, its figures as a table."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence

from rich.console import Console

from ivr.bench import runs
from ivr.bench.idle import idle, idle_rows
from ivr.bench.table import Row, markdown
from ivr.load.errors import LoadError, LoadImpossible
from ivr.load.meter import machine
from ivr.load.options import LoadOptions
from ivr.load.report import LoadReport
from ivr.telemetry.logs import configure_logs
from media.process import StartError

DONE, FAILED, WRONG = 0, 1, 2
Figures = tuple[Sequence[Row], float | None]


async def _idle(options: argparse.Namespace, console: Console) -> Figures:
    use = await idle(options.workers, options.seconds)
    return idle_rows(use), use.others


async def _held(options: argparse.Namespace, console: Console) -> Figures:
    rows: list[Row] = []
    others: list[float] = []
    for calls in options.calls:
        report = await runs.run(
            runs.held(calls, rtp=options.rtp, hold_s=options.hold, rate=options.rate), console
        )
        _complain(report, console)
        rows += runs.held_rows(report)
        others += [report.cost.others] if report.cost else []
    return rows, max(others, default=None)


def _one(
    asked: Callable[[], LoadOptions], rows: Callable[[LoadReport], tuple[Row, ...]]
) -> Callable[[argparse.Namespace, Console], Awaitable[Figures]]:
    async def measure(_: argparse.Namespace, console: Console) -> Figures:
        report = await runs.run(asked(), console)
        _complain(report, console)
        return rows(report), report.cost.others if report.cost else None

    return measure


def _complain(report: LoadReport, console: Console) -> None:
    for reason in report.reasons:
        console.print(f"Not good: {reason}", highlight=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench/MEASURE", description=__doc__)
    measures = parser.add_subparsers(dest="measure", required=True)
    one = measures.add_parser("idle", help="a node that nobody calls")
    one.add_argument("--workers", type=int, default=50)
    one.add_argument("--seconds", type=float, default=30.0)
    one.set_defaults(measuring=_idle)
    one = measures.add_parser("held", help="callers on hold: CPU and memory each, RTP pacing")
    one.add_argument("--calls", type=int, nargs="+", default=[10, 50, 100, 200, 500])
    one.add_argument("--rtp", action="store_true", help="callers send RTP, too")
    one.add_argument("--hold", type=float, default=runs.HOLD_S, help="seconds with all of them there")
    one.add_argument("--rate", type=float, default=runs.RAMP_RATE, help="new calls a second until then")
    one.set_defaults(measuring=_held)
    for name, asked, rows, text in (
        ("setup", runs.setup, runs.setup_rows, "20 new calls a second: INVITE to 200, 200 to first audio"),
        ("name", runs.name, runs.name_rows, "the caller's name with a slow Salesforce"),
        ("bridge", runs.bridge, runs.bridge_rows, "two-way audio after the agent's answer, and its delay"),
    ):
        measures.add_parser(name, help=text).set_defaults(measuring=_one(asked, rows))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured (met or missed), 1 the run broke, 2 it cannot be made here."""
    options = _parser().parse_args(arguments)
    configure_logs("console", "ERROR")
    console = Console(stderr=True)
    try:
        rows, others = asyncio.run(options.measuring(options, console))
    except LoadImpossible as exc:
        console.print(str(exc), highlight=False)
        return WRONG
    except (LoadError, StartError, OSError) as exc:
        console.print(f"The benchmark has failed: {exc}", highlight=False)
        return FAILED
    sys.stdout.write(markdown(rows, machine(), others))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
