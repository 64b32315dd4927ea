"""The rig over real SIP and RTP: the same scenarios, proved by what the caller's telephone recorded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from ivr.flow.rig.errors import SipRunError
from ivr.flow.rig.load import ScenarioFile, load_scenarios
from ivr.flow.rig.sip.able import why_not
from ivr.flow.rig.sip.ear import RATE, Ear, Heard
from ivr.flow.rig.sip.org import ScriptedOrg
from ivr.flow.rig.sip.run import run_over_sip
from ivr.flow.rig.story import Kind
from ivr.salesforce.simulator.schema import OBJECTS
from media.sound import write_wav16
from media.speech.speech import Speech
from media.speech.testing import FakeEngine

SHIPPED = load_scenarios(
    Path(__file__).parents[1] / "config" / "flows" / "tests" / "salesforce_ani_lookup.test.yaml"
)
QUICK = """\
flow: {flow}
prompts: {prompts}
scenarios:
  a known caller presses a key:
    caller: {{does: [hear: one or two, press: 2, hear: You chose, until: connected, wait_s: 1, hang_up]}}
    salesforce:
      account: {{name: Acme, priority: High}}
      contact: {{name: Ann Lee}}
      cases: [{{number: "00004711", priority: High}}]
    agents:
      sam: {{ready_at_s: 6, ready_again_s: 0.5, offers: [busy, {{answers_after_s: 0.5}}]}}
    expect:
      said: ["Press one or two.", "You chose 2, Ann Lee."]
      asked: ["find +14155550123", open_cases]
      queued: {{queue: Support, priority: 2}}
      music: [defaultmusic_on_hold.wav]
      agent: sam
      popped: ["salesforce:Account/001000000000001AAA"]
      written: [{{case: 500000000000001AAA, text: "Phone call call-1."}}]
      walked: [Begin, Choose, Chosen, Queue, Music]
      ended: caller_hung_up
      silence_at_most_s: 2
"""
FLOW = """\
name: keys
version: "1"
start: Begin
activities:
  Begin: {type: start, edges: {next: Choose}}
  Choose:
    type: menu
    prompts: [{text: Press one or two.}]
    choices: {"1": one, "2": two}
    edges: {"1": Chosen, "2": Chosen, timeout: Queue, invalid: Queue}
  Chosen:
    type: play-message
    prompts: [{text: "You chose {{ Choose.OptionEntered }}, {{ Who.name }}."}]
    edges: {next: Queue}
  Queue: {type: queue-contact, queue: Support, edges: {next: Music}}
  Music: {type: play-music, file: defaultmusic_on_hold.wav, edges: {next: Music}}
  Who:
    type: salesforce-find
    at: invite
    connector: Salesforce
    number: "{{ NewPhoneContact.ANI }}"
    part: contact
    edges: {one: Queue, none: Queue, many: Queue, withheld: Queue}
  Account:
    type: salesforce-find
    at: invite
    connector: Salesforce
    number: "{{ NewPhoneContact.ANI }}"
    part: account
    edges: {one: Queue, none: Queue, many: Queue, withheld: Queue}
events:
  AgentAnswered:
    start: Pop
    activities:
      Pop:
        type: screen-pop
        url: "salesforce:Account/{{ Account.id }}"
        label: Account
        edges: {next: Done}
      Done: {type: end}
  PhoneContactEnded:
    start: Post
    activities:
      Post:
        type: post-comments
        connector: Salesforce
        text: "Phone call {{ NewPhoneContact.InteractionId }}."
        edges: {next: Done}
      Done: {type: end}
"""


def written(tmp_path: Path, old: str = "", new: str = "") -> ScenarioFile:
    """The quick scenario, with something in it changed."""
    assert old in QUICK
    (tmp_path / "keys.yaml").write_text(FLOW, encoding="utf-8")
    path = tmp_path / "keys.test.yaml"
    places = {"flow": "keys.yaml", "prompts": SHIPPED.prompts_dir / "en-US.yaml"}
    path.write_text(QUICK.replace(old, new).format(**places), encoding="utf-8")
    return load_scenarios(path)


@pytest.mark.sip
@pytest.mark.timeout(120)
def test_a_whole_call_is_as_in_virtual_time(tmp_path: Path) -> None:
    report = run_over_sip(written(tmp_path))
    [outcome] = report.outcomes
    assert [str(complaint) for complaint in outcome.complaints] == []
    assert outcome.story.of(Kind.NO_ANSWER) == ["sam"]
    assert {"main: Choose 2", "AgentAnswered: Pop next"} <= {str(edge) for edge in report.coverage.walked}


@pytest.mark.sip
@pytest.mark.timeout(120)
def test_what_was_not_said_is_missed(tmp_path: Path) -> None:
    file = written(tmp_path, '"You chose 2, Ann Lee."', '"You chose 1, Ann Lee."')
    [outcome] = run_over_sip(file).outcomes
    [complaint] = outcome.complaints
    assert "said: expected [Press one or two. | You chose 1, Ann Lee.]" in str(complaint)
    assert outcome.story.of(Kind.SAID) == ["Press one or two.", "You chose 2, Ann Lee."]


def test_what_telephones_cannot_play_is_left_out() -> None:
    reasons = {name: why_not(SHIPPED.flow, scenario) for name, scenario in SHIPPED.suite.scenarios.items()}
    assert reasons["a known caller with one case"] is None
    assert reasons["nothing can be said"] is None
    assert reasons["third in the queue"] is None
    assert [name for name, reason in reasons.items() if reason is not None] == [
        "Salesforce is slow",
        "his number cannot be kept",
        "neither music nor words can be heard at first",
        "the queue takes him at the second try",
        "neither queue nor music at first",
        "cases cannot be counted",
        "the place is not known",
        "the person is withheld",
        "the person cannot be read",
        "neither page nor comment can be made",
    ]


def test_a_scenario_that_cannot_be_played_is_told() -> None:
    with pytest.raises(SipRunError, match="the place is not known: sip: false"):
        run_over_sip(SHIPPED, "the place is not known")


# --- the simulated org -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "records"),
    [
        ("a known caller with two cases", {"account": 1, "contact": 1, "case": 2, "lead": 0}),
        ("a lead", {"account": 0, "contact": 0, "case": 0, "lead": 1}),
        ("a number of many", {"account": 2, "contact": 0, "case": 0, "lead": 0}),
        ("many people of one account", {"account": 1, "contact": 2, "case": 1, "lead": 0}),
        ("a withheld number", {"account": 0, "contact": 0, "case": 0, "lead": 0}),
    ],
)
def test_an_org_has_what_the_scenario_says(name: str, records: dict[str, int]) -> None:
    org = ScriptedOrg(SHIPPED.suite.scenarios[name])
    assert {kind: len(list(org.org.records(OBJECTS[kind]))) for kind in records} == records


def test_the_orgs_ids_are_those_of_the_scenario() -> None:
    org = ScriptedOrg(SHIPPED.suite.scenarios["a known caller with two cases"])
    cases = list(org.org.records(OBJECTS["case"]))
    assert [case["CaseNumber"] for case in cases] == ["00001001", "00001002"]
    assert [org.name(str(case["Id"])) for case in cases] == ["500000000000001AAA", "500000000000002AAA"]
    assert org.name("unknown") == "unknown"


# --- the ear ---------------------------------------------------------------------------------------------


def noise(seed: int, seconds: float) -> np.ndarray:
    """A sound like no other."""
    rough = np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE))
    return np.convolve(rough, np.ones(4) / 4, mode="same").astype(np.float32)


def ear(tmp_path: Path, *parts: np.ndarray) -> Ear:
    """An ear that has heard these, and knows a, b and c."""
    recording = tmp_path / "heard.wav"
    write_wav16(recording, np.concatenate(parts), RATE)
    sounds = {}
    for seed, name in enumerate(("a.wav", "b.wav", "c.wav")):
        sounds[name] = tmp_path / name
        write_wav16(sounds[name], noise(seed, 2.0), RATE)
    voice = Speech(engine=FakeEngine(), cache_dir=tmp_path / "speech", rate=RATE)
    return Ear(recording, voice, "en-US", sounds)


def test_sentences_are_found_in_order_and_repeated(tmp_path: Path) -> None:
    a, b, pause = noise(0, 2.0), noise(1, 2.0), np.zeros(RATE // 2, np.float32)
    listening = ear(tmp_path, pause, a, pause, b, a, pause)
    heard = asyncio.run(listening.sentences(["c.wav", "b.wav", "a.wav"], until_s=99))
    assert [said.text for said in heard] == ["a.wav", "b.wav", "a.wav"]
    assert [said.at_s for said in heard] == pytest.approx([0.5, 3.0, 5.0], abs=0.02)
    assert listening.longest_silence_s(99) == pytest.approx(0.5, abs=0.05)


def test_a_sentence_that_was_cut_off_counts_and_one_that_stops_by_itself_does_not(tmp_path: Path) -> None:
    a, b = noise(0, 2.0), noise(1, 2.0)
    listening = ear(tmp_path, a, b[: int(1.2 * RATE)])
    heard = asyncio.run(listening.sentences(["a.wav", "b.wav"], until_s=99))
    assert heard == [Heard(at_s=heard[0].at_s, text="a.wav"), Heard(at_s=heard[1].at_s, text="b.wav")]
    listening = ear(tmp_path, b[: int(1.2 * RATE)], a)
    assert [said.text for said in asyncio.run(listening.sentences(["a.wav", "b.wav"], until_s=99))] == [
        "a.wav"
    ]


def test_a_short_last_word_that_a_hang_up_cuts_off_counts(tmp_path: Path) -> None:
    word, before = noise(0, 0.9), noise(1, 2.0)
    listening = ear(tmp_path, before, word[: int(0.7 * RATE)])
    write_wav16(listening.sounds["a.wav"], word, RATE)
    heard = asyncio.run(listening.sentences(["a.wav", "b.wav", "c.wav"], until_s=99))
    assert [said.text for said in heard] == ["b.wav", "a.wav"]


def test_a_recording_may_begin_within_the_first_sentence(tmp_path: Path) -> None:
    a, b = noise(0, 2.0), noise(1, 2.0)
    late = ear(tmp_path, a[int(0.2 * RATE) :], b)
    heard = asyncio.run(late.sentences(["a.wav", "b.wav"], until_s=99))
    assert [said.text for said in heard] == ["a.wav", "b.wav"]
    too_late = ear(tmp_path, a[int(0.9 * RATE) :], b)
    assert [said.text for said in asyncio.run(too_late.sentences(["a.wav"], until_s=99))] == []


def test_listening_goes_on_after_what_was_heard(tmp_path: Path) -> None:
    a, b = noise(0, 2.0), noise(1, 2.0)
    listening = ear(tmp_path, a, b, a)

    async def hear() -> tuple[float, float]:
        async with asyncio.timeout(20):
            first = await listening.hear(["a.wav"])
            return first, await listening.hear(["a.wav"], after_s=first + 1.5)

    first, second = asyncio.run(hear())
    assert first < 3.0
    assert second > 4.0


def test_music_is_known_wherever_it_is(tmp_path: Path) -> None:
    listening = ear(tmp_path, noise(2, 2.0), noise(2, 2.0))
    assert asyncio.run(listening.heard_music("c.wav", 1.0, 3.0))
    assert not asyncio.run(listening.heard_music("a.wav", 1.0, 3.0))
