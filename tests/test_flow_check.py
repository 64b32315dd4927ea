"""The checks: each fault is found, with its line and activity."""

from __future__ import annotations

from dataclasses import replace
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
    edges: {one: Say, none: Say, many: Say, withheld: Say, error: Say}
  Say:
    type: play-message
    prompts:
      - key: hello
        with: {name: "{{ company }}"}
      - file: welcome.wav
      - text: "Dear {{ Find.name | default('caller') }}"
    edges: {next: Put, error: Put}
  Put:
    type: queue-contact
    queue: Support
    edges: {next: Music, error: Wait}
  Wait:
    type: play-music
    file: hold.wav
    duration_s: 10
    edges: {next: Put, error: Say}
  Music:
    type: play-music
    file: hold.wav
    edges: {next: Music, error: Say}
events:
  PhoneContactEnded:
    start: Note
    activities:
      Note:
        type: post-comments
        connector: Salesforce
        text: "{{ caseId is defined }}"
        edges: {next: Over, error: Over}
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


OWNER = """
name: owner
version: "1"
start: Begin
activities:
  Begin: {type: start, edges: {next: Owner}}
  Owner:
    type: queue-to-agent
    agent: Jin@example.com
    queue: Support
    edges: {next: Music, failure: Music, error: Music}
  Music: {type: play-music, file: hold.wav, edges: {next: Music, error: Sorry}}
  Sorry: {type: play-message, prompts: [text: Sorry.], edges: {next: Music, error: Music}}
"""


def test_a_fixed_agent_exists(tmp_path: Path, context: CheckContext) -> None:
    assert check(tmp_path, context, OWNER) == []  # nobody knows which agents there are
    known = replace(context, agents=frozenset({"jin", "Jin Lee", "jin@example.com"}))
    assert check(tmp_path, known, OWNER) == []
    assert check(tmp_path, known, OWNER.replace("Jin@example.com", "jin lee")) == []
    unknown = check(tmp_path, known, OWNER.replace("Jin@example.com", "kim"))
    assert unknown == [(9, "Owner", "there is no agent 'kim'")]
    variable = OWNER.replace("agent: Jin@example.com", 'agent: "{{ NewPhoneContact.DNIS }}"')
    assert check(tmp_path, known, variable) == []


FAULTS = [
    # old, new, where the finding's line is, activity, text
    ("type: queue-contact", "type: queue", "type: queue", "Put", "no activity of type 'queue'"),
    ("queue: Support", "queues: Support", "queues: Support", "Put", "there is no such property"),
    ("queue: Support", "queue: Sales", "queue: Sales", "Put", "no queue 'Sales'; there are Support"),
    ("queue: Support", "priority: 12", "priority: 12", "Put", "a priority is 1 to 9"),
    ("connector: Salesforce", "connector: SAP", "connector: SAP", "Find", "no connector 'SAP'"),
    ("at: invite", "part: case", "part: case", "Find", "account"),
    ("at: invite", "at: once", "at: once", "Find", "invite"),
    ("file: hold.wav", "file: jazz.wav", "file: jazz.wav", "Wait", "no sound file 'jazz.wav'"),
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
    ("{next: Put, error: Put}", "{next: Music, error: Music}", "  Put:", "Put", "never reached"),
    ("{next: Music, error: Wait}", "{next: Put}", "  Put:", "Put", "without waiting"),
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


EVERYTHING = """\
name: bad
version: "1"
variables:
  n: {type: integer, default: 1}
  doc: {type: json, default: {}}
start: Begin
activities:
  Begin: {type: start, edges: {next: A}}
  A:
    type: play-message
    prompts: [text: "{{ n | nofilter }}"]
    wait_s: x
    foo: 1
    edges: {next: B, error: B}
  B:
    type: menu
    prompts: [text: "{{ n.part }}"]
    choices: {x: sales}
    retries: many
    edges: {timeout: H, error: H}
  H:
    type: http-request
    connector: Nowhere
    path: "/{{ Queue.positon }}"
    extract: {doc: "$.[", other: "$.a"}
    edges: {ok: Over, client_error: Over}
  Over: {type: end}
"""


def test_everything_is_told_at_once(tmp_path: Path, context: CheckContext) -> None:
    found = check(tmp_path, context, EVERYTHING)
    texts = {f"{activity}: {text}" for _, activity, text in found if activity}
    places = {(activity, text.partition(":")[0]) for _, activity, text in found}
    assert {
        ("A", "wait_s"),
        ("A", "foo"),
        ("A", "prompts.0.text"),
        ("B", "choices.x"),
        ("H", "extract.doc"),
    } <= places
    assert {
        "A: wait_s: a number is expected",
        "A: foo: there is no such property",
        "B: choices.x: a key is one of 0 to 9, * and #",
        "B: retries: a whole number is expected",
        "B: n.part: n is an integer and has no parts",
        "B: the edge 'invalid' is not wired",
        "H: there is no connector 'Nowhere'; there are Salesforce",
        "H: Queue.positon is not there; Queue has position",
        "H: the flow declares no variable 'other'",
        "H: the edge 'server_error' is not wired",
        "H: the edge 'timeout' is not wired",
    } <= texts


@pytest.mark.parametrize(
    "invented", ["never reached", "at least 1", "fewer elements", "Tuple", "String should", "a integer"]
)
def test_nothing_is_invented(tmp_path: Path, context: CheckContext, invented: str) -> None:
    """A fault brings no others with it, and nothing is told in the words of the library."""
    found = check(tmp_path, context, EVERYTHING)
    assert [text for _, _, text in found if invented in text] == []


@pytest.mark.parametrize("edges", ["{next: 3, error: Put}", "Put", "[Put]"])
def test_edges_that_cannot_be_read_hide_no_way(tmp_path: Path, context: CheckContext, edges: str) -> None:
    text = GOOD.replace("{next: Put, error: Put}", edges)
    (found,) = check(tmp_path, context, text)
    assert found[1] == "Say"
    assert found[2] in ("edges.next: a text is expected", "edges: names with values are expected")


def test_a_list_is_too_short_only_when_it_is(tmp_path: Path, context: CheckContext) -> None:
    text = GOOD.replace("type: post-comments\n", "type: menu\n        prompts: []\n        choices: {}\n")
    found = [text for _, activity, text in check(tmp_path, context, text) if activity == "Note"]
    assert "prompts: has fewer elements than 1" in found
    assert "choices: has fewer elements than 1" in found


def test_undeclared_variables_cannot_be_set(tmp_path: Path, context: CheckContext) -> None:
    setting = "  Set:\n    type: set-variable\n    set: {nobody: x}\n"
    setting += "    edges: {next: Find, error: Find}\n  Find:\n"
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
    file.write_text(GOOD.replace("edges: {next: Put, error: Put}", "edges: {next: Music, error: Music}"))
    found, _ = check_flow(load_flow(file), context)
    assert found.severity is Severity.WARNING
    assert str(found) == f"{file}:26: warning: Put: is never reached"


def test_graphs() -> None:
    edges = {"a": ["b"], "b": ["c", "x"], "c": ["b"], "d": ["d"], "e": ["a"]}
    assert reachable(edges, "a") == {"a", "b", "c"}
    assert cycles(edges) == (("b", "c"), ("d",))
