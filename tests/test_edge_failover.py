"""A worker that dies or hangs before it has answered: its INVITEs go to another one, the caller waits on."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.edge_support import EdgeNode, edge_node, needs_kamailio
from tests.phones import Line, phone
from tests.raw_sip import RawCall, raw_peer
from tests.test_edge_calls import loads

pytestmark = [pytest.mark.sip, pytest.mark.process, needs_kamailio]


def slot_of(node: EdgeNode, line: Line) -> tuple[int, int]:
    """Slot and process of the worker that has a call."""
    slot = next(slot for slot in node.pool.slots if slot.client is line.leg.worker)
    assert slot.process is not None
    assert slot.process.pid is not None
    return slot.number, slot.process.pid


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("rings", [False, True])
def test_an_invite_moves_to_another_worker(how: signal.Signals, rings: bool, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path, workers=2) as node, raw_peer() as peer:
            raw = RawCall(peer, node.port)
            raw.invite()
            first = await node.rung()
            if rings:
                await first.leg.answer(180)
                await peer.response(180)
            number, pid = slot_of(node, first)
            os.kill(pid, how)
            second = await node.rung()
            assert slot_of(node, second)[0] != number
            assert (await first.ended()).by == "worker"
            assert first.incoming is not None
            assert second.incoming is not None
            assert second.incoming.sip_call_id == first.incoming.sip_call_id
            assert second.incoming.from_tag == first.incoming.from_tag
            await second.leg.answer(200)
            await raw.established()
            await second.answered()
            await node.all_listed()
            # It belongs to its new worker alone: when the one after the first dies as well, it goes on.
            replaced = node.pool.slots[number].process
            assert replaced is not None
            assert replaced.pid is not None
            os.kill(replaced.pid, signal.SIGKILL)
            await node.until(lambda: len(node.restarts) > 1 or None)
            await node.all_listed()
            raw.next("BYE")
            await peer.response(200, "BYE")
            assert (await second.ended()).by == "peer"
            assert peer.count("INVITE", 503) == peer.count("BYE") == 0
            await node.until_edge(lambda: loads(node, {0}))

    asyncio.run(scenario())


def test_a_telephone_follows_to_the_other_worker(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path, workers=2) as node, phone() as caller:
            here = await caller.dial(node.address)
            first = await node.rung()
            await first.leg.answer(180)
            await here.progress(180)
            os.kill(slot_of(node, first)[1], signal.SIGKILL)
            second = await node.rung()
            await second.leg.answer(200)
            await here.answered()
            await second.answered()
            await here.leg.hang_up()
            assert (await second.ended()).by == "peer"

    asyncio.run(scenario())
