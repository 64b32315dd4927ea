"""Who is signed in, by browser. Tokens live here, in memory, and nowhere else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from ivr.api.errors import ApiError
from ivr.clock import Clock
from ivr.desktop.hub import Hub
from ivr.desktop.pops import PopBook
from ivr.desktop.ports import Connect

MAX_BROWSERS = 1000
"""A browser past this many pushes out one that nobody looks at; if all are in use it is refused."""

log = structlog.get_logger()


class TooManyBrowsers(ApiError):
    """Every place for a signed-in browser is taken."""


@dataclass(slots=True)
class SignedIn:
    """A hub, and the task that runs it."""

    hub: Hub
    task: asyncio.Task[None]


class Sessions:
    """Hubs by browser id, run in `group` until sign-out."""

    def __init__(self, *, connect: Connect, clock: Clock, group: asyncio.TaskGroup) -> None:
        self._connect = connect
        self._clock = clock
        self._group = group
        self._pops = PopBook()
        self._browsers: dict[str, SignedIn] = {}

    def get(self, browser_id: str) -> Hub | None:
        """The agent signed in at this browser."""
        found = self._browsers.get(browser_id)
        return found.hub if found else None

    async def sign_in(self, browser_id: str, agent: str, password: str, address: str | None) -> Hub:
        """Sign an agent in at this browser, in place of whoever was.

        `address` is the browser's, by which attempts are limited. Raises `ApiError`."""
        self._make_room()
        client = self._connect()
        try:
            session = await client.sign_in(agent, password, forwarded_for=address)
        except BaseException:
            await client.close()
            raise
        await self.drop(browser_id)
        hub = Hub(client=client, agent_id=session.agent, clock=self._clock, pops=self._pops)
        self._browsers[browser_id] = SignedIn(hub, self._group.create_task(hub.run()))
        return hub

    async def sign_out(self, browser_id: str) -> None:
        """End the session here and at the node; a node that is away ends it by itself in time."""
        found = self._browsers.pop(browser_id, None)
        if found is None:
            return
        try:
            await found.hub.close()
        except ApiError as exc:
            log.warning("desktop_sign_out_not_told", why=type(exc).__name__)
        finally:
            found.task.cancel()

    async def drop(self, browser_id: str) -> None:
        """Forget a browser without a word to the node: the agent may be signed in elsewhere."""
        found = self._browsers.pop(browser_id, None)
        if found is not None:
            found.task.cancel()

    def stop(self) -> None:
        """End all tasks; agents stay signed in at the node."""
        for found in self._browsers.values():
            found.task.cancel()
        self._browsers.clear()

    def _make_room(self) -> None:
        if len(self._browsers) < MAX_BROWSERS:
            return
        unused = next((key for key, found in self._browsers.items() if not found.hub.tabs), None)
        if unused is None:
            raise TooManyBrowsers("Too many agents are signed in here.")
        self._browsers.pop(unused).task.cancel()
