"""Load runs: what SIPp's files say, and a call put together from all sides."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from ivr.api.models import CallView
from ivr.load.callers import callers
from ivr.load.calls import Bridge, bridges, delay_s, held_on_average, join
from ivr.load.errors import LoadImpossible
from ivr.load.records import record_times
from ivr.load.sipp import injection, scenario, sipp_program
from ivr.load.sipp_trace import Counts, EndedBy, call_number, last_counts, messages, sip_calls, taken
from tests.load_support import NS, START_NS, START_S, good_call, good_stream

DAY = "2026-11-24\t14:41:11.271479"
CALLER = "load-23881-2@127.0.0.2"
TRACE = "\n".join(
    f"{DAY}\t{at}\t{way}\t{call_id}\tCSeq:{cseq}\t{line}"
    for at, way, call_id, cseq, line in (
        ("100.000", "S", CALLER, "1 INVITE", "INVITE sip:support@127.0.0.1:5060 SIP/2.0"),
        ("100.500", "S", CALLER, "1 INVITE", "INVITE sip:support@127.0.0.1:5060 SIP/2.0"),
        ("100.501", "R", CALLER, "1 INVITE", "SIP/2.0 100 Trying"),
        ("100.520", "R", CALLER, "1 INVITE", "SIP/2.0 200 OK"),
        ("100.521", "S", CALLER, "1 ACK", "ACK sip:w2@127.0.0.1:5060 SIP/2.0"),
        ("100.900", "S", "load-23881-3@127.0.0.2", "1 INVITE", "INVITE sip:support@127.0.0.1:5060 SIP/2.0"),
        ("100.901", "R", "load-23881-3@127.0.0.2", "1 INVITE", "SIP/2.0 503 Service Unavailable"),
        ("103.000", "R", CALLER, "7 BYE", "BYE sip:load@127.0.0.2:5070 SIP/2.0"),
        ("103.001", "S", CALLER, "7 BYE", "SIP/2.0 200 OK"),
        ("104.000", "R", "stray@elsewhere", "7 BYE", "BYE sip:load@127.0.0.2:5070 SIP/2.0"),
    )
)
BRIDGE = ("to_caller_s", "to_agent_s", "lasted_s", "caller_to_agent_delay_s", "agent_to_caller_delay_s")
COUNTS = "StartTime;TotalCallCreated;CurrentCall;FailedCall(P);FailedCall(C);\n"


def test_a_call_from_invite_to_bye() -> None:
    call = sip_calls(messages(TRACE))[CALLER]
    assert (call.invited_s, call.answered_s, call.code) == (100.0, 100.52, 200)
    assert (call.ended_s, call.ended_by) == (103.0, EndedBy.PEER)
    assert call_number(call.call_id) == 1


def test_a_refused_call_and_a_stray_bye() -> None:
    calls = sip_calls(messages(TRACE))
    refused = calls["load-23881-3@127.0.0.2"]
    assert (refused.answered_s, refused.code, refused.ended_s) == (None, 503, None)
    assert len(calls) == 2
    assert call_number("stray@elsewhere") is None


def test_a_line_that_is_just_being_written_is_left_out() -> None:
    assert len(list(messages(TRACE + f"\n{DAY}\t105.0\tR\tload"))) == len(TRACE.splitlines())
    assert last_counts(COUNTS) is None
    assert last_counts(COUNTS + "now;5;3;") is None
    assert last_counts(COUNTS + "now;5;3;0;1;\n") == Counts(created=5, current=3, failed=1)


def test_whose_call_an_agent_took() -> None:
    first, second = taken(
        "call a@x caller +12012100000 port 40000\ncall b@x caller +12012100100 port 40002\n"
    )
    assert (first.call_id, first.caller, first.port) == ("a@x", "+12012100000", 40000)
    assert second.port == 40002


def test_scenarios_are_filled_and_injection_has_a_line_for_each_call() -> None:
    caller = scenario("caller", {"user": "support", "answer_ms": "1", "hold_ms": "3000"})
    assert "INVITE sip:support@[remote_ip]:[remote_port] SIP/2.0" in caller
    assert '<recv request="BYE" timeout="3000"' in caller
    assert "@talk_ms@" not in scenario("agent", {"ring_ms": "1", "talk_ms": "2"})
    with pytest.raises(KeyError):
        scenario("caller", {})
    assert injection([("+1", "5"), ("+2", "6")]) == "SEQUENTIAL\n+1;5\n+2;6\n"


def test_without_sipp_there_is_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LoadImpossible, match="apt-get install sip-tester"):
        sipp_program()


def test_a_calls_times() -> None:
    call = good_call()
    assert call.answered
    assert (call.setup_s, call.first_rtp_s, call.first_audio_s) == pytest.approx((0.02, 0.03, 0.05), abs=1e-5)


def test_the_sides_of_a_call_are_joined_by_its_number() -> None:
    people, sip = callers(3), sip_calls(messages(TRACE))
    record = good_call().record
    assert record is not None
    streams = [good_stream(0), good_stream(1), good_stream(2)]
    first, second, third = join(people, sip, streams, {people[1].number: record}, {})
    assert (first.sip, first.answered, first.setup_s) == (None, False, None)
    assert (second.answered, second.rtp.stream, second.record) == (True, 1, record)
    assert (third.answered, third.record) == (False, None)
    assert [first.cut, second.cut, third.cut] == [False, True, False]
    bridged = {people[1].number: Bridge(**dict.fromkeys(BRIDGE, None))}
    assert not join(people, sip, streams, {}, bridged)[1].cut
    assert not join(people, sip, streams, {}, {}, patient=False)[1].cut


def test_calls_up_are_counted_by_the_time_that_they_were() -> None:
    # Up from START_S for ten seconds; of a window from 5 to 15, half of the time.
    assert held_on_average([good_call(), good_call()], START_S + 5, START_S + 15) == pytest.approx(1.0)
    assert held_on_average([], START_S, START_S + 1) == 0.0


def test_the_delay_is_that_of_the_burst_itself() -> None:
    bursts = [second * NS for second in range(5)]
    heard = [burst + 18_000_000 for burst in bursts[2:]]
    assert delay_s(bursts, heard) == pytest.approx(0.018)
    # The first one was cut by the beginning of the bridge.
    assert delay_s(bursts, [1 * NS + 90_000_000, *heard]) == pytest.approx(0.018)
    assert delay_s(bursts, []) is None
    assert delay_s([], heard) is None


def test_a_conversation_is_measured_from_the_agents_200() -> None:
    people = callers(2)
    log = f"call a@x caller {people[0].number} port 40000\n"
    log += f"call b@x caller {people[1].number} port 40002\n"
    trace = sip_calls(
        messages(
            f"{DAY}\t{START_S - 1:.6f}\tR\ta@x\tCSeq:9 INVITE\tINVITE sip:agent1@127.0.0.3:5070 SIP/2.0\n"
            f"{DAY}\t{START_S:.6f}\tS\ta@x\tCSeq:9 INVITE\tSIP/2.0 200 OK\n"
            f"{DAY}\t{START_S + 4:.6f}\tS\ta@x\tCSeq:1 BYE\tBYE sip:w2@127.0.0.1:5060 SIP/2.0\n"
            f"{DAY}\t{START_S:.6f}\tR\tb@x\tCSeq:9 INVITE\tINVITE sip:agent1@127.0.0.3:5070 SIP/2.0\n"
        )
    )
    sent = tuple(START_NS + second * NS for second in range(3))
    heard = tuple(at + 20_000_000 for at in sent)

    caller = msgspec.structs.replace(
        good_stream(), first_marker_ns=START_NS + 40_000_000, bursts_ns=sent, onsets_ns=heard
    )
    agent = msgspec.structs.replace(
        good_stream(), first_marker_ns=START_NS + 55_000_000, bursts_ns=sent, onsets_ns=heard
    )
    found = bridges(taken(log), trace, {40000: agent, 40002: agent}, {p.number: caller for p in people})
    assert list(found) == [people[0].number]
    bridge = found[people[0].number]
    assert (bridge.to_caller_s, bridge.to_agent_s) == pytest.approx((0.04, 0.055), abs=1e-5)
    assert bridge.lasted_s == pytest.approx(4.0)
    assert bridge.two_way_s == pytest.approx(0.055, abs=1e-5)
    assert bridge.caller_to_agent_delay_s == pytest.approx(0.02)
    assert replace(bridge, to_agent_s=None).two_way_s is None
    again = log + f"call a@x caller {people[0].number} port 40000\n"
    assert bridges(taken(again), trace, {40000: agent}, {people[0].number: caller}) == {}


def entry(offset_s: float, source: str, event: str, **detail: object) -> dict[str, object]:
    """One entry of a timeline as the API gives it."""
    return {
        "at": "2026-01-02T03:04:05Z",
        "offset_s": offset_s,
        "source": source,
        "event": event,
        "detail": detail,
    }


def test_the_greeting_begins_before_its_entry_in_the_timeline() -> None:
    call = CallView.model_validate(
        {
            "call_id": "1", "stage": "ended", "entry_point": "Support", "started_at": "2026-01-02T03:04:05Z",
            "ended_at": None, "number": "+1 201-210-0000", "match": "one", "queue": None, "agent": None,
            "ending": "abandoned_in_queue", "record": {},
            "timeline": [
                entry(0.01, "sip", "answered"),
                entry(0.3, "salesforce", "identified"),
                entry(0.4, "salesforce", "identified"),
                entry(4.4, "flow", "GreetByName", ms=3500, outcome="next"),
            ],
        }
    )  # fmt: skip
    found = record_times(call)
    assert (found.answered_s, found.identified_s, found.ending) == (0.01, 0.3, "abandoned_in_queue")
    assert found.name_begins_s == pytest.approx(0.9)
    assert found.answer_to_name_s == pytest.approx(0.89)
    unknown = record_times(call.model_copy(update={"timeline": ()}))
    assert (unknown.name_begins_s, unknown.answer_to_name_s) == (None, None)
