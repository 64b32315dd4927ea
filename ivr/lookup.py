"""The look-up of one call's caller: one chain of two requests, one deadline, late answers kept.

The chain starts once, usually at INVITE, and runs to its end whether or not anybody still waits: who the
caller is, then account, contact and open cases. The flow waits for a step only until the deadline; what
comes later goes to `found` all the same, marked late. So a request must not end with the deadline: it has a
time limit of its own, well above it (`request_limit_s`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Protocol

from ivr.clock import Clock
from ivr.numbers import E164
from ivr.salesforce.model import Match, MatchResult
from ivr.salesforce.wire import Observe


class Directory(Protocol):
    """What a look-up needs of a connector: `SalesforceConnector` has it."""

    async def find(self, number: E164, observe: Observe | None = None) -> Match: ...

    async def open_cases(self, match: Match, observe: Observe | None = None) -> Match: ...


SHORTEST_LIMIT_S = 10.0


def request_limit_s(deadline_s: float) -> float:
    """How long one request of a chain with this deadline may take before it is given up."""
    return max(SHORTEST_LIMIT_S, 2.0 * deadline_s)


Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


class CallerLookup:
    """Shared by all activities of a call that ask the same connector for the same number.

    `number` None: not a public number, and nothing is asked; `withheld`: nobody told us one."""

    def __init__(
        self,
        directory: Directory,
        number: E164 | None,
        *,
        withheld: bool,
        deadline_s: float,
        clock: Clock,
        spawn: Spawn,
        observe: Observe,
        found: Callable[[Match], None],
    ) -> None:
        self._directory = directory
        self._number = number
        self._withheld = withheld
        self._deadline_s = deadline_s
        self._clock = clock
        self._spawn = spawn
        self._observe = observe
        self._found = found
        self._until: float | None = None
        self._who: asyncio.Future[Match] = asyncio.get_running_loop().create_future()
        self._cases: asyncio.Future[Match] = asyncio.get_running_loop().create_future()

    async def find(self) -> Match:
        """Who the caller is, by the deadline; ERROR with detail "deadline" after it."""
        return await self._wait(self._who)

    async def open_cases(self) -> Match:
        """The same with account, contact and open cases, by the deadline; without them after it."""
        match = await self._wait(self._who)
        if match.result not in (MatchResult.ONE, MatchResult.MANY):
            return match
        cases = await self._wait(self._cases)
        return match if cases.result is MatchResult.ERROR else cases

    def _start(self) -> float:
        if self._until is None:
            self._until = self._clock.monotonic() + self._deadline_s
            self._spawn(self._chain(), "lookup")
        return self._until

    async def _wait(self, step: asyncio.Future[Match]) -> Match:
        left = self._start() - self._clock.monotonic()
        done, _ = await asyncio.wait({step}, timeout=max(0.0, left))
        if not done:
            return Match(result=MatchResult.ERROR, detail="deadline")
        return step.result()

    async def _chain(self) -> None:
        who = await self._identify()
        self._publish(self._who, who)
        if who.result in (MatchResult.ONE, MatchResult.MANY):
            self._publish(self._cases, await self._directory.open_cases(who, self._observe))
        else:
            self._cases.set_result(who)

    async def _identify(self) -> Match:
        if self._withheld:
            return Match(result=MatchResult.WITHHELD)
        if self._number is None:
            return Match(result=MatchResult.NONE, detail="not a public number")
        return await self._directory.find(self._number, self._observe)

    def _publish(self, step: asyncio.Future[Match], match: Match) -> None:
        late = self._until is not None and self._clock.monotonic() > self._until
        match = replace(match, late=True) if late else match
        step.set_result(match)
        self._found(match)
