"""News that many hear, told at most so often: the first at once, then all that came since."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Subject = TypeVar("Subject", bound=Hashable)


class Pacer(Generic[Subject]):
    """Tells that a subject has changed, each at most once in `every_s`. The last change is always told.

    Lives in the running loop, and holds at most one timer a subject.
    """

    def __init__(self, tell: Callable[[Subject], None], every_s: float) -> None:
        self._tell = tell
        self._every_s = every_s
        self._told_at: dict[Subject, float] = {}
        self._due: set[Subject] = set()

    def changed(self, subject: Subject) -> None:
        """It has changed; who is told later sees it as it is then."""
        if subject in self._due:
            return
        loop = asyncio.get_running_loop()
        wait_s = self._told_at.get(subject, -self._every_s) + self._every_s - loop.time()
        if wait_s <= 0.0:
            self._now(subject)
        else:
            self._due.add(subject)
            loop.call_later(wait_s, self._now, subject)

    def _now(self, subject: Subject) -> None:
        self._due.discard(subject)
        self._told_at[subject] = asyncio.get_running_loop().time()
        self._tell(subject)
