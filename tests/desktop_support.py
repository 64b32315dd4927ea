"""A fake node and a real desktop for the desktop's tests: the node in a thread, the desktop in a process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from fastapi import FastAPI

from ivr.api.app import create_api
from ivr.api.auth import Sessions
from ivr.api.server import ApiServer
from ivr.api.stream import EventHub
from ivr.api.testing import FakeNode
from ivr.clock import SystemClock

Result = TypeVar("Result")
WAIT_S = 15.0
AGENTS = tuple(f"agent{number}" for number in range(30))
"""One for each test, so that none meets another's calls. The password is "NAME-password"."""
CHROMIUM = Path("/usr/bin/chromium")
ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
CHILD = (
    "import sys; from ivr.desktop.app import run_desktop; "
    "run_desktop(sys.argv[1], '127.0.0.1', int(sys.argv[2]))"
)


class NodeThread:
    """A fake node behind a real server in its own event loop; it can be taken down and brought back."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-node")
        self._thread.start()
        self._server: ApiServer | None = None
        self._port = 0
        self.fake, self._app = self.run(self._make())
        self.up()

    def run(self, work: Coroutine[object, object, Result]) -> Result:
        """Run a coroutine in the node's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)

    @property
    def url(self) -> str:
        """Where the node answers, up or not."""
        return f"http://127.0.0.1:{self._port}"

    def up(self) -> None:
        """Serve, on the same port as before, unless it does."""
        if self._server is not None:
            return
        server = ApiServer(self._app, "127.0.0.1", self._port)
        self.run(server.__aenter__())
        self._server, self._port = server, server.port

    def down(self) -> None:
        """Stop serving; what the node knows stays."""
        if self._server is not None:
            self.run(self._server.__aexit__(None, None, None))
            self._server = None

    def forget_sessions(self) -> None:
        """What a node that was started anew does: no token is good any more."""
        clock = SystemClock()
        self._app = create_api(self.fake, Sessions(clock), self.fake.hub, "operator")

    def close(self) -> None:
        """End the loop and its thread."""
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()

    async def _make(self) -> tuple[FakeNode, FastAPI]:
        clock = SystemClock()
        hub = EventHub(clock)
        fake = FakeNode(hub, clock, {name: f"{name}-password" for name in AGENTS})
        return fake, create_api(fake, Sessions(clock), hub, "operator")


@contextmanager
def fake_node() -> Iterator[NodeThread]:
    """A fake node for as long as the block lasts."""
    node = NodeThread()
    try:
        yield node
    finally:
        node.close()


@contextmanager
def desktop(api_url: str, cwd: str, port: int = 0) -> Iterator[str]:
    """The desktop's process; gives the address of its pages from its ready line."""
    # NiceGUI looks at this name and then behaves as a unit under test.
    env = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    env["PYTHONPATH"] = os.getcwd()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, api_url, str(port)], stdout=subprocess.PIPE, text=True, env=env, cwd=cwd
    )
    try:
        assert child.stdout is not None
        line = child.stdout.readline().split()
        assert line[:2] == ["desktop", "ready"], line
        yield line[2]
    finally:
        child.terminate()
        child.communicate(timeout=WAIT_S)
