"""The engine: walks, errors, early activities, events, and that nothing drops a caller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import pytest

from ivr.flow.activities.base import Result
from ivr.flow.activities.condition import Condition
from ivr.flow.activities.end import End
from ivr.flow.activities.play_music import PlayMusic
from ivr.flow.activities.queue_contact import QueueContact
from ivr.flow.activities.salesforce_find import SalesforceFind
from ivr.flow.activities.salesforce_open_cases import SalesforceOpenCases
from ivr.flow.activities.screen_pop import ScreenPop
from ivr.flow.activities.set_variable import SetVariable
from ivr.flow.activities.start import Start
from ivr.flow.engine import FlowRun, StepBudget
from ivr.flow.errors import VariableError
from ivr.flow.model import MAIN, At, EventName, Flow, Graph, Node
from ivr.flow.ports import PortError
from ivr.flow.prompts import PromptCatalogue
from ivr.flow.steps import EventEnd, MainEnd, Step
from ivr.flow.testing import FakePorts, make_run
from ivr.flow.values import VariableType
from ivr.flow.variables import VariableSpec
from ivr.salesforce.model import Account, Match, MatchResult
from ivr.testing.clock import ManualClock
from ivr.testing.virtual_time import LoopClock, run_virtual

NO_PROMPTS = PromptCatalogue(language="en-US", prompts={})
ACME = Match(result=MatchResult.ONE, account=Account(id="001A", name="Acme"))


def graph(*nodes: Node, name: str = MAIN) -> Graph:
    return Graph(name=name, start=nodes[0].name, nodes={node.name: node for node in nodes})


def flow(*nodes: Node, variables: tuple[VariableSpec, ...] = (), **events: Graph) -> Flow:
    return Flow(
        name="test",
        version="1",
        digest="",
        file=Path("test.yaml"),
        variables=variables,
        main=graph(Node(name="Begin", activity=Start(), edges={"next": nodes[0].name}), *nodes),
        events=events,
    )


def make(kind: type[Any], **properties: object) -> Any:
    return kind.model_validate(properties)


def queue_to(following: str) -> Node:
    return Node(name="Put", activity=make(QueueContact, queue="Support"), edges={"next": following})


END = Node(name="Stop", activity=End())
MUSIC = Node(name="Music", activity=make(PlayMusic, file="hold.wav", duration_s=30), edges={"next": "Music"})


def find(edges: Mapping[str, str], **frame: Any) -> Node:
    activity = make(SalesforceFind, connector="SF", number="+1", part="account")
    return Node(name="Find", activity=activity, edges=edges, **frame)


def check(expression: str, **edges: str) -> Node:
    return Node(name="Check", activity=make(Condition, expression=expression), edges=edges)


def start(fakes: FakePorts, made: Flow) -> FlowRun:
    return make_run(made, fakes, prompts=NO_PROMPTS, clock=LoopClock())


def in_main(fakes: FakePorts, made: Flow, until: Callable[[], Awaitable[None]]) -> FlowRun:
    """Run the main flow until `until` returns, then cancel it as an agent's answer does."""

    async def scenario() -> FlowRun:
        run = start(fakes, made)
        async with asyncio.TaskGroup() as group:
            run.start_early(group.create_task)
            task = group.create_task(run.main())
            await until()
            task.cancel()
        assert task.cancelled()
        return run

    return run_virtual(scenario())


def test_the_choice_of_the_next_activity() -> None:
    main = flow(check("x", true="Stop", false="Gone"), END).main
    following = {outcome: main.after("Check", outcome) for outcome in ("true", "false", "error")}
    assert following == {"true": END, "false": None, "error": None}


def test_a_main_flow_that_returns_says_that_the_call_is_queued() -> None:
    fakes = FakePorts()
    result = run_virtual(start(fakes, flow(queue_to("Stop"), END)).main())
    assert result.end is MainEnd.RETURNED
    assert result.queued is not None
    assert result.queued.queue == "Support"
    assert fakes.walked() == ["Begin next", "Put next", "Stop ended"]


def test_a_main_flow_that_returns_without_queuing() -> None:
    result = run_virtual(start(FakePorts(), flow(END)).main())
    assert (result.end, result.queued) == (MainEnd.RETURNED, None)


def test_steps_say_how_long() -> None:
    fakes = FakePorts()
    in_main(
        fakes, flow(queue_to("Music"), MUSIC), lambda: fakes.journal.reached("music hold.wav 30.0", times=3)
    )
    assert [(s.activity, s.outcome, s.seconds) for s in fakes.steps[-3:]] == [
        ("Music", "next", 30.0),
        ("Music", "next", 30.0),
        ("Music", "cancelled", 0.0),
    ]


@pytest.mark.parametrize("fault", [PortError("gone"), RuntimeError("bug"), TimeoutError(), KeyError("x")])
def test_an_unwired_error_queues_the_call_and_plays_music(fault: Exception) -> None:
    fakes = FakePorts()
    fakes.journal.fail("open_cases", fault)
    made = flow(
        Node(
            name="Cases",
            activity=make(SalesforceOpenCases, connector="SF"),
            edges={"found": "Stop", "none": "Stop"},
        ),
        END,
    )
    run = in_main(fakes, made, lambda: fakes.journal.reached("music defaultmusic_on_hold.wav None"))
    assert run.queued is not None
    assert fakes.journal.lines == [
        "open_cases",
        "enqueue Default None",
        "music defaultmusic_on_hold.wav None",
    ]
    assert fakes.walked() == ["Begin next", "Cases error"]
    assert fakes.walked(EventName.ON_GLOBAL_ERROR)[0] == "DefaultQueue next"


def test_an_activity_that_never_returns_is_an_error() -> None:
    fakes = FakePorts()
    fakes.journal.hold("enqueue")
    made = flow(queue_to("Stop"), END)
    in_main(fakes, made, lambda: fakes.journal.reached("music defaultmusic_on_hold.wav 10.0"))
    assert "Put error" in fakes.walked()


def test_the_flows_own_global_error_comes_first() -> None:
    fakes = FakePorts()
    own = graph(
        Node(name="Put2", activity=make(QueueContact, queue="Second"), edges={"next": "Stop"}),
        END,
        name=EventName.ON_GLOBAL_ERROR,
    )
    result = run_virtual(start(fakes, flow(check("neither"), END, OnGlobalError=own)).main())
    assert result.queued is not None
    assert result.queued.queue == "Second"


def test_a_global_error_that_leaves_the_caller_with_nothing_is_not_enough() -> None:
    fakes = FakePorts()
    own = graph(END, name=EventName.ON_GLOBAL_ERROR)
    made = flow(check("neither"), END, OnGlobalError=own)
    in_main(fakes, made, lambda: fakes.journal.reached("music defaultmusic_on_hold.wav None"))
    assert "enqueue Default None" in fakes.journal.lines


def test_the_default_queue_is_tried_again() -> None:
    fakes = FakePorts()
    fakes.journal.fail("enqueue")
    retry = "music defaultmusic_on_hold.wav 10.0"

    async def until() -> None:
        await fakes.journal.reached(retry, times=3)
        fakes.journal.mend("enqueue")
        await fakes.journal.reached("music defaultmusic_on_hold.wav None")

    assert in_main(fakes, flow(queue_to("Stop"), END), until).queued is not None


def test_a_caller_who_is_queued_is_not_queued_again() -> None:
    fakes = FakePorts()
    fakes.journal.fail("music")
    result = run_virtual(start(fakes, flow(queue_to("Music"), MUSIC)).main())
    assert result.end is MainEnd.RETURNED
    assert result.queued is not None
    assert [line for line in fakes.journal.lines if line.startswith("enqueue")] == ["enqueue Support None"]


def test_a_flow_where_everything_fails_ends() -> None:
    fakes = FakePorts()
    for verb in ("enqueue", "music"):
        fakes.journal.fail(verb)
    result = run_virtual(start(fakes, flow(queue_to("Stop"), END)).main())
    assert (result.end, result.queued) == (MainEnd.FAILED, None)


def test_a_loop_that_spins_ends_in_music() -> None:
    fakes = FakePorts()
    made = flow(check("true", true="Check", false="Check"))
    in_main(fakes, made, lambda: fakes.journal.reached("music defaultmusic_on_hold.wav None"))
    assert len(fakes.walked()) == StepBudget.BURST


def test_the_step_budget_grows_with_time() -> None:
    clock = ManualClock()
    budget = StepBudget(clock)
    assert all(budget.spend() for _ in range(StepBudget.BURST))
    assert not budget.spend()
    clock.advance(2)
    assert budget.spend()


def test_an_observer_cannot_drop_the_caller() -> None:
    def broken(step: Step) -> None:
        raise RuntimeError(step.activity)

    fakes = FakePorts()
    fakes.observe = broken  # type: ignore[method-assign]  # the observer under test
    assert run_virtual(start(fakes, flow(queue_to("Stop"), END)).main()).queued is not None


ONE = {"one": "Put", "none": "Stop", "many": "Stop", "withheld": "Stop", "error": "Put"}


def test_an_early_activity_starts_before_the_walk_and_is_taken_once() -> None:
    fakes = FakePorts()
    fakes.connector.match = ACME
    made = flow(find(ONE, at=At.INVITE), queue_to("Stop"), END)

    async def scenario() -> None:
        run = start(fakes, made)
        async with asyncio.TaskGroup() as group:
            run.start_early(group.create_task)
            await fakes.journal.reached("find +1")
            assert (await run.main()).queued is not None

    run_virtual(scenario())
    assert fakes.journal.lines == ["find +1", "enqueue Support None"]
    assert [(s.outcome, s.early) for s in fakes.steps if s.activity == "Find"] == [
        ("one", True),
        ("one", False),
    ]


def test_the_walk_waits_for_an_early_activity_no_longer_than_it_says() -> None:
    fakes = FakePorts()
    held = fakes.journal.hold("find")
    fakes.connector.match = ACME
    made = flow(find(ONE, at=At.INVITE, wait_s=1.5), queue_to("Music"), MUSIC)

    async def until() -> None:
        await fakes.journal.reached("music hold.wav 30.0")
        held.set()
        await fakes.journal.reached("music hold.wav 30.0", times=2)

    in_main(fakes, made, until)
    walked, early = [s for s in fakes.steps if s.activity == "Find"]
    assert (walked.outcome, walked.seconds, walked.early) == ("error", 1.5, False)
    assert (early.outcome, early.early) == ("one", True)


def test_without_an_early_start_it_runs_when_reached() -> None:
    fakes = FakePorts()
    result = run_virtual(start(fakes, flow(find(ONE, at=At.INVITE), queue_to("Stop"), END)).main())
    assert result.end is MainEnd.RETURNED
    assert fakes.walked() == ["Begin next", "Find none", "Stop ended"]


def test_a_reader_waits_for_what_it_reads_and_nobody_else_does() -> None:
    fakes = FakePorts()
    held = fakes.journal.hold("find")
    fakes.connector.match = ACME
    reader = Node(
        name="Name", activity=make(SetVariable, set={"company": "{{ Find.name }}"}), edges={"next": "Stop"}
    )
    made = flow(
        queue_to("Name"),
        reader,
        END,
        find(ONE, at=At.INVITE),
        variables=(VariableSpec(name="company", agent_viewable=True),),
    )

    async def scenario() -> None:
        run = start(fakes, made)
        async with asyncio.TaskGroup() as group:
            run.start_early(group.create_task)
            main = group.create_task(run.main())
            await fakes.journal.reached("enqueue Support None")
            for _ in range(10):
                await asyncio.sleep(1)
            assert fakes.walked() == ["Begin next", "Put next"]
            held.set()
            await main
        assert [view.value for view in run.variables] == ["Acme"]

    run_virtual(scenario())


POP = Node(
    name="Pop",
    activity=make(ScreenPop, url="salesforce:Account/{{ Find.id }}", label="x"),
    edges={"next": "Stop"},
)


def test_an_event_waits_for_an_early_activity_after_the_treatment_is_cancelled() -> None:
    fakes = FakePorts()
    held = fakes.journal.hold("find")
    fakes.connector.match = ACME
    made = flow(
        find(ONE, at=At.INVITE), queue_to("Stop"), END, AgentAnswered=graph(POP, END, name="AgentAnswered")
    )

    async def scenario() -> None:
        run = start(fakes, made)
        async with asyncio.TaskGroup() as group:
            run.start_early(group.create_task)
            main = group.create_task(run.main())
            await fakes.journal.reached("find +1")
            main.cancel()
            event = group.create_task(run.event("AgentAnswered"))
            await asyncio.sleep(1)
            held.set()
            assert (await event).end is EventEnd.DONE

    run_virtual(scenario())
    assert fakes.journal.lines[-1] == "screen_pop salesforce:Account/001A"


def test_an_event_goes_on_when_an_early_activity_was_cancelled() -> None:
    fakes = FakePorts()
    fakes.journal.hold("find")
    made = flow(
        find(ONE, at=At.INVITE), queue_to("Stop"), END, AgentAnswered=graph(POP, END, name="AgentAnswered")
    )

    async def scenario() -> None:
        run = start(fakes, made)
        async with asyncio.TaskGroup() as group:
            tasks: list[asyncio.Task[Result]] = []

            def spawn(coro: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
                tasks.append(group.create_task(coro))
                return tasks[-1]

            run.start_early(spawn)
            await fakes.journal.reached("find +1")
            tasks[0].cancel()
            result = await run.event("AgentAnswered")
        assert result.end is EventEnd.FAILED
        assert "'id' is not set" in result.detail

    run_virtual(scenario())


def test_an_event_that_the_flow_does_not_answer() -> None:
    assert run_virtual(start(FakePorts(), flow(END)).event("AgentOffered")).end is EventEnd.ABSENT


def test_a_failed_event_does_not_touch_the_call() -> None:
    fakes = FakePorts()
    fakes.journal.fail("screen_pop")
    pop = Node(
        name="Pop", activity=make(ScreenPop, url="https://x.example/", label="x"), edges={"next": "Stop"}
    )
    made = flow(END, AgentAnswered=graph(pop, END, name="AgentAnswered"))
    result = run_virtual(start(fakes, made).event("AgentAnswered"))
    assert result.end is EventEnd.FAILED
    assert fakes.journal.lines == ["screen_pop https://x.example/"]


def test_an_agents_edit_is_seen_by_later_event_flows() -> None:
    fakes = FakePorts()
    pop = Node(
        name="Pop",
        activity=make(ScreenPop, url="https://x.example/{{ reason }}", label="x"),
        edges={"next": "Stop"},
    )
    variables = (
        VariableSpec(name="reason", agent_viewable=True, agent_editable=True),
        VariableSpec(name="count", type=VariableType.INTEGER, agent_viewable=True, agent_editable=True),
    )
    made = flow(END, variables=variables, AgentDisconnected=graph(pop, END, name="AgentDisconnected"))

    async def scenario() -> None:
        run = start(fakes, made)
        run.set_variable("reason", "a/b")
        with pytest.raises(VariableError):
            run.set_variable("count", "many")
        assert (await run.event("AgentDisconnected")).end is EventEnd.DONE

    run_virtual(scenario())
    assert fakes.journal.lines == ["screen_pop https://x.example/a%2Fb"]


def test_a_value_that_does_not_fit_a_variable_is_an_error() -> None:
    fakes = FakePorts()
    node = Node(
        name="Set", activity=make(SetVariable, set={"count": "many"}), edges={"next": "Put", "error": "Stop"}
    )
    variables = (VariableSpec(name="count", type=VariableType.INTEGER),)
    run_virtual(start(fakes, flow(node, queue_to("Stop"), END, variables=variables)).main())
    assert fakes.walked() == ["Begin next", "Set error", "Stop ended"]
