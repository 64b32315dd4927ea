"""A node as an operator starts it: `ivr serve` in a process of its own, and what it says."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ivr.api.client import ApiClient
from ivr.api.tokens import operator_token
from media.process import python_child
from tests.edge_crowd import processes_below
from tests.phones import Waiting, gone

START_LIMIT_S = 60.0
EXIT_LIMIT_S = 60.0


@dataclass(slots=True)
class Served(Waiting):
    """The process; `lines` are its log and its output."""

    process: asyncio.subprocess.Process
    folder: Path
    sip: str = ""
    api: str = ""
    lines: list[str] = field(default_factory=list)
    over: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int:
        """Of the control process."""
        return self.process.pid

    async def read(self) -> None:
        """Keep what it says, until it is gone."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip())
            self.tell()
        self.over = True
        self.tell()

    async def says(self, words: str, limit_s: float = START_LIMIT_S) -> str:
        """The first line, past or to come, with these words in it."""

        def found() -> str | None:
            line = next((line for line in self.lines if words in line), None)
            assert line is not None or not self.over, f"it left and never said {words!r}"
            return line

        return await self.until(found, limit_s)

    def count(self, words: str) -> int:
        """How many lines have these words."""
        return sum(words in line for line in self.lines)

    async def ready(self) -> None:
        """Until it takes calls."""
        words = dict(part.split("=", 1) for part in (await self.says("ready sip=")).split() if "=" in part)
        self.sip, self.api = words["sip"], words["api"]

    def operator(self) -> ApiClient:
        """A client of its API with the operator's rights."""
        return ApiClient(self.api, operator_token(self.folder / "data"))

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def exit_code(self) -> int:
        """Wait until it has left by itself."""
        async with asyncio.timeout(EXIT_LIMIT_S):
            return await self.process.wait()

    def family(self) -> frozenset[int]:
        """All processes that it has started."""
        return processes_below(self.pid)

    async def nothing_left(self, family: frozenset[int]) -> None:
        """Until none of its processes is there any more, nor what Kamailio was started with."""
        for pid in family:
            await gone(pid)
        assert not list(self.folder.glob("tmp/ivr-edge-*"))

    def endings(self) -> Counter[str | None]:
        """How the calls in its database ended; None is an open record."""
        with sqlite3.connect(self.folder / "data" / "ivr.db") as db:
            rows = db.execute("SELECT ending FROM calls").fetchall()
        db.close()
        return Counter(row[0] for row in rows)


@asynccontextmanager
async def served(config: Path) -> AsyncIterator[Served]:
    """The node of a configuration file, ready. It does not outlive the block."""
    argv, env = python_child("ivr.cli.entry")
    folder = config.parent
    (folder / "tmp").mkdir()
    process = await asyncio.create_subprocess_exec(
        *argv,
        *("serve", "--config", str(config), "--until-stdin-closes", "--no-desktop"),
        env={**env, "PATH": os.environ["PATH"], "TMPDIR": str(folder / "tmp")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    node = Served(process, folder)
    reading = asyncio.create_task(node.read(), name="node's log")
    try:
        await node.ready()
        yield node
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading
        print("\n".join(node.lines))
