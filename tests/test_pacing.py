"""News that are told at most so often, in virtual time."""

from __future__ import annotations

import asyncio

from ivr.pacing import Pacer
from ivr.testing.virtual_time import run_virtual


def test_the_first_change_is_told_at_once_and_the_rest_together() -> None:
    async def scene() -> None:
        loop, told = asyncio.get_running_loop(), list[tuple[str, float]]()
        began = loop.time()
        pacer = Pacer[str](lambda subject: told.append((subject, round(loop.time() - began, 2))), 0.25)
        for _ in range(10):
            pacer.changed("Support")
            pacer.changed("Sales")
            await asyncio.sleep(0.01)
        assert told == [("Support", 0.0), ("Sales", 0.0)]
        await asyncio.sleep(1.0)
        assert sorted(told[2:]) == [("Sales", 0.25), ("Support", 0.25)]
        pacer.changed("Support")
        assert told[4:] == [("Support", 1.1)]

    run_virtual(scene())


def test_who_is_told_later_sees_how_it_is_then() -> None:
    async def scene() -> None:
        line, seen = list[int](), list[int]()
        pacer = Pacer[str](lambda _: seen.append(len(line)), 0.25)
        for number in range(5):
            line.append(number)
            pacer.changed("Support")
        await asyncio.sleep(1.0)
        assert seen == [1, 5]

    run_virtual(scene())
