"""An offer that is gone by no fault of the agent: the caller's worker has no leg left to ring him with."""

from __future__ import annotations

import asyncio

from ivr.demo.people import Phone
from media.client import WorkerClient
from media.errors import CommandFailed
from media.leg import Leg

MOST = 16
"""More legs than a worker can have."""
RELEASE_S = 2.0


class Crowd:
    """Takes every leg of a worker, and gives them back."""

    def __init__(self, phone: Phone, address: str) -> None:
        """`phone` is who is rung, and never answers."""
        self._phone = phone
        self._address = address
        self._legs: list[Leg] = []

    async def ring(self) -> None:
        """Let it ring, until cancelled."""
        while True:
            leg, _, _ = await self._phone.rung()
            await leg.answer(180)

    async def fill(self, worker: WorkerClient) -> None:
        """Until the worker refuses another leg."""
        for _ in range(MOST):
            try:
                self._legs.append(await worker.dial(f"sip:crowd@{self._address}", self._address))
            except CommandFailed:
                return

    async def clear(self) -> None:
        """All legs are free again."""
        legs, self._legs = self._legs, []
        await asyncio.gather(*(leg.hang_up() for leg in legs))
        if legs:
            await asyncio.wait({leg.ended for leg in legs}, timeout=RELEASE_S)
