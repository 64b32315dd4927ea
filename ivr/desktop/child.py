"""The desktop's process as the node sees it: started, watched, and known by the address that it prints."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from media.process import Child, ChildSpec, Streams, python_child

READY_TIMEOUT_S = 30.0

log = structlog.get_logger()


@asynccontextmanager
async def desktop_child(api_url: str, host: str, port: int) -> AsyncIterator[str]:
    """The address of the pages, which are served for as long as the block lasts. Raises `StartError`."""
    argv, env = python_child("ivr.desktop.process")
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_line(line: str) -> None:
        word, _, url = line.rpartition(" ")
        if word == "desktop ready" and not listening.done():
            listening.set_result(url)
        else:
            log.info("desktop.says", line=line)

    async def ready(_: Streams) -> None:
        await asyncio.shield(listening)

    spec = ChildSpec(
        name="desktop",
        argv=(*argv, api_url, host, str(port)),
        env=env,
        ready=ready,
        ready_timeout_s=READY_TIMEOUT_S,
        on_line=on_line,
    )
    async with Child(spec):
        yield await listening
