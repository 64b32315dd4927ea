"""The keys that a caller has pressed and that nobody has asked for yet: type-ahead, in order and bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from ivr.clock import Clock

MAX_AHEAD = 32
"""Keys beyond these are lost: nobody types so many ahead on purpose."""
SAME_KEY_S = 0.5
TERMINATOR_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Last:
    key: str
    method: str
    at: float


class KeyBuffer:
    """Keys in, keys out; `arrived` wakes who waits for one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: deque[str] = deque()
        self._arrived = asyncio.Event()
        self._last: _Last | None = None
        self._unwanted = ""
        self._unwanted_until = 0.0

    def press(self, key: str, method: str) -> None:
        """A key. Some telephones send each by both methods: the second one of a pair does not count."""
        now, last = self._clock.monotonic(), self._last
        self._last = _Last(key=key, method=method, at=now)
        if last is not None and last.key == key and last.method != method and now - last.at < SAME_KEY_S:
            self._last = None
            return
        unwanted, self._unwanted = self._unwanted, ""
        if key in unwanted and now < self._unwanted_until:
            return
        if len(self._keys) < MAX_AHEAD:
            self._keys.append(key)
            self._arrived.set()

    @property
    def waiting(self) -> bool:
        """Whether there is one."""
        return bool(self._keys)

    def take(self) -> str | None:
        """The oldest key."""
        return self._keys.popleft() if self._keys else None

    def clear(self) -> None:
        """Nobody wants what was pressed so far."""
        self._keys.clear()

    def expect_terminator(self, terminators: str) -> None:
        """An entry was complete without its terminator: if that comes next and soon, it belongs to the entry
        that is over, and not to what is asked next."""
        if terminators and self._keys and self._keys[0] in terminators:
            self._keys.popleft()
        elif not self._keys:
            self._unwanted, self._unwanted_until = terminators, self._clock.monotonic() + TERMINATOR_S

    async def arrived(self, timeout_s: float | None) -> bool:
        """Wait for a key to be there; False when the time is over."""
        if not self._keys:
            self._arrived.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._arrived.wait()
            except TimeoutError:
                return False
        return True
