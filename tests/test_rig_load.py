"""Scenario files are checked: each mistake with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.flow.rig.errors import ScenarioFileError
from ivr.flow.rig.load import load_scenarios
from ivr.flow.rig.run import run_file
from ivr.salesforce.model import MatchResult

FLOW = Path(__file__).parents[1] / "config" / "flows" / "salesforce_ani_lookup.yaml"


def mistakes(tmp_path: Path, scenario: str) -> tuple[str, ...]:
    """What is wrong with a file of one scenario, without the file's name."""
    path = tmp_path / "x.test.yaml"
    path.write_text(f"flow: {FLOW}\nscenarios:\n  one:\n{scenario}\n", encoding="utf-8")
    with pytest.raises(ScenarioFileError) as caught:
        load_scenarios(path)
    return tuple(mistake.removeprefix(f"{path}:") for mistake in caught.value.mistakes)


@pytest.mark.parametrize(
    ("scenario", "line", "says"),
    [
        ("    callr: {}", 4, "there is no such property"),
        ("    caller:\n      does:\n        - wait: 3", 6, "there is no such property"),
        ("    caller:\n      does:\n        - {wait_s: 3, press: 1}", 6, "one of hear, until"),
        ("    caller: {does: [press: 12x]}", 4, "pattern"),
        ('    caller: {number: "4155550123"}', 4, "pattern"),
        ("    salesforce: {finds: one}", 4, "contact, account or both"),
        ("    salesforce: {finds: many, contact: {name: A}}", 4, "there is no contact"),
        ("    salesforce:\n      cases: [{number: '1'}]", 4, "cases belong to"),
        ("    agents: {sam: {offers: [sleeps]}}", 4, "valid dictionary"),
        ("    expect: {ended: never}", 4, "abandoned_in_queue"),
        ("    force: {Nobody: error}", 4, "no activity 'Nobody'"),
        ("    force:\n      Music: maybe", 5, "Music does not leave by 'maybe'; it leaves by error, next"),
        ("    expect:\n      walked:\n        - Greet\n        - Grete", 7, "no activity 'Grete'"),
        ("    expect: {variables: {company: x}}", 4, "no variable 'company' that agents see"),
        ("    expect:\n      agent: sam", 5, "no agent 'sam'"),
        ("    begins: 2026-01-01T09:00:00", 4, "timezone"),
    ],
)
def test_a_mistake_has_its_line(tmp_path: Path, scenario: str, line: int, says: str) -> None:
    found = mistakes(tmp_path, scenario)
    assert any(text.startswith(f"{line}: ") and says in text for text in found), found


def test_all_mistakes_are_told(tmp_path: Path) -> None:
    assert len(mistakes(tmp_path, "    force: {A: error, B: error}\n    expect: {agent: sam}")) == 3


def test_a_flow_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.test.yaml"
    path.write_text("flow: none.yaml\nscenarios: {one: {}}\n", encoding="utf-8")
    with pytest.raises(ScenarioFileError, match=r"none\.yaml:1: cannot be read"):
        load_scenarios(path)


def test_short_forms(tmp_path: Path) -> None:
    path = tmp_path / "x.test.yaml"
    path.write_text(
        f"""\
flow: {FLOW}
scenarios:
  one:
    caller: {{does: [press: 12, hang_up]}}
    salesforce: {{contact: {{name: Ann}}}}
    agents: {{sam: {{offers: [busy, {{talks_s: 3}}]}}}}
    force: {{Music: error, Greet: [error]}}
    expect: {{queued: Support, written: [text], said: [a, ...]}}
""",
        encoding="utf-8",
    )
    scenario = load_scenarios(path).suite.scenarios["one"]
    assert [deed.press for deed in scenario.caller.does] == ["12", None]
    assert scenario.caller.does[1].hang_up
    assert scenario.salesforce.result is MatchResult.ONE
    assert scenario.agents["sam"].offers[0].fails == "busy"
    assert (scenario.force["Music"].then_runs, scenario.force["Greet"].then_runs) == (False, True)
    assert scenario.expect.written is not None
    assert scenario.expect.written[0].text == "text"


SILENT = """\
name: silent
version: "1"
start: Begin
activities:
  Begin: {type: start, edges: {next: Say}}
  Say: {type: play-message, prompts: [text: Hello.], edges: {next: Over, error: Over}}
  Over: {type: end}
"""


def alone(tmp_path: Path, flow: str, more: str = "") -> Path:
    """A scenario of a flow in a folder of its own, with no catalogue anywhere."""
    (tmp_path / "flow.yaml").write_text(flow, encoding="utf-8")
    path = tmp_path / "flow.test.yaml"
    path.write_text(
        f"flow: flow.yaml\n{more}scenarios: {{one: {{expect: {{said: [Hello.]}}}}}}\n", encoding="utf-8"
    )
    return path


def test_a_flow_that_asks_for_no_prompt_needs_no_catalogue(tmp_path: Path) -> None:
    file = load_scenarios(alone(tmp_path, SILENT))
    assert file.prompts.prompts == {}
    assert run_file(file).good


@pytest.mark.parametrize(
    ("old", "new", "more"), [("text: Hello.", "key: hello", ""), ("x", "x", "prompts: none/en-US.yaml\n")]
)
def test_a_catalogue_that_is_asked_for_must_be_there(tmp_path: Path, old: str, new: str, more: str) -> None:
    path = alone(tmp_path, SILENT.replace(old, new), more)
    with pytest.raises(ScenarioFileError, match=r"en-US\.yaml:1: cannot be read"):
        load_scenarios(path)
