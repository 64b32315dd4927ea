"""A page beside the desktop that only shows: it asks the node again every few seconds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import Client, ui

from ivr.api.errors import ApiError, NodeUnreachable, NotSignedIn
from ivr.desktop.elements import Text, box, show_text
from ivr.desktop.hub import Hub
from ivr.desktop.refusals import token_is_over

REFRESH_S = 3.0


class WatchingPage:
    """A page that looks again for as long as it is open and its agent signed in."""

    def __init__(self, hub: Hub, client: Client, heading: str, *, bar_label: str) -> None:
        self.hub = hub
        self._client = client
        self._detach = hub.attach(self._leave_if_closed)
        client.on_delete(self._detach)
        ui.page_title(f"{heading} · Agent desktop")
        with box("header", "bar"):
            Text("h1", heading, testid="heading")
            self.bar = box("nav", "row", label=bar_label)
        self._problem = Text("div", "", "banner tone-warn", "problem").props("role=status")
        self._problem.set_visibility(False)

    def watch(self, look: Callable[[], Awaitable[None]]) -> ui.timer:
        """Look now and again and again."""
        return ui.timer(REFRESH_S, lambda: self.try_to(look))

    async def try_to(self, look: Callable[[], Awaitable[None]]) -> None:
        """Look once; a refusal is shown and what was seen stays."""
        if self._client.is_deleted or self.hub.closed:
            return
        problem = ""
        try:
            if self.hub.stopped:
                # Somebody else has signed in at this browser; the client of this page is closed.
                raise NotSignedIn("Your sign-in has ended. Load the page again.")
            await look()
        except NodeUnreachable:
            problem = "The node is not reachable; this page may be old."
        except ApiError as exc:
            problem = "Your sign-in has ended. Sign in again." if token_is_over(exc) else exc.detail
        show_text(self._problem, problem)
        self._problem.set_visibility(bool(problem))

    def _leave_if_closed(self) -> None:
        if self.hub.closed:
            self._detach()
            self._client.open("/")
