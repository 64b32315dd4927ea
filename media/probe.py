"""What this build of the SIP library can hold, asked of a worker that is started for it."""

from __future__ import annotations

import asyncio
import socket

from media.errors import WorkerStartError
from media.pool import Pool, PoolSettings

_RTP = range(20000, 20040)
"""A worker wants a range; no call ever uses it."""


async def max_legs(host: str) -> int:
    """The legs of one worker. Raises WorkerStartError."""
    settings = PoolSettings(
        listen_host=host,
        listen_port=_free_port(host),
        rtp_first=_RTP.start,
        rtp_last=_RTP.stop - 1,
        capacity=0,
    )
    pool = Pool(
        settings,
        on_call=lambda leg, event, booking: booking.release(),
        on_registration=lambda _: None,
        on_restart=lambda slot, reason: None,
        now=asyncio.get_running_loop().time,
    )
    async with pool:
        return pool.slots[0].max_legs


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as exc:
            raise WorkerStartError(f"cannot listen on {host}: {exc.strerror}") from exc
        port: int = probe.getsockname()[1]
        return port
