"""Calls for one agent: who is rung, who waits, and what becomes of them when he fails them."""

from __future__ import annotations

import asyncio

import pytest

from ivr.acd.agent import AgentState
from ivr.acd.changes import CallOffered, CallRecovered, Change
from ivr.acd.core import AcdCore, Changes
from ivr.acd.errors import AgentUnavailable, NotAllowed, UnknownAgent, UnknownQueue
from ivr.acd.model import AgentDefinition, OfferFailure
from ivr.acd.service import AcdService
from ivr.acd.testing import agent_definitions, queue_definitions
from ivr.clock import SystemClock
from ivr.ids import AgentId, CallId, QueueName
from ivr.testing.virtual_time import LoopClock, run_virtual

ALICE, BOB = AgentId("alice"), AgentId("bob")
C1, C2, C3 = CallId("c1"), CallId("c2"), CallId("c3")
SUPPORT, SALES = QueueName("Support"), QueueName("Sales")


def core(*ready: AgentId, here: tuple[AgentId, ...] = (ALICE, BOB)) -> AcdCore:
    """Support: Alice and Bob. Sales: Bob. `here` are signed in, `ready` are ready, from time 0 on."""
    acd = AcdCore(queue_definitions({"Support": ["alice", "bob"], "Sales": ["bob"]}), (ALICE, BOB), 0.0)
    for agent in here:
        acd.sign_in(agent, 0.0)
    for agent in ready:
        acd.set_ready(agent, 0.0)
    return acd


def arrive(
    acd: AcdCore,
    call: CallId,
    now: float,
    agent: AgentId | None = ALICE,
    *,
    queue: QueueName = SUPPORT,
    park: bool = True,
    recovery: QueueName | None = None,
) -> Changes:
    if agent is None:
        return acd.enqueue(call, queue, 5, (), now) + acd.listen(call, now)
    queued = acd.enqueue_agent(call, queue, agent, 5, ("owner",), now, park=park, recovery=recovery)
    return queued + acd.listen(call, now)


def offers(changes: Changes) -> list[tuple[CallId, AgentId]]:
    return [(c.offer.call_id, c.offer.agent_id) for c in changes if isinstance(c, CallOffered)]


def recoveries(changes: Changes) -> list[CallRecovered]:
    return [c for c in changes if isinstance(c, CallRecovered)]


def test_only_that_agent_is_offered_the_call_whoever_is_idle_longer() -> None:
    acd = core(BOB)
    assert offers(arrive(acd, C1, 1.0)) == []
    assert acd.agent(BOB).state is AgentState.READY
    changes = acd.set_ready(ALICE, 5.0)
    assert offers(changes) == [(C1, ALICE)]
    (offered,) = [c for c in changes if isinstance(c, CallOffered)]
    assert offered.reasons == ("priority 5, waiting 4.0 s", "for agent alice alone", "owner")


def test_an_agent_who_does_not_serve_the_queue_is_offered_the_call_all_the_same() -> None:
    assert offers(arrive(core(ALICE, BOB), C1, 1.0, queue=SALES)) == [(C1, ALICE)]


def test_a_busy_agent_is_waited_for_or_not() -> None:
    acd = core(ALICE)
    arrive(acd, C1, 1.0)
    acd.offer_answered(C1, 2.0)
    with pytest.raises(AgentUnavailable) as refused:
        arrive(acd, C2, 3.0, park=False)
    assert refused.value.state == "talking"
    assert [call.call_id for call in acd.calls()] == [C1]
    arrive(acd, C2, 3.0)
    acd.conversation_ended(C1, 4.0)
    assert offers(acd.end_wrap_up(ALICE, 5.0)) == [(C2, ALICE)]


@pytest.mark.parametrize(("here", "park"), [((BOB,), True), ((BOB,), False), ((ALICE, BOB), False)])
def test_where_he_cannot_be_waited_for_the_call_begins_in_the_recovery_queue(
    here: tuple[AgentId, ...], park: bool
) -> None:
    acd = core(BOB, here=here)
    assert offers(arrive(acd, C1, 1.0, park=park, recovery=SALES)) == [(C1, BOB)]
    assert (acd.call(C1).queue, acd.call(C1).only_agent) == (SALES, None)


def test_nobody_is_queued_for_an_agent_who_is_signed_out() -> None:
    acd = core(BOB, here=(BOB,))
    with pytest.raises(AgentUnavailable, match="signed_out"):
        arrive(acd, C1, 1.0)
    assert acd.calls() == ()


@pytest.mark.parametrize("failure", [f for f in OfferFailure if f is not OfferFailure.GONE])
def test_an_offer_that_failed_moves_the_call_and_keeps_its_arrival(failure: OfferFailure) -> None:
    acd = core(ALICE)
    arrive(acd, C1, 1.0, recovery=SUPPORT)
    arrive(acd, C2, 2.0, None)
    changes = acd.offer_failed(C1, failure, 3.0)
    (recovered,) = recoveries(changes)
    assert (recovered.before, recovered.queue, recovered.agent_id) == (SUPPORT, SUPPORT, ALICE)
    assert [acd.position(call) for call in (C1, C2)] == [1, 2], "as it had arrived first"
    assert offers(acd.set_ready(BOB, 4.0)) == [(C1, BOB)]
    assert acd.call(C1).queued_at == 1.0
    assert acd.call(C1).reasons == ("owner", f"alice: {failure}")


def test_an_offer_that_fell_through_by_nobodys_fault_is_made_again() -> None:
    acd = core(ALICE, BOB)
    arrive(acd, C1, 1.0, recovery=SALES)
    assert recoveries(acd.offer_failed(C1, OfferFailure.GONE, 2.0)) == []
    assert offers(acd.tick(7.0)) == [(C1, ALICE)]


def test_without_a_recovery_queue_the_call_waits_for_him() -> None:
    acd = core(ALICE, BOB)
    arrive(acd, C1, 1.0)
    assert offers(acd.offer_failed(C1, OfferFailure.NO_ANSWER, 2.0)) == []
    acd.sign_out(ALICE, 3.0)
    acd.sign_in(ALICE, 20.0)
    assert offers(acd.set_ready(ALICE, 20.0)) == [(C1, ALICE)]


def test_a_parked_call_leaves_the_agent_who_signs_out() -> None:
    acd = core(BOB)
    arrive(acd, C1, 1.0, recovery=SALES)
    changes = acd.sign_out(ALICE, 9.0)
    assert [c.reasons for c in recoveries(changes)] == [("alice: signed_out",)]
    assert offers(changes) == [(C1, BOB)]


def test_a_sign_out_after_the_call_moves_those_who_are_parked() -> None:
    acd = core(ALICE)
    arrive(acd, C1, 1.0)
    acd.offer_answered(C1, 2.0)
    arrive(acd, C2, 3.0, recovery=SALES)
    assert recoveries(acd.sign_out(ALICE, 4.0)) == []
    assert recoveries(acd.conversation_ended(C1, 5.0)) == []
    assert [c.call_id for c in recoveries(acd.tick(65.0))] == [C2]


def test_the_lines_are_counted_apart() -> None:
    acd = core()
    arrive(acd, C1, 1.0)
    arrive(acd, C2, 2.0, None)
    arrive(acd, C3, 3.0, queue=SALES)
    assert [acd.position(call) for call in (C1, C2, C3)] == [1, 1, 2]


def test_a_call_for_one_agent_may_be_queued_for_everybody() -> None:
    acd = core(BOB)
    arrive(acd, C1, 1.0, recovery=SALES)
    assert offers(acd.enqueue(C1, SUPPORT, 5, (), 30.0)) == [(C1, BOB)]
    assert (acd.call(C1).queued_at, acd.call(C1).recovery) == (1.0, None)


def test_what_is_not_there_is_refused_and_nothing_has_changed() -> None:
    acd = core(ALICE)
    with pytest.raises(UnknownAgent):
        arrive(acd, C1, 1.0, AgentId("nobody"))
    with pytest.raises(UnknownQueue):
        arrive(acd, C1, 1.0, queue=QueueName("Nowhere"))
    with pytest.raises(UnknownQueue):
        arrive(acd, C1, 1.0, recovery=QueueName("Nowhere"))
    assert acd.calls() == ()
    arrive(acd, C1, 1.0)
    with pytest.raises(NotAllowed):
        arrive(acd, C1, 2.0, BOB)


def test_an_agent_is_known_by_id_by_email_and_by_a_name_of_his_own() -> None:
    agents = agent_definitions("alice", "bob", "rob") | {
        AgentId("bobby"): AgentDefinition(id=AgentId("bobby"), name="Rob", email="Rob@example.com")
    }
    acd = AcdService(queue_definitions({"Support": ["alice"]}), agents, SystemClock(), lambda change: None)
    assert acd.agent_named("alice") == ALICE
    assert acd.agent_named("BOB") == BOB
    assert acd.agent_named("rob") == "rob"
    assert acd.agent_named("rob@EXAMPLE.com") == "bobby"
    for text in ("nobody", "", "ROB"):
        with pytest.raises(UnknownAgent):
            acd.agent_named(text)


def test_the_service_shows_for_whom_a_call_waits_and_offers_it_on() -> None:
    async def scenario() -> None:
        changes: list[Change] = []
        queues = queue_definitions({"Support": ["alice", "bob"]})
        async with AcdService(queues, agent_definitions("alice", "bob"), LoopClock(), changes.append) as acd:
            for agent in (ALICE, BOB):
                acd.sign_in(agent)
            acd.set_ready(BOB)
            acd.enqueue_agent(C1, SUPPORT, ALICE, 5, ("owner",), recovery=SUPPORT)
            (queued,) = acd.queue(SUPPORT).calls
            assert (queued.position, queued.reasons) == (1, ("owner", "for agent alice alone"))
            async with asyncio.timeout(60):
                offer = asyncio.create_task(acd.next_offer(C1))
                await asyncio.sleep(0)
                acd.set_ready(ALICE)
                assert (await offer).agent_id == ALICE
                acd.offer_failed(C1, OfferFailure.NO_ANSWER)
                assert (await acd.next_offer(C1)).agent_id == BOB
        assert [type(c) for c in changes].count(CallRecovered) == 1

    run_virtual(scenario())
