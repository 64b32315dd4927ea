"""Who is served next, by whom, and what becomes of offers."""

from __future__ import annotations

import pytest

from ivr.acd.agent import AgentState
from ivr.acd.changes import (
    AgentChanged,
    CallAbandoned,
    CallConnected,
    CallOffered,
    CallQueued,
    CallRescored,
    OfferFailed,
    OfferWithdrawn,
    QueueChanged,
    WrapUpEnded,
    WrapUpStarted,
)
from ivr.acd.core import SAME_AGENT_AFTER_S, AcdCore, Changes
from ivr.acd.errors import NotAllowed, UnknownAgent, UnknownCall, UnknownQueue
from ivr.acd.model import CallState, OfferFailure, WrapUpEnd
from ivr.acd.testing import queue_definitions
from ivr.ids import AgentId, CallId, QueueName

ALICE, BOB = AgentId("alice"), AgentId("bob")
C1, C2, C3 = CallId("c1"), CallId("c2"), CallId("c3")
SUPPORT, SALES = QueueName("Support"), QueueName("Sales")


def core(*ready: AgentId, wrap_up_s: float = 60.0) -> AcdCore:
    """Support: Alice and Bob. Sales: Bob. `ready` in the order in which they became so, from time 0 on."""
    definitions = queue_definitions({"Support": ["alice", "bob"], "Sales": ["bob"]}, wrap_up_s=wrap_up_s)
    acd = AcdCore(definitions, (ALICE, BOB), 0.0)
    for at, agent in enumerate(ready):
        acd.sign_in(agent, float(at))
        acd.set_ready(agent, float(at))
    return acd


def arrive(acd: AcdCore, call: CallId, now: float, priority: int = 5, queue: QueueName = SUPPORT) -> Changes:
    return acd.enqueue(call, queue, priority, (), now) + acd.listen(call, now)


def offers(changes: Changes) -> list[tuple[CallId, AgentId]]:
    return [(c.offer.call_id, c.offer.agent_id) for c in changes if isinstance(c, CallOffered)]


def kinds(changes: Changes) -> list[type]:
    return [type(change) for change in changes]


def test_longest_idle_agent_is_reserved_with_reasons() -> None:
    acd = core(BOB, ALICE)
    changes = arrive(acd, C1, 10.0)
    assert kinds(changes) == [CallQueued, QueueChanged, AgentChanged, CallOffered, QueueChanged, QueueChanged]
    offered = next(c for c in changes if isinstance(c, CallOffered))
    assert offered.offer.agent_id == BOB
    assert offered.offer.ring_s == 20.0
    assert offered.reasons == ("priority 5, waiting 0.0 s", "idle longest of 2 ready: 10.0 s")
    assert acd.agent(BOB).state is AgentState.RINGING
    assert acd.agent(BOB).call_id == C1


def test_callers_by_priority_then_arrival() -> None:
    acd = core()
    arrive(acd, C1, 1.0, 5)
    arrive(acd, C2, 2.0, 5)
    arrive(acd, C3, 3.0, 2)
    assert [call.call_id for call in acd.line(SUPPORT)] == [C3, C1, C2]
    assert [acd.position(c) for c in (C1, C2, C3)] == [2, 3, 1]
    acd.sign_in(ALICE, 4.0)
    assert offers(acd.set_ready(ALICE, 4.0)) == [(C3, ALICE)]
    assert acd.position(C3) == 1, "an offered call keeps its place"
    acd.offer_answered(C3, 5.0)
    assert acd.position(C3) is None
    assert acd.position(C1) == 1


def test_an_agent_of_two_queues_serves_the_first_of_both() -> None:
    acd = core()
    arrive(acd, C1, 1.0, 5, SUPPORT)
    arrive(acd, C2, 2.0, 4, SALES)
    acd.sign_in(BOB, 3.0)
    assert offers(acd.set_ready(BOB, 3.0)) == [(C2, BOB)]


def test_one_agent_gets_one_call() -> None:
    acd = core(ALICE)
    assert offers(arrive(acd, C1, 1.0)) == [(C1, ALICE)]
    assert offers(arrive(acd, C2, 2.0, 1)) == []


def test_no_offer_before_somebody_listens() -> None:
    acd = core(ALICE)
    assert offers(acd.enqueue(C1, SUPPORT, 5, (), 1.0)) == []
    assert offers(acd.listen(C1, 1.0)) == [(C1, ALICE)]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (OfferFailure.NO_ANSWER, "RONA"),
        (OfferFailure.BUSY, "busy"),
        (OfferFailure.DECLINED, "declined"),
        (OfferFailure.UNREACHABLE, "unreachable"),
    ],
)
def test_failure_sets_the_agent_aside_and_tries_the_next(failure: OfferFailure, reason: str) -> None:
    acd = core(ALICE, BOB)
    arrive(acd, C1, 1.0)
    arrive(acd, C3, 1.5, 9)
    acd.leave(C3, 1.5)
    changes = acd.offer_failed(C1, failure, 2.0)
    assert OfferFailed in kinds(changes)
    assert offers(changes) == [(C1, BOB)]
    alice = acd.agent(ALICE)
    assert (alice.state, alice.reason, alice.call_id) == (AgentState.NOT_READY, reason, None)


def test_a_failed_call_is_ahead_of_later_ones_of_its_priority() -> None:
    acd = core(ALICE)
    arrive(acd, C1, 1.0)
    arrive(acd, C2, 2.0)
    acd.offer_failed(C1, OfferFailure.NO_ANSWER, 20.0)
    assert acd.position(C1) == 1
    acd.sign_in(BOB, 21.0)
    assert offers(acd.set_ready(BOB, 21.0)) == [(C1, BOB)]


def test_gone_leaves_the_agent_ready_for_others_but_not_at_once_for_this_call() -> None:
    acd = core(ALICE)
    arrive(acd, C1, 1.0)
    changes = acd.offer_failed(C1, OfferFailure.GONE, 2.0)
    assert offers(changes) == []
    assert acd.agent(ALICE).state is AgentState.READY
    assert acd.agent(ALICE).idle_since == 0.0
    assert acd.next_due() == 2.0 + SAME_AGENT_AFTER_S
    assert offers(acd.tick(2.0 + SAME_AGENT_AFTER_S - 0.1)) == []
    assert offers(acd.tick(2.0 + SAME_AGENT_AFTER_S)) == [(C1, ALICE)]
    assert acd.next_due() is None


def test_an_agent_who_comes_back_at_once_gets_the_next_call_first() -> None:
    acd = core(ALICE)
    arrive(acd, C1, 1.0)
    arrive(acd, C2, 2.0)
    acd.offer_failed(C1, OfferFailure.DECLINED, 3.0)
    assert offers(acd.set_ready(ALICE, 3.5)) == [(C2, ALICE)]


def test_caller_leaves_while_it_rings() -> None:
    acd = core(ALICE, BOB)
    arrive(acd, C1, 10.0)
    changes = acd.leave(C1, 12.0)
    assert [k for k in kinds(changes) if k is not QueueChanged] == [
        AgentChanged,
        OfferWithdrawn,
        CallAbandoned,
    ]
    assert acd.agent(ALICE).state is AgentState.READY
    assert offers(arrive(acd, C2, 13.0)) == [(C2, ALICE)], "the idle time is kept"
    with pytest.raises(UnknownCall):
        acd.offer_answered(C1, 13.0)
    assert acd.offer_failed(C1, OfferFailure.NO_ANSWER, 13.0) == ()
    assert acd.leave(C1, 13.0) == ()


def test_caller_leaves_while_waiting_and_while_talking() -> None:
    acd = core(ALICE)
    arrive(acd, C1, 1.0)
    arrive(acd, C2, 2.0)
    assert CallAbandoned in kinds(acd.leave(C2, 3.0))
    acd.offer_answered(C1, 4.0)
    changes = acd.leave(C1, 5.0)
    assert WrapUpStarted in kinds(changes)
    assert CallAbandoned not in kinds(changes)
    assert acd.calls() == ()


def test_a_conversation_then_wrap_up_by_its_timer() -> None:
    acd = core(ALICE)
    arrive(acd, C1, 1.0)
    answered = acd.offer_answered(C1, 4.0)
    assert next(c for c in answered if isinstance(c, CallConnected)).waited_s == 3.0
    acd.conversation_ended(C1, 10.0)
    assert acd.agent(ALICE).state is AgentState.WRAP_UP
    assert acd.next_due() == 70.0
    assert acd.tick(69.0) == ()
    arrive(acd, C2, 69.5)
    changes = acd.tick(70.0)
    ended = next(c for c in changes if isinstance(c, WrapUpEnded))
    assert (ended.call_id, ended.agent_id, ended.how) == (C1, ALICE, WrapUpEnd.TIMER)
    assert offers(changes) == [(C2, ALICE)]
    assert acd.conversation_ended(C1, 71.0) == ()


@pytest.mark.parametrize(
    ("verb", "how", "state"),
    [
        ("end_wrap_up", WrapUpEnd.AGENT, AgentState.READY),
        ("set_ready", WrapUpEnd.AGENT, AgentState.READY),
        ("sign_out", WrapUpEnd.SIGNED_OUT, AgentState.SIGNED_OUT),
    ],
)
def test_wrap_up_ends_early_once(verb: str, how: WrapUpEnd, state: AgentState) -> None:
    acd = core(ALICE)
    arrive(acd, C1, 1.0)
    acd.offer_answered(C1, 2.0)
    acd.conversation_ended(C1, 3.0)
    changes = getattr(acd, verb)(ALICE, 4.0)
    assert [c.how for c in changes if isinstance(c, WrapUpEnded)] == [how]
    assert acd.agent(ALICE).state is state
    assert acd.tick(1000.0) == ()


def test_wishes_during_the_call_take_effect_after_wrap_up() -> None:
    acd = core(ALICE)
    arrive(acd, C1, 1.0)
    acd.offer_answered(C1, 2.0)
    acd.set_not_ready(ALICE, "lunch", 3.0)
    acd.conversation_ended(C1, 4.0)
    assert acd.agent(ALICE).state is AgentState.WRAP_UP
    arrive(acd, C2, 5.0)
    assert offers(acd.tick(64.0)) == []
    assert (acd.agent(ALICE).state, acd.agent(ALICE).reason) == (AgentState.NOT_READY, "lunch")


def test_no_wrap_up_time_still_starts_and_ends_one() -> None:
    acd = core(ALICE, wrap_up_s=0.0)
    arrive(acd, C1, 1.0)
    acd.offer_answered(C1, 2.0)
    changes = kinds(acd.conversation_ended(C1, 3.0))
    assert changes.index(WrapUpStarted) < changes.index(WrapUpEnded)
    assert acd.agent(ALICE).state is AgentState.READY


def test_rescore_changes_priority_and_keeps_arrival() -> None:
    acd = core()
    for at, call in enumerate((C1, C2, C3)):
        arrive(acd, call, float(at))
    changes = acd.rescore(C3, 1, ("late answer",), 9.0)
    rescored = next(c for c in changes if isinstance(c, CallRescored))
    assert (rescored.before, rescored.priority, rescored.reasons) == (5, 1, ("late answer",))
    assert [c.call_id for c in acd.line(SUPPORT)] == [C3, C1, C2]
    acd.rescore(C3, 5, (), 10.0)
    assert [c.call_id for c in acd.line(SUPPORT)] == [C1, C2, C3]
    assert acd.rescore(CallId("gone"), 1, (), 10.0) == ()


def test_enqueue_again_moves_and_keeps_arrival() -> None:
    acd = core()
    arrive(acd, C1, 1.0, queue=SALES)
    arrive(acd, C2, 2.0)
    acd.enqueue(C1, SUPPORT, 5, (), 3.0)
    assert acd.line(SALES) == ()
    assert [c.call_id for c in acd.line(SUPPORT)] == [C1, C2]


def test_unlisten_puts_the_agent_back_and_the_call_keeps_its_place() -> None:
    acd = core(ALICE, BOB)
    arrive(acd, C1, 1.0)
    arrive(acd, C2, 2.0)
    changes = acd.unlisten(C1, 3.0)
    assert OfferWithdrawn in kinds(changes)
    assert acd.agent(ALICE).state is AgentState.READY
    assert acd.position(C1) == 1
    assert offers(acd.listen(C1, 4.0)) == [(C1, ALICE)]
    assert acd.unlisten(CallId("gone"), 4.0) == ()


def test_what_is_unknown_or_not_allowed_changes_nothing() -> None:
    acd = core(ALICE)
    with pytest.raises(UnknownQueue):
        acd.enqueue(C1, QueueName("Nowhere"), 5, (), 1.0)
    with pytest.raises(UnknownQueue):
        acd.line(QueueName("Nowhere"))
    with pytest.raises(UnknownAgent):
        acd.sign_in(AgentId("nobody"), 1.0)
    with pytest.raises(UnknownCall):
        acd.listen(C1, 1.0)
    with pytest.raises(NotAllowed):
        acd.set_ready(BOB, 1.0)
    arrive(acd, C2, 1.0)
    with pytest.raises(NotAllowed):
        acd.enqueue(C2, SUPPORT, 5, (), 1.0)
    with pytest.raises(NotAllowed):
        acd.conversation_ended(C2, 1.0)
    acd.offer_answered(C2, 2.0)
    with pytest.raises(NotAllowed):
        acd.offer_answered(C2, 3.0)
    with pytest.raises(NotAllowed):
        acd.offer_failed(C2, OfferFailure.BUSY, 3.0)
    assert acd.call(C2).state is CallState.CONNECTED
    assert acd.agent(ALICE).state is AgentState.TALKING


def test_a_queue_of_unknown_agents_is_refused() -> None:
    with pytest.raises(UnknownAgent, match="bob"):
        AcdCore(queue_definitions({"Support": ["alice", "bob"]}), (ALICE,), 0.0)
