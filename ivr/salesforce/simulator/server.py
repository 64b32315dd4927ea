"""Runs the simulator on a port, until cancelled."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from ivr.salesforce.simulator.app import create_app
from ivr.salesforce.simulator.data import load_org

_SHUTDOWN_S = 2


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the node alone handles signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(host: str, port: int, data_path: Path, ready: Callable[[str], None]) -> None:
    """Serve the org of a data file. `ready` gets the base URL when requests are answered; port 0 chooses a
    free one. Raises DataError, and OSError when the port is taken."""
    await serve_app(create_app(load_org(data_path)), host, port, ready)


async def serve_app(app: ASGIApp, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve an app until cancelled."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        log_level="critical",
        access_log=False,
        date_header=False,  # the app says what the org's clock says
        lifespan="off",
        timeout_graceful_shutdown=_SHUTDOWN_S,
    )
    server = _Server(config)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family)
    try:
        config.load()
        server.lifespan = config.lifespan_class(config)
        with server.capture_signals():
            await server.startup(sockets=[listening])
            try:
                ready(f"http://{_shown(host)}:{listening.getsockname()[1]}")
                await server.main_loop()
            finally:
                await server.shutdown(sockets=[listening])
    finally:
        listening.close()


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
