"""How often a sign-in may be tried. Pure but for the clock's reading.

Counted for an agent from a source, and for a source over all agents. An agent alone is not counted:
anybody could lock anybody out.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from ivr.api.errors import TooManyAttempts
from ivr.clock import Clock

Key = tuple[str, str]


@dataclass(slots=True)
class _Window:
    ends_at: float
    tries: int = 0


class AttemptLimit:
    """At most so many tries in a window; the table is bounded and forgets who was longest quiet."""

    def __init__(
        self,
        clock: Clock,
        *,
        of_agent: int = 5,
        of_source: int = 50,
        window_s: float = 60.0,
        entries: int = 4096,
    ) -> None:
        self._clock = clock
        self._of_agent = of_agent
        self._of_source = of_source
        self._window_s = window_s
        self._entries = entries
        self._windows: OrderedDict[Key, _Window] = OrderedDict()

    def begin(self, agent: str, source: str) -> None:
        """Count a try before its password is looked at, so that many at once count too."""
        self._count(("", source), self._of_source)
        self._count((agent, source), self._of_agent)

    def succeeded(self, agent: str, source: str) -> None:
        """The password was right: this agent's tries from there are forgotten."""
        self._windows.pop((agent, source), None)

    def __len__(self) -> int:
        return len(self._windows)

    def _count(self, key: Key, limit: int) -> None:
        now = self._clock.monotonic()
        window = self._windows.get(key)
        if window is None or window.ends_at <= now:
            window = self._windows[key] = _Window(now + self._window_s)
        self._windows.move_to_end(key)
        while len(self._windows) > self._entries:
            self._windows.popitem(last=False)
        if window.tries >= limit:
            raise TooManyAttempts(
                "Sign-in was tried too often; wait a minute.", retry_after_s=window.ends_at - now
            )
        window.tries += 1
