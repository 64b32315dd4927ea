"""What an agent can do in one tab. Every verb ends in the page: a refusal is shown, never raised."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from nicegui import Client, ui

from ivr.api.errors import ApiError, NodeUnreachable
from ivr.api.models import PopOutcome
from ivr.desktop import browser, notes
from ivr.desktop.hub import Hub
from ivr.desktop.notes import Draft
from ivr.desktop.sign_in import sign_in_problem

STORAGE_TIMEOUT_S = 5.0
Result = TypeVar("Result")

RESOLUTIONS: dict[str, Callable[[Draft, float], Draft]] = {
    "both": notes.keep_both,
    "mine": notes.keep_mine,
    "theirs": lambda draft, _now: notes.keep_theirs(draft),
}


class Actions:
    """The hub's verbs for one browser tab."""

    def __init__(self, *, hub: Hub, client: Client, leave: Callable[[], Awaitable[None]]) -> None:
        self._hub = hub
        self._client = client
        self._leave = leave

    async def ready(self) -> None:
        """Ask for calls."""
        await self._try(self._hub.ready())

    async def not_ready(self, reason: str) -> None:
        """Ask for no calls."""
        await self._try(self._hub.not_ready(reason))

    async def set_variable(self, name: str, value: str) -> None:
        """Set a variable of the call in hand."""
        card = self._hub.view().card
        if card is not None:
            await self._try(self._hub.set_variable(card.call_id, name, value))

    async def choose_caller(self, object_: str, id_: str) -> None:
        """Say which of the candidates is calling."""
        card = self._hub.view().card
        if card is not None:
            await self._try(self._hub.choose_caller(card.call_id, object_, id_))

    async def finish_wrap_up(self) -> None:
        """Save the notes, then end wrap-up."""
        card = self._hub.view().card
        if card is None:
            return
        done = await self._try(self._hub.finish_wrap_up(card.call_id))
        if done is False:
            self._say("Your notes are not saved yet, so wrap-up goes on.")

    async def sign_in_again(self, password: str) -> None:
        """Bring back a session that the node has ended."""
        try:
            await self._hub.renew(password, self._client.ip or None)
        except ApiError as exc:
            self._say(sign_in_problem(exc))

    async def sign_out(self) -> None:
        """Leave, but not with unsaved notes, unless the agent insists."""
        card = self._hub.view().card
        saved = await self._hub.notes.settle(card.call_id) if card else True
        if not saved or self._hub.view().leftovers:
            self._ask_before_leaving()
            return
        await self._go()

    def typed(self, call_id: str, text: str) -> None:
        """The notes changed in this tab."""
        self._hub.typed(call_id, text)

    def notes_left(self, call_id: str) -> None:
        """The notes lost the focus."""
        self._hub.notes.hurry(call_id)

    def resolve(self, call_id: str, how: str) -> None:
        """Settle a conflict: "both", "mine" or "theirs"."""
        self._hub.notes.resolve(call_id, RESOLUTIONS[how])

    def discard(self, call_id: str) -> None:
        """Drop the unsaved notes of an earlier call."""
        self._hub.notes.discard(call_id)

    def pop_opened(self, call_id: str, pop_id: str) -> None:
        """The agent opened the page by hand."""
        self._hub.pops.settle(call_id, pop_id, PopOutcome.OPENED)

    def tell_browser(self, code: str) -> None:
        """Run a script in this tab and expect no answer."""
        self._client.run_javascript(code)

    @property
    def connected(self) -> bool:
        """Whether the tab's connection stands; a page is drawn before it does."""
        return self._client.has_socket_connection

    async def restore_notes(self, call_id: str) -> bool:
        """Take up text that this tab kept from before a reload; False when the tab did not answer."""
        try:
            kept = await self._client.run_javascript(browser.pending(call_id), timeout=STORAGE_TIMEOUT_S)
        except TimeoutError:
            return False
        found = browser.parse_pending(kept)
        if found is not None:
            self._hub.notes.restore(call_id, *found)
        return True

    async def _go(self) -> None:
        self.tell_browser(browser.forget())
        await self._leave()

    def _ask_before_leaving(self) -> None:
        with self._client, ui.dialog() as dialog, ui.card():
            ui.label("Your notes are not saved yet. Signing out now loses them.")
            with ui.row():
                stay = ui.button("Stay", on_click=dialog.close, color=None).classes("btn-main")
                stay.props("unelevated data-testid=stay")
                go = ui.button("Sign out anyway", on_click=self._go, color=None).classes("btn-quiet")
                go.props("unelevated data-testid=leave-anyway")
        dialog.open()

    async def _try(self, verb: Awaitable[Result]) -> Result | None:
        try:
            return await verb
        except NodeUnreachable:
            self._say("The node is not reachable; nothing was changed.")
        except ApiError as exc:
            self._say(exc.detail)
        return None

    def _say(self, text: str) -> None:
        with self._client:
            ui.notify(text, type="warning", position="top", close_button="Close")
