"""The estimated wait: from handled calls to seconds, and in the ACD on an event loop."""

from __future__ import annotations

import asyncio

import pytest

from ivr.acd.agent import AgentState
from ivr.acd.changes import CallConnected, Change, WrapUpEnded
from ivr.acd.errors import UnknownQueue
from ivr.acd.estimate import KEPT, LOOKBACK_S, HandledCalls, wait_s
from ivr.acd.model import WrapUpEnd
from ivr.acd.service import AcdService
from ivr.acd.testing import agent_definitions, queue_definitions
from ivr.ids import AgentId, CallId, QueueName
from ivr.testing.virtual_time import LoopClock, run_virtual

SUPPORT, SALES = QueueName("Support"), QueueName("Sales")
ALICE = AgentId("alice")
TALKING = (AgentState.TALKING,)


def connected(call: str) -> Change:
    return CallConnected(call_id=CallId(call), agent_id=ALICE, queue=SUPPORT, waited_s=1.0, reasons=())


def wrapped_up(call: str) -> Change:
    return WrapUpEnded(call_id=CallId(call), agent_id=ALICE, queue=SUPPORT, how=WrapUpEnd.AGENT, reasons=())


def handled(*seconds: float, ending_at: float = 1000.0) -> HandledCalls:
    """Calls that took so long, all over at one time."""
    calls = HandledCalls()
    for number, took in enumerate(seconds):
        calls.note([connected(str(number))], ending_at - took)
        calls.note([wrapped_up(str(number))], ending_at)
    return calls


def test_a_place_takes_the_mean_of_the_calls_shared_by_the_agents() -> None:
    calls = handled(60, 120, 180)
    assert calls.place_s(SUPPORT, TALKING, 1000.0, LOOKBACK_S) == 120
    serving = (AgentState.TALKING, AgentState.WRAP_UP, AgentState.RINGING, AgentState.READY)
    assert calls.place_s(SUPPORT, serving, 1000.0, LOOKBACK_S) == 30
    away = (*TALKING, AgentState.NOT_READY, AgentState.SIGNED_OUT)
    assert calls.place_s(SUPPORT, away, 1000.0, LOOKBACK_S) == 120


def test_without_calls_or_agents_nothing_is_said() -> None:
    assert handled(60, 60).place_s(SUPPORT, TALKING, 1000.0, LOOKBACK_S) is None
    calls = handled(60, 60, 60)
    assert calls.place_s(SALES, TALKING, 1000.0, LOOKBACK_S) is None
    assert calls.place_s(SUPPORT, (AgentState.NOT_READY,), 1000.0, LOOKBACK_S) is None


def test_calls_of_long_ago_do_not_count() -> None:
    calls = handled(60, 60, 60, ending_at=1000.0)
    assert calls.place_s(SUPPORT, TALKING, 1300.0, 300.0) == 60
    assert calls.place_s(SUPPORT, TALKING, 1300.1, 300.0) is None


def test_only_the_latest_calls_are_kept() -> None:
    calls = handled(*[10.0] * 5, *[60.0] * KEPT)
    assert calls.place_s(SUPPORT, TALKING, 1000.0, LOOKBACK_S) == 60


@pytest.mark.parametrize(
    ("position", "ready", "place_s", "expected"),
    [(1, 0, 90.0, 90.0), (3, 0, 90.0, 270.0), (1, 1, None, 0.0), (3, 1, 90.0, 180.0), (2, 1, None, None)],
)
def test_a_wait_is_so_many_places(
    position: int, ready: int, place_s: float | None, expected: float | None
) -> None:
    assert wait_s(position, ready, place_s) == expected


def test_the_acd_learns_from_its_calls() -> None:
    async def scenario() -> None:
        queues = queue_definitions({"Support": ["alice"]}, wrap_up_s=20.0)
        async with AcdService(queues, agent_definitions("alice"), LoopClock(), lambda _: None) as acd:
            acd.sign_in(ALICE)
            acd.set_ready(ALICE)
            for number in range(3):
                assert acd.place_s(SUPPORT) is None
                call = CallId(str(number))
                acd.enqueue(call, SUPPORT, 5)
                await acd.next_offer(call)
                acd.offer_answered(call)
                await asyncio.sleep(100)
                acd.conversation_ended(call)
                await asyncio.sleep(20)
            assert acd.place_s(SUPPORT) == pytest.approx(120)
            await asyncio.sleep(LOOKBACK_S)
            assert acd.place_s(SUPPORT) is None
            with pytest.raises(UnknownQueue):
                acd.place_s(SALES)

    run_virtual(scenario())
