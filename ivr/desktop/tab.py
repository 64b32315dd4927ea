"""One browser tab with the desktop: draws the hub's view on each change and each second."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import Client, background_tasks, ui

from ivr.api.models import PopOutcome
from ivr.desktop import browser
from ivr.desktop.actions import Actions
from ivr.desktop.call_panel import CallPanel
from ivr.desktop.card import PopPanel
from ivr.desktop.elements import Text, box, show_text
from ivr.desktop.hub import Hub
from ivr.desktop.notes_panel import NotesColumn
from ivr.desktop.top import Banners, Queues, TopBar
from ivr.desktop.view import DesktopView

OPEN_TIMEOUT_S = 5.0
TICK_S = 1.0


class Tab:
    """The page of one tab. Built inside its client; `refresh` may be called from any task."""

    def __init__(self, *, hub: Hub, client: Client, leave: Callable[[], Awaitable[None]]) -> None:
        self._hub = hub
        self._client = client
        self._title = ""
        actions = Actions(hub=hub, client=client, leave=leave)
        with box("div", "top"):
            self._top = TopBar(actions)
            self._banners = Banners(actions)
        self._queues = Queues()
        with box("main", "main") as self._main:
            with box("div", "stack"):
                self._call = CallPanel(actions)
                self._idle = Text("div", "", "panel idle", "idle").props("role=status")
            with box("div", "stack"):
                self._notes = NotesColumn(actions)
        self._detach = hub.attach(self.refresh)
        client.on_connect(self.refresh)
        client.on_delete(self._detach)
        ui.timer(TICK_S, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Bring the page up to date."""
        if self._client.is_deleted:
            self._detach()
            return
        if self._hub.closed:
            self._detach()
            self._client.open("/")
            return
        with self._client:
            self._show(self._hub.view())

    def _show(self, view: DesktopView) -> None:
        self._top.show(view.header)
        self._banners.show(view)
        self._queues.show(view.queues)
        self._call.show(view)
        self._notes.show(view.notes, view.leftovers)
        show_text(self._idle, view.idle)
        self._idle.set_visibility(view.card is None)
        single = view.notes is None and not view.leftovers
        self._main.classes(add="single" if single else "", remove="" if single else "single")
        self._show_title(view.title)
        if view.pop is not None and view.pop.auto:
            self._open_once(view.pop)

    def _show_title(self, title: str) -> None:
        if title != self._title:
            self._title = title
            ui.page_title(title)

    def _open_once(self, pop: PopPanel) -> None:
        """Open the page if no other tab is doing so; the browser decides whether it may."""
        if not self._client.has_socket_connection or not self._hub.pops.claim(pop.pop_id):
            return
        if pop.url is None:
            self._hub.pops.settle(pop.call_id, pop.pop_id, PopOutcome.FAILED)
            return
        background_tasks.create(self._open(pop, pop.url), name=f"pop {pop.pop_id}")

    async def _open(self, pop: PopPanel, url: str) -> None:
        try:
            answer = await self._client.run_javascript(browser.open_page(url), timeout=OPEN_TIMEOUT_S)
        except TimeoutError:
            answer = "failed"
        if answer is None:
            self._hub.pops.release(pop.pop_id)
            return
        outcome = browser.parse_opened(answer)
        self._hub.pops.settle(pop.call_id, pop.pop_id, outcome)
