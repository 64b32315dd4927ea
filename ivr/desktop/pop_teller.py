"""What became of screen pops, on its way to the node: told once, and again until the node has heard it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ivr.api.errors import ApiError
from ivr.api.models import PopOutcome
from ivr.desktop.pops import Ack, PopBook
from ivr.desktop.ports import NodeClient
from ivr.desktop.refusals import may_pass

RETRY_S = 2.0

log = structlog.get_logger()


class PopTeller:
    """The pops as the tabs of one agent handle them, and the loop that tells the node.

    `changed` is called after each change. While `paused` says so, nothing is sent; `wake` ends the pause."""

    def __init__(
        self,
        client: NodeClient,
        book: PopBook,
        *,
        changed: Callable[[], None],
        paused: Callable[[], bool],
    ) -> None:
        self.book = book
        self._client = client
        self._tell = changed
        self._paused = paused
        self._acks: dict[str, Ack] = {}
        self._changed = asyncio.Event()

    def claim(self, pop_id: str) -> bool:
        """True for the one tab that is to open the page."""
        return self.book.claim(pop_id)

    def release(self, pop_id: str) -> None:
        """The tab that claimed it is gone and opened nothing: another may."""
        self.book.release(pop_id)
        self._tell()

    def settle(self, call_id: str, pop_id: str, outcome: PopOutcome) -> None:
        """What became of a pop; told to the node once."""
        if self.book.settle(pop_id, outcome):
            self._acks[pop_id] = Ack(call_id=call_id, pop_id=pop_id, outcome=outcome)
            self._changed.set()
        self._tell()

    def wake(self) -> None:
        """The node is there again: what waited for it goes now."""
        self._changed.set()

    async def send_acks(self) -> None:
        """The loop; until cancelled."""
        while True:
            self._changed.clear()
            for ack in () if self._paused() else tuple(self._acks.values()):
                await self._send(ack)
            try:
                async with asyncio.timeout(RETRY_S if self._acks else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _send(self, ack: Ack) -> None:
        try:
            await self._client.acknowledge_pop(ack.call_id, ack.pop_id, ack.outcome)
        except ApiError as exc:
            if may_pass(exc):
                return
            log.warning("desktop_pop_not_acknowledged", call_id=ack.call_id, why=type(exc).__name__)
        if self._acks.get(ack.pop_id) == ack:
            del self._acks[ack.pop_id]
