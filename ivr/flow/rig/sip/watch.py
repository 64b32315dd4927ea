"""The node's event stream, remembered, for people who wait for something in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from ivr.api.client import ApiClient
from ivr.api.models import StreamEvent


class Watch:
    """Everything that the node has told. Waits last as long as the scenario, which bounds them."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self.events: list[StreamEvent] = []
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
        event = await self.until(lambda e: e.type == "call" and part(e, "call").get("stage") in stages)
        return str(event.call_id)

    async def closed(self, call_id: str) -> None:
        """Until the call has its ending."""
        await self.until(
            lambda e: e.type == "call" and e.call_id == call_id and part(e, "call").get("ending") is not None
        )

    async def delivered(self, call_id: str, times: int) -> None:
        """Until so many writes for the call have been delivered."""
        async with self._news:
            await self._news.wait_for(lambda: self._deliveries(call_id) >= times)

    def _deliveries(self, call_id: str) -> int:
        return sum(
            1
            for event in self.events
            if event.type == "outbox"
            and event.call_id == call_id
            and (event.model_extra or {}).get("outcome") == "delivered"
        )

    def pops(self) -> list[tuple[str, str]]:
        """Time (ISO 8601) and URL of every screen pop."""
        pops = [event for event in self.events if event.type == "screen_pop"]
        return [(str(event.time), str(part(event, "pop").get("url"))) for event in pops]


def part(event: StreamEvent, key: str) -> dict[str, Any]:
    """A part of an event, empty when it has none."""
    found = (event.model_extra or {}).get(key)
    return found if isinstance(found, dict) else {}
