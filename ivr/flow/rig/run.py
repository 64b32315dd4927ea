"""Runs the scenarios of a file in virtual time and judges them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ivr.acd.service import AcdService
from ivr.flow.rig.call import RigCall
from ivr.flow.rig.coverage import Coverage, coverage
from ivr.flow.rig.expect import Failure, failures
from ivr.flow.rig.load import ScenarioFile
from ivr.flow.rig.queue import definitions, queues_of
from ivr.flow.rig.story import Kind, Story
from ivr.testing.virtual_time import LoopClock, Stuck, run_virtual


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Something that is not as the file expects it. `line` is the expectation's."""

    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A scenario that was played."""

    name: str
    story: Story
    complaints: tuple[Complaint, ...]

    @property
    def good(self) -> bool:
        """Everything was as expected."""
        return not self.complaints


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A file that was played. `coverage` is of those that were; `skipped` says why others were not."""

    file: ScenarioFile
    outcomes: tuple[Outcome, ...]
    coverage: Coverage
    complaints: tuple[Complaint, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Every scenario held, and the edges demanded were walked."""
        return not self.complaints and all(outcome.good for outcome in self.outcomes)


def run_file(file: ScenarioFile, only: str | None = None) -> Report:
    """Play every scenario (or `only` one, without asking for coverage)."""
    names = [name for name in file.suite.scenarios if only in (None, name)]
    outcomes = tuple(play_virtually(file, name) for name in names)
    covered = coverage(file.flow, [step for outcome in outcomes for step in outcome.story.steps])
    complaints: tuple[Complaint, ...] = ()
    if only is None and covered.percent < file.suite.coverage:
        missing = ", ".join(map(str, covered.missing))
        text = f"{covered.percent:.1f} % of the edges were walked; missing: {missing}"
        complaints = (Complaint(file=file.path, line=file.line("coverage"), text=text),)
    return Report(file=file, outcomes=outcomes, coverage=covered, complaints=complaints)


def play_virtually(file: ScenarioFile, name: str) -> Outcome:
    """One scenario in virtual time."""
    scenario = file.suite.scenarios[name]
    stories: list[Story] = []

    async def play() -> None:
        clock = LoopClock(scenario.begins)
        queues = queues_of(file.flow, scenario)
        async with AcdService(*definitions(queues, scenario), clock, lambda _: None) as acd:
            call = RigCall(file.flow, scenario, file.prompts, clock=clock, acd=acd, queues=queues)
            stories.append(call.story)
            await call.run()

    stopped: str | None = None
    try:
        run_virtual(play())
    except TimeoutError:
        stopped = f"the call was not over after {scenario.stays_s:g} s; does the caller ever hang up?"
    except Stuck:
        stopped = "everybody waits for something that never happens"
    return judge(file, name, stories[0], stopped)


def judge(file: ScenarioFile, name: str, story: Story, stopped: str | None = None) -> Outcome:
    """The story against what the scenario expects; `stopped` says why the call was broken off."""
    found = failures(file.suite.scenarios[name].expect, story)
    complaints = [_complaint(file, name, failure) for failure in found]
    if stopped is not None:
        complaints.insert(0, _about(file, name, f"{stopped} Last: {_last(story)}"))
    faults = story.of(Kind.FAULT)
    complaints += [_about(file, name, fault) for fault in faults]
    return Outcome(name=name, story=story, complaints=tuple(complaints))


def _complaint(file: ScenarioFile, name: str, failure: Failure) -> Complaint:
    line = file.line("scenarios", name, "expect", *failure.at)
    return Complaint(file=file.path, line=line, text=f"{name}: {'.'.join(failure.at)}: {failure.text}")


def _about(file: ScenarioFile, name: str, text: str) -> Complaint:
    return Complaint(file=file.path, line=file.line("scenarios", name), text=f"{name}: {text}")


def _last(story: Story) -> str:
    heard = [moment for moment in story.moments if moment.kind is not Kind.QUIET]
    return f"{heard[-1].kind} {heard[-1].text}".strip() if heard else "nothing happened"
