"""The scripted caller and agent: media workers of their own, driven through the node's own contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np

from media.leg import Leg
from media.messages import Incoming
from media.pool import Booking, Pool, PoolSettings
from media.sound import write_wav16

CALLER_TONE_HZ = 523.25
AGENT_TONE_HZ = 880.0
TONE_S = 2.0
RATE = 8000
ANSWER_AFTER_S = 1.0


def write_tone(path: Path, frequency_hz: float) -> Path:
    """A tone that loops without a click: a whole number of periods fits."""
    periods = round(frequency_hz * TONE_S)
    samples = np.arange(int(TONE_S * RATE)) / RATE
    wave = 0.25 * np.sin(2 * np.pi * (periods / TONE_S) * samples)
    write_wav16(path, wave.astype(np.float32), RATE)
    return path


@asynccontextmanager
async def phone(port: int, rtp_first: int, host: str = "127.0.0.1") -> AsyncIterator[Phone]:
    """A telephone on a port of its own, in a process of its own."""
    calls: asyncio.Queue[tuple[Leg, Incoming, Booking]] = asyncio.Queue(4)

    def on_call(leg: Leg, event: Incoming, booking: Booking) -> None:
        calls.put_nowait((leg, event, booking))

    settings = PoolSettings(
        listen_host=host,
        listen_port=port,
        rtp_first=rtp_first,
        rtp_last=rtp_first + 39,
        capacity=4,
        legs_per_customer=1,
        user_agent="ivr-demo-phone",
    )
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            Pool(
                settings,
                on_call=on_call,
                on_registration=lambda _: None,
                on_restart=lambda *_: None,
                now=loop.time,
            )
        )
        yield Phone(pool, calls)


class Phone:
    """One scripted telephone."""

    def __init__(self, pool: Pool, calls: asyncio.Queue[tuple[Leg, Incoming, Booking]]) -> None:
        self._pool = pool
        self._calls = calls

    async def call(
        self, uri: str, address: str, from_uri: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> Leg:
        """Dial; returns once the INVITE is out."""
        return await self._pool.dialler().dial(uri, address, from_uri=from_uri, headers=headers)

    async def rung(self) -> tuple[Leg, Incoming, Booking]:
        """The next call to this telephone."""
        return await self._calls.get()

    async def echo(self, leg: Leg) -> None:
        """Let the other side hear itself."""
        await leg.worker.mix({leg: (leg,)})
