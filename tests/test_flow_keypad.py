"""menu and collect-digits: tries, edges and outputs, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ivr.flow.activities import registry
from ivr.flow.activities.base import Acting, Leave, Result
from ivr.flow.errors import ActivityError
from ivr.flow.escape import Context
from ivr.flow.prompts import PromptCatalogue
from ivr.flow.template import parse
from ivr.flow.testing import START, FakePorts, no_sub_flow
from ivr.flow.variables import Variables, VariableSpec
from ivr.testing.virtual_time import LoopClock, run_virtual

KOREAN = PromptCatalogue(language="ko-KR", prompts={"ask": parse(Context.SPEECH, "{{ n | ordinal }} 선택")})
PROMPTS = PromptCatalogue(
    language="en-US",
    prompts={
        "ask": parse(Context.SPEECH, "The {{ n | ordinal }} choice"),
        "only": parse(Context.SPEECH, "English"),
    },
    others={"ko-KR": KOREAN},
)
MENU: dict[str, Any] = {"prompts": [{"text": "One or two?"}], "choices": {"1": "Sales", "2": "Support"}}
NUMBER: dict[str, Any] = {"prompts": [{"text": "Your number?"}], "min_digits": 2, "max_digits": 4}
AGAIN: dict[str, Any] = {
    "retries": 1,
    "timeout_prompts": [{"text": "Nothing."}],
    "invalid_prompts": [{"text": "Wrong."}],
}


class Stage:
    """Fake ports, and an activity that runs while the caller presses keys."""

    def __init__(self, *specs: VariableSpec) -> None:
        self.fakes = FakePorts()
        self.specs = specs
        self.took_s = 0.0

    def run(self, kind: str, properties: dict[str, Any], *keys: str | float) -> Result:
        """Run it; between keys the caller waits so many seconds."""
        return run_virtual(self._run(kind, properties, keys))

    async def _run(self, kind: str, properties: dict[str, Any], keys: tuple[str | float, ...]) -> Result:
        acting = Acting(
            ports=self.fakes.ports(),
            prompts=PROMPTS,
            variables=Variables(self.specs, START, queue_position=lambda: None),
            default_queue="Default",
            clock=LoopClock(),
            run_sub_flow=no_sub_flow,
        )
        activity = registry()[kind].model_validate(properties)
        began = acting.clock.monotonic()
        presses = asyncio.create_task(self._press(keys))
        try:
            return await activity.run(acting)
        finally:
            self.took_s = acting.clock.monotonic() - began
            presses.cancel()

    async def _press(self, keys: tuple[str | float, ...]) -> None:
        for key in keys:
            if isinstance(key, str):
                self.fakes.voice.press(key)
            else:
                await asyncio.sleep(key)

    @property
    def lines(self) -> list[str]:
        return self.fakes.journal.lines


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_menu_leaves_by_the_key(stage: Stage) -> None:
    result = stage.run("menu", MENU, 1.0, "2")
    assert result == Leave(outcome="2", outputs={"OptionEntered": "2", "OptionLabel": "Support"})
    assert stage.lines == ["collect One or two?"]


def test_a_menu_takes_what_was_typed_ahead(stage: Stage) -> None:
    stage.fakes.voice.prompt_s = 10
    stage.fakes.voice.press("1")
    result = stage.run("menu", MENU)
    assert isinstance(result, Leave)
    assert result.outcome == "1"
    assert stage.took_s == 0


def test_a_key_stops_the_prompt(stage: Stage) -> None:
    stage.fakes.voice.prompt_s = 10
    result = stage.run("menu", MENU, 4.0, "1")
    assert isinstance(result, Leave)
    assert (result.outcome, stage.took_s) == ("1", 4.0)
    assert stage.lines == ["collect One or two?", "barge_in"]


def test_without_barge_in_only_keys_after_the_prompt_count(stage: Stage) -> None:
    stage.fakes.voice.prompt_s = 10
    result = stage.run("menu", MENU | {"barge_in": False}, 4.0, "1", 7.0, "2")
    assert isinstance(result, Leave)
    assert (result.outcome, stage.took_s) == ("2", 11.0)


@pytest.mark.parametrize(
    ("keys", "outcome", "lines", "took_s"),
    [
        ((), "timeout", ["collect Ask?", "collect Nothing. | Ask?"], 6.0),
        (("9", 1.0, "9"), "invalid", ["collect Ask?", "collect Wrong. | Ask?"], 1.0),
        (("9",), "timeout", ["collect Ask?", "collect Wrong. | Ask?"], 3.0),
        (("9", 1.0, "1"), "1", ["collect Ask?", "collect Wrong. | Ask?"], 1.0),
        ((5.0, "2"), "2", ["collect Ask?", "collect Nothing. | Ask?"], 5.0),
    ],
)
def test_a_menu_tries_again(
    stage: Stage, keys: tuple[str | float, ...], outcome: str, lines: list[str], took_s: float
) -> None:
    result = stage.run("menu", MENU | AGAIN | {"prompts": [{"text": "Ask?"}]}, *keys)
    assert isinstance(result, Leave)
    assert (result.outcome, stage.took_s) == (outcome, took_s)
    assert stage.lines == lines


def test_after_a_wrong_entry_what_was_typed_behind_it_does_not_count(stage: Stage) -> None:
    result = stage.run("menu", MENU | AGAIN, "911")
    assert isinstance(result, Leave)
    assert result.outcome == "timeout"
    assert [entry.flush for entry in stage.fakes.voice.entries] == [False, True]


@pytest.mark.parametrize(
    ("keys", "result"),
    [
        (("1234",), Leave(outputs={"DigitsEntered": "1234"}, detail="4 digits")),
        (("12#",), Leave(outputs={"DigitsEntered": "12"}, detail="2 digits")),
        (("12",), Leave(outputs={"DigitsEntered": "12"}, detail="2 digits")),
        (("1#",), Leave(outcome="invalid", outputs={"DigitsEntered": "1"}, detail="too_short")),
        ((), Leave(outcome="timeout")),
    ],
)
def test_collect_digits(stage: Stage, keys: tuple[str | float, ...], result: Leave) -> None:
    assert stage.run("collect-digits", NUMBER, *keys) == result


def test_the_times_between_digits_are_their_own() -> None:
    times = {"first_digit_s": 10, "inter_digit_s": 2, "max_digits": 9, "overall_s": 12}
    slow, quick = Stage(), Stage()
    slow.run("collect-digits", NUMBER | times, 9.0, "1", 1.5, "2")
    assert slow.took_s == 12.0  # the overall time; 12.5 by the time between digits
    quick.run("collect-digits", NUMBER | times, 1.0, "1", 1.5, "2")
    assert quick.took_s == 4.5


def test_the_digits_go_into_a_variable() -> None:
    stage = Stage(VariableSpec(name="account"))
    result = stage.run("collect-digits", NUMBER | {"variable": "account"}, "0042")
    assert isinstance(result, Leave)
    assert result.assigned == {"account": "0042"}
    activity = registry()["collect-digits"].model_validate(NUMBER | {"variable": "account"})
    assert activity.assigns() == {"account": ("variable",)}


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("menu", {"choices": {}}),
        ("menu", {"choices": {"12": "x"}}),
        ("menu", {"choices": {"A": "x"}}),
        ("menu", {"choices": {"1": "x"}, "retries": 99}),
        ("collect-digits", {"min_digits": 5, "max_digits": 4}),
        ("collect-digits", {"min_digits": 0}),
        ("collect-digits", {"terminator": "12"}),
        ("collect-digits", {"inter_digit_s": 0}),
    ],
)
def test_properties_that_make_no_sense(kind: str, properties: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        registry()[kind].model_validate({"prompts": [{"text": "x"}]} | properties)


ASK = {"prompts": [{"key": "ask", "with": {"n": 2}}, {"text": "{{ 3 | number }}"}]}


@pytest.mark.parametrize(
    ("specs", "properties", "line"),
    [
        ((), {}, "The second choice | three"),
        ((), {"language": "ko-KR"}, "두 번째 선택 | 삼"),
        ((VariableSpec(name="Global_Language", default="ko-KR"),), {}, "두 번째 선택 | 삼"),
        ((VariableSpec(name="Global_Language", default="ko"),), {}, "두 번째 선택 | 삼"),
        ((VariableSpec(name="Global_Language", default="ko-KR"),), {"language": "en-US"},
         "The second choice | three"),
        ((VariableSpec(name="Global_Language"),), {}, "The second choice | three"),
        ((VariableSpec(name="Global_Language", default="uninitialized"),), {}, "The second choice | three"),
        ((VariableSpec(name="lang", default="ko-KR"),), {"language": "{{ lang }}"}, "두 번째 선택 | 삼"),
        ((), {"language": "fr-FR"}, "The second choice | 3"),
    ],
)  # fmt: skip
def test_prompts_in_the_language_of_the_call(
    specs: tuple[VariableSpec, ...], properties: dict[str, Any], line: str
) -> None:
    stage = Stage(*specs)
    stage.run("play-message", ASK | properties)
    assert stage.lines == [f"play {line}"]


def test_a_prompt_that_a_language_lacks_is_spoken_in_the_nodes() -> None:
    stage = Stage()
    stage.run("play-message", {"prompts": [{"key": "only"}], "language": "ko-KR"})
    assert stage.lines == ["play English"]


def test_what_is_no_language_is_an_error() -> None:
    with pytest.raises(ActivityError):
        Stage().run("play-message", {"prompts": [{"text": "x"}], "language": "a language"})
