"""The API's server, inside the control process's own loop. Signals are the node's business, not uvicorn's."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import structlog
import uvicorn
from starlette.types import ASGIApp

from ivr.api.errors import AddressInUse

DRAIN_S = 3
STOP_TIMEOUT_S = 6.0
PING_S = 20.0
CONNECTIONS = 2048
_DEAD_PEER_MS = 40_000
_LOCAL = ["127.0.0.1", "::1"]

_log = structlog.get_logger()


class _Server(uvicorn.Server):
    """uvicorn with its signal handlers off, that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signal handlers alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.listening.set()


class ApiServer:
    """`async with ApiServer(app, host, port)`: listens inside the block, stops in bounded time after it.

    Port 0 takes a free one; `port` and `url` say which.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, *, ping_s: float = PING_S) -> None:
        self._host = host
        self._wanted = port
        self._server = _Server(_configuration(app, ping_s))
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is bound."""
        if self._socket is None:
            raise RuntimeError("the server is not started")
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Where clients on this machine reach it, e.g. "http://127.0.0.1:8080"."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        """Bind, or `AddressInUse`; then listen."""
        self._socket = await _bind(self._host, self._wanted)
        self._task = asyncio.create_task(self._server.serve([self._socket]), name="api-server")
        try:
            await self._until_listening(self._task)
        except BaseException:
            await self._stop()
            raise
        _log.info("api_listening", host=self._host, port=self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let running requests finish for a moment, then stop."""
        await self._stop()

    async def wait(self) -> None:
        """Return when the server has ended by itself, which it should not; raises what ended it."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def _until_listening(self, task: asyncio.Task[None]) -> None:
        listening = asyncio.create_task(self._server.listening.wait())
        try:
            await asyncio.wait({task, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
        if task.done():
            await task
            raise RuntimeError("the API's server ended before it listened")

    async def _stop(self) -> None:
        task = self._task
        try:
            if task is not None:
                self._server.should_exit = True
                await asyncio.wait({task}, timeout=STOP_TIMEOUT_S)
                _report(task)
        finally:
            if task is not None:
                task.cancel()
            if self._socket is not None:
                self._socket.close()


def _report(task: asyncio.Task[None]) -> None:
    if not task.done():
        _log.warning("api_stop_forced", after_s=STOP_TIMEOUT_S)
    elif not task.cancelled() and task.exception() is not None:
        _log.error("api_server_failed", exc_info=task.exception())


def _configuration(app: ASGIApp, ping_s: float) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # The desktop's process and proxies on this machine say for whom they ask.
        proxy_headers=True,
        forwarded_allow_ips=_LOCAL,
        ws_ping_interval=ping_s,
        ws_ping_timeout=ping_s,
        ws_max_size=64 * 1024,
        ws_per_message_deflate=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=DRAIN_S,
    )


async def _bind(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return _listener(family, address)
    except OSError as exc:
        raise AddressInUse(_why(host, port, exc)) from exc


def _listener(family: int, address: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Inherited by connections: one whose client reads nothing more is dropped by the kernel,
            # where uvicorn would wait for ever to flush its close frame.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_PEER_MS)
        listener.bind(address)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _why(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{host}:{port} is in use by another program: stop it (`ss -ltnp` names it), "
            "or set another address in http.listen"
        )
    return f"cannot listen on {host}:{port} ({error.strerror}): set another address in http.listen"
