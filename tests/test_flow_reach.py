"""The checks that follow the ways through a flow: what is known where, what spins, what nobody catches."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.flow.activities.set_variable import SetVariable
from ivr.flow.check import CheckContext, Severity, check_flow
from ivr.flow.load import load_flow
from ivr.flow.model import MAIN, Flow, Graph, Node
from ivr.flow.reach import known_at

HEAD = """\
name: ways
version: "1"
"""
CONTEXT = CheckContext(
    queues=frozenset({"Support"}),
    connectors=frozenset({"Salesforce"}),
    sounds=frozenset({"hold.wav"}),
    prompts=(),
)
NOT_YET = "is not known yet"
NEVER_SET = "nothing on any way from the start to here sets it"


def check(folder: Path, body: str, severity: Severity = Severity.ERROR) -> list[str]:
    """What is found of this severity, without file and line."""
    file = folder / "ways.yaml"
    file.write_text(HEAD + body, encoding="utf-8")
    found = check_flow(load_flow(file), CONTEXT)
    return [f"{f.activity}: {f.text}" if f.activity else f.text for f in found if f.severity is severity]


def with_variables(variables: str, body: str) -> str:
    """The body of a flow with these variables."""
    return f"variables: {variables}\n{body}"


ASKS = """\
start: Begin
activities:
  Begin: {type: start, edges: {next: Ask}}
  Ask:
    type: play-message
    prompts: [text: "You have entered {{ Collect.DigitsEntered }}."]
    edges: {next: Collect, error: Collect}
  Collect:
    type: collect-digits
    prompts: [text: "Your number?"]
    variable: number
    edges: {next: Say, timeout: Say, invalid: Say, error: Over}
  Say:
    type: play-message
    prompts: [text: "{{ Collect.DigitsEntered }}, {{ number }}"]
    edges: {next: Over, error: Over}
  Over: {type: end}
"""
NUMBER = "{number: {type: string}}"


def test_an_output_is_read_before_its_activity_has_run(tmp_path: Path) -> None:
    found = check(tmp_path, with_variables(NUMBER, ASKS))
    assert found == [
        "Ask: Collect.DigitsEntered is not known yet: no way from the start to here leads through Collect"
    ]


def test_a_variable_is_read_before_anything_sets_it(tmp_path: Path) -> None:
    text = ASKS.replace("{{ Collect.DigitsEntered }}.", "{{ number }}")
    found = check(tmp_path, with_variables(NUMBER, text))
    assert found == [f"Ask: number has no default, and {NEVER_SET}"]


@pytest.mark.parametrize(
    "spec", ["{type: string, default: x}", "{type: string, agent_viewable: true, agent_editable: true}"]
)
def test_defaults_and_agents_give_values(tmp_path: Path, spec: str) -> None:
    text = ASKS.replace("{{ Collect.DigitsEntered }}.", "{{ number }}")
    assert check(tmp_path, with_variables(f"{{number: {spec}}}", text)) == []


@pytest.mark.parametrize(
    "asking",
    [
        "{{ Collect.DigitsEntered | default('nothing') }}",
        "{{ Collect.DigitsEntered if Collect.DigitsEntered is defined else 'nothing' }}",
        "{{ Collect.DigitsEntered | missing }}",
    ],
)
def test_who_asks_first_may_read_anything(tmp_path: Path, asking: str) -> None:
    text = ASKS.replace("{{ Collect.DigitsEntered }}.", asking)
    assert check(tmp_path, with_variables(NUMBER, text)) == []


def test_one_way_on_which_it_is_known_is_enough(tmp_path: Path) -> None:
    """A loop: the first time round it is not known, later it is; nobody can say that it never is."""
    text = ASKS.replace("timeout: Say", "timeout: Ask")
    assert check(tmp_path, with_variables(NUMBER, text)) == []


def test_what_fails_gives_no_output(tmp_path: Path) -> None:
    text = ASKS.replace("DigitsEntered }}.", "DigitsEntered | default('') }}.")
    text = text.replace("    variable: number\n", "").replace(", {{ number }}", "")
    text = text.replace("next: Say, timeout: Say, invalid: Say, error: Over", "ALL: Over, error: Say")
    text = text.replace("ALL: Over", "next: Over, timeout: Over, invalid: Over")
    assert [NOT_YET in text for text in check(tmp_path, text)] == [True]


def test_what_is_never_reached_is_told_once(tmp_path: Path) -> None:
    text = ASKS.replace("{next: Collect, error: Collect}", "{next: Over, error: Over}")
    found = check(tmp_path, with_variables(NUMBER, text))
    assert [line.split(":")[0] for line in found] == ["Ask"]


EVENTS = """\
start: Begin
activities:
  Begin: {type: start, edges: {next: Find}}
  Find:
    type: salesforce-find
    connector: Salesforce
    number: "{{ NewPhoneContact.ANI }}"
    edges: {one: Put, none: Put, many: Put, withheld: Put, error: Put}
  Put:
    type: queue-contact
    edges: {next: Over, error: Over}
  Over: {type: end}
events:
  PhoneContactEnded:
    start: First
    activities:
      First:
        type: set-variable
        set: {a: "{{ Find.name }} {{ Put.queue }} {{ b }}"}
        edges: {next: Second, error: Second}
      Second:
        type: set-variable
        set: {b: x}
        edges: {next: Over, error: Over}
      Over: {type: end}
"""


def test_events_know_what_the_main_flow_may_have_set(tmp_path: Path) -> None:
    found = check(tmp_path, with_variables("{a: {type: string}, b: {type: string}}", EVENTS))
    assert found == [f"First: b has no default, and {NEVER_SET}"]


def test_the_main_flow_is_over_when_the_call_is(tmp_path: Path) -> None:
    text = EVENTS.replace("type: queue-contact\n", 'type: queue-contact\n    queue: "{{ b }}"\n')
    text = text.replace(" {{ b }}", "")
    variables = "{a: {type: string}, b: {type: string}}"
    assert check(tmp_path, with_variables(variables, text)) == [f"Put: b has no default, and {NEVER_SET}"]
    offered = text.replace("PhoneContactEnded:", "AgentOffered:")
    assert check(tmp_path, with_variables(variables, offered)) == []


def test_early_activities_are_waited_for(tmp_path: Path) -> None:
    text = EVENTS.replace("type: salesforce-find", "type: salesforce-find\n    at: invite")
    text = text.replace("next: Find}", "next: Put}").replace(" {{ b }}", "")
    text = text.replace("queue-contact\n", 'queue-contact\n    queue: "{{ Find.name }}"\n')
    assert check(tmp_path, with_variables("{a: {type: string}, b: {type: string}}", text)) == []


GLOBALS = "variables: {place: {type: string}}\n"
CALLS = """\
globals: [place]
start: Begin
activities:
  Begin: {type: start, edges: {next: Sub}}
  Sub: {type: sub-flow, flow: sub, edges: {next: Say, error: Over}}
  Say:
    type: play-message
    prompts: [text: "{{ place }}"]
    edges: {next: Over, error: Over}
  Over: {type: end}
"""
SUB = """\
name: sub
version: "1"
globals: [place]
start: Begin
activities:
  Begin: {type: start, edges: {next: Set}}
  Set: {type: set-variable, set: {place: here}, edges: {next: Over, error: Over}}
  Over: {type: end}
"""


def test_sub_flows_set_global_variables_and_see_those_of_their_callers(tmp_path: Path) -> None:
    (tmp_path / "globals.yaml").write_text(GLOBALS, encoding="utf-8")
    (tmp_path / "sub.yaml").write_text(SUB, encoding="utf-8")
    assert check(tmp_path, CALLS) == []
    before = CALLS.replace("next: Sub}", "next: Say}").replace(
        "next: Over, error: Over", "next: Sub, error: Sub"
    )
    assert check(tmp_path, before.replace("next: Say, error", "next: Over, error")) == [
        f"Say: place has no default, and {NEVER_SET}"
    ]
    reads = SUB.replace("set: {place: here}", 'set: {place: "{{ place }}"}')
    (tmp_path / "sub.yaml").write_text(reads, encoding="utf-8")
    sets = CALLS.replace("next: Sub}", "next: Set}").replace(
        "  Say:", "  Set: {type: set-variable, set: {place: x}, edges: {next: Sub, error: Over}}\n  Say:"
    )
    assert check(tmp_path, sets) == []


def test_what_may_be_known_grows_along_the_way(tmp_path: Path) -> None:
    file = tmp_path / "ways.yaml"
    file.write_text(HEAD + with_variables(NUMBER, ASKS), encoding="utf-8")
    known = known_at(load_flow(file), frozenset({"given"}))
    assert known["main", "Ask"] == known["main", "Collect"] == {"given"}
    assert known["main", "Say"] == {"given", "Collect", "number"}


EDGES = st.dictionaries(
    st.integers(0, 5), st.lists(st.integers(0, 5), min_size=2, max_size=2), min_size=6, max_size=6
)


@given(EDGES, st.lists(st.booleans(), max_size=20))
@settings(max_examples=200, deadline=None)
def test_whatever_a_walk_has_set_may_be_known(edges: dict[int, list[int]], failing: list[bool]) -> None:
    """No false alarm: along any walk, all that has been set is known to the analysis."""
    nodes = {
        f"N{n}": Node(
            name=f"N{n}",
            activity=SetVariable.model_validate({"set": {f"v{n}": "x"}}),
            edges={"next": f"N{following}", "error": f"N{otherwise}"},
        )
        for n, (following, otherwise) in edges.items()
    }
    main = Graph(name=MAIN, start="N0", nodes=nodes)
    known = known_at(
        Flow(name="x", version="1", digest="", file=Path("x.yaml"), variables=(), main=main), frozenset()
    )
    node, found = nodes["N0"], set[str]()
    for fails in failing:
        assert found <= known[MAIN, node.name]
        found |= set() if fails else node.activity.assigns().keys()
        node = nodes[node.edges["error" if fails else "next"]]


# --- constants -------------------------------------------------------------------------------------------

CONSTANTS = """\
variables:
  n: {type: integer, default: 0}
  b: {type: boolean, default: false}
  s: {type: string, default: ""}
start: Begin
activities:
  Begin: {type: start, edges: {next: Set}}
  Set: {type: set-variable, set: {n: "abc", b: "perhaps", s: "abc"}, edges: {next: Over, error: Over}}
  Over: {type: end}
"""


def test_constants_fit_their_variables(tmp_path: Path) -> None:
    assert check(tmp_path, CONSTANTS) == [
        "Set: n: this is no integer: 'abc'",
        "Set: b: this is no boolean: 'perhaps'",
    ]
    good = CONSTANTS.replace("abc", "12").replace("perhaps", "True")
    assert check(tmp_path, good) == []
    assert check(tmp_path, CONSTANTS.replace("abc", "{{ s }}").replace("perhaps", "{{ s }}")) == []


def test_constants_fit_the_variables_of_a_sub_flow(tmp_path: Path) -> None:
    sub = SUB.replace("globals: [place]", "variables: {place: {type: decimal, default: 1}}")
    (tmp_path / "sub.yaml").write_text(sub.replace("here", "2.5"), encoding="utf-8")
    calls = CALLS.replace("globals: [place]\n", "").replace("{{ place }}", "x")
    calls = calls.replace("flow: sub,", "flow: sub, with: {place: here},")
    assert check(tmp_path, calls) == ["Sub: place: this is no decimal: 'here'"]


# --- errors ----------------------------------------------------------------------------------------------

SPINS = """\
start: Begin
activities:
  Begin: {type: start, edges: {next: Music}}
  Music: {type: play-music, file: hold.wav, edges: {next: Music, error: Where}}
  Where:
    type: case
    expression: "{{ Queue.position }}"
    values: ["1"]
    edges: {"1": Say, default: Say, error: TO}
  Say: {type: play-message, prompts: [text: "Please hold."], edges: {next: Where, error: Music}}
"""


@pytest.mark.parametrize(("to", "spinning"), [("Music", ["Music"]), ("Say", [])])
def test_an_error_is_no_wait(tmp_path: Path, to: str, spinning: list[str]) -> None:
    found = check(tmp_path, SPINS.replace("TO", to), Severity.WARNING)
    assert [text.partition(":")[0] for text in found] == spinning
    assert all("leads back to it without waiting" in text for text in found)


def test_an_error_that_leads_to_itself_spins(tmp_path: Path) -> None:
    text = SPINS.replace("TO", "Say").replace("{next: Where, error: Music}", "{next: Where, error: Say}")
    (found,) = check(tmp_path, text, Severity.WARNING)
    assert found.startswith("Say: its error leads back to it")


def test_errors_that_no_edge_takes_are_told_in_one_line(tmp_path: Path) -> None:
    text = SPINS.replace("TO", "Say").replace(", error: Music", "")
    text = text.replace("next: Music, error: Where", "next: Where")
    assert check(tmp_path, text, Severity.WARNING) == [
        "without an error edge: Music, Say; there is no OnGlobalError, so an error there takes the call to"
        " the default queue"
    ]
    event = """\
events:
  OnGlobalError:
    start: Wait
    activities:
      Wait: {type: play-music, file: hold.wav, edges: {next: Over}}
      Over: {type: end}
  AgentAnswered:
    start: Pop
    activities:
      Pop: {type: screen-pop, url: "https://example.com/", label: Page, edges: {next: Over}}
      Over: {type: end}
"""
    assert [found.partition("; ")[2] for found in check(tmp_path, text + event, Severity.WARNING)] == [
        "an error there takes the call to OnGlobalError",
        "an error there takes the call to the default queue",
        "an error there ends AgentAnswered",
    ]
