"""Calls through the edge: to a worker and back, whoever ends them, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from media.messages import MediaChanged
from media.pool import SlotState
from tests.edge_support import EdgeNode, edge_node, needs_kamailio
from tests.phones import Line, Phone, phone, within
from tests.raw_sip import RawCall, raw_peer

pytestmark = [pytest.mark.sip, pytest.mark.process, needs_kamailio]


async def call(caller: Phone, node: EdgeNode) -> tuple[Line, Line]:
    """A call, answered: the caller's end and the worker's."""
    here = await caller.dial(node.address)
    there = await node.rung()
    await there.leg.answer(200)
    await here.answered()
    await there.answered()
    return here, there


def pid_of(node: EdgeNode, line: Line) -> tuple[int, int]:
    """Slot and process of the worker that has a call."""
    slot = next(slot for slot in node.pool.slots if slot.client is line.leg.worker)
    assert slot.process is not None
    assert slot.process.pid is not None
    return slot.number, slot.process.pid


def test_a_call_goes_to_a_worker_and_either_end_hangs_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path) as node, phone() as caller:
            here, there = await call(caller, node)
            await here.leg.hang_up()
            assert (await there.ended()).by == "peer"
            here, there = await call(caller, node)
            await there.leg.hang_up()
            assert (await here.ended()).by == "peer"
            await node.until_edge(lambda: loads(node, {0}))

    asyncio.run(scenario())


async def loads(node: EdgeNode, wanted: set[int]) -> bool:
    """Whether the workers' loads are these."""
    return {load for _, load in (await node.listed()).values()} == wanted


def test_workers_name_the_source_and_never_believe_a_peer_about_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path) as node, raw_peer() as peer:
            raw = RawCall(peer, node.port)
            raw.invite("X-IVR-Trunk: carrier", "X-IVR-Source: 8.8.8.8:5060", "X-Other: 1", "Identity: x")
            there = await node.rung()
            assert there.incoming is not None
            headers = {name.lower(): value for name, value in there.incoming.headers}
            assert headers["x-ivr-source"] == peer.address
            assert not {"x-ivr-trunk", "x-other", "identity"} & set(headers)
            await there.leg.answer(200)
            answer = await raw.established()
            assert not [name for name, _ in answer.headers if name.lower().startswith("x-ivr")]
            assert "sip:w" in answer.header("Contact")

    asyncio.run(scenario())


def test_hold_and_resume_pass_in_both_directions(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path) as node, phone() as caller:
            here, there = await call(caller, node)
            await here.leg.hold(True)
            await there.media(held=True)
            await here.heard.until_event(MediaChanged, lambda event: not event.active)
            past = len(there.heard.events)
            await here.leg.hold(False)
            await there.media(held=False, past=past)
            here, there = await call(caller, node)
            await here.media(held=False)
            await there.media(held=False)
            await there.leg.hold(True)
            await here.media(held=True)

    asyncio.run(scenario())


def test_a_peer_that_rewrites_contact_and_forgets_routes_still_finds_its_call(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path) as node, raw_peer() as peer:
            raw = RawCall(peer, node.port)
            raw.invite()
            there = await node.rung()
            await there.leg.answer(200)
            await raw.established()  # its ACK and BYE have neither our Contact nor our Route
            await there.answered()
            raw.next("BYE")
            await peer.response(200, "BYE")
            assert (await there.ended()).by == "peer"

    asyncio.run(scenario())


def test_a_full_node_says_503_and_never_486(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path, workers=2, capacity=4, retry_after_s=7) as node, raw_peer() as peer:
            for _ in range(4):
                raw = RawCall(peer, node.port)
                raw.invite()
                there = await node.rung()
                await there.leg.answer(200)
                await raw.established()
            assert [slot.booked for slot in node.pool.slots] == [2, 2]
            extra = RawCall(peer, node.port)
            extra.invite()
            answer = await peer.final()
            assert (answer.code, answer.header("Retry-After")) == (503, "7")
            assert answer.header("X-IVR-Refused") == ""

    asyncio.run(scenario())


def test_a_worker_that_refuses_is_passed_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path, workers=2) as node, raw_peer() as peer:
            node.pool.slots[0].booked = 2  # full, which the edge has not been told
            raw = RawCall(peer, node.port)
            raw.invite()
            there = await node.rung()
            assert pid_of(node, there)[0] == 1
            await there.leg.answer(200)
            await raw.established()

    asyncio.run(scenario())


def test_a_worker_that_hangs_is_passed_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path, workers=2) as node, raw_peer() as peer:
            process = node.pool.slots[0].process
            assert process is not None
            assert process.pid is not None
            os.kill(process.pid, signal.SIGSTOP)
            raw = RawCall(peer, node.port)
            raw.invite()
            there = await node.rung()
            assert pid_of(node, there)[0] == 1
            await there.leg.answer(200)
            await raw.established()

    asyncio.run(scenario())


def test_a_killed_worker_ends_its_calls_at_both_ends_and_is_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path, workers=2) as node, phone() as caller, phone() as agent:
            here, there = await call(caller, node)
            other_here, other_there = await call(caller, node)
            slot, pid = pid_of(node, there)
            assert pid_of(node, other_there)[0] != slot
            await there.leg.worker.dial(f"sip:agent@{agent.address}", agent.address, side=node.address)
            agents = await agent.rung()
            await agents.leg.answer(200)
            await agents.answered()
            os.kill(pid, signal.SIGKILL)
            assert (await here.ended()).by == "peer"
            assert (await agents.ended()).by == "peer"
            assert (await there.ended()).by == "worker"
            await node.until(lambda: node.restarts or None)
            await node.all_listed()
            assert f"w{slot}-{pid}" not in await node.listed()
            assert not other_here.leg.ended.done()
            again, _ = await call(caller, node)
            await again.leg.hang_up()
            await other_there.leg.hang_up()
            await other_here.ended()

    asyncio.run(scenario())


def test_no_worker_is_fed_faster_than_it_can_take(tmp_path: Path) -> None:
    async def scenario() -> None:
        pool = {"legs_per_customer": 1}
        async with edge_node(tmp_path, capacity=8, pool=pool, worker_rate=1) as node, raw_peer() as peer:
            calls = {raw.call_id: raw for raw in (RawCall(peer, node.port) for _ in range(8))}
            for raw in calls.values():
                raw.invite()
            codes: list[int] = []
            taking = asyncio.create_task(answer_all(node))
            while calls:
                answer = await peer.until_message(
                    lambda m: m.code >= 200 and m.method == "INVITE" and m.header("Call-ID") in calls
                )
                calls.pop(answer.header("Call-ID")).ack_refusal(answer)
                codes.append(answer.code)
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
            assert set(codes) == {200, 503}
            assert codes.count(200) == sum(slot.calls for slot in node.pool.slots)
            assert all(slot.calls > 0 for slot in node.pool.slots)

    asyncio.run(scenario())


async def answer_all(node: EdgeNode) -> None:
    """Answer whatever comes."""
    while True:
        line = await node.lines.get()
        await line.leg.answer(200)


def test_an_edge_that_dies_is_back_and_calls_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path) as node, phone() as caller:
            here, there = await call(caller, node)
            second_here, second_there = await call(caller, node)
            pid = node.edge.pid
            assert pid is not None
            os.killpg(pid, signal.SIGKILL)
            await node.until_edge(lambda: restarted(node))
            await node.all_listed()
            assert not here.leg.ended.done()
            await here.leg.hang_up()
            assert (await there.ended()).by == "peer"
            await second_there.leg.hang_up()
            assert (await second_here.ended()).by == "peer"
            here, there = await call(caller, node)
            await here.leg.hang_up()
            await there.ended()

    asyncio.run(scenario())


async def restarted(node: EdgeNode) -> bool:
    """Whether the edge runs again."""
    return node.edge.restarts > 0 and node.edge.is_ready


def test_a_worker_that_has_had_its_calls_is_replaced_when_it_is_empty(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path, workers=1, pool={"recycle_after": 2}) as node, phone() as caller:
            before = node.pool.slots[0].process
            here, there = await call(caller, node)
            second_here, _ = await call(caller, node)
            await node.until(lambda: node.pool.slots[0].state is SlotState.TIRED or None)
            await here.leg.hang_up()
            await there.ended()
            assert not second_here.leg.ended.done()
            await second_here.leg.hang_up()
            await node.until(
                lambda: node.pool.slots[0].process not in (None, before) or None,
            )
            await node.all_listed()
            assert node.restarts == []
            here, there = await call(caller, node)
            await here.leg.hang_up()
            await within(there.leg.ended)

    asyncio.run(scenario())


def test_a_killed_worker_lets_go_of_what_still_rings(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path, workers=1) as node, phone() as caller, phone() as agent:
            here, there = await call(caller, node)
            await there.leg.worker.dial(f"sip:agent@{agent.address}", agent.address)
            ringing = await agent.rung()
            await ringing.leg.answer(180)
            waiting = await caller.dial(node.address)
            second = await node.rung()
            await second.leg.answer(180)
            await waiting.progress(180)
            os.kill(pid_of(node, there)[1], signal.SIGKILL)
            assert (await here.ended()).by == "peer"
            assert (await ringing.ended()).by == "peer"
            assert (await waiting.ended()).code == 503

    asyncio.run(scenario())
