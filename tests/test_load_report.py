"""Load runs: the verdict in the operator's words, and the report for people and programs."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from ivr.load.calls import Bridge, Call
from ivr.load.markdown import NO_PLOT, markdown
from ivr.load.plot import NAME, plot
from ivr.load.processes import Part, PartUse
from ivr.load.report import Cost, to_json
from ivr.load.verdict import Fault, faults, reasons, refusals
from tests.load_support import NS, START_NS, good_call, refused_call, report

TALKED = Bridge(
    to_caller_s=0.04,
    to_agent_s=0.05,
    lasted_s=3.0,
    caller_to_agent_delay_s=0.018,
    agent_to_caller_delay_s=0.019,
)
COST = Cost(
    seconds=5.0,
    calls_up=50.0,
    cores=0.1,
    cores_per_call=0.002,
    pss=100 << 20,
    parts=(PartUse(part=Part.WORKER, processes=25, cpu_s=0.5, cores=0.1, pss=100 << 20, pss_most=8 << 20),),
    beside={"RTP peer": 0.05},
    others=0.02,
)


def heard(**changes: object) -> Call:
    """A good call, but for what it heard."""
    call = good_call()
    return replace(call, rtp=msgspec.structs.replace(call.rtp, **changes))


def test_a_good_call_has_no_fault() -> None:
    assert faults(good_call()) == ()


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (refused_call(503), Fault.UNANSWERED),
        (refused_call(None), Fault.UNANSWERED),
        (heard(packets=0), Fault.NO_RTP),
        (heard(packets_per_s=48.9), Fault.SLOW_RTP),
        (heard(packets_per_s=None), Fault.SLOW_RTP),
        (heard(lost=1), Fault.LOSS),
        (heard(audio_share=0.1), Fault.SILENCE),
        (heard(longest_silence_s=2.1), Fault.SILENCE),
        (heard(first_audio_ns=START_NS + 3 * NS), Fault.SILENCE),
        (heard(last_ns=START_NS + 9 * NS), Fault.STOPPED),
        (replace(good_call(), cut=True), Fault.CUT),
    ],
)
def test_each_fault_is_found_alone(call: Call, fault: Fault) -> None:
    assert faults(call) == (fault,)


def test_refusals_are_counted_by_code() -> None:
    calls = (refused_call(503), refused_call(503), refused_call(None), good_call())
    assert refusals(calls) == {"503": 2, "no answer": 1}


def test_reasons_are_sentences_with_numbers() -> None:
    found = reasons((good_call(), refused_call(503), refused_call(404), heard(lost=2)), agents=0)
    assert found[0] == "2 of 4 calls: not answered"
    assert "1 of 4 calls: RTP packets were lost" in found
    assert any("the node was full" in sentence for sentence in found)
    assert any("no entry point answers" in sentence for sentence in found)
    assert reasons((good_call(),), agents=0) == ()


def test_agents_must_have_been_reached_and_heard() -> None:
    assert "no caller reached an agent" in reasons((good_call(),), agents=1)[0]
    assert reasons((good_call(bridge=TALKED),), agents=1) == ()
    deaf = good_call(bridge=replace(TALKED, to_caller_s=None))
    assert reasons((deaf,), agents=1) == ("1 of the bridged callers did not hear the agent",)
    left = good_call(bridge=replace(TALKED, to_caller_s=None, lasted_s=0.3))
    assert reasons((left,), agents=1) == ()


def test_a_good_report() -> None:
    made = report(good_call(0, TALKED), good_call(1), agents=1)
    assert made.passed
    text = markdown(made, NAME)
    assert text.startswith("# Load: 2 calls, 2 a second, 10 s each\n")
    assert "**Every call was good** (2 of 2)" in text
    assert "| INVITE to 200 | 2 | 20.0 | 20.0 | 20.0 | 20.0 |" in text
    assert "| INVITE to greeting by name | 2 | 900.0 |" in text
    assert "| delay through the bridge, caller to agent | 1 | 18.0 |" in text
    assert "| with an agent | 1 |" in text
    assert "| what was heard (2 s each) | speech 2, music 2 |" in text
    assert "| 1000, 3 |" in text
    assert "](plot.png)" in text
    assert "Not measured: the calls were over before" in text


def test_a_bad_report_says_why_first() -> None:
    made = report(good_call(0), refused_call(503))
    assert not made.passed
    text = markdown(made, None)
    assert text.index("- 1 of 2 calls: not answered") < text.index("## Calls")
    assert "| refused: 503 | 1 |" in text
    assert NO_PLOT in text


def test_the_cost_is_told_part_by_part_and_per_call() -> None:
    text = markdown(replace(report(good_call()), cost=COST), None)
    assert "5.0 s with 50.0 calls up on average: 0.200 % of a core a call." in text
    assert "| media worker | 25 | 10.0 | 100.0 | 8.0 |" in text
    assert "| **whole node** | 25 | 10.0 | 100.0 |" in text
    assert "RTP peer 5.0 %" in text
    assert "The machine was busy" not in text
    busy = markdown(replace(report(good_call()), cost=replace(COST, others=0.5)), None)
    assert "**The machine was busy with something else" in busy


def test_the_report_for_programs() -> None:
    found = msgspec.json.decode(to_json(report(good_call(0), refused_call(503))))
    assert (found["passed"], found["calls"], found["answered"], found["good"]) == (False, 2, 1, 1)
    assert found["refused"] == {"503": 1}
    assert found["asked"]["hold_s"] == 10.0
    assert found["times"]["invite_to_200"]["count"] == 1
    assert found["rtp"]["steady"]["gap_p99_s"] == 0.0215
    assert found["reasons"]


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    assert plot(report(good_call()), tmp_path) == NAME
    assert (tmp_path / NAME).read_bytes().startswith(b"\x89PNG")
    assert plot(replace(report(good_call()), samples=()), tmp_path) is None


def test_without_matplotlib_there_is_no_plot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # How Python itself marks a module that cannot be imported.
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert plot(report(good_call()), tmp_path) is None
    assert list(tmp_path.iterdir()) == []
