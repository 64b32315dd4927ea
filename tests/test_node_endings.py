"""How calls end: the caller hangs up in every state; agents, operators and flows end them; calls refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.api.errors import ApiRefused
from ivr.api.models import AgentStatus
from ivr.salesforce.simulator.faults import FaultKind
from tests.node_support import ALICE, ROOT, Scene, run, scene, soon

pytestmark = [pytest.mark.sip, pytest.mark.timeout(120)]

SHIPPED = {"flow": "salesforce_ani_lookup", "flows": ROOT / "config" / "flows"}


async def _idle(stage: Scene) -> None:
    """Nothing is left of any call: no customer booked, no leg in the worker."""
    slot = stage.node.pool.slots[0]
    assert slot.client is not None
    await soon(_until_empty(stage))
    assert stage.node.pool.customers == 0
    assert not slot.client.legs


async def _until_empty(stage: Scene) -> None:
    slot = stage.node.pool.slots[0]
    assert slot.client is not None
    while slot.client.legs or stage.node.pool.customers or slot.client.library_legs:
        await stage.tick()


def test_hangs_up_while_it_rings(tmp_path: Path) -> None:
    async def story() -> None:
        answer = "{after: lookups, at_most_s: 20}"
        async with scene(tmp_path, answer=answer, deadline_s=20) as stage:
            stage.salesforce.fault(FaultKind.SLOW, seconds=2.4)
            leg = await stage.dial()
            call_id = await stage.watch.stage("ringing")
            await leg.hang_up()
            assert await stage.watch.ended(call_id) == "abandoned_ringing"
            assert (await soon(leg.ended)).code == 487
            await _idle(stage)

    run(story())


def test_hangs_up_during_the_greeting(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, **SHIPPED) as stage:
            leg = await stage.dial()
            call_id = await stage.watch.stage("treatment")
            await leg.hang_up()
            assert await stage.watch.ended(call_id) == "abandoned_in_treatment"
            await _idle(stage)

    run(story())


def test_hangs_up_in_the_queue_and_the_call_is_written(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            leg, call_id = await stage.call()
            await stage.cases_known(call_id)
            await leg.hang_up()
            assert await stage.watch.ended(call_id) == "abandoned_in_queue"
            await stage.watch.delivery(call_id, "delivered")
            (comment,) = stage.salesforce.comments(call_id)
            assert "before an agent answered" in comment
            assert (await stage.operator.queue("Support")).waiting == 0
            await _idle(stage)

    run(story())


def test_abandoned_calls_are_not_written_where_so_configured(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, abandoned="false") as stage:
            leg, call_id = await stage.call()
            await stage.cases_known(call_id)
            await leg.hang_up()
            await stage.watch.ended(call_id)
            await stage.watch.stage("ended", call_id)
            assert await stage.operator.outbox() == []

    run(story())


def test_hangs_up_while_an_agents_phone_rings(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            leg, call_id = await stage.call()
            await stage.ready()
            agent, _, _ = await soon(stage.phones["sam"].rung())
            await agent.answer(180)
            await leg.hang_up()
            assert await stage.watch.ended(call_id) == "abandoned_while_offered"
            await soon(agent.ended)
            assert (await stage.me()).status is AgentStatus.READY
            await _idle(stage)

    run(story())


def test_hangs_up_in_the_conversation(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            leg, call_id = await stage.call()
            await stage.ready()
            agent = await stage.answer()
            await stage.watch.stage("connected", call_id)
            await leg.hang_up()
            assert await stage.watch.ended(call_id) == "caller_hung_up"
            await soon(agent.ended)
            await stage.desks["sam"].end_wrap_up(call_id)
            await stage.watch.stage("ended", call_id)
            record = await stage.record_of(call_id)
            assert set(record.record["rtp"]) == {"caller", "agent"}
            assert record.record["rtp"]["caller"]["codec"] == "PCMU/8000"
            await _idle(stage)

    run(story())


@pytest.mark.parametrize("hang_up_first", [False, True])
def test_the_agent_answers_as_the_caller_hangs_up(tmp_path: Path, hang_up_first: bool) -> None:
    """No half call: both are gone, one record, the agent is free."""

    async def story() -> None:
        async with scene(tmp_path, wrap_up_s=0) as stage:
            leg, call_id = await stage.call()
            await stage.ready()
            agent, _, _ = await soon(stage.phones["sam"].rung())
            work = [agent.answer(200), leg.hang_up()]
            if hang_up_first:
                work.reverse()
            await asyncio.gather(*work, return_exceptions=True)
            ending = await stage.watch.ended(call_id)
            assert ending in {"abandoned_while_offered", "caller_hung_up"}
            await soon(agent.ended)
            await stage.watch.agent("sam", AgentStatus.READY)
            await _idle(stage)

    run(story())


def test_the_operator_hangs_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            leg, call_id = await stage.call()
            (listed,) = await stage.operator.calls()
            assert (listed.call_id, listed.ending) == (call_id, None)
            assert await stage.operator.calls(ending="ended_by_operator") == []
            assert await stage.operator.calls(before=call_id) == []
            await stage.operator.hang_up(call_id)
            await soon(leg.ended)
            assert await stage.watch.ended(call_id) == "ended_by_operator"
            await _idle(stage)
            (listed,) = await stage.operator.calls(text=call_id, ending="ended_by_operator")
            assert listed.call_id == call_id
            assert listed.ended_at is not None
            with pytest.raises(ApiRefused):
                await stage.operator.calls(before="no-such-call")

    run(story())


def test_a_number_that_nobody_answers_for_is_404(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            leg = await stage.dial(to="nobody")
            ended = await soon(leg.ended)
            assert (ended.by, ended.code) == ("peer", 404)
            metrics = await stage.operator.metrics()
            assert "no_entry_point" in metrics
            assert "ivr_outbox_dead 0.0" in metrics
            await _idle(stage)

    run(story())


def test_one_caller_too_many_is_told_to_come_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            first, one = await stage.call()
            await stage.call()
            third = await stage.dial()
            ended = await soon(third.ended)
            assert ended.code == 503
            await first.hang_up()
            await stage.watch.stage("ended", one)
            await soon(_room(stage))
            again = await stage.dial()
            await soon(again.answered)

    run(story())


async def _room(stage: Scene) -> None:
    while not stage.node.pool.slots[0].room(2):
        await stage.tick()


def test_dnis_is_compared_as_a_number(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            for dialled in ("4155550100", "+1-415-555-0100", "SERVICE"):
                leg = await stage.dial(f"<sip:{ALICE}@127.0.0.1>", to=dialled)
                await soon(leg.answered)
                await leg.hang_up()
                await soon(leg.ended)
                await soon(_until_empty(stage))

    run(story())
