"""A node as a program: signals, new definitions at SIGHUP, and the drain before its end."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ivr.app import Started, end_calls, start
from ivr.config import Config
from ivr.ending import Ending
from ivr.reload import agent_definitions, queue_definitions, reread, with_former
from ivr.tasks import Tasks
from ivr.waiting import any_of
from media.errors import EdgeError

COLLECT_AFTER = 10_000
"""New objects between two collections: those of about three calls. With the usual 700 a call is collected for
over and over."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A node that takes calls, for whoever started it."""

    api_url: str
    desktop_url: str | None
    sip: str
    stop: Callable[[], None]


async def serve(
    config: Config,
    *,
    on_ready: Callable[[Running], None],
    desktop: bool = True,
    read: Callable[[], Config] | None = None,
) -> None:
    """Run a node until SIGTERM or SIGINT, then drain; a second signal ends it at once. Raises CannotStart.
    At SIGHUP the definitions are read again with `read`."""
    stopping, signalled, hurry = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        # A supervisor may close our standard input as well: only a second signal means hurry.
        (hurry if signalled.is_set() else signalled).set()
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        async with start(config, desktop=desktop) as started:
            _settle()
            on_ready(
                Running(
                    api_url=started.api.url,
                    desktop_url=started.desktop_url,
                    sip=started.sip,
                    stop=stopping.set,
                )
            )
            log.info("node.ready", sip=started.sip, api=started.api.url, desktop=started.desktop_url)
            async with Tasks() as tasks:
                if read is not None:
                    tasks.create_task(_reload_at_sighup(started, read), name="reload")
                await stopping.wait()
            log.info("node.draining", calls=started.reception.active)
            await drain(started, hurry, config.node.drain_s)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _settle() -> None:
    """What stands now stands until the end: the collector need not walk through it while calls wait."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


async def _reload_at_sighup(started: Started, read: Callable[[], Config]) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    try:
        while True:
            await asked.wait()
            asked.clear()
            await reload(started, read)
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


async def reload(started: Started, read: Callable[[], Config]) -> bool:
    """Take the definitions as they are now; False when they do not check and the old ones stay."""
    before = started.reception.services
    services = await reread(read, before)
    if services is None:
        return False
    services.acd.redefine(queue_definitions(services.config), agent_definitions(services.config))
    started.reception.adopt(with_former(services, before))
    started.node.adopt(services)
    if started.edge is not None:
        try:
            await started.edge.redefine_phones(services.config)
        except EdgeError as exc:  # it is being started again, and asks for the phones itself
            log.warning("edge.not_told", error=str(exc))
    log.info("definitions.reloaded")
    return True


async def drain(started: Started, hurry: asyncio.Event, limit_s: float) -> None:
    """No new calls; those in progress finish with their wrap-up, up to a limit or until told to hurry."""
    started.pool.open = started.reception.open = False
    over = asyncio.create_task(started.reception.wait_empty(), name="calls end")
    hurried = asyncio.create_task(hurry.wait(), name="hurry")
    try:
        await any_of(over, hurried, timeout_s=limit_s)
    finally:
        over.cancel()
        hurried.cancel()
    await end_calls(started.reception, Ending.SHUTDOWN)
