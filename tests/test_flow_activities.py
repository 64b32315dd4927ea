"""Each activity on fake ports: what it does and the edge by which it leaves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ivr.flow.activities import registry
from ivr.flow.activities.base import Acting, Finish, Leave, Result
from ivr.flow.errors import ActivityError, FlowError, PromptError
from ivr.flow.escape import Context
from ivr.flow.ports import HttpResponse, PortError
from ivr.flow.prompts import PromptCatalogue
from ivr.flow.template import parse
from ivr.flow.testing import START, FakePorts, no_sub_flow
from ivr.flow.values import VariableType
from ivr.flow.variables import StartValues, Variables, VariableSpec
from ivr.salesforce.model import Account, Candidate, Case, Contact, Match, MatchResult
from ivr.testing.clock import ManualClock

PROMPTS = PromptCatalogue(
    language="en-US",
    prompts={"hi": parse(Context.SPEECH, "Hi {{ name | spoken }}."), "bye": parse(Context.SPEECH, "Bye.")},
)
ANN = Contact(id="003A", name="Ann Lee", account_id="001A")
ACME = Account(id="001A", name="Acme", priority="High")


class Stage:
    """Fake ports and variables for one activity."""

    def __init__(self, start: StartValues = START) -> None:
        self.fakes = FakePorts()
        specs = (
            VariableSpec(name="who", default="Ann <b>"),
            VariableSpec(name="yes", type=VariableType.BOOLEAN, default=True),
            VariableSpec(name="rank", type=VariableType.INTEGER, default=2),
            VariableSpec(name="unset"),
        )
        self.acting = Acting(
            ports=self.fakes.ports(),
            prompts=PROMPTS,
            variables=Variables(specs, start, queue_position=self.fakes.queue.position),
            default_queue="Default",
            clock=ManualClock(),
            run_sub_flow=no_sub_flow,
        )

    def run(self, kind: str, **properties: Any) -> Result:
        """Run an activity as a flow file would write it."""
        return asyncio.run(registry()[kind].model_validate(properties).run(self.acting))

    @property
    def lines(self) -> list[str]:
        """The journal."""
        return self.fakes.journal.lines


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_every_activity_has_its_own_name_and_says_what_it_is() -> None:
    for name, activity in registry().items():
        assert activity.type == name
        assert activity.__doc__


def test_start_and_end(stage: Stage) -> None:
    assert stage.run("start") == Leave()
    assert stage.run("end") == Finish()


def test_disconnect_hangs_up(stage: Stage) -> None:
    assert stage.run("disconnect") == Finish(hung_up=True)
    assert stage.lines == ["hang_up"]


def test_set_variable(stage: Stage) -> None:
    assert stage.run("set-variable", set={"who": "{{ rank }}!", "rank": 7}) == Leave(
        assigned={"who": "2!", "rank": "7"}
    )


@pytest.mark.parametrize(
    ("match", "part", "outcome", "outputs"),
    [
        (Match(result=MatchResult.ONE, account=ACME, contact=ANN), "account", "one",
         {"id": "001A", "name": "Acme", "priority": "High"}),
        (Match(result=MatchResult.ONE, account=ACME, contact=ANN), "contact", "one",
         {"id": "003A", "name": "Ann Lee", "object": "Contact", "account_id": "001A"}),
        (Match(result=MatchResult.ONE, account=ACME), "contact", "none", {}),
        (Match(result=MatchResult.ONE, contact=ANN), "account", "none", {}),
        (Match(result=MatchResult.MANY, account=ACME), "account", "one",
         {"id": "001A", "name": "Acme", "priority": "High"}),
        (Match(result=MatchResult.MANY, account=ACME), "contact", "many", {}),
        (Match(result=MatchResult.NONE), "account", "none", {}),
        (Match(result=MatchResult.WITHHELD), "contact", "withheld", {}),
        (Match(result=MatchResult.ERROR, detail="deadline"), "contact", "error", {}),
    ],
)  # fmt: skip
def test_find(stage: Stage, match: Match, part: str, outcome: str, outputs: dict[str, str]) -> None:
    stage.fakes.connector.match = match
    result = stage.run("salesforce-find", connector="SF", number="{{ NewPhoneContact.ANI }}", part=part)
    assert result == Leave(
        outcome=outcome, outputs={"result": outcome, "candidates": 0, **outputs}, detail=match.detail
    )
    assert stage.lines == ["find +14155550123"]


def test_find_counts_candidates(stage: Stage) -> None:
    stage.fakes.connector.match = Match(
        result=MatchResult.MANY,
        candidates=(
            Candidate(object="Contact", id="1", name="A"),
            Candidate(object="Lead", id="2", name="B"),
        ),
    )
    match stage.run("salesforce-find", connector="SF", number="+1"):
        case Leave(outcome="many", outputs={"candidates": 2}):
            pass
        case other:
            pytest.fail(repr(other))


def test_find_without_a_number_asks_nobody() -> None:
    stage = Stage(StartValues(ani="", dnis="", interaction_id="x", entry_point_id="y"))
    match stage.run("salesforce-find", connector="SF", number="{{ NewPhoneContact.ANI }}"):
        case Leave(outcome="withheld"):
            assert stage.lines == []
        case other:
            pytest.fail(repr(other))


CASE = Case(id="500A", number="00001026", subject="Broken", priority="High")


@pytest.mark.parametrize(
    ("match", "outcome", "count"),
    [
        (Match(result=MatchResult.ONE, contact=ANN, cases=(CASE,), cases_known=True), "found", 1),
        (Match(result=MatchResult.ONE, contact=ANN, cases=(CASE, CASE), cases_known=True), "found", 2),
        (Match(result=MatchResult.ONE, contact=ANN, cases_known=True), "none", 0),
        (Match(result=MatchResult.ONE, contact=ANN, cases_known=False, detail="deadline"), "error", None),
        (Match(result=MatchResult.ERROR), "error", None),
        (Match(result=MatchResult.NONE), "none", 0),
        (Match(result=MatchResult.MANY), "none", 0),
    ],
)
def test_open_cases(stage: Stage, match: Match, outcome: str, count: int | None) -> None:
    stage.fakes.connector.match = match
    result = stage.run("salesforce-open-cases", connector="SF")
    assert isinstance(result, Leave)
    assert (result.outcome, result.outputs.get("count")) == (outcome, count)
    assert result.outputs.get("number") == ("00001026" if outcome == "found" else None)


@pytest.mark.parametrize(
    ("expression", "outcome"),
    [
        ("{{ yes }}", "true"),
        ("{{ rank == 3 }}", "false"),
        ("True", "true"),
        ("{{ unset is defined }}", "false"),
    ],
)
def test_condition(stage: Stage, expression: str, outcome: str) -> None:
    assert stage.run("condition", expression=expression) == Leave(outcome=outcome)


@pytest.mark.parametrize("expression", ["{{ who }}", "", "{{ unset }}", "{{ rank }}"])
def test_a_condition_is_true_or_false_or_an_error(stage: Stage, expression: str) -> None:
    with pytest.raises(FlowError):
        stage.run("condition", expression=expression)


@pytest.mark.parametrize(("expression", "outcome"), [("{{ rank }}", "2"), ("{{ rank + 1 }}", "default")])
def test_case(stage: Stage, expression: str, outcome: str) -> None:
    assert stage.run("case", expression=expression, values=["1", "2"]) == Leave(outcome=outcome)


@pytest.mark.parametrize("values", [[], ["a", "a"], ["default"], ["error"]])
def test_case_values_are_distinct(values: list[str]) -> None:
    with pytest.raises(ValueError, match="values"):
        registry()["case"].model_validate({"expression": "x", "values": values})


def test_play_message_plays_in_order(stage: Stage) -> None:
    prompts = [
        {"key": "hi", "with": {"name": "{{ who }}"}},
        {"file": "step_{{ rank }}.wav"},
        {"text": "Dear {{ who }}"},
    ]
    assert stage.run("play-message", prompts=prompts) == Leave()
    assert stage.lines == ["play Hi Ann b. | step_2.wav | Dear Ann b"]


@pytest.mark.parametrize(
    "prompt",
    [
        {"key": "unknown"},
        {"key": "hi"},
        {"text": "{{ unset }}"},
        {"text": " "},
        {"text": "x" * 600},
        {"file": "../{{ who }}.wav"},
        {"file": "{{ who }}"},
    ],
)
def test_nothing_is_played_when_one_prompt_cannot_be(stage: Stage, prompt: dict[str, Any]) -> None:
    with pytest.raises((FlowError, PromptError, ActivityError)):
        stage.run("play-message", prompts=[{"key": "bye"}, prompt])
    assert stage.lines == []


def test_play_music_from_an_offset(stage: Stage) -> None:
    stage.fakes.voice.end_music()
    assert stage.run("play-music", file="hold.wav", duration_s=30, offset_s=12) == Leave()
    assert stage.lines == ["music hold.wav 30.0 from 12"]


def test_play_music(stage: Stage) -> None:
    stage.fakes.voice.end_music()
    assert stage.run("play-music", file="hold.wav", duration_s=30) == Leave()
    assert stage.lines == ["music hold.wav 30.0"]


@pytest.mark.parametrize(
    ("properties", "line"),
    [
        ({"queue": "Support"}, "enqueue Support None"),
        ({"queue": "Support", "priority": "by_case_and_customer"}, "enqueue Support None"),
        ({"priority": 3}, "enqueue Default 3"),
        ({"queue": "Q{{ rank }}", "priority": "{{ rank }}"}, "enqueue Q2 2"),
    ],
)
def test_queue_contact(stage: Stage, properties: dict[str, Any], line: str) -> None:
    result = stage.run("queue-contact", **properties)
    assert isinstance(result, Leave)
    assert result.outputs["queue"] == line.split()[1]
    assert stage.lines == [line]


def test_a_priority_that_is_none_is_an_error(stage: Stage) -> None:
    with pytest.raises(ActivityError):
        stage.run("queue-contact", priority="{{ rank + 8 }}")
    with pytest.raises(ValueError, match="priority"):
        registry()["queue-contact"].model_validate({"priority": 0})


def test_screen_pop(stage: Stage) -> None:
    properties = {"url": "https://x.example/{{ who }}", "label": "CRM", "query": {"c": "{{ who }}", "d": "1"}}
    assert stage.run("screen-pop", **properties) == Leave()
    assert stage.lines == ["screen_pop https://x.example/Ann%20%3Cb%3E?c=Ann%20%3Cb%3E&d=1"]


def test_screen_pop_only_when(stage: Stage) -> None:
    properties = {"url": "salesforce:Account/{{ unset }}", "label": "CRM", "when": "{{ unset is defined }}"}
    assert stage.run("screen-pop", **properties) == Leave(detail="nothing to open")
    assert stage.lines == []


def test_post_comments(stage: Stage) -> None:
    text = "Call {{ NewPhoneContact.InteractionId }} {notes}"
    assert stage.run("post-comments", connector="SF", text=text) == Leave()
    assert stage.lines == ["post_comment Call call-1 {notes}"]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "ok"),
        (204, "ok"),
        (302, "client_error"),
        (404, "client_error"),
        (500, "server_error"),
        (503, "server_error"),
    ],
)
def test_http_request_leaves_by_status(stage: Stage, status: int, outcome: str) -> None:
    stage.fakes.connector.response = HttpResponse(status=status, body='{"a": 1}')
    assert stage.run("http-request", connector="SF", path="/x") == Leave(
        outcome=outcome,
        outputs={
            "httpStatusCode": status,
            "httpResponseBody": '{"a": 1}',
            "json": {"a": 1},
            "httpResponseHeaders": {},
        },
        detail=str(status),
    )


def test_http_request_is_safe_in_every_part(stage: Stage) -> None:
    stage.run(
        "http-request",
        connector="SF",
        method="POST",
        path="/o/{{ who }}",
        query={"plain": "{{ who }}"},
        soql="SELECT Id FROM Contact WHERE Name = '{{ \"O'Hara\" }}'",
        body='{"name": "{{ who }}", "rank": {{ rank }}}',
    )
    (request,) = stage.fakes.connector.requests
    assert request.path == "/o/Ann%20%3Cb%3E"
    assert request.query == {"plain": "Ann <b>", "q": "SELECT Id FROM Contact WHERE Name = 'O\\'Hara'"}
    assert json.loads(request.body or "") == {"name": "Ann <b>", "rank": 2}


def test_http_request_times_out(stage: Stage) -> None:
    stage.fakes.journal.fail("request", TimeoutError())
    match stage.run("http-request", connector="SF", path="/x"):
        case Leave(outcome="timeout"):
            pass
        case other:
            pytest.fail(repr(other))


def test_http_request_without_json_has_none(stage: Stage) -> None:
    stage.fakes.connector.response = HttpResponse(status=200, body="<html>")
    result = stage.run("http-request", connector="SF", path="/x")
    assert isinstance(result, Leave)
    assert "json" not in result.outputs


PORT_USERS: list[tuple[str, str, dict[str, Any]]] = [
    ("play", "play-message", {"prompts": [{"key": "bye"}]}),
    ("music", "play-music", {"file": "hold.wav"}),
    ("hang_up", "disconnect", {}),
    ("enqueue", "queue-contact", {}),
    ("find", "salesforce-find", {"connector": "SF", "number": "+1"}),
    ("open_cases", "salesforce-open-cases", {"connector": "SF"}),
    ("post_comment", "post-comments", {"connector": "SF", "text": "x"}),
    ("request", "http-request", {"connector": "SF", "path": "/"}),
    ("screen_pop", "screen-pop", {"url": "https://x.example/", "label": "x"}),
    ("collect", "menu", {"prompts": [{"key": "bye"}], "choices": {"1": "x"}}),
    ("collect", "collect-digits", {"prompts": [{"key": "bye"}]}),
    ("look_up", "queue-lookup", {"queue": "Support"}),
    ("transfer", "blind-transfer", {"target": "100"}),
]


@pytest.mark.parametrize(("verb", "kind", "properties"), PORT_USERS)
def test_a_port_that_fails_is_not_hidden(
    stage: Stage, verb: str, kind: str, properties: dict[str, Any]
) -> None:
    stage.fakes.journal.fail(verb)
    with pytest.raises(PortError):
        stage.run(kind, **properties)


@pytest.mark.parametrize(("verb", "kind", "properties"), PORT_USERS)
def test_every_activity_can_be_cancelled(
    stage: Stage, verb: str, kind: str, properties: dict[str, Any]
) -> None:
    async def scenario() -> None:
        stage.fakes.journal.hold(verb)
        activity = registry()[kind].model_validate(properties)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(activity.run(stage.acting))
            await stage.fakes.journal.used(verb)
            task.cancel()
        assert task.cancelled()

    asyncio.run(scenario())
