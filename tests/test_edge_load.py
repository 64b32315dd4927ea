"""A pool under load behind a real Kamailio, with SIPp as the callers; faults of each process meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.edge_crowd import (
    ONE_LEG,
    TRUNK,
    all_ended,
    descriptors,
    idle,
    ids_of,
    let_go,
    lines_of,
    open_in_edge,
    pid_of,
    processes_below,
    restarted,
    send_away,
    senders_of,
    take,
    well,
)
from tests.edge_support import EdgeNode, edge_node, needs_kamailio
from tests.phones import Line, phone
from tests.rtp_meter import RtpMeter, rtp_meter
from tests.sipp import needs_sipp, sipp

pytestmark = [
    pytest.mark.sip,
    pytest.mark.process,
    pytest.mark.timeout(150),
    needs_kamailio,
    needs_sipp,
]


def test_a_stopped_worker_is_passed_over_found_and_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        edge = edge_node(tmp_path, workers=10, capacity=40, pool=ONE_LEG, trunks=(TRUNK,))
        async with rtp_meter() as meter, edge as node:
            ours = descriptors([os.getpid()])
            callers = sipp("caller", node.address, tmp_path, calls=30, rate=15, rtp=meter.port)
            async with callers as crowd:
                lines = await take(node, 30)
                assert {slot.booked for slot in node.pool.slots} == {3}
                victim = node.pool.slots[7]
                left, *held = lines_of(victim, lines)
                await send_away([left])
                await least_loaded(node, victim.number)
                senders = await meter.heard(30)
                pid = pid_of(victim)
                os.kill(pid, signal.SIGSTOP)
                # Its turn is next, and it says nothing: another one takes the call.
                async with sipp("caller", node.address, tmp_path, calls=1, rate=1) as one:
                    (new,) = await take(node, 1)
                    assert new.leg.worker is not victim.client
                    await all_ended(held, "worker")
                    others = senders - senders_of(victim, senders)
                    await meter.more(others)
                    assert meter.lost(others) == 0
                    assert node.restarts == [(victim.number, "signal SIGKILL")]
                    await node.all_listed()
                    assert pid_of(victim) != pid
                    await let_go([new])
                    well(await one.finished())
                await let_go(line for line in lines if line not in (left, *held))
                outcome = well(await crowd.finished())
            # Who was in the worker that stood still has had his BYE as well, from the edge.
            assert outcome.calls("left") == ids_of([left])
            assert outcome.calls("released") == ids_of(lines) - ids_of([left])
            await new_calls(node, tmp_path, 12)
            await idle(node.pool.slots)
            assert descriptors([os.getpid()]) == ours

    asyncio.run(scenario())


async def least_loaded(node: EdgeNode, slot: int) -> None:
    """Until the edge thinks so of a worker."""

    async def reached() -> bool:
        loads = {duid: load for duid, (_, load) in (await node.listed()).items()}
        mine = next(load for duid, load in loads.items() if duid.startswith(f"w{slot}-"))
        return all(load > mine for duid, load in loads.items() if not duid.startswith(f"w{slot}-"))

    await node.until_edge(reached)


async def new_calls(node: EdgeNode, folder: Path, calls: int) -> None:
    """Calls that come, are taken and end."""
    async with sipp("caller", node.address, folder, calls=calls, rate=20) as crowd:
        lines = await take(node, calls)
        await send_away(lines[::2])
        await let_go(lines[1::2])
        outcome = well(await crowd.finished())
    assert outcome.tally == {"answered": calls, "left": (calls + 1) // 2, "released": calls // 2}


def test_calls_outlive_the_edge_and_nobody_is_overbooked_by_the_next(tmp_path: Path) -> None:
    async def scenario() -> None:
        edge = edge_node(tmp_path, workers=6, capacity=24, pool=ONE_LEG, trunks=(TRUNK,))
        async with rtp_meter() as meter, edge as node:
            callers = sipp("caller", node.address, tmp_path, calls=20, rate=20, rtp=meter.port)
            async with callers as crowd:
                lines = await take(node, 20)
                senders = await meter.heard(20)
                await kill_edge(node, meter, senders)
                await crowded(node, tmp_path, places=4)
                await meter.more(senders)
                assert meter.lost(senders) == 0
                # The new Kamailio has seen none of these calls begin. Both ends can end them.
                await send_away(lines[::2])
                await let_go(lines[1::2])
                outcome = well(await crowd.finished())
            assert outcome.calls("left") == ids_of(lines[::2])
            assert outcome.calls("released") == ids_of(lines[1::2])
            await new_calls(node, tmp_path, 24)
            assert node.restarts == []

    asyncio.run(scenario())


async def kill_edge(node: EdgeNode, meter: RtpMeter, senders: frozenset[int]) -> None:
    """Kamailio stands still, so that it surely is away while RTP is heard; then it is killed."""
    assert node.edge.pid is not None
    os.killpg(node.edge.pid, signal.SIGSTOP)
    await meter.more(senders, 25)
    os.killpg(node.edge.pid, signal.SIGKILL)
    await meter.more(senders, 10)
    await restarted(node)
    await meter.more(senders, 10)


async def crowded(node: EdgeNode, folder: Path, *, places: int, callers: int = 12) -> None:
    """More callers than there are places: so many are taken, the others are told 503, and it is full."""
    async with sipp("caller", node.address, folder, calls=callers, rate=20) as crowd:
        lines = await take(node, places)
        await no_more(node, folder)
        assert [slot.booked for slot in node.pool.slots] == [4] * len(node.pool.slots)
        await let_go(lines)
        outcome = well(await crowd.finished())
    refused = callers - places
    assert outcome.count("refused 503 retry-after=10") == refused
    assert outcome.tally == {"answered": places, "released": places, "refused": refused}


async def no_more(node: EdgeNode, folder: Path) -> None:
    """One more is told 503 as well."""
    async with sipp("caller", node.address, folder, calls=1, rate=1) as crowd:
        outcome = well(await crowd.finished())
    assert outcome.said == ("refused 503 retry-after=10",)


def test_a_place_that_is_given_back_is_a_place(tmp_path: Path) -> None:
    async def scenario() -> None:
        edge = edge_node(tmp_path, workers=3, capacity=12, pool=ONE_LEG, trunks=(TRUNK,))
        async with edge as node:
            async with sipp("caller", node.address, tmp_path, calls=12, rate=20) as crowd:
                lines = await take(node, 12)
                await no_more(node, tmp_path)
                for free in (1, 2, 3):
                    await let_go([lines.pop(0)])
                    await all_open(node)
                    await crowded(node, tmp_path, places=free, callers=free + 3)
                await let_go(lines)
                well(await crowd.finished())
            await idle(node.pool.slots)
            assert node.restarts == []

    asyncio.run(scenario())


async def all_open(node: EdgeNode) -> None:
    """Until the edge gives calls to every worker that has a place."""
    for slot in node.pool.slots:
        if slot.booked < slot.max_legs:
            await open_in_edge(node, slot)


def test_nothing_is_left_of_a_hundred_callers_who_give_up_as_it_rings(tmp_path: Path) -> None:
    async def scenario() -> None:
        edge = edge_node(tmp_path, workers=5, capacity=20, pool=ONE_LEG, trunks=(TRUNK,))
        async with edge as node:
            workers = [pid_of(slot) for slot in node.pool.slots]
            await new_calls(node, tmp_path, 20)
            await idle(node.pool.slots)
            before = descriptors(workers)
            async with sipp("abandons", node.address, tmp_path, calls=100, rate=20) as crowd:
                lines = [await ring(node) for _ in range(100)]
                outcome = well(await crowd.finished())
            assert outcome.calls("abandoned") == ids_of(lines)
            await all_ended(lines, "peer")
            await idle(node.pool.slots)
            assert descriptors(workers) == before
            assert {pid_of(slot) for slot in node.pool.slots} == set(workers)
            assert set(workers) <= processes_below(os.getpid())

    asyncio.run(scenario())


async def ring(node: EdgeNode) -> Line:
    """The next call rings."""
    line = await node.rung()
    await line.leg.answer(180)
    return line


def test_the_edge_knows_that_calls_are_established(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path, workers=1, capacity=2) as node, phone() as caller, phone() as agent:
            here = await caller.dial(node.address)
            (there,) = await take(node, 1)
            await there.leg.worker.dial(f"sip:agent@{agent.address}", agent.address)
            agents = await agent.rung()
            await agents.leg.answer(200)
            await agents.answered()  # the ACK has passed the edge
            # One whose ACK it has not seen it forgets after a minute, and ends nothing when the worker dies.
            await node.until_edge(lambda: all_confirmed(node, 2))
            await here.leg.hang_up()
            await there.ended()

    asyncio.run(scenario())


async def all_confirmed(node: EdgeNode, dialogs: int) -> bool:
    """Whether there are so many dialogs, and all are in Kamailio's state "confirmed": 4."""
    listed = await node.edge.rpc.call("dlg.profile_list", "worker", "0")
    return [dialog["state"] for dialog in listed] == [4] * dialogs
