"""What stands around a call of the rig over SIP: requests, writes, callers ahead, far ends, faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.flow.rig.run import Outcome, play_virtually
from ivr.flow.rig.sip.able import why_not, why_not_so
from ivr.flow.rig.sip.run import run_over_sip
from ivr.flow.rig.sip.settings import Places, node_settings
from ivr.flow.rig.story import Kind
from tests.edge_support import needs_kamailio
from tests.test_rig_calls import HTTP, MENU, OWNER, TRANSFER, complaints, written

sip = pytest.mark.sip
slow = pytest.mark.timeout(120)


def unhurried(activities: str) -> str:
    """The flow with music before it hangs up: a hang-up takes the last tenths of a word with it."""
    music = "{type: play-music, file: defaultmusic_on_hold.wav, duration_s: 2, edges: {next: End}}"
    return activities.replace("Bye: {type: disconnect}", f"Bye: {music}\nEnd: {{type: disconnect}}")


def played(tmp_path: Path, activities: str, scenario: str) -> Outcome:
    """One call over SIP, which holds in virtual time as well."""
    file = written(tmp_path, activities, f"stays_s: 45\n{scenario}")
    assert complaints(play_virtually(file, "one")) == []
    [outcome] = run_over_sip(file).outcomes
    return outcome


# --- requests --------------------------------------------------------------------------------------------


@sip
@slow
@pytest.mark.parametrize(
    ("answers", "said", "asked"),
    [
        ("{path: points, json: {points: 12}}", "12 points.", 1),
        ("{status: 404, body: <html>}", "Bad.", 1),
        ("{status: 503, times: 1}, {json: {points: 3}}", "3 points.", 2),
        ("{after_s: 9}", "Slow.", 1),
        ("{fails: refused}", "Broken.", 2),
    ],
)
def test_requests_are_answered_over_http(tmp_path: Path, answers: str, said: str, asked: int) -> None:
    gets = ", ".join(["GET /points"] * asked)
    expect = f"expect: {{said: ['{said}'], asked: [{gets}], ended: ended_by_flow}}"
    assert complaints(played(tmp_path, unhurried(HTTP), f"salesforce: {{http: [{answers}]}}\n{expect}")) == []


@sip
@slow
def test_a_request_that_nobody_answers_is_told_once(tmp_path: Path) -> None:
    [outcome] = run_over_sip(written(tmp_path, unhurried(HTTP), "caller: {}")).outcomes
    assert complaints(outcome) == ["one: no scripted answer for GET /points"]
    assert outcome.story.of(Kind.SAID) == ["Broken."]


# --- writes ----------------------------------------------------------------------------------------------

POSTS = """
First:
  type: salesforce-find
  connector: Salesforce
  number: "{{ NewPhoneContact.ANI }}"
  part: contact
  edges: {one: Post, none: Bye, many: Bye, withheld: Bye}
Post: {type: post-comments, connector: Salesforce, text: Called., edges: {next: Bye, error: Sorry}}
Sorry: {type: play-message, prompts: [{text: Sorry.}], edges: {next: Bye}}
Bye: {type: disconnect}
"""


@sip
@slow
@pytest.mark.parametrize(
    ("fails", "written_"), [("", "{task_on: 003000000000001AAA, text: Called.}"), ("writes_fail: down", "")]
)
def test_a_write_that_salesforce_refuses_is_not_the_flows_fault(
    tmp_path: Path, fails: str, written_: str
) -> None:
    scenario = f"""
salesforce: {{contact: {{name: Ann Lee}}, {fails}}}
expect: {{walked: [Begin, First, Post, Bye], written: [{written_}], ended: ended_by_flow}}
"""
    assert complaints(played(tmp_path, POSTS, scenario)) == []


# --- callers ahead ---------------------------------------------------------------------------------------

PLACES = """
First: {type: queue-contact, queue: Support, edges: {next: Place}}
Place: {type: play-message, prompts: [{text: "You are number {{ Queue.position }}."}], edges: {next: Music}}
Music: {type: play-music, file: defaultmusic_on_hold.wav, duration_s: 6, edges: {next: Place}}
"""


@sip
@slow
@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        ([5], ["You are number 2.", "You are number 1."]),
        pytest.param(
            [5, 12],
            ["You are number 3.", "You are number 2.", "You are number 1."],
            marks=[needs_kamailio, pytest.mark.process],
        ),
    ],
)
def test_callers_ahead_are_real_callers(tmp_path: Path, ahead: list[int], said: list[str]) -> None:
    expect = f"said: {[*said, '...']}, queued: {{queue: Support, priority: 5}}, agent: false"
    scenario = f"""
queues: {{Support: {{ahead: {ahead}}}}}
caller: {{does: [hear: number 1, wait_s: 2, hang_up]}}
expect: {{{expect}, ended: abandoned_in_queue}}
"""
    assert complaints(played(tmp_path, PLACES, scenario)) == []


# --- agents ----------------------------------------------------------------------------------------------


@sip
@slow
def test_an_offer_that_is_gone_is_made_again_to_an_agent_who_stays_ready(tmp_path: Path) -> None:
    scenario = """
agents: {jin: {ready_at_s: 2, offers: [gone, {answers_after_s: 0.5, talks_s: 2}]}}
expect: {agent: jin, ended: agent_hung_up, within_s: {connected: 20}}
"""
    outcome = played(tmp_path, OWNER.replace("PARK", ""), scenario)
    assert complaints(outcome) == []
    assert outcome.story.of(Kind.NO_ANSWER) == ["jin"]


# --- far ends --------------------------------------------------------------------------------------------


@sip
@slow
@pytest.mark.parametrize(
    ("script", "said", "ended"),
    [
        ("{to: '0190', after_s: 3, talks_s: 3}", [], "transferred"),
        ("{to: '0190', outcome: busy, after_s: 3}", ["busy"], "ended_by_flow"),
        ("{to: '0190', after_s: 30}", ["no answer"], "ended_by_flow"),
    ],
)
def test_a_far_end_answers_or_does_not_and_the_caller_hears_it_ring(
    tmp_path: Path, script: str, said: list[str], ended: str
) -> None:
    flow = unhurried(TRANSFER).replace("ring_s: 10", "ring_s: 4")
    expect = f"transferred: ['+14155550190'], said: {said}, ended: {ended}, silence_at_most_s: 1.5"
    assert complaints(played(tmp_path, flow, f"transfers: [{script}]\nexpect: {{{expect}}}")) == []


@sip
@slow
def test_a_far_end_that_is_not_scripted_is_told(tmp_path: Path) -> None:
    [outcome] = run_over_sip(written(tmp_path, TRANSFER, "transfers: [{to: '0191'}]")).outcomes
    assert complaints(outcome) == ["one: no scripted target +14155550190"]


# --- forced edges ----------------------------------------------------------------------------------------

TELLS = """
First: {type: play-message, prompts: [{text: Good morning.}], edges: {next: Second, error: Queue}}
Second: {type: play-message, prompts: [{text: All is well.}], edges: {next: Queue, error: Queue}}
Queue: {type: queue-contact, queue: Support, edges: {next: Music}}
Music: {type: play-music, file: defaultmusic_on_hold.wav, edges: {next: Music, error: Sorry}}
Sorry: {type: play-message, prompts: [{text: There is no music.}], edges: {next: Music}}
"""


@sip
@slow
@pytest.mark.parametrize(
    ("force", "expect"),
    [
        (
            "First: error",
            "{said: [], walked: [Begin, First, Queue, Music], music: [defaultmusic_on_hold.wav]}",
        ),
        ("Music: error", "{said: [Good morning., All is well., There is no music., '...'], music: []}"),
    ],
)
def test_a_voice_that_fails_is_made_to_fail(tmp_path: Path, force: str, expect: str) -> None:
    """The samples that the node would play are damaged: the flow leaves by the edge that was forced."""
    hears = "hear: defaultmusic, wait_s: 1" if force.startswith("First") else "hear: no music, wait_s: 2"
    scenario = f"force: {{{force}}}\ncaller: {{does: [{hears}, hang_up]}}\nexpect: {expect}"
    outcome = played(tmp_path, TELLS, scenario)
    assert complaints(outcome) == []
    edge = f"{force.split(':')[0]} error"
    assert edge in {f"{step.activity} {step.outcome}" for step in outcome.story.steps}


# --- what is not played ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activities", "scenario", "why"),
    [
        (TELLS, "sip: false", "sip: false"),
        (TELLS, "force: {Queue: error}", "nothing outside the flow makes Queue leave by error"),
        (TELLS, "force: {First: next}", "nothing outside the flow makes First leave by next"),
        (TELLS, "force: {Music: [error]}", "does not mend itself"),
        (TELLS, "queues: {Support: {ahead: [9]}}\nagents: {sam: {}}", "an agent would take a caller ahead"),
        (TELLS, f"queues: {{Support: {{ahead: {list(range(9))}}}}}", "9 callers ahead are more than 8"),
        (TELLS, "agents: {sam: {offers: [gone]}, jin: {}}", "gone for the other agents as well"),
        (MENU.replace("BARGE", ""), "force: {First: '1'}", "let the caller do it"),
        (HTTP, "force: {First: ok}", "script its answer"),
        (TRANSFER.replace("ring_s: 10", "refer: true"), "caller: {}", "takes no REFER"),
    ],
)
def test_what_telephones_cannot_play_is_left_out_with_its_reason(
    tmp_path: Path, activities: str, scenario: str, why: str
) -> None:
    file = written(tmp_path, activities, scenario)
    assert why in str(why_not(file.flow, file.suite.scenarios["one"]))


@pytest.mark.parametrize(
    ("activities", "scenario", "why"),
    [
        (
            TELLS.replace("All is well", "Good morning").replace(
                "Second, error: Queue", "Second, error: Second"
            ),
            "force: {First: error}",
            "would fail it elsewhere",
        ),
        (
            TRANSFER.replace("+14155550190", "sip:desk@pbx.example"),
            "transfers: [{to: desk}]",
            "would go there",
        ),
    ],
)
def test_what_only_the_call_tells_is_left_out_as_well(
    tmp_path: Path, activities: str, scenario: str, why: str
) -> None:
    file = written(tmp_path, activities, f"{scenario}\ncaller: {{does: [wait_s: 3, hang_up]}}")
    assert why_not(file.flow, file.suite.scenarios["one"]) is None
    assert why in str(why_not_so(play_virtually(file, "one").story))


def test_more_callers_than_one_worker_holds_come_through_the_edge(tmp_path: Path) -> None:
    places = Places(sip=5070, rtp=20000, phones={"nobody": 5071}, far="", connectors={})
    for ahead, edge in ((1, "none"), (2, "kamailio")):
        folder = tmp_path / edge
        folder.mkdir()
        file = written(folder, PLACES, f"queues: {{Support: {{ahead: {[5] * ahead}}}}}")
        scenario = file.suite.scenarios["one"]
        settings = node_settings(file, scenario, folder, places)
        assert settings["sip"] == {
            "edge": edge,
            "listen": ["udp:127.0.0.1:5070"],
            "rtp_ports": "20000-20099",
            "capacity": 1 + ahead,
        }
