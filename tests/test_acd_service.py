"""The ACD on an event loop, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from ivr.acd.agent import AgentState
from ivr.acd.changes import AgentChanged, CallOffered, CallQueued, Change, OfferWithdrawn, WrapUpEnded
from ivr.acd.errors import CallGone, NotAllowed, UnknownAgent, UnknownCall, UnknownQueue
from ivr.acd.model import Offer, OfferFailure, WrapUpEnd
from ivr.acd.service import AcdService
from ivr.acd.testing import Listener, agent_definitions, queue_definitions
from ivr.ids import AgentId, CallId, QueueName
from ivr.testing.clock import EPOCH
from ivr.testing.virtual_time import LoopClock, run_virtual

ALICE, BOB = AgentId("alice"), AgentId("bob")
C1, C2 = CallId("c1"), CallId("c2")
SUPPORT, SALES = QueueName("Support"), QueueName("Sales")


def service(on_change: Callable[[Change], None]) -> AcdService:
    return AcdService(
        queue_definitions({"Support": ["alice", "bob"], "Sales": ["bob"]}),
        agent_definitions("alice", "bob"),
        LoopClock(),
        on_change,
    )


@asynccontextmanager
async def node(*ready: AgentId) -> AsyncIterator[tuple[AcdService, Listener]]:
    listener = Listener()
    async with asyncio.timeout(7200), service(listener) as acd:
        for agent in ready:
            acd.sign_in(agent)
            acd.set_ready(agent)
        yield acd, listener


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario in virtual time."""
    run_virtual(test())


async def connect(acd: AcdService, call: CallId = C1) -> Offer:
    acd.enqueue(call, SUPPORT, 5)
    offer = await acd.next_offer(call)
    acd.offer_answered(call)
    return offer


def test_a_caller_is_offered_answered_and_wrapped_up_by_the_timer() -> None:
    async def scenario() -> None:
        over = asyncio.Event()
        changes: list[Change] = []

        def on_change(change: Change) -> None:
            changes.append(change)
            if isinstance(change, WrapUpEnded):
                over.set()

        async with service(on_change) as acd:
            acd.sign_in(ALICE)
            acd.set_ready(ALICE)
            offer = await connect(acd)
            assert (offer.agent_id, offer.queue, offer.ring_s) == (ALICE, SUPPORT, 20.0)
            assert acd.agent(ALICE).state is AgentState.TALKING
            assert acd.position(C1) is None
            acd.conversation_ended(C1)
            view = acd.agent(ALICE)
            assert (view.state, view.call_id) == (AgentState.WRAP_UP, C1)
            assert view.wrap_up_ends_at == EPOCH + timedelta(seconds=60)
            await asyncio.wait_for(over.wait(), 120)
            assert asyncio.get_running_loop().time() == 60.0
            assert acd.agent(ALICE).state is AgentState.READY
            assert acd.agent(ALICE).since == EPOCH + timedelta(seconds=60)
            ended = [c for c in changes if isinstance(c, WrapUpEnded)]
            assert [(c.call_id, c.how) for c in ended] == [(C1, WrapUpEnd.TIMER)]

    run(scenario)


def test_a_wait_ends_when_an_agent_gets_ready() -> None:
    async def scenario() -> None:
        async with node() as (acd, _), asyncio.TaskGroup() as group:
            acd.enqueue(C1, SUPPORT, 5)
            waiting = group.create_task(acd.next_offer(C1))
            asyncio.get_running_loop().call_later(30, acd.sign_in, BOB)
            asyncio.get_running_loop().call_later(31, acd.set_ready, BOB)
            offer = await waiting
            assert (offer.agent_id, offer.waited_s) == (BOB, 31.0)

    run(scenario)


def test_no_answer_and_the_next_agent() -> None:
    async def scenario() -> None:
        async with node(ALICE, BOB) as (acd, _):
            acd.enqueue(C1, SUPPORT, 5)
            assert (await acd.next_offer(C1)).agent_id == ALICE
            acd.offer_failed(C1, OfferFailure.NO_ANSWER)
            assert (await acd.next_offer(C1)).agent_id == BOB
            assert (acd.agent(ALICE).state, acd.agent(ALICE).reason) == (AgentState.NOT_READY, "RONA")

    run(scenario)


def test_gone_is_offered_to_the_only_agent_again_by_the_timer() -> None:
    async def scenario() -> None:
        async with node(ALICE) as (acd, _):
            acd.enqueue(C1, SUPPORT, 5)
            await acd.next_offer(C1)
            acd.offer_failed(C1, OfferFailure.GONE)
            assert (await acd.next_offer(C1)).agent_id == ALICE
            assert asyncio.get_running_loop().time() == 5.0

    run(scenario)


def test_a_cancelled_wait_strands_no_agent_and_loses_no_call() -> None:
    async def scenario() -> None:
        async with node() as (acd, _):
            acd.enqueue(C1, SUPPORT, 5)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(10):
                    await acd.next_offer(C1)
            acd.sign_in(ALICE)
            acd.set_ready(ALICE)
            assert acd.agent(ALICE).state is AgentState.READY, "nobody waits for the offer"
            assert acd.position(C1) == 1
            assert (await acd.next_offer(C1)).agent_id == ALICE

    run(scenario)


def test_cancelled_between_the_decision_and_the_wake_up() -> None:
    async def scenario() -> None:
        async with node() as (acd, listener):
            acd.sign_in(ALICE)
            acd.enqueue(C1, SUPPORT, 5)
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(acd.next_offer(C1))
                await asyncio.sleep(0)
                acd.set_ready(ALICE)
                assert acd.agent(ALICE).state is AgentState.RINGING
                waiting.cancel()
            assert waiting.cancelled()
            assert acd.agent(ALICE).state is AgentState.READY
            assert len(listener.of(OfferWithdrawn)) == 1
            acd.enqueue(C2, SUPPORT, 9)
            assert (await acd.next_offer(C2)).agent_id == ALICE

    run(scenario)


@pytest.mark.parametrize("ready_first", [False, True])
def test_a_caller_who_leaves_ends_the_wait(ready_first: bool) -> None:
    async def scenario() -> None:
        async with node() as (acd, _):
            acd.sign_in(ALICE)
            acd.enqueue(C1, SUPPORT, 5)
            waiting = asyncio.create_task(acd.next_offer(C1))
            await asyncio.sleep(0)
            if ready_first:
                acd.set_ready(ALICE)
            acd.leave(C1)
            with pytest.raises(CallGone):
                await waiting
            assert acd.agent(ALICE).call_id is None
            acd.leave(C1)

    run(scenario)


def test_an_answer_after_the_caller_left_is_refused_and_the_agent_is_free() -> None:
    async def scenario() -> None:
        async with node(ALICE) as (acd, _):
            acd.enqueue(C1, SUPPORT, 5)
            await acd.next_offer(C1)
            acd.leave(C1)
            with pytest.raises(UnknownCall):
                acd.offer_answered(C1)
            assert acd.agent(ALICE).state is AgentState.READY

    run(scenario)


def test_one_wait_a_call_and_none_without_a_call_or_while_connected() -> None:
    async def scenario() -> None:
        async with node() as (acd, _):
            with pytest.raises(UnknownCall):
                await acd.next_offer(C1)
            acd.enqueue(C1, SUPPORT, 5)
            waiting = asyncio.create_task(acd.next_offer(C1))
            await asyncio.sleep(0)
            with pytest.raises(NotAllowed):
                await acd.next_offer(C1)
            acd.sign_in(ALICE)
            acd.set_ready(ALICE)
            offer = await waiting
            assert await acd.next_offer(C1) == offer, "an open offer is given again"
            acd.offer_answered(C1)
            with pytest.raises(NotAllowed):
                await acd.next_offer(C1)
            with pytest.raises(UnknownQueue):
                acd.enqueue(C2, QueueName("Nowhere"), 5)
            with pytest.raises(UnknownAgent):
                acd.agent(AgentId("nobody"))

    run(scenario)


def test_closing_ends_waits_and_timers() -> None:
    async def scenario() -> None:
        listener = Listener()
        async with service(listener) as acd:
            acd.sign_in(ALICE)
            acd.set_ready(ALICE)
            await connect(acd)
            acd.conversation_ended(C1)
            acd.enqueue(C2, SALES, 5)
            waiting = asyncio.create_task(acd.next_offer(C2))
            await asyncio.sleep(0)
        with pytest.raises(CallGone):
            await waiting
        told = len(listener.changes)
        await asyncio.sleep(3600)
        assert len(listener.changes) == told
        assert listener.of(WrapUpEnded) == []

    run(scenario)


def test_a_listener_may_call_verbs_and_sees_changes_in_order() -> None:
    async def scenario() -> None:
        seen: list[str] = []

        def on_change(change: Change) -> None:
            seen.append(type(change).__name__)
            if isinstance(change, AgentChanged) and change.state is AgentState.NOT_READY:
                acd.set_ready(ALICE)

        async with service(on_change) as acd:
            acd.sign_in(ALICE)
            assert acd.agent(ALICE).state is AgentState.READY
        assert seen == ["AgentChanged", "QueueChanged", "AgentChanged", "QueueChanged"]

    run(scenario)


def test_a_faulty_listener_breaks_no_call() -> None:
    async def scenario() -> None:
        def on_change(change: Change) -> None:
            raise ValueError("listener")

        async with service(on_change) as acd:
            acd.sign_in(ALICE)
            acd.set_ready(ALICE)
            assert (await connect(acd)).agent_id == ALICE

    run(scenario)


def test_snapshots_of_queues() -> None:
    async def scenario() -> None:
        async with node(ALICE) as (acd, listener):
            acd.enqueue(C1, SUPPORT, 5, ("case priority High: -2",))
            await acd.next_offer(C1)
            acd.enqueue(C2, SUPPORT, 5)
            await asyncio.sleep(12)
            acd.rescore(C2, 1, ("late answer",))
            support = acd.queue(SUPPORT)
            assert (support.waiting, support.oldest_s) == (2, 12.0)
            assert (support.agents_ready, support.agents_signed_in) == (0, 1)
            assert [(c.call_id, c.position, c.offered_to) for c in support.calls] == [
                (C2, 1, None),
                (C1, 2, ALICE),
            ]
            assert support.calls[0].reasons == ("late answer",)
            assert acd.position(C2) == 1
            assert [queue.name for queue in acd.queues()] == [SUPPORT, SALES]
            assert [(a.id, a.queues) for a in acd.agents()] == [
                (ALICE, (SUPPORT,)),
                (BOB, (SUPPORT, SALES)),
            ]
            assert [c.call_id for c in listener.of(CallQueued)] == [C1, C2]
            assert listener.of(CallOffered)[0].reasons[-1] == "case priority High: -2"

    run(scenario)


def test_wishes_and_early_end_of_wrap_up() -> None:
    async def scenario() -> None:
        async with node(ALICE) as (acd, listener):
            await connect(acd)
            acd.set_not_ready(ALICE, "lunch")
            assert acd.agent(ALICE).pending is AgentState.NOT_READY
            acd.conversation_ended(C1)
            acd.end_wrap_up(ALICE)
            assert (acd.agent(ALICE).state, acd.agent(ALICE).reason) == (AgentState.NOT_READY, "lunch")
            assert [c.how for c in listener.of(WrapUpEnded)] == [WrapUpEnd.AGENT]
            with pytest.raises(NotAllowed):
                acd.end_wrap_up(ALICE)
            acd.sign_out(ALICE)
            assert acd.agent(ALICE).state is AgentState.SIGNED_OUT

    run(scenario)


def test_many_callers_in_a_day_are_all_served_in_order() -> None:
    async def scenario() -> None:
        served: list[CallId] = []

        async def caller(acd: AcdService, number: int) -> None:
            call = CallId(f"c{number:03}")
            acd.enqueue(call, SUPPORT, 5)
            await acd.next_offer(call)
            served.append(call)
            acd.offer_answered(call)
            await asyncio.sleep(100)
            acd.conversation_ended(call)

        async with asyncio.timeout(86400), node_of_a_day() as acd, asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(caller(acd, number))
        assert served == sorted(served)
        assert len(served) == 100

    run(scenario)


@asynccontextmanager
async def node_of_a_day() -> AsyncIterator[AcdService]:
    async with service(Listener()) as acd:
        for agent in (ALICE, BOB):
            acd.sign_in(agent)
            acd.set_ready(agent)
        yield acd
