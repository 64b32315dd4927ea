"""The checks: each fault is found, with its line and activity."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.flow.check import CheckContext, Severity, check_flow
from ivr.flow.graph import cycles, reachable
from ivr.flow.load import load_flow
from ivr.flow.prompts import load_prompts

GOOD = """\
name: good
version: "1"
variables:
  company: {default: Acme}
  caseId: {type: string}
  doc: {type: json}
start: Begin
activities:
  Begin:
    type: start
    edges: {next: Find}
  Find:
    type: salesforce-find
    at: invite
    connector: Salesforce
    number: "{{ NewPhoneContact.ANI }}"
    edges: {one: Say, none: Say, many: Say, withheld: Say}
  Say:
    type: play-message
    prompts:
      - key: hello
        with: {name: "{{ company }}"}
      - file: welcome.wav
      - text: "Dear {{ Find.name | default('caller') }}"
    edges: {next: Put}
  Put:
    type: queue-contact
    queue: Support
    edges: {next: Music}
  Music:
    type: play-music
    file: hold.wav
    edges: {next: Music}
events:
  PhoneContactEnded:
    start: Note
    activities:
      Note:
        type: post-comments
        connector: Salesforce
        text: "{{ caseId is defined }}"
        edges: {next: Over}
      Over:
        type: end
"""


@pytest.fixture
def context(tmp_path: Path) -> CheckContext:
    file = tmp_path / "en.yaml"
    file.write_text('language: en-US\nprompts: {hello: "Hello {{ name }}", pay: "{{ sum }} is due"}\n')
    return CheckContext(
        queues=frozenset({"Support"}),
        connectors=frozenset({"Salesforce"}),
        sounds=frozenset({"hold.wav", "welcome.wav"}),
        prompts=(load_prompts(file),),
    )


def check(tmp_path: Path, context: CheckContext, text: str) -> list[tuple[int, str | None, str]]:
    file = tmp_path / "flow.yaml"
    file.write_text(text)
    return [(found.line, found.activity, found.text) for found in check_flow(load_flow(file), context)]


def test_nothing_is_wrong_with_a_good_flow(tmp_path: Path, context: CheckContext) -> None:
    assert check(tmp_path, context, GOOD) == []


FAULTS = [
    # old, new, where the finding's line is, activity, text
    ("type: queue-contact", "type: queue", "type: queue", "Put", "no activity of type 'queue'"),
    ("queue: Support", "queues: Support", "queues: Support", "Put", "there is no such property"),
    ("queue: Support", "queue: Sales", "queue: Sales", "Put", "no queue 'Sales'; there are Support"),
    ("queue: Support", "priority: 12", "priority: 12", "Put", "a priority is 1 to 9"),
    ("connector: Salesforce", "connector: SAP", "connector: SAP", "Find", "no connector 'SAP'"),
    ("at: invite", "part: case", "part: case", "Find", "account"),
    ("at: invite", "at: once", "at: once", "Find", "invite"),
    ("file: hold.wav", "file: jazz.wav", "file: jazz.wav", "Music", "no sound file 'jazz.wav'"),
    ("file: welcome.wav", "file: bye.wav", "file: bye.wav", "Say", "no sound file 'bye.wav'"),
    ("key: hello", "key: hallo", "key: hallo", "Say", "no prompt 'hallo'"),
    ("key: hello", "key: pay", "key: pay", "Say", "must be given 'sum'"),
    ("{{ company }}", "{{ compny }}", "with:", "Say", "neither a variable nor an activity"),
    ("{{ company }}", "{{ company.name }}", "with:", "Say", "has no parts"),
    ("{{ company }}", "{{ caseId }}", "with:", "Say", "nothing sets it"),
    ("{{ company }}", "{{ NewPhoneContact.Region }}", "with:", "Say", "is not there"),
    ("{{ company }}", "{{ company", "with:", "Say", "unexpected end"),
    ("{{ company }}", "{% if 1 %}{% endif %}", "with:", "Say", "not allowed"),
    ("Find.name", "Find.caseId", "text: \"Dear", "Say", "Find has"),
    ("text: \"Dear", "texts: \"Dear", "texts: ", "Say", "one of key, text, file"),
    ("one: Say, none: Say", "one: Say", "one: Say", "Find", "the edge 'none' is not wired"),
    ("one: Say", "one: Saye", "one: Saye", "Find", "leads to 'Saye'"),
    ("one: Say", "two: Say, one: Say", "two: Say", "Find", "does not leave by 'two'"),
    ("{next: Put}", "{next: Music}", "  Put:", "Put", "never reached"),
    ("{next: Music}", "{next: Put}", "  Put:", "Put", "without waiting"),
    ("queue: Support", "at: invite", "    at: invite\n    edges: {next: M", "Put", "cannot start at invite"),
    ("{{ NewPhoneContact.ANI }}", "{{ caseId | default('') }}", "number:", "Find", "not known yet"),
    ("{{ NewPhoneContact.ANI }}", "{{ Queue.position }}", "number:", "Find", "not known yet"),
    ("type: start", "type: end", "  Begin:", "Begin", "begins with an activity of type start"),
    ("start: Begin", "start: Beginn", "start: Beginn", None, "'Beginn'"),
    ("PhoneContactEnded:", "CallEnded:", "    start: Note", None, "no event 'CallEnded'"),
    ("post-comments", "disconnect", "        connector:", "Note", "there is no such property"),
    ("type: end", "type: disconnect", "type: disconnect", "Over", "no voice any more"),
    ("type: end", "type: start", "        type: start", "Over", "only at the start"),
    ("      Over:", "      Find: {type: salesforce-open-cases, connector: S}\n      Over:", "      Find: {",
     "Find", "has this name"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where", "activity", "text"), FAULTS)
def test_a_fault_is_found(
    tmp_path: Path, context: CheckContext, old: str, new: str, where: str, activity: str | None, text: str
) -> None:
    faulty = GOOD.replace(old, new, 1)
    assert faulty != GOOD
    line = faulty[: faulty.index(where)].count("\n") + 1
    findings = check(tmp_path, context, faulty)
    assert [f for f in findings if f[:2] == (line, activity) and text in f[2]], findings


def test_undeclared_variables_cannot_be_set(tmp_path: Path, context: CheckContext) -> None:
    setting = "  Set:\n    type: set-variable\n    set: {nobody: x}\n    edges: {next: Find}\n  Find:\n"
    text = GOOD.replace("{next: Find}", "{next: Set}").replace("  Find:\n", setting, 1)
    assert check(tmp_path, context, text) == [(14, "Set", "the flow declares no variable 'nobody'")]


def test_early_activities_cannot_wait_for_each_other(tmp_path: Path, context: CheckContext) -> None:
    other = """\
  Other:
    type: salesforce-find
    at: invite
    connector: Salesforce
    number: "{{ Find.id }}"
    edges: {one: Put, none: Put, many: Put, withheld: Put}
"""
    text = GOOD.replace("{{ NewPhoneContact.ANI }}", "{{ Other.id }}").replace("next: Put", "next: Other")
    text = text.replace("events:", other + "events:")
    waits = [activity for _, activity, found in check(tmp_path, context, text) if "waits for it" in found]
    assert waits == ["Find", "Other"]


def test_severity_and_text(tmp_path: Path, context: CheckContext) -> None:
    file = tmp_path / "flow.yaml"
    file.write_text(GOOD.replace("edges: {next: Put}", "edges: {next: Music}"))
    (found,) = check_flow(load_flow(file), context)
    assert found.severity is Severity.WARNING
    assert str(found) == f"{file}:26: warning: Put: is never reached"


def test_graphs() -> None:
    edges = {"a": ["b"], "b": ["c", "x"], "c": ["b"], "d": ["d"], "e": ["a"]}
    assert reachable(edges, "a") == {"a", "b", "c"}
    assert cycles(edges) == (("b", "c"), ("d",))
