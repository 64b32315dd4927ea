"""Who is let in: places, refusals on the wire, places that come back, bookings of a worker that is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from media.errors import WorkerLost
from media.leg import Leg
from media.messages import LegId
from media.worker.repeats import REMEMBERED_S, Repeats
from tests.phones import Line, Phone, phone, silence, within
from tests.raw_sip import Message, RawCall, RawPeer, raw_peer

pytestmark = [pytest.mark.sip, pytest.mark.timeout(60)]


async def answered(node: Phone, peer: RawPeer) -> tuple[RawCall, Line]:
    """A customer who was let in."""
    call = RawCall(peer, node.port)
    call.invite()
    line = await node.rung()
    await line.leg.answer(200)
    await call.established()
    await line.answered()
    return call, line


async def refused(node: Phone, peer: RawPeer) -> Message:
    """How a customer is turned away."""
    call = RawCall(peer, node.port)
    call.invite()
    answer = await peer.until_message(lambda m: m.code >= 200 and m.header("Call-ID") == call.call_id)
    call.ack_refusal(answer)
    assert node.no_call()
    return answer


async def with_agent(line: Line, agents: Phone) -> Leg:
    """A second leg for the customer, in the same worker, answered."""
    assert line.booking is not None
    agent = await line.booking.worker.dial(f"sip:agent@{agents.address}", agents.address)
    await (await agents.rung()).leg.answer(200)
    await within(agent.answered)
    return agent


def test_full_is_503_with_retry_after_while_a_leg_is_free_and_486_when_none_is() -> None:
    """Two customers take two of four legs: we refuse the third. Bridged they take all: the library does."""

    async def scene() -> None:
        async with (
            phone(capacity=2, legs_per_customer=2, retry_after_s=7) as node,
            phone() as agents,
            raw_peer() as peer,
        ):
            customers = [await answered(node, peer) for _ in range(2)]
            answer = await refused(node, peer)
            assert (answer.code, answer.header("Retry-After")) == (503, "7")
            assert answer.start == "SIP/2.0 503 Service Unavailable"
            for _, line in customers:
                agent = await with_agent(line, agents)
                await agent.worker.mix({line.leg: (agent,), agent: (line.leg,)})
            answer = await refused(node, peer)
            assert (answer.code, answer.header("Retry-After")) == (486, "")
            assert node.pool.customers == 2

    asyncio.run(scene())


def test_a_place_is_taken_again_as_soon_as_a_call_is_over(tmp_path: Path) -> None:
    """The worker tells at once that the library has let go: the next caller need not wait for a beat."""

    async def scene() -> None:
        async with phone(capacity=2, legs_per_customer=2) as node, phone() as agents, raw_peer() as peer:
            await answered(node, peer)
            for _ in range(2):
                call, line = await answered(node, peer)
                assert (await refused(node, peer)).code == 503
                agent = await with_agent(line, agents)
                await line.play(silence(tmp_path, 1.2))  # a beat has counted both
                await agent.hang_up()
                await within(agent.ended)
                call.next("BYE")
                await line.ended()
                assert node.pool.customers == 1
            assert node.restarts == []

    asyncio.run(scene())


def test_a_leg_that_the_library_still_holds_takes_a_place() -> None:
    """An agent's phone that is off was rung and hung up: its leg lingers, and a customer needs two."""

    async def scene() -> None:
        async with phone(capacity=2, legs_per_customer=2) as node, raw_peer() as peer, raw_peer() as off:
            _, line = await answered(node, peer)
            ringing = await node.dial(off.address)
            await ringing.leg.hang_up()
            await ringing.ended()
            assert (await refused(node, peer)).code == 503
            assert not line.leg.ended.done()

    asyncio.run(scene())


def test_a_pool_that_is_closed_to_callers_refuses_and_keeps_its_calls() -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            call, line = await answered(node, peer)
            node.pool.open = False
            assert (await refused(node, peer)).code == 503
            assert not line.leg.ended.done()
            node.pool.open = True
            await answered(node, peer)
            call.next("BYE")
            await line.ended()

    asyncio.run(scene())


def test_a_call_that_nobody_can_take_is_refused_and_its_place_given_back() -> None:
    async def scene() -> None:
        async with phone(on_call=lambda *_: 1 / 0) as node, raw_peer() as peer:
            answer = await refused(node, peer)
            assert (answer.code, answer.header("Retry-After")) == (500, "")
            assert node.pool.customers == 0

    asyncio.run(scene())


def test_a_booking_is_given_back_once() -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            _, first = await answered(node, peer)
            _, second = await answered(node, peer)
            assert node.pool.customers == 2
            assert first.booking is not None
            for _ in range(3):
                first.booking.release()
            assert node.pool.customers == 1
            assert second.booking is not None
            assert second.booking.worker is second.leg.worker

    asyncio.run(scene())


def test_a_booking_does_not_move_to_the_worker_that_replaces_its_own() -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            _, line = await answered(node, peer)
            node.kill_worker()
            await line.ended()
            await node.restarted()
            assert line.booking is not None
            with pytest.raises(WorkerLost):
                _ = line.booking.worker
            await answered(node, peer)

    asyncio.run(scene())


def test_several_workers_have_ports_of_their_own_and_one_capacity() -> None:
    async def scene() -> None:
        async with phone(workers=2, capacity=3) as node, raw_peer() as peer:
            ports = [slot.port for slot in node.pool.slots]
            assert ports == [node.port, node.port + 1]
            assert node.pool.slots[0].rtp_last < node.pool.slots[1].rtp_first
            for port in (*ports, ports[1]):
                call = RawCall(peer, port)
                call.invite()
                await (await node.rung()).leg.answer(200)
                await call.established()
            call = RawCall(peer, ports[0])
            call.invite()
            answer = await peer.until_message(lambda m: m.code >= 200 and m.header("Call-ID") == call.call_id)
            assert answer.code == 503

    asyncio.run(scene())


def test_copies_of_an_invite_are_known_for_half_a_minute() -> None:
    now = [0.0]
    repeats = Repeats(lambda: now[0])
    invite = (("Via", "a"), ("Call-ID", "c"), ("CSeq", "1 INVITE"), ("From", "f"))
    other = (("Via", "b"), *invite[1:])
    assert [repeats.is_repeat(invite) for _ in range(3)] == [False, True, True]
    assert not repeats.is_repeat(other)
    now[0] = REMEMBERED_S - 1
    assert repeats.is_repeat(invite)
    now[0] = REMEMBERED_S
    assert not repeats.is_repeat(invite)


def test_what_is_remembered_of_invites_is_bounded() -> None:
    repeats = Repeats(lambda: 0.0)
    for number in range(5000):
        assert not repeats.is_repeat((("Via", str(number)),))
    assert repeats.is_repeat((("Via", "4999"),))
    assert not repeats.is_repeat((("Via", "0"),))


def test_leg_numbers_of_dialled_calls_are_ours() -> None:
    async def scene() -> None:
        async with phone() as node, phone() as caller:
            here = await caller.dial(node.address)
            there = await node.rung()
            assert (here.leg.id, there.leg.id) == (LegId(-1), LegId(1))

    asyncio.run(scene())
