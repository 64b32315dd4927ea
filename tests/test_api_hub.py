"""The event hub without a socket: numbers, audiences, what is kept, and who is closed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.api.errors import Overloaded
from ivr.api.models import (
    AgentCall,
    AgentStatus,
    AgentView,
    CallStage,
    CallSummary,
    MatchView,
    NoteView,
    PopOutcome,
    QueuedCall,
    QueueView,
    ScreenPopView,
    TrunkView,
)
from ivr.api.sight import Audience, trunk_event
from ivr.api.stream import GOING_AWAY, SESSION_OVER, TRY_AGAIN_LATER, EventHub
from ivr.ids import AgentId
from ivr.testing.clock import EPOCH, ManualClock

ALICE = AgentId("alice")
BOB = AgentId("bob")
AUDIENCES: tuple[Audience, ...] = (None, ALICE, BOB)
TRUNK = TrunkView(name="t", uri="sip:t", register=True, state="registered", code=200, reason="OK")
QUEUE = QueueView(
    name="Support",
    waiting=1,
    oldest_s=3.0,
    agents_ready=0,
    agents_signed_in=1,
    calls=(QueuedCall(call_id="c1", position=1, priority=2, reasons=(), waiting_s=3.0),),
)


def call(agent: str | None) -> CallSummary:
    return CallSummary(
        call_id="c1",
        stage=CallStage.CONNECTED,
        entry_point="Support",
        started_at=EPOCH,
        ended_at=None,
        number="+14155550199",
        match="one",
        queue="Support",
        agent=agent,
        ending=None,
    )


def agent(name: str) -> AgentView:
    held = AgentCall(
        call_id="c1",
        stage=CallStage.CONNECTED,
        entry_point="Support",
        queue="Support",
        caller_name="Maria Garcia",
        number="+14155550199",
        match=MatchView(result="one"),
        priority=1,
        started_at=EPOCH,
        waited_s=1.0,
        note=NoteView(text="private", revision=1, saved_at=EPOCH),
    )
    return AgentView(
        id=name,
        name=name,
        status=AgentStatus.TALKING,
        reason=None,
        since=EPOCH,
        teams=(),
        queues=("Support",),
        call=held,
    )


def missed(hub: EventHub, audience: Audience, after: int) -> list[str]:
    """What a listener of this audience missed since `after`."""
    with hub.subscribe(audience, after) as subscription:
        assert subscription.backlog is not None
        return subscription.backlog


def seqs(texts: list[str]) -> list[int]:
    return [json.loads(text)["seq"] for text in texts]


def test_events_are_numbered_one_by_one() -> None:
    hub = EventHub(ManualClock())
    first = hub.seq
    assert [hub.publish("trunk", None, trunk_event(TRUNK)) for _ in range(3)] == [
        first + 1,
        first + 2,
        first + 3,
    ]


def test_an_agents_event_shows_its_call_to_itself_and_the_operator() -> None:
    hub = EventHub(ManualClock())
    start = hub.seq
    hub.agent_changed(agent("alice"))
    whole, own, others = (json.loads(missed(hub, who, start)[0]) for who in AUDIENCES)
    assert whole == own
    assert whole["call_id"] == "c1"
    assert whole["agent"]["call"]["note"]["text"] == "private"
    assert (others["agent"]["status"], others["agent"]["call"], others["call_id"]) == ("talking", None, None)


def test_a_call_is_told_to_the_operator_and_to_who_took_it() -> None:
    hub = EventHub(ManualClock())
    start = hub.seq
    hub.call_changed(call("alice"))
    hub.call_changed(call(None))
    assert [len(missed(hub, who, start)) for who in AUDIENCES] == [2, 1, 0]


def test_a_queue_is_told_to_agents_without_its_calls() -> None:
    hub = EventHub(ManualClock())
    start = hub.seq
    hub.queue_changed(QUEUE)
    whole, alice, bob = (json.loads(missed(hub, who, start)[0])["queue"] for who in AUDIENCES)
    assert whole["calls"][0]["call_id"] == "c1"
    assert alice == bob
    assert (alice["waiting"], alice["calls"]) == (1, [])


def test_a_screen_pop_is_told_to_its_agent() -> None:
    hub = EventHub(ManualClock())
    start = hub.seq
    pop = ScreenPopView(id="p", url="https://example.com", label="Account", outcome=PopOutcome.PENDING)
    hub.screen_pop(ALICE, "c1", pop)
    assert [len(missed(hub, who, start)) for who in AUDIENCES] == [1, 1, 0]
    event = json.loads(missed(hub, ALICE, start)[0])
    assert (event["agent"], event["pop"]["id"], event["call_id"]) == ("alice", "p", "c1")


def test_a_trunk_is_the_operators_to_see() -> None:
    hub = EventHub(ManualClock())
    start = hub.seq
    hub.trunk_changed(TRUNK)
    assert [len(missed(hub, who, start)) for who in AUDIENCES] == [1, 0, 0]
    assert json.loads(missed(hub, None, start)[0])["trunk"]["register"] is True


def test_a_listener_gets_what_is_published_while_it_listens() -> None:
    hub = EventHub(ManualClock())
    hub.trunk_changed(TRUNK)
    with hub.subscribe(None) as subscription:
        assert subscription.backlog is None
        assert subscription.seq == hub.seq
        hub.trunk_changed(TRUNK)
        assert seqs(subscription.drain()) == [hub.seq]
    assert hub.listening == 0


@given(published=st.integers(0, 30), ring=st.integers(1, 10), back=st.integers(-3, 40))
def test_resuming_gives_all_that_was_missed_or_says_that_it_cannot(
    published: int, ring: int, back: int
) -> None:
    hub = EventHub(ManualClock(), ring=ring)
    for _ in range(published):
        hub.trunk_changed(TRUNK)
    after = hub.seq - back
    with hub.subscribe(None, after) as subscription:
        backlog = subscription.backlog
    if 0 <= back <= min(ring, published):
        assert backlog is not None
        assert seqs(backlog) == list(range(after + 1, hub.seq + 1))
    else:
        assert backlog is None


def test_a_number_from_before_a_restart_is_not_taken_for_one_of_this_run() -> None:
    clock = ManualClock()
    before = EventHub(clock)
    for _ in range(100):
        before.trunk_changed(TRUNK)
    clock.advance(1)
    again = EventHub(clock)
    for _ in range(200):
        again.trunk_changed(TRUNK)
    with again.subscribe(None, before.seq) as subscription:
        assert subscription.backlog is None


def test_a_listener_who_is_too_slow_is_closed_and_the_others_are_not() -> None:
    hub = EventHub(ManualClock(), queue=2)
    with hub.subscribe(None) as slow, hub.subscribe(None) as quick:
        for _ in range(3):
            hub.trunk_changed(TRUNK)
            quick.drain()
        assert slow.close_code == TRY_AGAIN_LATER
        assert not quick.closed.is_set()
        hub.trunk_changed(TRUNK)
        assert len(slow.drain()) == 2  # Nothing is added once it is closed.


def test_signing_out_closes_the_streams_of_that_agent() -> None:
    hub = EventHub(ManualClock())
    with hub.subscribe(ALICE) as mine, hub.subscribe(BOB) as others, hub.subscribe(None) as operator:
        hub.end_session(ALICE)
        assert (mine.close_code, others.close_code, operator.close_code) == (SESSION_OVER, None, None)
        hub.close()
        assert (mine.close_code, others.close_code) == (SESSION_OVER, GOING_AWAY)


def test_listeners_are_bounded_each_and_in_all() -> None:
    hub = EventHub(ManualClock(), listeners=2, each=1)
    with hub.subscribe(ALICE):
        with pytest.raises(Overloaded), hub.subscribe(ALICE):
            pass
        with hub.subscribe(BOB), pytest.raises(Overloaded), hub.subscribe(None):
            pass
    with hub.subscribe(ALICE):
        assert hub.listening == 1
