"""A whole node behind the edge: a call whose worker is lost before the answer is one call with one record."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ivr.salesforce.simulator.faults import FaultKind
from ivr.serving import drain
from media.pool import Slot
from tests.edge_support import needs_kamailio
from tests.node_support import ALICE, Scene, run, scene, soon
from tests.raw_sip import RawCall, raw_peer

pytestmark = [pytest.mark.sip, pytest.mark.process, needs_kamailio]

EDGE: dict[str, Any] = {
    "sip_more": "edge: kamailio\n  legs_per_customer: 4",
    "answer": "{after: lookups, at_most_s: 30}",
    "deadline_s": 20,
}


def busy(stage: Scene) -> Slot:
    """The slot that has the call."""
    return next(slot for slot in stage.node.pool.slots if slot.booked)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_call_that_another_worker_answers_has_one_record(how: signal.Signals, tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, **EDGE) as stage:
            stage.salesforce.fault(FaultKind.SLOW, seconds=2.0, times=1)
            leg = await stage.dial()
            call_id = await stage.watch.stage("ringing")
            lost = busy(stage)
            assert lost.process is not None
            assert lost.process.pid is not None
            os.kill(lost.process.pid, how)
            await soon(leg.answered)
            assert await stage.watch.stage("queued") == call_id
            assert busy(stage) is not lost
            await stage.cases_known(call_id)
            assert [call.call_id for call in await stage.operator.calls()] == [call_id]
            view = await stage.record_of(call_id)
            assert stage.events_of(view, "moved") == [{"why": "worker_lost"}]
            assert len(stage.events_of(view, "invite")) == 1
            assert len(stage.events_of(view, "answered")) == 1
            # Whoever was looked up while the first worker lived is not looked up again.
            asked = stage.events_of(view, "request")
            assert len([seen for seen in asked if seen["operation"] == "find"]) == 1
            await leg.hang_up()
            assert await stage.watch.ended(call_id) == "abandoned_in_queue"

    run(story())


def test_a_call_whose_worker_dies_in_a_drain_is_answered_by_another(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, **EDGE) as stage:
            stage.salesforce.fault(FaultKind.SLOW, seconds=2.0, times=1)
            leg = await stage.dial()
            call_id = await stage.watch.stage("ringing")
            draining = asyncio.create_task(drain(stage.node, asyncio.Event(), 30.0))
            await asyncio.sleep(0)
            assert not stage.node.reception.open
            lost = busy(stage).process
            assert lost is not None
            assert lost.pid is not None
            os.kill(lost.pid, signal.SIGKILL)
            await soon(leg.answered)
            other = await stage.dial()
            assert (await soon(other.ended)).code == 503
            await leg.hang_up()
            await soon(draining)
            view = await stage.record_of(call_id)
            assert stage.events_of(view, "moved") == [{"why": "worker_lost"}]
            assert [call.call_id for call in await stage.operator.calls()] == [call_id]

    run(story())


def test_an_invite_that_comes_again_on_another_way_is_the_same_call(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, **EDGE) as stage, raw_peer() as peer:
            stage.salesforce.fault(FaultKind.SLOW, seconds=2.0, times=1)
            first = RawCall(peer, int(stage.sip.rsplit(":", 1)[1]))
            known = f"From: <sip:{ALICE}@{peer.address}>;tag=raw"
            first.invite(from_header=known)
            call_id = await stage.watch.stage("ringing")
            again = replace(first, cseq=2)  # the same Call-ID and From tag, another transaction
            again.invite(from_header=known)
            refusal = await peer.response(503)
            assert refusal.header("CSeq") == "1 INVITE"
            first.ack_refusal(refusal)
            answer = await again.established()
            assert answer.header("CSeq") == "2 INVITE"
            assert await stage.watch.stage("queued") == call_id
            view = await stage.record_of(call_id)
            assert stage.events_of(view, "moved") == [{"why": "worker_slow"}]
            assert [call.call_id for call in await stage.operator.calls()] == [call_id]
            again.cseq = 3
            again.send(again.request("BYE", from_header=known))
            assert await stage.watch.ended(call_id) == "abandoned_in_queue"

    run(story())


def test_an_invite_that_comes_again_after_the_answer_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, sip_more="edge: kamailio") as stage, raw_peer() as peer:
            first = RawCall(peer, int(stage.sip.rsplit(":", 1)[1]))
            first.invite()
            await first.established()
            call_id = await stage.watch.stage("queued")
            replace(first, cseq=2, remote_to="").invite()
            assert (await peer.response(482)).header("CSeq") == "2 INVITE"
            assert [call.call_id for call in await stage.operator.calls()] == [call_id]
            first.cseq = 3
            first.next("BYE")
            assert await stage.watch.ended(call_id) == "abandoned_in_queue"

    run(story())


def test_a_call_that_is_ended_before_the_answer_is_not_brought_to_another_worker(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, **EDGE) as stage:
            stage.salesforce.fault(FaultKind.SLOW, seconds=2.0, times=1)
            leg = await stage.dial()
            call_id = await stage.watch.stage("ringing")
            await stage.operator.hang_up(call_id)
            assert (await soon(leg.ended)).code == 503
            assert await stage.watch.ended(call_id) == "ended_by_operator"
            assert [call.call_id for call in await stage.operator.calls()] == [call_id]

    run(story())


def test_a_call_that_nobody_else_can_take_is_closed_as_lost(tmp_path: Path) -> None:
    async def story() -> None:
        one = EDGE | {"sip_more": "edge: kamailio"}  # two customers a worker: there is but one
        async with scene(tmp_path, **one) as stage:
            stage.salesforce.fault(FaultKind.SLOW, seconds=2.0, times=1)
            leg = await stage.dial()
            call_id = await stage.watch.stage("ringing")
            process = stage.node.pool.slots[0].process
            assert process is not None
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            assert (await soon(leg.ended)).code == 503
            assert await stage.watch.ended(call_id) == "worker_lost"

    run(story())
