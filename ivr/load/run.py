"""A load run from start to end: the world is set up, callers come, all is measured, the report is written."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from rich.console import Console

from ivr.api.errors import ApiError
from ivr.clock import Clock, SystemClock
from ivr.load.callers import callers
from ivr.load.calls import Bridge, Call, bridges, join
from ivr.load.errors import LoadError, LoadImpossible
from ivr.load.markdown import markdown
from ivr.load.meter import Meter, Reading, Use, machine
from ivr.load.node import require_kamailio
from ivr.load.options import LoadOptions, Phases, check
from ivr.load.peer_messages import PeerFigures
from ivr.load.plot import plot
from ivr.load.progress import ProgressBar
from ivr.load.records import RecordTimes, read_records
from ivr.load.report import LoadReport, Measured, Sample, make_report, to_json
from ivr.load.sipp import Sipp, sipp, sipp_program
from ivr.load.sipp_trace import SipCall, last_counts, messages, sip_calls, taken
from ivr.load.world import World, caller_spec, world
from ivr.telemetry.logs import configure_logs
from ivr.waiting import any_of
from media.process import StartError

SAMPLE_S = 1.0
TRACES = "traces"
DONE, FAILED, WRONG = 0, 1, 2
_NS = 1e9


@dataclass(slots=True)
class Course:
    """What is gathered while the callers are there."""

    began_at: datetime
    steady: list[Reading] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)


async def load(options: LoadOptions) -> int:
    """Exit status: 0 every call was good, 1 not so, 2 nothing could be started."""
    configure_logs("console", "ERROR")
    console = Console(stderr=True)
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        report = await measure(options, console)
    except LoadImpossible as exc:
        console.print(f"The load run cannot start: {exc}", highlight=False)
        return WRONG
    except (LoadError, StartError, ApiError, OSError) as exc:
        console.print(f"The load run has failed: {exc}", highlight=False)
        console.print(f"Logs and traces are in {options.out / TRACES}.", highlight=False)
        return FAILED
    except asyncio.CancelledError:
        console.print("The load run was stopped; there is no report.", highlight=False)
        return FAILED
    text = await asyncio.to_thread(_write, report, options.out)
    if options.json:
        sys.stdout.buffer.write(to_json(report))
    else:
        sys.stdout.write(text)
    console.print(f"report.md, report.json and the traces are in {options.out}.", highlight=False)
    return DONE if report.passed else FAILED


async def measure(options: LoadOptions, console: Console) -> LoadReport:
    """One run. Raises LoadImpossible before anything is started, LoadBroken later."""
    phases = check(options)
    if sys.platform != "linux":
        raise LoadImpossible("load runs need Linux: its /proc and its RTP time stamps")
    sipp_program()
    if options.target is None:
        require_kamailio()
    traces = options.out / TRACES
    clock = SystemClock()
    await asyncio.to_thread(traces.mkdir, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-load-")))
        # When the node has gone its log is whole, and the folder is still there.
        stack.callback(_keep_logs, folder, traces)
        bar = stack.enter_context(ProgressBar(console, options.calls, phases.over_s))
        bar.stage("starting the node" if options.target is None else f"loading {options.target}")
        people = callers(options.calls)
        around = await stack.enter_async_context(world(options, phases, people, folder))
        run = await stack.enter_async_context(sipp(caller_spec(options, phases, people, around, traces)))
        course, meter = await _course(options, phases, around, run, bar, clock)
        bar.stage("reading the results")
        return await _result(options, phases, around, run, course, meter, traces)


async def _course(
    options: LoadOptions, phases: Phases, around: World, run: Sipp, bar: ProgressBar, clock: Clock
) -> tuple[Course, Meter]:
    """From the first INVITE until the last call is over."""
    node = around.node.pid if around.node else None
    meter = Meter(node, around.beside | {"SIPp callers": run.pid}, clock)
    course = Course(began_at=clock.now())
    began_s = clock.monotonic()
    bar.stage(f"{options.calls} calls at {options.rate:g} a second")
    broken: list[Exception] = []
    try:
        async with asyncio.TaskGroup() as group:
            over = group.create_task(run.wait(), name="callers")
            steady = group.create_task(_steady(phases, course, meter), name="steady phase")
            sampling = group.create_task(
                _samples(around, run, course, meter, bar, clock, began_s), name="samples"
            )
            await any_of(over)
            steady.cancel()
            sampling.cancel()
    except* (LoadError, OSError) as errors:
        broken += errors.exceptions
    if broken:
        raise broken[0]
    return course, meter


async def _steady(phases: Phases, course: Course, meter: Meter) -> None:
    """A reading at the beginning and at the end of the steady phase."""
    await asyncio.sleep(phases.steady_from_s)
    course.steady.append(await meter.read())
    await asyncio.sleep(phases.steady_until_s - phases.steady_from_s)
    course.steady.append(await meter.read(memory=True))


async def _samples(
    around: World, run: Sipp, course: Course, meter: Meter, bar: ProgressBar, clock: Clock, began_s: float
) -> None:
    """Once a second: how many calls are up, what they get, what it costs."""
    before, counted = await meter.read(), await around.peer.count()
    while True:
        await asyncio.sleep(SAMPLE_S)
        now, count = await meter.read(), await around.peer.count()
        use = meter.use(before, now)
        counts = last_counts(await asyncio.to_thread(_text, run.traces.counts))
        sample = Sample(
            at_s=clock.monotonic() - began_s,
            up=counts.current if counts else 0,
            failed=counts.failed if counts else 0,
            packets_per_s=(count.received - counted.received) / use.seconds,
            cores=use.node_cores if use.parts else None,
        )
        course.samples.append(sample)
        bar.sample(sample)
        before, counted = now, count


async def _result(
    options: LoadOptions, phases: Phases, around: World, run: Sipp, course: Course, meter: Meter, traces: Path
) -> LoadReport:
    if around.agents is not None:
        await around.agents.end()
    records = await _records(around)
    whole = len(course.steady) == 2
    start_ns = int(course.began_at.timestamp() * _NS)
    from_ns = course.steady[0].wall_ns if whole else start_ns + int(phases.steady_from_s * _NS)
    until_ns = course.steady[1].wall_ns if whole else start_ns + int(phases.steady_until_s * _NS)
    peer = await around.peer.judge((traces / "rtp.json").absolute(), from_ns, until_ns, callers=options.calls)
    use: Use | None = meter.use(*course.steady) if whole else None
    measured = Measured(
        began_at=course.began_at,
        machine=machine(),
        calls=await asyncio.to_thread(_calls, options, around, run, records, peer),
        peer=peer,
        steady=(course.steady[0], course.steady[1]) if whole else None,
        use=use,
        samples=tuple(course.samples),
    )
    return make_report(options, measured)


async def _records(around: World) -> dict[str, RecordTimes]:
    """What the node says; nothing when it has gone, which the calls themselves show."""
    if around.node is None:
        return {}
    with contextlib.suppress(ApiError):
        return await read_records(around.node.operator)
    return {}


def _calls(
    options: LoadOptions, around: World, run: Sipp, records: dict[str, RecordTimes], peer: PeerFigures
) -> tuple[Call, ...]:
    """The calls from the traces of all sides."""
    people = callers(options.calls)
    first = around.caller_streams.first
    streams = peer.streams[first : first + options.calls]
    talked: dict[str, Bridge] = {}
    if around.agents is not None:
        ports = around.agent_streams.ports
        by_port = dict(zip(ports, peer.streams[around.agent_streams.first :], strict=False))
        by_caller = {caller.number: stream for caller, stream in zip(people, streams, strict=True)}
        whose = taken(_text(around.agents.traces.logs))
        talked = bridges(whose, _sip(around.agents), by_port, by_caller)
    # Another's node has flows that we do not know.
    return join(people, _sip(run), streams, records, talked, patient=around.node is not None)


def _sip(run: Sipp) -> dict[str, SipCall]:
    return sip_calls(messages(_text(run.traces.messages)))


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""


def _keep_logs(folder: Path, traces: Path) -> None:
    """What helps to find out why, out of the temporary folder."""
    for pattern in ("*.log", "agent-*", "ivr.yaml"):
        for path in folder.glob(pattern):
            (traces / path.name).write_bytes(path.read_bytes())


def _write(report: LoadReport, out: Path) -> str:
    """All files of the report; the Markdown."""
    text = markdown(report, plot(report, out))
    (out / "report.md").write_text(text, encoding="utf-8")
    (out / "report.json").write_bytes(to_json(report))
    return text
