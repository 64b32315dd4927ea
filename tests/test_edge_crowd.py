"""A whole node behind the edge with a crowd of callers: all are served and recorded, nothing is left over."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ivr.api.models import CallStage
from ivr.call import Call
from media.pool import Slot
from tests.edge_crowd import descriptors, eventually, idle, pid_of, processes_below, senders_of, well
from tests.edge_support import needs_kamailio
from tests.node_support import Scene, rtp_base, run, scene, soon
from tests.phones import gone
from tests.rtp_meter import rtp_meter
from tests.sipp import Outcome, needs_sipp, sipp

pytestmark = [
    pytest.mark.sip,
    pytest.mark.process,
    pytest.mark.timeout(150),
    needs_kamailio,
    needs_sipp,
]

TRUNK = 'trunks: {carrier: {uri: "sip:127.0.0.1"}}'
RATE = 15
PLACES = 2
"""Customers that a worker holds."""


@asynccontextmanager
async def crowded(folder: Path, capacity: int) -> AsyncIterator[Scene]:
    """A node for so many callers, who come by a trunk."""

    def roomy(text: str) -> str:
        return text.replace("capacity: 2", f"capacity: {capacity}")

    rtp = rtp_base()
    ports = {"rtp": rtp, "rtp_last": rtp + 20 * capacity - 1}
    async with scene(folder, roomy, sip_more="edge: kamailio", more=TRUNK, **ports) as s:
        yield s


async def waiting(s: Scene, calls: int, known: frozenset[str] = frozenset()) -> list[Call]:
    """Until so many callers, besides those that are known, are in the queue; who they are."""

    def queued() -> list[Call]:
        everybody = [call for call in s.node.reception.calls if call.stage is CallStage.QUEUED]
        return [call for call in everybody if call.id not in known]

    await eventually(lambda: len(queued()) >= calls)
    return queued()


async def endings(s: Scene, sip_call_ids: frozenset[str]) -> set[str | None]:
    """How the closed records of these calls say that they ended; there is one of each."""
    records = await s.node.reception.services.store.calls(limit=1000)
    found = [record for record in records if record.sip_call_id in sip_call_ids]
    assert len(found) == len(sip_call_ids)
    assert {record.state.value for record in found} <= {"closed"}
    return {record.ending for record in found}


def test_a_hundred_callers_are_served_and_leave_nothing_behind(tmp_path: Path) -> None:
    async def story() -> None:
        async with crowded(tmp_path, 100) as s:
            slots = s.node.pool.slots
            pids = [pid_of(slot) for slot in slots]
            assert len(slots) * PLACES == 100
            await hundred(s, tmp_path)
            await idle(slots)
            before = descriptors(pids)
            await hundred(s, tmp_path)
            await idle(slots)
            assert descriptors(pids) == before
            assert [pid_of(slot) for slot in slots] == pids
            assert s.node.pool.customers == 0
            kamailio = s.node.edge.edge.pid if s.node.edge else None
            assert kamailio is not None
            children = processes_below(kamailio)
            assert children
        for pid in (*pids, kamailio, *children):
            await gone(pid)
        assert not processes_below(os.getpid()) & {*pids, kamailio, *children}

    run(story())


async def hundred(s: Scene, folder: Path) -> None:
    """A hundred callers wait with music; half of them give up, the others are ended by the operator."""
    async with rtp_meter() as meter:
        crowd = sipp("caller", s.sip, folder, calls=100, rate=RATE, service="support", rtp=meter.port)
        async with crowd as callers:
            calls = await waiting(s, 100)
            assert {slot.booked for slot in s.node.pool.slots} == {PLACES}
            senders = await meter.heard(100)
            await meter.sounds(senders)
            await meter.more(senders, 50)
            assert meter.lost(senders) == 0
            await asyncio.gather(*(call.leg.digits("1", "info") for call in calls[::2]))
            for call in calls[1::2]:
                await s.operator.hang_up(call.id)
            outcome = well(await callers.finished())
    await eventually(lambda: not s.node.reception.calls)
    assert outcome.tally == {"answered": 100, "left": 50, "released": 50}
    assert await endings(s, outcome.calls("left")) == {"abandoned_in_queue"}
    assert await endings(s, outcome.calls("released")) == {"ended_by_operator"}


def test_a_killed_worker_ends_its_calls_and_no_others(tmp_path: Path) -> None:
    async def story() -> None:
        async with crowded(tmp_path, 60) as s, rtp_meter() as meter:
            await s.ready()
            crowd = sipp("caller", s.sip, tmp_path, calls=60, rate=RATE, service="support", rtp=meter.port)
            async with crowd as callers:
                agent = await s.answer()
                connected = await s.watch.stage("connected")
                await waiting(s, 59)
                senders = await meter.heard(60)
                slot = slot_of(s, connected)
                lost = [call for call in s.node.reception.calls if call.leg.worker is slot.client]
                assert connected in [call.id for call in lost]
                assert len(lost) == PLACES
                pid = pid_of(slot)
                os.kill(pid, signal.SIGKILL)
                assert (await soon(agent.ended)).by == "peer"
                for call in lost:
                    assert await s.watch.ended(call.id) == "worker_lost"
                others = senders - senders_of(slot, senders)
                assert len(others) == 60 - PLACES
                await meter.more(others, 50)
                assert meter.lost(others) == 0
                assert s.node.reception.active == 60 - PLACES
                await replaced(s, slot, pid)
                await served(s, tmp_path, PLACES)
                assert s.node.reception.active == 60 - PLACES
                await asyncio.gather(*(call.leg.digits("1", "info") for call in await waiting(s, 58)))
                outcome = well(await callers.finished())
            ids = frozenset(call.arrival.sip_call_id for call in lost)
            assert outcome.calls("released") == ids
            assert outcome.calls("left") == outcome.calls("answered") - ids
            assert await endings(s, ids) == {"worker_lost"}
            await idle(s.node.pool.slots)

    run(story())


def slot_of(s: Scene, call_id: str) -> Slot:
    """Where a call is."""
    call = next(call for call in s.node.reception.calls if call.id == call_id)
    return next(slot for slot in s.node.pool.slots if slot.client is call.leg.worker)


async def replaced(s: Scene, slot: Slot, pid: int) -> None:
    """Until a slot has another worker, and the edge gives it calls."""
    await eventually(lambda: slot.process is not None and slot.client is not None)
    assert pid_of(slot) != pid
    assert s.node.edge is not None
    rpc, name = s.node.edge.edge.rpc, f"w{slot.number}-{pid_of(slot)}"
    async with asyncio.timeout(30):
        while name not in str(await rpc.call("dispatcher.list")):
            await s.tick()


async def served(s: Scene, folder: Path, calls: int) -> None:
    """New callers come, wait, and give up."""
    known = frozenset(call.id for call in s.node.reception.calls)
    async with sipp("caller", s.sip, folder, calls=calls, rate=RATE, service="support") as crowd:
        new = await waiting(s, calls, known)
        await asyncio.gather(*(call.leg.digits("1", "info") for call in new))
        outcome = well(await crowd.finished())
    assert outcome.tally == {"answered": calls, "left": calls}
    assert await soon(closed(s, outcome)) == {"abandoned_in_queue"}


async def closed(s: Scene, outcome: Outcome) -> set[str | None]:
    """The endings of calls that are over, once they are written."""
    ids = outcome.calls("answered")
    await eventually(lambda: not ids & {call.arrival.sip_call_id for call in s.node.reception.calls})
    return await endings(s, ids)
