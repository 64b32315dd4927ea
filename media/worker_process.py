"""One worker process: forked from a lean server, connected by a socketpair, its output kept for reports.

The fork server is multiprocessing's own, with pjsua2 loaded and nothing started, so that a worker costs about
6 MB and 20 ms. `media.worker.entry` imports nothing, because each worker imports that module by name.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import socket
from collections import deque
from contextlib import suppress
from multiprocessing.context import ForkServerContext, ForkServerProcess

from media.lines import LineSplitter
from media.worker.entry import main as worker_main

_OUTPUT_LINES = 40
_JOIN_S = 3.0


def fork_context() -> ForkServerContext:
    """The context that all workers of a process come from; its server starts with the first worker."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pjsua2", "msgspec", "media.worker.loop"])
    return context


class WorkerProcess:
    """Start, output and end of one worker. The contract runs over `sock` and is somebody else's."""

    def __init__(self, context: ForkServerContext, name: str) -> None:
        self._context = context
        self._name = name
        self._process: ForkServerProcess | None = None
        self._output_ours: socket.socket | None = None
        self.output: deque[str] = deque(maxlen=_OUTPUT_LINES)

    @property
    def pid(self) -> int | None:
        """Process id while it is known."""
        return self._process.pid if self._process else None

    async def start(self) -> socket.socket:
        """Fork the worker; returns our end of its channel."""
        ours, theirs = socket.socketpair()
        self._output_ours, output_theirs = socket.socketpair()
        ours.setblocking(False)
        self._output_ours.setblocking(False)
        self._process = self._context.Process(
            target=worker_main, args=(theirs, output_theirs), name=self._name
        )
        starting = asyncio.ensure_future(asyncio.to_thread(self._process.start))
        try:
            await asyncio.shield(starting)
        except BaseException:
            # The thread cannot be called back, and it still needs the worker's ends.
            await asyncio.wait({starting}, timeout=_JOIN_S)
            ours.close()
            self._output_ours.close()
            raise
        finally:
            theirs.close()
            output_theirs.close()
        return ours

    async def read_output(self) -> None:
        """Keep the last lines that the worker prints, until it is gone."""
        if self._output_ours is None:
            return
        reader, writer = await asyncio.open_connection(sock=self._output_ours)
        splitter = LineSplitter()
        try:
            while data := await reader.read(8192):
                self.output.extend(splitter.feed(data))
            self.output.extend(splitter.close())
        except OSError:
            return
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def end(self) -> int | None:
        """Wait for the process to leave, kill it when it does not; returns its exit code."""
        process = self._process
        if process is None or process.pid is None:
            return None
        await asyncio.to_thread(process.join, _JOIN_S)
        if process.exitcode is None:
            self.kill()
            await asyncio.to_thread(process.join, _JOIN_S)
        code = process.exitcode
        process.close()
        self._process = None
        return code

    def kill(self) -> None:
        """End a hung worker at once."""
        if self._process is not None and self._process.exitcode is None:
            self._process.kill()


def describe_exit(code: int | None) -> str:
    """An exit code in words: "signal SIGKILL" or "exit code 1"."""
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
