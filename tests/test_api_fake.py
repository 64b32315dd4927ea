"""The fake node's script keeps agent, call and queue in step, as the real node would."""

from __future__ import annotations

import asyncio
import json

import pytest

from ivr.api.errors import Refused
from ivr.api.fake_state import QUEUE
from ivr.api.models import AgentStatus, CallStage
from ivr.api.stream import EventHub
from ivr.api.testing import FakeNode, play_calls
from ivr.ids import AgentId, CallId
from ivr.listing import CallQuery
from ivr.testing.clock import ManualClock
from ivr.testing.virtual_time import run_virtual

ALICE = AgentId("alice")


def node() -> FakeNode:
    clock = ManualClock()
    return FakeNode(EventHub(clock), clock)


async def ready(fake: FakeNode) -> None:
    await fake.sign_in(ALICE)
    await fake.set_agent_state(ALICE, AgentStatus.READY, None)


def test_calls_play_by_themselves() -> None:
    async def main() -> list[str]:
        fake = node()
        await ready(fake)
        with fake.hub.subscribe(None) as subscription:
            player = asyncio.create_task(play_calls(fake, every_s=5, step_s=4))
            stages: list[str] = []
            while "wrap_up" not in stages:
                event = json.loads(await subscription.next())
                if event["type"] == "call" and (not stages or stages[-1] != event["call"]["stage"]):
                    stages.append(event["call"]["stage"])
            player.cancel()
            await asyncio.gather(player, return_exceptions=True)
        return stages

    stages = ["treatment", "queued", "offered", "connected", "on_hold", "connected", "wrap_up"]
    assert run_virtual(main()) == stages


def test_with_nobody_ready_the_caller_gives_up() -> None:
    async def main() -> list[str | None]:
        fake = node()
        with fake.hub.subscribe(None) as subscription:
            player = asyncio.create_task(play_calls(fake, every_s=5, step_s=4))
            while json.loads(await subscription.next()).get("call", {}).get("stage") != "ended":
                pass
            player.cancel()
            await asyncio.gather(player, return_exceptions=True)
        return [call.ending for call in await fake.calls(CallQuery(limit=10))]

    assert run_virtual(main()) == ["caller_gave_up"]


def test_a_call_rings_only_at_an_agent_who_is_ready() -> None:
    async def main() -> None:
        fake = node()
        with pytest.raises(Refused, match="not ready"):
            await fake.ring("alice")

    asyncio.run(main())


def test_a_declined_call_is_queued_again() -> None:
    async def main() -> None:
        fake = node()
        await ready(fake)
        call_id = await fake.ring("alice")
        await fake.decline(call_id)
        view, queue = await fake.agent(ALICE), await fake.queue(QUEUE)
        assert view is not None
        assert (view.status, view.reason, view.call) == (AgentStatus.NOT_READY, "no answer", None)
        assert queue is not None
        assert [place.call_id for place in queue.calls] == [call_id]

    asyncio.run(main())


def test_a_call_that_ends_while_it_rings_leaves_the_agent_ready() -> None:
    async def main() -> None:
        fake = node()
        await ready(fake)
        await fake.end(await fake.ring("alice", "c1"))
        view, call = await fake.agent(ALICE), await fake.call(CallId("c1"))
        assert view is not None
        assert (view.status, view.call) == (AgentStatus.READY, None)
        assert call is not None
        assert call.stage is CallStage.ENDED

    asyncio.run(main())
