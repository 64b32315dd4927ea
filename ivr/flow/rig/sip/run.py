"""Plays scenarios over SIP, and judges them by what the node recorded and the caller's telephone heard."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
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
from ivr.flow.rig.sip.able import why_not, why_not_so
from ivr.flow.rig.sip.ahead import leaving, queue_up
from ivr.flow.rig.sip.people import Agent, Caller, dial, wrap_up
from ivr.flow.rig.sip.proof import rings, spoken_until_s, treated_until_s, unheard
from ivr.flow.rig.sip.told import Evidence, story_of
from ivr.flow.rig.sip.world import World, world
from ivr.flow.rig.story import Kind, Moment, Story
from ivr.waiting import any_of
from media.errors import MediaError
from media.leg import Leg
from media.process import StartError

STEP_S = 20.0
"""For what must follow at once: the answer, the record's close, a delivery."""


def run_over_sip(file: ScenarioFile, only: str | None = None) -> Report:
    """Play the scenarios that telephones can play; what others are left out for is in `skipped`. Coverage is
    told, not demanded. Raises `SipRunError` when none can be played, or when there is no node here."""
    wanted = [name for name in file.suite.scenarios if only in (None, name)]
    virtual = {name: play_virtually(file, name).story for name in wanted}
    skipped = {name: why for name in wanted if (why := _why_not(file, name, virtual[name])) is not None}
    names = [name for name in wanted if name not in skipped]
    if not names:
        raise SipRunError("; ".join(f"{name}: {why}" for name, why in skipped.items()))
    outcomes = tuple(_play(file, name, virtual[name]) for name in names)
    covered = coverage(file.flow, [step for outcome in outcomes for step in outcome.story.steps])
    return Report(file=file, outcomes=outcomes, coverage=covered, complaints=(), skipped=skipped)


def _why_not(file: ScenarioFile, name: str, virtual: Story) -> str | None:
    return why_not(file.flow, file.suite.scenarios[name]) or why_not_so(virtual)


def _play(file: ScenarioFile, name: str, virtual: Story) -> Outcome:
    scenario = file.suite.scenarios[name]
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
    texts = [*_texts(scenario, virtual), *virtual.unheard]
    async with world(file, scenario, folder, virtual, texts) as around:
        stopped = None
        people: list[asyncio.Task[None]] = []
        try:
            waiting = await queue_up(around, scenario)
            leg = await dial(around, scenario)
            people = [asyncio.create_task(work) for work in (*_people(around, scenario), *leaving(waiting))]
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


def _people(around: World, scenario: Scenario) -> list[Coroutine[None, None, None]]:
    """What everybody but the caller does."""
    agents = [Agent(around, name, script) for name, script in scenario.agents.items()]
    deeds = [work for agent in agents for work in (agent.get_ready(), agent.answer_calls())]
    if around.far is not None:
        deeds.append(around.far.answer_calls())
    if around.crowd is not None:
        deeds.append(around.crowd.ring())
    return deeds


async def _caller(around: World, leg: Leg, scenario: Scenario, virtual: Story) -> None:
    """Until the call is over, whoever ends it."""
    async with asyncio.timeout(STEP_S):
        await leg.answered
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
    """The story, once the record is closed and what was to be written has been, or was refused."""
    async with asyncio.timeout(STEP_S):
        call_id = await around.watch.stage("ringing", "treatment", "queued", "offered", "connected")
        await around.watch.closed(call_id)
    for agent in scenario.agents:
        await wrap_up(around, agent, call_id)
    if writes := len(virtual.comments) + len(virtual.refused):
        with suppress(TimeoutError):  # what is missing then is the expectation's to say
            async with asyncio.timeout(STEP_S):
                await around.watch.attempted(call_id, writes)
    call = await around.operator.call(call_id)
    until_s = treated_until_s(call)
    evidence = Evidence(
        heard=await around.ear.sentences(_texts(scenario, virtual), spoken_until_s(call)),
        pops=[url for _, url in around.watch.pops()],
        asked=around.answers.asked,
        called=around.far.called if around.far is not None else (),
        org=around.org,
        number=scenario.caller.number,
    )
    story = story_of(call, evidence)
    story.heard_silence_s = around.ear.longest_silence_s(until_s, rings(call))
    story.moments += await unheard(call, story, around.ear)
    for target in around.far.unscripted if around.far is not None else ():
        story.moments.append(
            Moment(at_s=story.lasted_s, kind=Kind.FAULT, text=f"no scripted target {target}")
        )
    return story


def _texts(scenario: Scenario, virtual: Story) -> list[str]:
    """What the flow says, and what it is expected to say."""
    expected = [text for text in scenario.expect.said or () if text != ANY_NUMBER]
    return list(dict.fromkeys((*virtual.of(Kind.SAID), *expected)))
