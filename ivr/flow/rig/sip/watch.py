"""The node's event stream, remembered, for people who wait for something in it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from ivr.api.client import ApiClient
from ivr.api.models import AgentStatus, StreamEvent


class Watch:
    """Everything that the node has told. Waits last as long as the scenario, which bounds them."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self.events: list[StreamEvent] = []
        self.others: set[str] = set()
        """Calls that are not the scenario's own: those of callers ahead."""
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Listen until cancelled."""
        async with aclosing(self._client.events()) as events:
            async for event in events:
                async with self._news:
                    self.events.append(event)
                    self._news.notify_all()

    async def until(self, wanted: Callable[[StreamEvent], bool]) -> StreamEvent:
        """The first event that is wanted, past ones included."""
        async with self._news:
            while True:
                found = next((event for event in self.events if wanted(event)), None)
                if found is not None:
                    return found
                await self._news.wait()

    async def stage(self, *stages: str) -> str:
        """Until the call is in one of these stages; its id."""
        event = await self.until(
            lambda e: (
                e.type == "call"
                and part(e, "call").get("stage") in stages
                and str(e.call_id) not in self.others
            )
        )
        return str(event.call_id)

    async def closed(self, call_id: str) -> None:
        """Until the call has its ending."""
        await self.until(
            lambda e: e.type == "call" and e.call_id == call_id and part(e, "call").get("ending") is not None
        )

    async def attempted(self, call_id: str, times: int) -> None:
        """Until so many writes for the call have been tried, whatever came of it."""
        async with self._news:
            await self._news.wait_for(lambda: self._attempts(call_id) >= times)

    def _attempts(self, call_id: str) -> int:
        return sum(1 for event in self.events if event.type == "outbox" and event.call_id == call_id)

    async def let_go(self, agent: str, times: int) -> None:
        """Until the agent was offered a call and was ready again without having had it, so many times."""
        async with self._news:
            await self._news.wait_for(lambda: self._let_go(agent) >= times)

    def _let_go(self, agent: str) -> int:
        views = [part(event, "agent") for event in self.events if event.type == "agent"]
        states = [view.get("status") for view in views if view.get("id") == agent]
        pair = (AgentStatus.RINGING.value, AgentStatus.READY.value)
        return sum(1 for before, after in itertools.pairwise(states) if (before, after) == pair)

    def pops(self) -> list[tuple[str, str]]:
        """Time (ISO 8601) and URL of every screen pop."""
        pops = [event for event in self.events if event.type == "screen_pop"]
        return [(str(event.time), str(part(event, "pop").get("url"))) for event in pops]


def part(event: StreamEvent, key: str) -> dict[str, Any]:
    """A part of an event, empty when it has none."""
    found = (event.model_extra or {}).get(key)
    return found if isinstance(found, dict) else {}
