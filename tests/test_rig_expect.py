"""Expectations against stories: each kind fails when it should, and says what was there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.ending import Ending
from ivr.flow.rig.expect import failures, fits
from ivr.flow.rig.scenario import Expect
from ivr.flow.rig.story import Comment, Kind, Standing, Story
from ivr.flow.values import VariableType
from ivr.flow.variables import VariableView
from ivr.testing.clock import ManualClock


def story() -> Story:
    """A call that was greeted after 3 s, queued, answered, and ended after 20 s."""
    clock = ManualClock()
    told = Story(clock)
    told.add(Kind.ANSWERED)
    clock.advance(3)
    told.add(Kind.SAID, "Hello.")
    clock.advance(1)
    told.add(Kind.QUIET)
    told.add(Kind.MUSIC, "hold.wav")
    told.add(Kind.QUEUED, "Support")
    told.queued = Standing(queue="Support", priority=4)
    clock.advance(6)
    told.agent = "sam"
    told.add(Kind.CONNECTED, "sam")
    told.add(Kind.POPPED, "salesforce:Account/1")
    clock.advance(10)
    told.ending = Ending.AGENT_HUNG_UP
    told.add(Kind.ENDED)
    told.comments.append(Comment(text="Called.", case="500"))
    told.variables = (VariableView(name="n", label="n", type=VariableType.STRING, value="1", editable=False),)
    return told


GOOD: list[dict[str, object]] = [
    {"said": ["Hello."]},
    {"said": ["..."]},
    {"music": ["hold.wav"]},
    {"asked": []},
    {"queued": "Support"},
    {"queued": {"queue": "Support", "priority": 4}},
    {"rescored": False},
    {"agent": "sam"},
    {"popped": ["salesforce:Account/1"]},
    {"written": ["Called."]},
    {"written": [{"case": "500", "text": "Called."}]},
    {"ended": "agent_hung_up"},
    {"variables": {"n": "1"}},
    {"within_s": {"queued": 4, "connected": 10, "ended": 20}},
    {"silence_at_most_s": 3},
]
BAD: list[tuple[dict[str, object], str]] = [
    ({"said": ["Hello.", "..", "Bye."]}, "said: expected [Hello. | .. | Bye.], but it was [Hello.]"),
    ({"said": []}, "said: expected [], but it was [Hello.]"),
    ({"music": []}, "music"),
    ({"asked": ["find 1"]}, "asked"),
    ({"walked": ["A"]}, "walked"),
    ({"transferred": ["x"]}, "transferred"),
    ({"queued": False}, "queued: expected no queue, but it was Support"),
    ({"queued": {"queue": "Support", "priority": 5}}, "expected Support, priority 5, but it was"),
    ({"queued": "Sales"}, "queued"),
    ({"rescored": True}, "rescored"),
    ({"agent": False}, "agent: expected nobody to answer, but it was sam"),
    ({"agent": "jin"}, "expected jin to answer"),
    ({"popped": []}, "popped"),
    ({"written": []}, "written: expected [], but it was [case 500: Called.]"),
    ({"written": [{"task_on": "003", "text": "Called."}]}, "written"),
    ({"ended": "caller_hung_up"}, "ended: expected caller_hung_up, but it was agent_hung_up"),
    ({"variables": {"n": "2"}}, "variables.n: expected '2', but it was '1'"),
    ({"within_s": {"queued": 3.9}}, "within_s.queued: expected within 3.9 s, but it was at 4 s"),
    ({"silence_at_most_s": 2.9}, "silence_at_most_s: expected 2.9 s at most, but it was 3.00 s"),
]


@pytest.mark.parametrize("expect", GOOD)
def test_what_was_is_good(expect: dict[str, object]) -> None:
    assert failures(Expect.model_validate(expect), story()) == []


@pytest.mark.parametrize(("expect", "says"), BAD)
def test_what_was_not_is_told(expect: dict[str, object], says: str) -> None:
    [failure] = failures(Expect.model_validate(expect), story())
    assert says in f"{'.'.join(failure.at)}: {failure.text}"


WORDS = st.lists(st.sampled_from("abc"), max_size=6)


@given(WORDS, WORDS)
def test_lists_fit_only_themselves(one: list[str], other: list[str]) -> None:
    assert fits(one, other) is (one == other)


@given(WORDS, WORDS, WORDS)
def test_dots_stand_for_anything(head: list[str], middle: list[str], tail: list[str]) -> None:
    assert fits([*head, "...", *tail], [*head, *middle, *tail])
    assert fits(["...", *tail], [*head, *middle, *tail])
    assert fits([*head, "..."], head)


@given(st.lists(st.sampled_from(["a", "b", "..."]), max_size=5), st.lists(st.sampled_from("ab"), max_size=5))
def test_dots_mean_what_a_pattern_means(wanted: list[str], got: list[str]) -> None:
    import re

    pattern = "".join("[ab]*" if word == "..." else word for word in wanted)
    assert fits(wanted, got) is (re.fullmatch(pattern, "".join(got)) is not None)
