"""Every state with every event, and what is kept for after the call."""

from __future__ import annotations

import pytest

from ivr.acd.agent import TRANSITIONS, Agent, AgentEvent, AgentState, advance
from ivr.acd.errors import NotAllowed
from ivr.api.models import AgentStatus
from ivr.ids import AgentId, CallId, QueueName

# Columns in the order of AgentEvent: sign_in sign_out set_ready set_not_ready reserve answer withdraw
# set_aside call_over end_wrap_up wrap_up_timeout. "-" is not allowed.
TABLE = """
signed_out  not_ready signed_out -       -         -       -       -     -         -       -     -
not_ready   not_ready signed_out ready   not_ready -       -       -     -         -       -     -
ready       ready     signed_out ready   not_ready ringing -       -     -         -       -     -
ringing     ringing   ringing    ringing ringing   -       talking ready not_ready -       -     -
talking     talking   talking    talking talking   -       -       -     -         wrap_up -     -
wrap_up     wrap_up   signed_out ready   wrap_up   -       -       -     -         -       ready ready
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = [
    (AgentState(row[0]), event, target)
    for row in ROWS
    for event, target in zip(AgentEvent, row[1:], strict=True)
]


def agent(state: AgentState, **wish: AgentState | str) -> Agent:
    held = state in (AgentState.RINGING, AgentState.TALKING, AgentState.WRAP_UP)
    pending = wish.get("pending")
    return Agent(
        id=AgentId("alice"),
        state=state,
        since=10.0,
        idle_since=5.0,
        call_id=CallId("c1") if held else None,
        queue=QueueName("Support") if held else None,
        wrap_up_until=99.0 if state is AgentState.WRAP_UP else None,
        pending=AgentState(pending) if pending else None,
        pending_reason="lunch" if pending else None,
    )


def test_names_are_those_of_the_api() -> None:
    assert [state.value for state in AgentState] == [status.value for status in AgentStatus]


def test_the_table_here_has_all_cells() -> None:
    assert len(CELLS) == len(AgentState) * len(AgentEvent)
    assert set(TRANSITIONS) == set(AgentState)


@pytest.mark.parametrize(("state", "event", "target"), CELLS)
def test_each_state_and_event(state: AgentState, event: AgentEvent, target: str) -> None:
    before = agent(state)
    if target == "-":
        with pytest.raises(NotAllowed) as caught:
            advance(before, event, 20.0)
        assert caught.value.state == state
        return
    after = advance(before, event, 20.0)
    assert after.state == target
    assert after.since == (10.0 if after.state is state else 20.0)


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (AgentState.RINGING, AgentEvent.WITHDRAW),
        (AgentState.WRAP_UP, AgentEvent.END_WRAP_UP),
        (AgentState.WRAP_UP, AgentEvent.WRAP_UP_TIMEOUT),
    ],
)
@pytest.mark.parametrize("wish", [AgentState.NOT_READY, AgentState.SIGNED_OUT])
def test_a_wish_replaces_ready(state: AgentState, event: AgentEvent, wish: AgentState) -> None:
    after = advance(agent(state, pending=wish), event, 20.0)
    assert after.state is wish
    assert after.reason == ("lunch" if wish is AgentState.NOT_READY else None)
    assert (after.pending, after.pending_reason, after.call_id, after.wrap_up_until) == (
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("state", [AgentState.RINGING, AgentState.TALKING, AgentState.WRAP_UP])
def test_not_ready_is_kept_for_after_the_call(state: AgentState) -> None:
    after = advance(agent(state), AgentEvent.SET_NOT_READY, 20.0, "lunch")
    assert (after.state, after.pending, after.pending_reason) == (state, AgentState.NOT_READY, "lunch")


def test_a_wish_survives_answer_and_end_of_the_call() -> None:
    now = advance(agent(AgentState.RINGING), AgentEvent.SIGN_OUT, 20.0)
    now = advance(now, AgentEvent.ANSWER, 21.0)
    now = advance(now, AgentEvent.CALL_OVER, 22.0)
    assert now.state is AgentState.WRAP_UP
    assert advance(now, AgentEvent.WRAP_UP_TIMEOUT, 23.0).state is AgentState.SIGNED_OUT


def test_ready_takes_a_wish_back_and_sign_in_only_a_sign_out() -> None:
    leaving = agent(AgentState.TALKING, pending=AgentState.SIGNED_OUT)
    pausing = agent(AgentState.TALKING, pending=AgentState.NOT_READY)
    assert advance(leaving, AgentEvent.SIGN_IN, 20.0).pending is None
    assert advance(pausing, AgentEvent.SIGN_IN, 20.0).pending is AgentState.NOT_READY
    assert advance(pausing, AgentEvent.SET_READY, 20.0).pending is None


def test_what_is_asked_in_wrap_up_beats_the_older_wish() -> None:
    leaving = agent(AgentState.WRAP_UP, pending=AgentState.SIGNED_OUT)
    assert advance(leaving, AgentEvent.SET_READY, 20.0).state is AgentState.READY
    pausing = agent(AgentState.WRAP_UP, pending=AgentState.NOT_READY)
    assert advance(pausing, AgentEvent.SIGN_OUT, 20.0).state is AgentState.SIGNED_OUT


def test_set_aside_keeps_its_reason_and_obeys_a_sign_out() -> None:
    aside = advance(agent(AgentState.RINGING), AgentEvent.SET_ASIDE, 20.0, "RONA")
    assert (aside.state, aside.reason) == (AgentState.NOT_READY, "RONA")
    pausing = agent(AgentState.RINGING, pending=AgentState.NOT_READY)
    assert advance(pausing, AgentEvent.SET_ASIDE, 20.0, "RONA").reason == "RONA"
    leaving = agent(AgentState.RINGING, pending=AgentState.SIGNED_OUT)
    assert advance(leaving, AgentEvent.SET_ASIDE, 20.0, "RONA").state is AgentState.SIGNED_OUT


def test_idle_time_is_kept_when_an_offer_is_withdrawn_and_begins_anew_after_wrap_up() -> None:
    assert advance(agent(AgentState.RINGING), AgentEvent.WITHDRAW, 20.0).idle_since == 5.0
    assert advance(agent(AgentState.WRAP_UP), AgentEvent.WRAP_UP_TIMEOUT, 20.0).idle_since == 20.0
    assert advance(agent(AgentState.READY), AgentEvent.SET_READY, 20.0).idle_since == 5.0


def test_a_reason_goes_with_not_ready_alone() -> None:
    resting = advance(agent(AgentState.READY), AgentEvent.SET_NOT_READY, 20.0, "lunch")
    assert resting.reason == "lunch"
    assert advance(resting, AgentEvent.SIGN_IN, 21.0).reason == "lunch"
    assert advance(resting, AgentEvent.SET_NOT_READY, 21.0, "training").reason == "training"
    assert advance(resting, AgentEvent.SET_READY, 21.0).reason is None
