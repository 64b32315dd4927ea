"""Sub-flows, global variables, schedules and what lies beside a flow: read, checked and run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.flow.activities.base import NEXT
from ivr.flow.check import CheckContext, Severity, check_flow
from ivr.flow.engine import FlowRun
from ivr.flow.errors import FlowFileError
from ivr.flow.load import load_flow
from ivr.flow.ports import PortError
from ivr.flow.prompts import PromptCatalogue, load_prompts
from ivr.flow.steps import EventEnd, MainEnd
from ivr.flow.testing import FakePorts, make_run
from ivr.flow.variables import VariableView
from ivr.testing.virtual_time import LoopClock, run_virtual

NO_PROMPTS = PromptCatalogue(language="en-US", prompts={})
CONTEXT = CheckContext(
    queues=frozenset({"Support"}),
    connectors=frozenset(),
    sounds=frozenset({"hold.wav"}),
    prompts=(NO_PROMPTS,),
)

GLOBALS = """\
variables:
  Global_Language: {default: en-US, agent_viewable: true, label: Language}
  company: {default: Acme}
"""
SCHEDULES = """\
schedules:
  Support:
    time_zone: Asia/Seoul
    working_hours:
      - {days: [mon], from: "09:00", to: "18:00"}
"""
MAIN = """\
name: main_flow
version: "2"
globals: [Global_Language]
variables:
  account: {label: Account, agent_viewable: true}
start: Begin
activities:
  Begin:
    type: start
    edges: {next: Identify}
  Identify:
    type: sub-flow
    flow: identify
    with: {question: "Your number?"}
    into: {account: answer}
    edges: {next: Say, error: Stop}
  Say:
    type: play-message
    prompts: [{text: "Account {{ account }}, {{ Global_Language }}."}]
    edges: {next: Stop, error: Stop}
  Stop:
    type: end
"""
SAID = '{text: "Account {{ account }}, {{ Global_Language }}."}'
IDENTIFY = """\
name: identify
version: "1"
globals: [Global_Language]
variables:
  question: {}
  answer: {}
start: Begin
activities:
  Begin:
    type: start
    edges: {next: Ask}
  Ask:
    type: collect-digits
    prompts: [{text: "{{ question }}"}]
    variable: answer
    edges: {next: Language, timeout: Stop, invalid: Stop, error: Stop}
  Language:
    type: set-variable
    set: {Global_Language: ko-KR}
    edges: {next: Stop, error: Stop}
  Stop:
    type: end
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(
        tmp_path,
        {
            "main_flow.yaml": MAIN,
            "identify.yaml": IDENTIFY,
            "globals.yaml": GLOBALS,
            "schedules.yaml": SCHEDULES,
        },
    )
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")


def begin(folder: Path, fakes: FakePorts) -> FlowRun:
    return make_run(load_flow(folder / "main_flow.yaml"), fakes, prompts=NO_PROMPTS, clock=LoopClock())


def findings(folder: Path) -> list[str]:
    found = check_flow(load_flow(folder / "main_flow.yaml"), CONTEXT)
    return [str(finding).removeprefix(f"{folder}/") for finding in found]


def test_a_sub_flow_gets_values_and_gives_values(folder: Path) -> None:
    fakes = FakePorts()

    async def scenario() -> FlowRun:
        run = begin(folder, fakes)
        fakes.voice.press("42#")
        result = await run.main()
        assert result.end is MainEnd.RETURNED
        return run

    run = run_virtual(scenario())
    assert fakes.journal.lines == ["collect Your number?", "play Account 42, ko-KR."]
    assert fakes.walked() == ["Begin next", "Identify next", "Say next", "Stop ended"]
    assert fakes.walked("sub-flow identify") == ["Begin next", "Ask next", "Language next", "Stop ended"]
    assert [(view.name, view.value) for view in run.variables] == [
        ("Global_Language", "ko-KR"),
        ("account", "42"),
    ]


def test_what_a_sub_flow_does_not_know_stays_as_it_is(folder: Path) -> None:
    change(folder, "main_flow.yaml", "account: {label", "account: {default: none, label")
    fakes = FakePorts()
    run_virtual(_run_to_end(folder, fakes))
    assert fakes.journal.lines[-1] == "play Account none, en-US."


async def _run_to_end(folder: Path, fakes: FakePorts) -> None:
    await begin(folder, fakes).main()


def test_every_visit_of_a_sub_flow_begins_anew(folder: Path) -> None:
    change(folder, "main_flow.yaml", "edges: {next: Stop, error: Stop}", "edges: {next: Identify}")
    fakes = FakePorts()

    async def scenario() -> None:
        run = begin(folder, fakes)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(run.main())
            fakes.voice.press("42#")
            await fakes.journal.reached("play Account 42, ko-KR.", times=2)
            task.cancel()

    run_virtual(scenario())
    # Nobody pressed a key in the second visit, whose own `answer` is unset again: ours keeps its value.
    assert "Ask timeout" in fakes.walked("sub-flow identify")


def test_an_error_in_a_sub_flow_is_its_callers(folder: Path) -> None:
    change(
        folder, "identify.yaml", "timeout: Stop, invalid: Stop, error: Stop", "timeout: Stop, invalid: Stop"
    )
    fakes = FakePorts()
    fakes.journal.fail("collect", PortError("no phone"))
    run_virtual(_run_to_end(folder, fakes))
    assert fakes.walked() == ["Begin next", "Identify error", "Stop ended"]
    detail = next(step.detail for step in fakes.steps if step.activity == "Identify")
    assert detail == "identify: Ask: error is not wired: no phone"


def test_a_fault_in_a_sub_flow_drops_nobody(folder: Path) -> None:
    change(folder, "main_flow.yaml", "edges: {next: Say, error: Stop}", "edges: {next: Say}")
    change(
        folder, "identify.yaml", "timeout: Stop, invalid: Stop, error: Stop", "timeout: Stop, invalid: Stop"
    )
    fakes = FakePorts()
    fakes.journal.fail("collect", RuntimeError("bug"))

    async def scenario() -> None:
        run = begin(folder, fakes)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(run.main())
            await fakes.journal.reached("music defaultmusic_on_hold.wav None")
            task.cancel()
        assert run.queued is not None

    run_virtual(scenario())


def test_a_hang_up_in_a_sub_flow_ends_the_call(folder: Path) -> None:
    change(folder, "identify.yaml", "type: end", "type: disconnect")
    fakes = FakePorts()

    async def scenario() -> MainEnd:
        return (await begin(folder, fakes).main()).end

    assert run_virtual(scenario()) is MainEnd.HUNG_UP
    assert fakes.journal.lines[-1] == "hang_up"


def test_nothing_is_wrong_with_the_files(folder: Path) -> None:
    assert findings(folder) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "found"),
    [
        ("main_flow.yaml", "flow: identify", "flow: identity",
         "main_flow.yaml:13: error: Identify: the sub-flow 'identity' cannot be called: "
         "there is no identity.yaml beside this flow"),
        ("main_flow.yaml", "flow: identify", "flow: main_flow",
         "main_flow.yaml:13: error: Identify: the sub-flow 'main_flow' cannot be called: "
         "it calls itself: main_flow -> main_flow"),
        ("identify.yaml", "type: set-variable\n    set: {Global_Language: ko-KR}",
         "type: sub-flow\n    flow: main_flow",
         "identify.yaml:19: error: Language: the sub-flow 'main_flow' cannot be called: "
         "it calls itself: main_flow -> identify -> main_flow"),
        ("main_flow.yaml", "{question:", "{questions:",
         "main_flow.yaml:14: error: Identify: the sub-flow 'identify' declares no variable 'questions'"),
        ("main_flow.yaml", "{account: answer}", "{account: answers}",
         "main_flow.yaml:15: error: Identify: the sub-flow 'identify' declares no variable 'answers'"),
        ("main_flow.yaml", "{account: answer}", "{acount: answer}",
         "main_flow.yaml:15: error: Identify: the flow declares no variable 'acount'"),
        ("main_flow.yaml", "type: end", "type: play-music\n    file: jazz.wav\n    edges: {next: Stop}",
         "main_flow.yaml:23: error: Stop: there is no sound file 'jazz.wav'"),
        ("identify.yaml", "variable: answer", "variable: anser",
         "identify.yaml:15: error: Ask: the flow declares no variable 'anser'"),
        ("identify.yaml", "type: end\n",
         "type: end\nevents:\n  PhoneContactEnded:\n    start: Over\n    activities: {Over: {type: end}}\n",
         "identify.yaml:25: warning: PhoneContactEnded never happens in a sub-flow"),
        ("main_flow.yaml", "type: end\n",
         "type: end\nevents:\n  PreDial:\n    start: Over\n    activities: {Over: {type: end}}\n",
         "main_flow.yaml:25: warning: PreDial is not available yet: it never happens"),
        ("main_flow.yaml", f"type: play-message\n    prompts: [{SAID}]",
         "type: callback\n    number: \"{{ account }}\"",
         "main_flow.yaml:18: warning: Say: callback is not available yet: it leaves by error"),
        ("main_flow.yaml", "type: end\n",
         "type: end\nevents:\n  AgentAnswered:\n    start: Over\n    activities:\n      Over:\n"
         "        type: blind-transfer\n        target: '1'\n        edges: {failure: Over}\n",
         "main_flow.yaml:28: error: Over: an agent has the call in AgentAnswered: "
         "it is not put through from there"),
        ("main_flow.yaml", "prompts: [{text", "language: fr-FR\n    prompts: [{text",
         "main_flow.yaml:19: error: Say: there is no catalogue for 'fr-FR'; there are en-US"),
        ("main_flow.yaml", "type: end",
         "type: business-hours\n    schedule: Sales\n"
         "    edges: {workingHours: Say, holidays: Say, override: Say, default: Say}",
         "main_flow.yaml:23: error: Stop: there is no schedule 'Sales'; there are Support"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_with_file_and_line(
    folder: Path, name: str, old: str, new: str, found: str
) -> None:
    change(folder, name, old, new)
    assert found in findings(folder)


def test_a_loop_through_a_sub_flow_that_does_not_wait(folder: Path) -> None:
    change(folder, "main_flow.yaml", "edges: {next: Say, error: Stop}", "edges: {next: Identify, error: Say}")
    assert findings(folder) == []  # the sub-flow asks a question: that takes time
    change(folder, "identify.yaml", "edges: {next: Ask}", "edges: {next: Stop}")
    assert [text for text in findings(folder) if "without waiting" in text] == [
        "main_flow.yaml:11: error: Identify: goes round without waiting: Identify;"
        " a loop needs music or a message in it"
    ]


def test_a_prompt_that_another_language_lacks_is_a_warning(folder: Path) -> None:
    change(folder, "main_flow.yaml", SAID, "{key: hi}")
    korean = PromptCatalogue(language="ko-KR", prompts={})
    write(folder, {"en-US.yaml": "language: en-US\nprompts: {hi: Hi}\n"})
    english = load_prompts(folder / "en-US.yaml")
    assert english.others == {}
    context = CheckContext(
        queues=frozenset(),
        connectors=frozenset(),
        sounds=frozenset(),
        prompts=(english, korean),
    )
    (found,) = check_flow(load_flow(folder / "main_flow.yaml"), context)
    assert found.severity is Severity.WARNING
    assert found.text == "the catalogue ko-KR has no prompt 'hi'"


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("main_flow.yaml", "globals: [Global_Language]", "globals: [\n  Global_Language,\n  Lang]",
         "main_flow.yaml:5: there is no global variable 'Lang' in globals.yaml; "
         "there are Global_Language, company"),
        ("main_flow.yaml", "account: {label: Account, agent_viewable: true}", "Global_Language: {}",
         "main_flow.yaml:3: the variable 'Global_Language' is global, and the flow's own as well"),
        ("globals.yaml", "{default: Acme}", "{default: x, type: integer}",
         "globals.yaml:3: variables.company"),
        ("globals.yaml", "company:", "Queue:", "globals.yaml:3: variables.Queue"),
        ("schedules.yaml", "Asia/Seoul", "Asia/Soul",
         "schedules.yaml:3: schedules.Support.time_zone: there is no time zone 'Asia/Soul'"),
        ("schedules.yaml", "[mon]", "[day]", "schedules.yaml:5: schedules.Support.working_hours.0.days.0"),
        ("identify.yaml", "start: Begin", "begin: Begin", "identify.yaml:"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read(folder: Path, name: str, old: str, new: str, message: str) -> None:
    change(folder, name, old, new)
    with pytest.raises(FlowFileError) as caught:
        load_flow(folder / "main_flow.yaml")
    assert str(caught.value).removeprefix(f"{folder}/").startswith(message)


@pytest.mark.parametrize("name", ["main_flow.yaml", "identify.yaml", "globals.yaml"])
def test_the_digest_is_of_all_that_a_flow_uses(folder: Path, name: str) -> None:
    before = load_flow(folder / "main_flow.yaml")
    change(folder, name, ":", ": ")
    after = load_flow(folder / "main_flow.yaml")
    assert before.digest != after.digest
    assert after.stamp == f"2 ({after.digest[:12]})"


def test_the_digest_is_of_nothing_else(folder: Path) -> None:
    before = load_flow(folder / "main_flow.yaml").digest
    change(folder, "schedules.yaml", "18:00", "19:00")
    assert load_flow(folder / "main_flow.yaml").digest == before


def test_a_global_variable_that_agents_see(folder: Path) -> None:
    async def scenario() -> tuple[VariableView, ...]:
        return begin(folder, FakePorts()).variables

    view = run_virtual(scenario())[0]
    assert (view.name, view.label, view.value) == ("Global_Language", "Language", "en-US")


def test_an_event_flow_reads_what_is_known_of_the_event(folder: Path) -> None:
    change(
        folder,
        "main_flow.yaml",
        "type: end\n",
        "type: end\nevents:\n  AgentAnswered:\n    start: Note\n    activities:\n      Note:\n"
        '        type: set-variable\n        set: {account: "{{ AgentAnswered.agentName }}"}\n'
        "        edges: {next: Over}\n      Over: {type: end}\n",
    )
    assert [found for found in findings(folder) if "without an error edge: Note" not in found] == []

    async def scenario() -> tuple[VariableView, ...]:
        run = begin(folder, FakePorts())
        assert (await run.event("AgentAnswered")).end is EventEnd.FAILED  # nothing is known of it
        assert (await run.event("AgentAnswered", {"AgentName": "Sam Park"})).end is EventEnd.DONE
        return run.variables

    assert run_virtual(scenario())[1].value == "Sam Park"


def test_the_edge_of_a_sub_flow_is_next(folder: Path) -> None:
    node = load_flow(folder / "main_flow.yaml").main.nodes["Identify"]
    assert node.activity.outcomes() == (NEXT,)
    assert node.activity.sub_flow() == "identify"


FAILING = """\
name: failing
version: "1"
variables: {doc: {default: "no json"}}
start: Begin
activities:
  Begin: {type: start, edges: {next: Here}}
  Here: ACTIVITY
  Stop: {type: end}
"""
NEW_ACTIVITIES = {
    "menu": "{type: menu, prompts: [{text: x}], choices: {'1': x}}",
    "collect-digits": "{type: collect-digits, prompts: [{text: x}]}",
    "business-hours": "{type: business-hours, schedule: Nowhere}",
    "parse": "{type: parse, input: doc, extract: {doc: $.x}}",
    "http-request": "{type: http-request, connector: SF, path: /x}",
    "queue-lookup": "{type: queue-lookup, queue: Support}",
    "queue-to-agent": "{type: queue-to-agent, agent: sam, queue: Support}",
    "callback": "{type: callback, number: '1'}",
    "blind-transfer": "{type: blind-transfer, target: '1'}",
    "sub-flow": "{type: sub-flow, flow: nowhere}",
}


@pytest.mark.parametrize("kind", NEW_ACTIVITIES)
@pytest.mark.parametrize("fault", [PortError("gone"), RuntimeError("bug")])
def test_no_activity_that_fails_drops_a_caller(tmp_path: Path, kind: str, fault: Exception) -> None:
    write(tmp_path, {"failing.yaml": FAILING.replace("ACTIVITY", NEW_ACTIVITIES[kind])})
    fakes = FakePorts()
    for verb in ("collect", "request", "look_up", "transfer", "enqueue_agent"):
        fakes.journal.fail(verb, fault)

    async def scenario() -> FlowRun:
        run = make_run(load_flow(tmp_path / "failing.yaml"), fakes, prompts=NO_PROMPTS, clock=LoopClock())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(run.main())
            await fakes.journal.reached("music defaultmusic_on_hold.wav None")
            task.cancel()
        return run

    run = run_virtual(scenario())
    assert run.queued is not None
    assert run.queued.queue == "Default"
    assert fakes.walked() == ["Begin next", "Here error"]
