"""What `tests/lean_pool.py` runs: a node that answers until it is killed, and what a worker has imported."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from media.leg import Leg
from media.messages import Incoming
from media.pool import Booking, Pool, PoolSettings
from media.worker_process import fork_context
from tests.lean_worker import report_modules


def say(**facts: object) -> None:
    """One line for whoever started us."""
    print(json.dumps(facts), flush=True)


def children() -> list[int]:
    """The helpers of this process: its fork server, and that one's tracker of resources."""
    return [int(pid) for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()]


async def answer_calls(music: str | None = None, **settings: Any) -> None:
    """Answer every call and play music to it, for ever. Tells of itself, its helpers and each answer."""
    answering: set[asyncio.Task[None]] = set()

    async def answer(leg: Leg) -> None:
        await leg.answer(200)
        await leg.answered
        if music:
            await leg.start_loop(music)
        say(answered=leg.id)

    def on_call(leg: Leg, event: Incoming, booking: Booking) -> None:
        task = asyncio.create_task(answer(leg))
        answering.add(task)
        task.add_done_callback(answering.discard)

    pool = Pool(
        PoolSettings(listen_host="127.0.0.1", user_agent="lean", **settings),
        on_call=on_call,
        on_registration=lambda _: None,
        on_restart=lambda *_: None,
        now=asyncio.get_running_loop().time,
    )
    async with pool:
        slot = pool.slots[0]
        assert slot.process is not None
        say(
            worker=slot.process.pid,
            pss_bytes=slot.pss_bytes,
            children=children(),
        )
        await asyncio.get_running_loop().create_future()


async def list_modules() -> None:
    """Fork a process as a worker is forked and tell what it has imported."""
    context = fork_context()
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=report_modules, args=(theirs,))
    child.start()
    theirs.close()
    try:
        modules = await asyncio.to_thread(ours.recv)
    finally:
        ours.close()
        child.join(20)
    say(modules=modules, control=sorted(sys.modules))
