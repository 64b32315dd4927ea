"""Calls of the rig that the shipped flow does not make: keys, transfers, requests, sub-flows, faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.flow.rig.load import ScenarioFile, load_scenarios
from ivr.flow.rig.run import Outcome, play_virtually
from ivr.flow.rig.story import Kind

PROMPTS = Path(__file__).parents[1] / "config" / "prompts" / "en-US.yaml"


def play(tmp_path: Path, activities: str, scenario: str, beside: dict[str, str] | None = None) -> Outcome:
    """One call of a flow whose activities follow a start that leads to `First`."""
    return play_virtually(written(tmp_path, activities, scenario, beside), "one")


def written(
    tmp_path: Path, activities: str, scenario: str, beside: dict[str, str] | None = None
) -> ScenarioFile:
    """The files of a call."""
    start = "Begin: {type: start, edges: {next: First}}"
    for name, body in {"flow": f"{start}\n{activities}", **(beside or {})}.items():
        lines = "\n".join(f"  {line}" for line in body.strip().splitlines())
        first = "Begin" if "Begin:" in body else "First"
        (tmp_path / f"{name}.yaml").write_text(
            f'name: {name}\nversion: "1"\nvariables: {{v: {{type: string, agent_viewable: true}}}}\n'
            f"start: {first}\nactivities:\n{lines}\n",
            encoding="utf-8",
        )
    path = tmp_path / "x.test.yaml"
    indented = "\n".join(f"    {line}" for line in scenario.strip().splitlines())
    text = f"flow: flow.yaml\nprompts: {PROMPTS}\nscenarios:\n  one:\n{indented}\n"
    path.write_text(text, encoding="utf-8")
    return load_scenarios(path)


def complaints(outcome: Outcome) -> list[str]:
    """What was not as expected, without the place."""
    return [complaint.text for complaint in outcome.complaints]


OWNER = """
First:
  type: queue-to-agent
  agent: jin
  queue: Support
  PARK
  edges: {next: Music, failure: Bye}
Music: {type: play-music, file: defaultmusic_on_hold.wav, duration_s: 60, edges: {next: Music}}
Bye: {type: disconnect}
"""


@pytest.mark.parametrize(
    ("recovery", "offers", "agent", "failed"),
    [
        ("", "{talks_s: 5}", "jin", []),
        ("recovery_queue: Support", "declined", "sam", ["jin: declined"]),
    ],
)
def test_a_call_for_one_agent_and_the_recovery_queue(
    tmp_path: Path, recovery: str, offers: str, agent: str, failed: list[str]
) -> None:
    scenario = f"""
agents: {{sam: {{offers: [{{talks_s: 5}}]}}, jin: {{ready_at_s: 3, offers: [{offers}]}}}}
expect: {{agent: {agent}, ended: agent_hung_up}}
"""
    outcome = play(tmp_path, OWNER.replace("PARK", recovery), scenario)
    assert complaints(outcome) == []
    assert outcome.story.of(Kind.NO_ANSWER) == failed


MENU = """
First:
  type: menu
  prompts: [{text: "One or two?"}]
  choices: {"1": one, "2": two}
  retries: 1
  BARGE
  edges: {"1": One, "2": Two, timeout: Late, invalid: Wrong}
One: {type: play-message, prompts: [{text: One.}], edges: {next: Bye}}
Two: {type: play-message, prompts: [{text: Two.}], edges: {next: Bye}}
Late: {type: play-message, prompts: [{text: Late.}], edges: {next: Bye}}
Wrong: {type: play-message, prompts: [{text: Wrong.}], edges: {next: Bye}}
Bye: {type: disconnect}
"""


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("[hear: One or, press: 1]", ["One or two?", "One."]),
        ("[press: 2]", ["Two."]),
        ("[wait_s: 2, press: 2]", ["One or two?", "Two."]),
        ("[]", ["One or two?", "One or two?", "Late."]),
        ("[hear: One or, press: 9, hear: One or, press: 8]", ["One or two?", "One or two?", "Wrong."]),
        ("[hear: One or, press: 9, hear: One or, press: 1]", ["One or two?", "One or two?", "One."]),
    ],
)
def test_keys_are_heard(tmp_path: Path, does: str, said: list[str]) -> None:
    outcome = play(tmp_path, MENU.replace("BARGE", ""), f"caller: {{does: {does}}}")
    assert outcome.story.of(Kind.SAID) == said
    assert outcome.story.ending == "ended_by_flow"


def test_without_barge_in_a_key_must_wait(tmp_path: Path) -> None:
    flow = MENU.replace("BARGE", "barge_in: false")
    outcome = play(tmp_path, flow, "caller: {does: [hear: One or, press: 1, wait_s: 1, press: 2]}")
    assert outcome.story.of(Kind.SAID) == ["One or two?", "Two."]


TRANSFER = """
First:
  type: blind-transfer
  target: "+14155550190"
  ring_s: 10
  edges: {failure: Sorry}
Sorry: {type: play-message, prompts: [{text: "{{ First.FailureReason }}"}], edges: {next: Bye}}
Bye: {type: disconnect}
"""


@pytest.mark.parametrize(
    ("target", "said", "seconds"),
    [
        ("{to: '0190', talks_s: 60, after_s: 3}", [], 63.0),
        ("{to: '0190', outcome: busy, after_s: 1}", ["busy"], 1 + 4 / 15),
        ("{to: '0190', after_s: 30}", ["no answer"], 10 + 9 / 15),
    ],
)
def test_transfers_are_scripted(tmp_path: Path, target: str, said: list[str], seconds: float) -> None:
    outcome = play(tmp_path, TRANSFER, f"transfers: [{target}]\nexpect: {{transferred: ['+14155550190']}}")
    assert complaints(outcome) == []
    assert outcome.story.of(Kind.SAID) == said
    assert outcome.story.lasted_s == pytest.approx(seconds, abs=0.01)


HTTP = """
First:
  type: http-request
  connector: Points
  path: /points
  timeout_s: 2
  extract: {v: "$.points"}
  edges: {ok: Ok, client_error: Bad, server_error: Bad, timeout: Slow, error: Broken}
Ok: {type: play-message, prompts: [{text: "{{ v }} points."}], edges: {next: Bye}}
Bad: {type: play-message, prompts: [{text: Bad.}], edges: {next: Bye}}
Slow: {type: play-message, prompts: [{text: Slow.}], edges: {next: Bye}}
Broken: {type: play-message, prompts: [{text: Broken.}], edges: {next: Bye}}
Bye: {type: disconnect}
"""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("{path: points, json: {points: 12}}", "12 points."),
        ("{method: get, status: 404}", "Bad."),
        ("{connector: Points, status: 503, body: down}", "Bad."),
        ("{after_s: 9}", "Slow."),
        ("{fails: refused}", "Broken."),
    ],
)
def test_requests_are_answered(tmp_path: Path, answer: str, said: str) -> None:
    scenario = f"salesforce: {{http: [{answer}]}}\nexpect: {{said: ['{said}']}}"
    assert complaints(play(tmp_path, HTTP, scenario)) == []


def test_answers_are_used_up_in_turn(tmp_path: Path) -> None:
    flow = HTTP.replace("edges: {ok: Ok, client_error: Bad", "edges: {ok: Ok, client_error: First")
    scenario = "salesforce: {http: [{status: 404, times: 2}, {json: {points: 1}}]}"
    outcome = play(tmp_path, flow, f"{scenario}\nexpect: {{asked: [GET /points, GET /points, GET /points]}}")
    assert complaints(outcome) == []


def test_a_request_that_nobody_answers_is_a_complaint(tmp_path: Path) -> None:
    assert complaints(play(tmp_path, HTTP, "caller: {}")) == ["one: no scripted answer for GET /points"]


SUB = {"sub": "First: {type: play-message, prompts: [{text: Inside.}], edges: {next: End}}\nEnd: {type: end}"}
CALLS_SUB = """
First: {type: sub-flow, flow: sub, edges: {next: Bye, error: Bye}}
Bye: {type: disconnect}
"""


def test_sub_flows_are_walked_and_forced(tmp_path: Path) -> None:
    assert play(tmp_path, CALLS_SUB, "caller: {}", SUB).story.of(Kind.SAID) == ["Inside."]
    outcome = play(tmp_path, CALLS_SUB, "force: {First: next}", SUB)
    assert outcome.story.of(Kind.SAID) == []


def test_a_caller_who_never_hangs_up_is_told(tmp_path: Path) -> None:
    flow = """
First: {type: play-music, file: hold.wav, edges: {next: First}}
"""
    outcome = play(tmp_path, flow, "stays_s: 30")
    [text] = complaints(outcome)
    assert "not over after 30 s" in text
    assert "Last: music hold.wav" in text


def test_an_unwired_error_queues_the_call_with_music(tmp_path: Path) -> None:
    flow = """
First: {type: play-message, prompts: [{text: Hello.}], edges: {next: Bye}}
Bye: {type: disconnect}
"""
    scenario = """
force: {First: error}
agents: {sam: {ready_at_s: 5}}
caller: {does: [until: connected, wait_s: 1, hang_up]}
expect: {queued: Support, music: [defaultmusic_on_hold.wav], agent: sam, ended: caller_hung_up}
"""
    assert complaints(play(tmp_path, flow, scenario)) == []


def test_a_flow_that_ends_leaves_the_caller_in_the_queue(tmp_path: Path) -> None:
    flow = """
First: {type: queue-contact, queue: Sales, edges: {next: End}}
End: {type: end}
"""
    scenario = """
queues: {Sales: {music: soft.wav, ring_s: 4}}
agents:
  sam: {queues: [Sales], ready_again_s: 2, offers: [{answers_after_s: 9}, declined, {talks_s: 5}]}
  jin: {queues: [Sales], ready_at_s: null}
expect: {music: [soft.wav], agent: sam, ended: agent_hung_up}
"""
    outcome = play(tmp_path, flow, scenario)
    assert complaints(outcome) == []
    assert outcome.story.of(Kind.NO_ANSWER) == ["sam: no_answer", "sam: declined"]


@pytest.mark.parametrize(
    ("begins", "said"),
    [("2026-01-05T10:00:00+00:00", "Open."), ("2026-01-05T20:00:00+00:00", "Closed.")],
)
def test_a_call_comes_when_the_scenario_says(tmp_path: Path, begins: str, said: str) -> None:
    (tmp_path / "schedules.yaml").write_text(
        'schedules: {S: {time_zone: UTC, working_hours: [{days: [mon], from: "09:00", to: "17:00"}]}}',
        encoding="utf-8",
    )
    flow = """
First:
  type: business-hours
  schedule: S
  edges: {workingHours: Open, holidays: Closed, override: Closed, default: Closed}
Open: {type: play-message, prompts: [{text: Open.}], edges: {next: Bye}}
Closed: {type: play-message, prompts: [{text: Closed.}], edges: {next: Bye}}
Bye: {type: disconnect}
"""
    assert complaints(play(tmp_path, flow, f"begins: {begins}\nexpect: {{said: [{said}]}}")) == []
