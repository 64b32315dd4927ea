"""Time that passes only when there is nothing else to do.

`run_virtual(coro)` runs a coroutine on an event loop whose clock jumps to the next timer as soon as no
callback is ready. An hour of wrap-ups takes no time, and every run gives the same order. Under it there is
no thread, socket, process or database: nothing outside the loop can make progress while time jumps.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ivr.testing.clock import EPOCH

T = TypeVar("T")


class Stuck(RuntimeError):
    """Every task waits for something and no timer is set: the program under test would wait for ever."""


class _JumpingSelector(selectors.BaseSelector):
    """Answers "wait this long" by moving the time."""

    def __init__(self) -> None:
        self._inner = selectors.DefaultSelector()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._inner.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Stuck("all tasks wait and no timer is set")
        self.time += max(timeout, 0.0)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to its next timer."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.time


class LoopClock:
    """A `Clock` that follows the running loop's time."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start = start

    def now(self) -> datetime:
        """The start plus the loop's time, in UTC."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """The running loop's time."""
        return asyncio.get_running_loop().time()


def run_virtual(coro: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, in virtual time; raises `Stuck` when all tasks wait with no timer set."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coro)
