"""Plays scenarios over SIP, and judges them by what the node recorded and the caller's telephone heard."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path

from ivr.api.errors import ApiError
from ivr.config import ConfigError
from ivr.errors import CannotStart
from ivr.flow.rig.coverage import coverage
from ivr.flow.rig.errors import SipRunError
from ivr.flow.rig.load import ScenarioFile
from ivr.flow.rig.run import Outcome, Report, judge, play_virtually
from ivr.flow.rig.scenario import ANY_NUMBER, Scenario
from ivr.flow.rig.sip.able import why_not
from ivr.flow.rig.sip.people import Agent, Caller, dial, wrap_up
from ivr.flow.rig.sip.told import story_of
from ivr.flow.rig.sip.world import World, world
from ivr.flow.rig.story import Kind, Moment, Story
from ivr.waiting import any_of
from media.client import Leg
from media.errors import MediaError
from media.process import StartError

STEP_S = 20.0
"""For what must follow at once: the answer, the record's close, a delivery."""
EDGE_S = 0.3
MUSIC_S = 4.0


def run_over_sip(file: ScenarioFile, only: str | None = None) -> Report:
    """Play the scenarios that telephones can play; what others are left out for is in `skipped`. Coverage is
    told, not demanded. Raises `SipRunError` when none can be played, or when there is no node here."""
    wanted = [name for name in file.suite.scenarios if only in (None, name)]
    skipped = {n: why for n in wanted if (why := why_not(file.flow, file.suite.scenarios[n])) is not None}
    names = [name for name in wanted if name not in skipped]
    if not names:
        raise SipRunError("; ".join(f"{name}: {why}" for name, why in skipped.items()))
    outcomes = tuple(_play(file, name) for name in names)
    covered = coverage(file.flow, [step for outcome in outcomes for step in outcome.story.steps])
    return Report(file=file, outcomes=outcomes, coverage=covered, complaints=(), skipped=skipped)


def _play(file: ScenarioFile, name: str) -> Outcome:
    scenario = file.suite.scenarios[name]
    virtual = play_virtually(file, name).story
    with tempfile.TemporaryDirectory(prefix="ivr-rig-") as folder:
        try:
            story, stopped = asyncio.run(_call(file, scenario, virtual, Path(folder)))
        except (CannotStart, ConfigError, StartError, MediaError, ApiError, OSError) as exc:
            raise SipRunError(f"{name}: {exc}") from exc
    # The node's record has no values of variables.
    story.variables = virtual.variables
    return judge(file, name, story, stopped)


async def _call(
    file: ScenarioFile, scenario: Scenario, virtual: Story, folder: Path
) -> tuple[Story, str | None]:
    """One call; its story, and why it was broken off."""
    async with world(file, scenario, folder, _texts(scenario, virtual)) as around:
        stopped = None
        people: list[asyncio.Task[None]] = []
        try:
            leg = await dial(around, scenario)
            people = _agents(around, scenario)
            try:
                async with asyncio.timeout(scenario.stays_s):
                    await _caller(around, leg, scenario, virtual)
            except TimeoutError:
                stopped = f"the call was not over after {scenario.stays_s:g} s"
                await leg.hang_up()
            story = await _told(around, scenario, virtual)
        finally:
            for task in people:
                task.cancel()
            await asyncio.gather(*people, return_exceptions=True)
        return story, stopped


def _agents(around: World, scenario: Scenario) -> list[asyncio.Task[None]]:
    agents = [Agent(around, name, script) for name, script in scenario.agents.items()]
    return [
        asyncio.create_task(work) for agent in agents for work in (agent.get_ready(), agent.answer_calls())
    ]


async def _caller(around: World, leg: Leg, scenario: Scenario, virtual: Story) -> None:
    """Until the call is over, whoever ends it."""
    async with asyncio.timeout(STEP_S):
        await leg.answered
    await leg.record(str(around.recording))
    caller = Caller(around, leg, virtual.of(Kind.SAID), virtual.of(Kind.MUSIC))
    living = asyncio.create_task(caller.live(scenario.caller.does))
    try:
        await any_of(leg.ended, living)
        if living.done():
            living.result()
        await leg.ended
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)


async def _told(around: World, scenario: Scenario, virtual: Story) -> Story:
    """The story, once the record is closed and what was to be written has been."""
    async with asyncio.timeout(STEP_S):
        call_id = await around.watch.stage("ringing", "treatment", "queued", "offered", "connected")
        await around.watch.closed(call_id)
    for agent in scenario.agents:
        await wrap_up(around, agent, call_id)
    if virtual.comments:
        with suppress(TimeoutError):  # what is missing then is the expectation's to say
            async with asyncio.timeout(STEP_S):
                await around.watch.delivered(call_id, len(virtual.comments))
    call = await around.operator.call(call_id)
    connected_s = _offset(call.timeline, "agent", "answered")
    ended_s = _offset(call.timeline, "sip", "ended") or 0.0
    answered_s = _offset(call.timeline, "sip", "answered") or 0.0
    until_s = (ended_s if connected_s is None else connected_s) - answered_s
    heard = await around.ear.sentences(_texts(scenario, virtual), until_s)
    pops = [url for _, url in around.watch.pops()]
    story = story_of(call, heard, pops, around.org, scenario.caller.number)
    story.heard_silence_s = around.ear.longest_silence_s(until_s)
    await _check_music(around, story, answered_s, until_s)
    return story


def _texts(scenario: Scenario, virtual: Story) -> list[str]:
    """What the flow says, and what it is expected to say."""
    expected = [text for text in scenario.expect.said or () if text != ANY_NUMBER]
    return list(dict.fromkeys((*virtual.of(Kind.SAID), *expected)))


def _offset(timeline: object, source: str, event: str) -> float | None:
    entries = timeline if isinstance(timeline, tuple) else ()
    return next((e.offset_s for e in entries if (e.source, e.event) == (source, event)), None)


async def _check_music(around: World, story: Story, answered_s: float, until_s: float) -> None:
    """Music that the node says it played must be in the caller's ear."""
    for moment in [moment for moment in story.moments if moment.kind is Kind.MUSIC]:
        begins_s = moment.at_s - answered_s + EDGE_S
        ends_s = min(begins_s + MUSIC_S, until_s - EDGE_S)
        if ends_s - begins_s < 1.0:
            continue  # too short to tell music by
        if not await around.ear.heard_music(moment.text, begins_s, ends_s):
            text = f"at {moment.at_s:g} s the caller did not hear {moment.text}"
            story.moments.append(Moment(at_s=moment.at_s, kind=Kind.FAULT, text=text))
