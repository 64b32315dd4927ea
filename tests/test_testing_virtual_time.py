"""Time that jumps."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from ivr.testing.clock import EPOCH, ManualClock
from ivr.testing.virtual_time import LoopClock, Stuck, run_virtual


def test_a_day_passes_at_once_and_in_order() -> None:
    async def day() -> list[int]:
        order: list[int] = []

        async def at(hour: int) -> None:
            await asyncio.sleep(hour * 3600)
            order.append(hour)

        async with asyncio.TaskGroup() as group:
            for hour in (23, 1, 30, 12):
                group.create_task(at(hour))
        assert LoopClock().monotonic() == 30 * 3600
        assert LoopClock().now() == EPOCH + timedelta(hours=30)
        return order

    assert run_virtual(day()) == [1, 12, 23, 30]


def test_timeouts_work() -> None:
    async def wait() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.Event().wait()

    run_virtual(wait())


def test_a_wait_without_end_is_an_error() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        run_virtual(wait())


def test_a_manual_clock_moves_by_hand_and_not_back() -> None:
    clock = ManualClock()
    clock.advance(1.5)
    assert (clock.monotonic(), clock.now()) == (1.5, EPOCH + timedelta(seconds=1.5))
    with pytest.raises(ValueError):
        clock.advance(-1)
