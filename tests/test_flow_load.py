"""Flow and prompt files: what is read, and errors with file and line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ivr.flow.errors import FlowFileError
from ivr.flow.load import load_flow
from ivr.flow.model import At
from ivr.flow.prompts import load_prompts
from ivr.flow.values import VariableType

SMALL = """\
name: small
version: 1
variables:
  tries: {type: integer, default: 3, label: Tries, agent_viewable: true, agent_editable: true}
  data: {type: json, default: {a: [1, two]}}
start: Begin
activities:
  Begin:
    type: start
    edges: {next: Find}
  Find:
    type: salesforce-find
    at: invite
    wait_s: 0.5
    connector: Salesforce
    number: "{{ NewPhoneContact.ANI }}"
    edges: {one: Bye, none: Bye, many: Bye, withheld: Bye}
  Bye:
    type: end
events:
  AgentAnswered:
    start: Bye
    activities:
      Bye: {type: end}
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "flow.yaml"
    file.write_text(text)
    return file


def test_a_flow_is_read(tmp_path: Path) -> None:
    flow = load_flow(write(tmp_path, SMALL))
    assert (flow.name, flow.version) == ("small", "1")
    assert flow.digest == hashlib.sha256(SMALL.encode()).hexdigest()
    tries, data = flow.variables
    assert (tries.type, tries.default, tries.agent_editable, tries.line) == (VariableType.INTEGER, 3, True, 4)
    assert data.default == {"a": [1, "two"]}
    find = flow.main.nodes["Find"]
    assert (find.at, find.wait_s, find.line) == (At.INVITE, 0.5, 11)
    assert find.line_of(("number",)) == 16
    assert find.line_of(("edges", "one")) == 17
    assert find.reads() == {"NewPhoneContact"}
    assert [node.name for node in flow.early()] == ["Find"]
    assert flow.events["AgentAnswered"].start == "Bye"


@pytest.mark.parametrize(
    ("change", "line", "text"),
    [
        (("version: 1\n", "version: 1\nname: again\n"), 3, "duplicate key"),
        (("type: integer, default: 3", "type: integer, default: three"), 4, "no integer"),
        (("  tries: {type: integer", "  tries: {type: number"), 4, "tries.type"),
        (("  tries:", "  Queue:"), 4, "has a meaning"),
        (("start: Begin\nactivities", "activities"), 1, "start"),
        (("version: 1\n", "version: 1\ncolour: red\n"), 3, "colour"),
        (("    edges: {next: Find}\n", "    edges: {next: Find\n"), 11, "expected"),
    ],
)
def test_what_is_no_flow_is_an_error_with_its_line(
    tmp_path: Path, change: tuple[str, str], line: int, text: str
) -> None:
    assert change[0] in SMALL
    with pytest.raises(FlowFileError) as caught:
        load_flow(write(tmp_path, SMALL.replace(*change, 1)))
    assert caught.value.line == line
    assert text in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'flow.yaml'}:{line}: ")


def test_all_that_is_no_flow_is_told(tmp_path: Path) -> None:
    text = (
        SMALL.replace("type: integer", "type: number")
        .replace("type: json", "type: list")
        .replace("start: Begin\n", "", 1)
    )
    with pytest.raises(FlowFileError) as caught:
        load_flow(write(tmp_path, text))
    lines = str(caught.value).splitlines()
    assert [line.removeprefix(f"{tmp_path / 'flow.yaml'}:") for line in lines] == [
        "1: start: is missing",
        "4: variables.tries.type: must be 'string', 'integer', 'decimal', 'boolean', 'datetime' or 'json'",
        "5: variables.data.type: must be 'string', 'integer', 'decimal', 'boolean', 'datetime' or 'json'",
    ]


def test_all_defaults_that_do_not_fit_are_told(tmp_path: Path) -> None:
    text = SMALL.replace("default: 3", "default: three").replace("type: json", "type: boolean")
    with pytest.raises(FlowFileError) as caught:
        load_flow(write(tmp_path, text))
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "variables.tries.default",
        "variables.data.default",
    ]


def test_all_globals_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(FlowFileError) as caught:
        load_flow(write(tmp_path, SMALL.replace("variables:\n", "globals: [one, two]\nvariables:\n")))
    assert ["'one'" in line or "'two'" in line for line in str(caught.value).splitlines()] == [True, True]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FlowFileError, match="cannot be read"):
        load_flow(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["", "[]", "x", "\x00", "a: &a [*a]"])
def test_other_files_are_errors(tmp_path: Path, text: str) -> None:
    with pytest.raises(FlowFileError):
        load_flow(write(tmp_path, text))


def test_prompts_are_read_and_filled(tmp_path: Path) -> None:
    catalogue = load_prompts(write(tmp_path, 'language: en-US\nprompts:\n  hi: "Hi {{ name }}."\n'))
    assert catalogue.language == "en-US"
    assert catalogue.places("hi") == {"name"}
    assert catalogue.text("hi", {"name": "<b>Ann</b>\n"}) == "Hi b Ann /b."


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("language: en-US\nprompts:\n  hi: '{{ name'\n", 3),
        ("language: en-US\nprompts:\n  Hi: x\n", 3),
        ("language: English\nprompts: {}\n", 1),
        ("language: en-US\nprompts:\n  a: x\n  a: y\n", 4),
    ],
)
def test_bad_prompts_are_errors_with_their_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(FlowFileError) as caught:
        load_prompts(write(tmp_path, text))
    assert caught.value.line == line


def test_all_that_is_wrong_with_prompts_is_told(tmp_path: Path) -> None:
    text = "language: English\nprompts:\n  Hi: x\n  bye: '{{ name | shout }}'\n"
    with pytest.raises(FlowFileError) as caught:
        load_prompts(write(tmp_path, text))
    lines = [line.removeprefix(f"{tmp_path / 'flow.yaml'}:") for line in str(caught.value).splitlines()]
    assert lines[:2] == [
        "1: language: a language is written as en-US",
        "3: prompts.Hi: a key is a small letter, then small letters, digits and _",
    ]
    assert lines[2].startswith("4: prompts.bye: there is no filter 'shout'")
