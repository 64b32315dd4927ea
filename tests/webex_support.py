"""Importing exports in tests: to a folder, bound, loaded, checked and run on fake ports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from ivr.flow.activities.base import NeedKind
from ivr.flow.check import CheckContext, Finding, Severity, check_flow
from ivr.flow.engine import FlowRun
from ivr.flow.load import load_flow
from ivr.flow.model import Flow
from ivr.flow.prompts import PromptCatalogue
from ivr.flow.testing import START, FakePorts, make_run
from ivr.flow.variables import StartValues
from ivr.flow.webex.findings import Repair
from ivr.flow.webex.folder import Written, import_into
from ivr.testing.virtual_time import LoopClock, run_virtual

DATA = Path(__file__).parent / "data" / "webex"
SHARED = Path(__file__).parents[2] / "shared" / "flows"
PROMPTS = PromptCatalogue(language="en-US", prompts={})
WITHHELD = StartValues(ani="", dnis=START.dnis, interaction_id="call-2", entry_point_id="Support")


def imported(
    folder: Path, export: Path, bindings: Mapping[str, Mapping[str, str]], repairs: Iterable[Repair] = ()
) -> tuple[Written, Flow]:
    """An export, imported with what a person has said about things outside, and loaded."""
    said = folder / "said.yaml"
    sections = (
        f"{kind}: {{{', '.join(f'{_quoted(k)}: {_quoted(v)}' for k, v in names.items())}}}\n"
        for kind, names in bindings.items()
    )
    said.write_text("".join(sections), encoding="utf-8")
    written = import_into(folder / "flows", export.read_bytes(), bindings=said, repairs=repairs)
    return written, load_flow(written.flow)


def _quoted(text: str) -> str:
    return f'"{text}"'


def context(flow: Flow, *, queues: Iterable[str] = (), connectors: Iterable[str] = ()) -> CheckContext:
    """A configuration with these queues and connectors, and every sound that the flow names."""
    needs = [need for _, node in flow.nodes() for need in node.activity.needs()]
    return CheckContext(
        queues=frozenset(queues),
        connectors=frozenset(connectors),
        sounds=frozenset(need.name for need in needs if need.kind is NeedKind.SOUND),
        prompts=(PROMPTS,),
    )


def errors(flow: Flow, given: CheckContext) -> list[Finding]:
    """What forbids the flow to take calls."""
    return [finding for finding in check_flow(flow, given) if finding.severity is Severity.ERROR]


def treated(
    flow: Flow,
    fakes: FakePorts,
    until: Callable[[FlowRun], Awaitable[None]],
    *,
    start: StartValues = START,
    events: Iterable[str] = (),
) -> FlowRun:
    """A call from its answer until `until` returns; then the treatment is cancelled and the events happen."""

    async def scenario() -> FlowRun:
        run = make_run(flow, fakes, prompts=PROMPTS, clock=LoopClock(), start=start)
        async with asyncio.TaskGroup() as group:
            main = group.create_task(run.main())
            await until(run)
            main.cancel()
        for event in events:
            await run.event(event)
        return run

    return run_virtual(scenario())


def reaches(fakes: FakePorts, *lines: str) -> Callable[[FlowRun], Awaitable[None]]:
    """Wait for lines of the journal, one after the other."""

    async def until(_: FlowRun) -> None:
        for line in lines:
            await fakes.journal.reached(line)

    return until
