"""The desktop's process: its pages, its server, and who is signed in."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from nicegui import Client, app, ui

from ivr.api.client import ApiClient
from ivr.clock import Clock, SystemClock
from ivr.desktop import browser, story, style
from ivr.desktop.calls_page import CallsPage
from ivr.desktop.flow_pages import CallPage, FlowsPage
from ivr.desktop.headers import SecurityHeaders
from ivr.desktop.hub import Hub
from ivr.desktop.ports import Connect
from ivr.desktop.sessions import Sessions
from ivr.desktop.sign_in import draw_sign_in
from ivr.desktop.tab import Tab

SHUTDOWN_TIMEOUT_S = 2
RECONNECT_TIMEOUT_S = 20.0
"""A tab that comes back within this time goes on where it was, without a reload."""


class _Server(uvicorn.Server):
    """Says in one line when it listens, and where."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            name = f"[{host}]" if ":" in host else host
            sys.stdout.write(f"desktop ready http://{name}:{port}\n")
            sys.stdout.flush()


def run_desktop(api_url: str, host: str, port: int) -> None:
    """Serve the desktop until SIGTERM or SIGINT; `port` 0 takes a free one. Blocks; for a process of its own.

    Prints "desktop ready URL" once it listens. Raises OSError when the address cannot be had.
    """
    web = create_desktop(lambda: ApiClient(api_url), SystemClock())
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        config = uvicorn.Config(
            web, log_level="warning", timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S, access_log=False
        )
        _Server(config).run(sockets=[listener])


def create_desktop(connect: Connect, clock: Clock) -> FastAPI:
    """The web application. NiceGUI keeps its pages per process, so make one only."""
    desk = _Desk(connect, clock)
    web = FastAPI(lifespan=desk.lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    web.add_middleware(SecurityHeaders)
    ui.page("/")(desk.page)
    ui.page("/flows")(desk.flows_page)
    ui.page("/flows/{name}")(desk.flow_page)
    ui.page("/calls")(desk.calls_page)
    ui.page("/calls/{call_id}")(desk.call_page)
    ui.run_with(
        web,
        title="Agent desktop",
        favicon=style.FAVICON,
        dark=None,
        language="en-US",
        tailwind=False,
        reconnect_timeout=RECONNECT_TIMEOUT_S,
        storage_secret=secrets.token_urlsafe(32),
        session_middleware_kwargs={"session_cookie": "ivr_desktop", "same_site": "lax"},
        show_welcome_message=False,
    )
    return web


class _Desk:
    """The pages and the sessions behind them."""

    def __init__(self, connect: Connect, clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._sessions: Sessions | None = None

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Owns the tasks of all signed-in agents."""
        async with asyncio.TaskGroup() as group:
            self._sessions = Sessions(connect=self._connect, clock=self._clock, group=group)
            try:
                yield
            finally:
                self._sessions.stop()

    async def page(self, client: Client) -> None:
        """`/`: the desktop of whoever is signed in at this browser, or the sign-in form."""
        sessions, browser_id = self._begin()

        async def leave() -> None:
            await sessions.sign_out(browser_id)

        if (hub := self._hub(client, "/")) is not None:
            Tab(hub=hub, client=client, leave=leave)

    async def flows_page(self, client: Client) -> None:
        """`/flows`: the flows in use."""
        if (hub := self._hub(client, "/flows")) is not None:
            FlowsPage(hub=hub, client=client, name=None)

    async def flow_page(self, client: Client, name: str) -> None:
        """`/flows/NAME`: a flow with the calls on it now."""
        if (hub := self._hub(client, story.flow_page(name))) is not None:
            FlowsPage(hub=hub, client=client, name=name)

    async def calls_page(self, client: Client) -> None:
        """`/calls`: the calls that the agent took."""
        if (hub := self._hub(client, "/calls")) is not None:
            CallsPage(hub=hub, client=client)

    async def call_page(self, client: Client, call_id: str) -> None:
        """`/calls/ID`: what became of a call."""
        if (hub := self._hub(client, story.call_page(call_id))) is not None:
            CallPage(hub=hub, client=client, call_id=call_id)

    def _begin(self) -> tuple[Sessions, str]:
        if self._sessions is None:
            raise RuntimeError("the desktop has not started")
        return self._sessions, str(app.storage.browser["id"])

    def _hub(self, client: Client, path: str) -> Hub | None:
        """The agent of this browser; without one the sign-in form, which leads back to `path`."""
        ui.add_css(style.CSS)
        ui.add_head_html(browser.SCRIPT)
        sessions, browser_id = self._begin()

        async def enter(agent: str, password: str) -> None:
            await sessions.sign_in(browser_id, agent, password, client.ip or None)

        hub = sessions.get(browser_id)
        if hub is None:
            draw_sign_in(enter, path)
        return hub
