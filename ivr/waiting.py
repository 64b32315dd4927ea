"""Waiting for the first of several things."""

from __future__ import annotations

import asyncio
from typing import Any


async def any_of(*futures: asyncio.Future[Any], timeout_s: float | None = None) -> None:
    """Until one of the futures is done, or the time is over. Cancels none of them."""
    await asyncio.wait(futures, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
