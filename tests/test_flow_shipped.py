"""The flow that ships: it checks clean, keeps the published names, and every caller is greeted and queued."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ivr.flow.check import CheckContext, check_flow
from ivr.flow.engine import FlowRun
from ivr.flow.load import load_flow
from ivr.flow.model import At, EventName, Flow
from ivr.flow.ports import PortError
from ivr.flow.prompts import PromptCatalogue, load_prompts
from ivr.flow.steps import EventEnd
from ivr.flow.testing import START, FakePorts, make_run
from ivr.flow.variables import StartValues
from ivr.salesforce.model import Account, Case, Contact, Match, MatchResult
from ivr.testing.virtual_time import LoopClock, run_virtual

CONFIG = Path(__file__).parents[1] / "config"
SHIPPED: Flow = load_flow(CONFIG / "flows" / "salesforce_ani_lookup.yaml")
PROMPTS: PromptCatalogue = load_prompts(CONFIG / "prompts" / "en-US.yaml")

HOLD = "music defaultmusic_on_hold.wav 30.0"
NEUTRAL = "play Thank you for calling our support line."
BY_NAME = "play Ann Lee, thank you for calling our support line."
CASE = Case(id="500A", number="00001026", subject="Broken")
ACCOUNT = Account(id="001A", name="Acme", priority="High")
ANN = Contact(id="003A", name="Ann Lee", account_id="001A")
ONE = Match(result=MatchResult.ONE, account=ACCOUNT, contact=ANN, cases=(CASE,), cases_known=True)
TWO_CASES = Match(result=MatchResult.ONE, account=ACCOUNT, contact=ANN, cases=(CASE, CASE), cases_known=True)
LEAD = Match(result=MatchResult.ONE, contact=Contact(id="00QA", name="Bo", object="Lead"), cases_known=True)

Until = Callable[[], Awaitable[None]]


def run_call(fakes: FakePorts, until: Until, *, start: StartValues = START, events: bool = False) -> FlowRun:
    """A call from INVITE until `until` returns; then an agent answers, or the caller hangs up."""

    async def scenario() -> FlowRun:
        run = make_run(SHIPPED, fakes, prompts=PROMPTS, clock=LoopClock(), start=start)
        async with asyncio.TaskGroup() as group:
            run.start_early(group.create_task)
            main = group.create_task(run.main())
            await until()
            main.cancel()
            if events:
                for name in (EventName.AGENT_ANSWERED, EventName.PHONE_CONTACT_ENDED):
                    assert (await run.event(name)).end is EventEnd.DONE
        assert main.cancelled()
        return run

    return run_virtual(scenario())


def heard(fakes: FakePorts) -> list[str]:
    """What the caller hears and where he is put, without the look-ups."""
    return [line for line in fakes.journal.lines if line.split()[0] in ("play", "music", "enqueue")]


def test_it_checks_clean() -> None:
    context = CheckContext(
        queues=frozenset({"Support"}),
        connectors=frozenset({"Salesforce"}),
        sounds=frozenset({"defaultmusic_on_hold.wav"}),
        prompts=(PROMPTS,),
    )
    assert check_flow(SHIPPED, context) == []


def test_it_keeps_the_names_of_the_published_flow() -> None:
    main = "NewPhoneContact SetPhoneNumber AccountByANI ContactByANI CasebyContactId QueueContact Music"
    names = set(main.split())
    assert names <= SHIPPED.main.nodes.keys()
    assert {node.name for node in SHIPPED.early()} == {"AccountByANI", "ContactByANI", "CasebyContactId"}
    for event, activity in (("AgentAnswered", "ScreenPopAccount"), ("PhoneContactEnded", "PostComments")):
        graph = SHIPPED.events[event]
        assert graph.start == activity
        assert graph.nodes[activity].edges["next"] == "EndFlow"


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (ONE, [BY_NAME, "enqueue Support None", "play I see your open case, 0 0 0 0 1 0 2 6."]),
        (TWO_CASES, [BY_NAME, "enqueue Support None"]),
        (LEAD, ["play Bo, thank you for calling our support line.", "enqueue Support None"]),
        (Match(result=MatchResult.ONE, account=ACCOUNT, cases_known=True), [NEUTRAL, "enqueue Support None"]),
        (Match(result=MatchResult.NONE), [NEUTRAL, "enqueue Support None"]),
        (Match(result=MatchResult.MANY), [NEUTRAL, "enqueue Support None"]),
        (Match(result=MatchResult.WITHHELD), [NEUTRAL, "enqueue Support None"]),
        (Match(result=MatchResult.ERROR, detail="deadline"), [NEUTRAL, "enqueue Support None"]),
    ],
)
def test_every_caller_is_greeted_and_queued(match: Match, expected: list[str]) -> None:
    fakes = FakePorts()
    fakes.connector.match = match
    run = run_call(fakes, lambda: fakes.journal.reached(HOLD))
    assert heard(fakes) == ["play Hello.", *expected, "play You are next.", HOLD]
    assert run.queued is not None


def test_a_withheld_number_is_not_looked_up() -> None:
    fakes = FakePorts()
    withheld = StartValues(ani="", dnis="+14155550100", interaction_id="call-1", entry_point_id="Support")
    run_call(fakes, lambda: fakes.journal.reached(HOLD), start=withheld)
    assert [line for line in fakes.journal.lines if line.startswith("find")] == []
    assert heard(fakes)[:3] == ["play Hello.", NEUTRAL, "enqueue Support None"]


def test_the_look_ups_start_before_the_first_word() -> None:
    fakes = FakePorts()
    run_call(fakes, lambda: fakes.journal.reached("play Hello."))
    assert sorted(fakes.journal.lines[:3]) == ["find +14155550123", "find +14155550123", "open_cases"]


def test_a_slow_look_up_costs_the_name_and_not_the_time() -> None:
    fakes = FakePorts()
    fakes.connector.match = ONE
    find, cases = fakes.journal.hold("find"), fakes.journal.hold("open_cases")

    async def until() -> None:
        await fakes.journal.reached(HOLD)
        find.set()
        cases.set()
        await fakes.journal.reached(HOLD, times=2)

    run_call(fakes, until, events=True)
    assert heard(fakes)[:3] == ["play Hello.", NEUTRAL, "enqueue Support None"]
    before_music = sum(step.seconds for step in fakes.steps[: fakes.walked().index("SayNext next") + 1])
    assert before_music == pytest.approx(1.8)
    assert "screen_pop salesforce:Account/001A" in fakes.journal.lines


def test_an_answer_after_the_deadline_still_pops() -> None:
    fakes = FakePorts()
    fakes.connector.match = Match(result=MatchResult.ERROR, detail="deadline")

    async def scenario() -> None:
        run = make_run(SHIPPED, fakes, prompts=PROMPTS, clock=LoopClock())
        async with asyncio.TaskGroup() as group:
            run.start_early(group.create_task)
            main = group.create_task(run.main())
            await fakes.journal.reached(HOLD)
            fakes.connector.match = ONE
            await run.look_again()
            main.cancel()
            await run.event(EventName.AGENT_ANSWERED)

    run_virtual(scenario())
    assert heard(fakes)[:3] == ["play Hello.", NEUTRAL, "enqueue Support None"]
    assert fakes.journal.lines[-1] == "screen_pop salesforce:Account/001A"


def test_slow_cases_do_not_delay_the_queue() -> None:
    fakes = FakePorts()
    fakes.connector.match = ONE
    fakes.journal.hold("open_cases")
    run_call(fakes, lambda: fakes.journal.reached("enqueue Support None"))
    assert heard(fakes) == ["play Hello.", BY_NAME, "enqueue Support None"]
    assert sum(step.seconds for step in fakes.steps if not step.early) == 0


def test_the_position_is_told_between_pieces_of_music() -> None:
    fakes = FakePorts()
    fakes.queue.place_when_queued = 3

    async def until() -> None:
        await fakes.journal.reached(HOLD)
        fakes.queue.place = 1
        await fakes.journal.reached(HOLD, times=2)
        fakes.queue.place = None
        await fakes.journal.reached(HOLD, times=3)

    run_call(fakes, until)
    assert heard(fakes)[3:] == ["play You are number 3 in the queue.", HOLD, "play You are next.", HOLD, HOLD]


HOSTILE = Contact(id="003A", name="<speak>Ann</speak>\r\n{{ company }}" + "x" * 500)


def test_a_hostile_name_is_only_words() -> None:
    fakes = FakePorts()
    fakes.connector.match = Match(result=MatchResult.ONE, contact=HOSTILE, cases_known=True)
    run_call(fakes, lambda: fakes.journal.reached(HOLD))
    greeting = heard(fakes)[1]
    assert greeting.endswith(", thank you for calling our support line.")
    assert greeting.startswith("play speak Ann /speak company")
    assert len(greeting) < 120


@pytest.mark.parametrize(
    ("match", "pops"),
    [
        (ONE, ["screen_pop salesforce:Account/001A"]),
        (LEAD, ["screen_pop salesforce:Lead/00QA"]),
        (Match(result=MatchResult.NONE), []),
        (Match(result=MatchResult.MANY, account=ACCOUNT), ["screen_pop salesforce:Account/001A"]),
    ],
)
def test_an_agents_answer_pops_and_the_end_posts(match: Match, pops: list[str]) -> None:
    fakes = FakePorts()
    fakes.connector.match = match
    run = run_call(fakes, lambda: fakes.journal.reached(HOLD), events=True)
    assert [line for line in fakes.journal.lines if line.startswith("screen_pop")] == pops
    assert fakes.journal.lines[-1] == "post_comment Phone call call-1, handled by the IVR."
    assert [(view.name, view.value) for view in run.variables] == [("phoneNumber", "+14155550123")]


@pytest.mark.parametrize("verb", ["play", "find", "open_cases", "enqueue", "music"])
@pytest.mark.parametrize("fault", [PortError("gone"), RuntimeError("bug")])
def test_whatever_fails_the_caller_is_queued(verb: str, fault: Exception) -> None:
    fakes = FakePorts()
    fakes.connector.match = ONE
    fakes.journal.fail(verb, fault)

    async def scenario() -> FlowRun:
        run = make_run(SHIPPED, fakes, prompts=PROMPTS, clock=LoopClock())
        async with asyncio.TaskGroup() as group:
            run.start_early(group.create_task)
            main = group.create_task(run.main())
            await fakes.journal.used("music")
            fakes.journal.mend(verb)
            await asyncio.wait((main,), timeout=60)
            main.cancel()
        return run

    assert run_virtual(scenario()).queued is not None


EVERY_STEP = [
    "find +14155550123",
    "open_cases",
    "play Hello.",
    BY_NAME,
    "enqueue Support None",
    "play I see your open case, 0 0 0 0 1 0 2 6.",
    "play You are next.",
    HOLD,
]


@pytest.mark.parametrize("line", EVERY_STEP)
def test_a_hang_up_ends_it_anywhere(line: str) -> None:
    fakes = FakePorts()
    fakes.connector.match = ONE
    at_hang_up: list[str] = []

    async def scenario() -> None:
        run = make_run(SHIPPED, fakes, prompts=PROMPTS, clock=LoopClock())

        async def call() -> None:
            async with asyncio.TaskGroup() as group:
                run.start_early(group.create_task)
                await run.main()

        async with asyncio.TaskGroup() as root:
            task = root.create_task(call())
            await fakes.journal.reached(line)
            at_hang_up.extend(fakes.journal.lines)
            task.cancel()
        assert task.cancelled()

    run_virtual(scenario())
    assert fakes.journal.lines == at_hang_up


def test_no_early_activity_reads_what_is_set_later() -> None:
    assert all(node.at is At.INVITE and node.reads() <= {"NewPhoneContact"} for node in SHIPPED.early())
