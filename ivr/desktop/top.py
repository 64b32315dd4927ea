"""The top of the page: who is signed in, the two state buttons, banners, queues."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui import ui

from ivr.desktop.actions import Actions
from ivr.desktop.card import Labelled
from ivr.desktop.elements import Part, Text, box, chip, link, on_submit, show_text
from ivr.desktop.view import DesktopView, Header, QueueRow
from ivr.desktop.words import NOT_READY_REASONS


class TopBar:
    """The bar that stays in sight: name, status, time in state, and the agent's buttons."""

    def __init__(self, actions: Actions) -> None:
        with box("header", "bar"):
            with box("div", "who"):
                self._name = Text("span", "", "name", "agent-name")
                with box("span", testid="status").props("role=status") as status:
                    self._status = Part(status, chip)
                self._time = Text("span", "", "soft num", "time-in-state")
                link("Calls", "/calls", testid="calls-link")
                link("Flows", "/flows", testid="flows-link")
            with box("div", "acts"):
                self._ready = ui.button("Ready", on_click=actions.ready, color=None).classes("btn-good")
                self._ready.props("unelevated data-testid=ready")
                self._not_ready = _not_ready_button(actions)
                leave = ui.button("Sign out", on_click=actions.sign_out, color=None).classes("btn-quiet")
                leave.props("unelevated data-testid=sign-out")

    def show(self, header: Header | None) -> None:
        """Bring the bar up to date."""
        if header is None:
            self._enable(ready=False, not_ready=False)
            return
        show_text(self._name, header.name)
        self._status.show(header.status)
        show_text(self._time, header.in_state)
        self._explain(header.why_disabled)
        self._enable(ready=header.ready_enabled, not_ready=header.not_ready_enabled)

    def _explain(self, why: str) -> None:
        """Say on the buttons themselves why they do nothing."""
        for button in (self._ready, self._not_ready):
            if button.props.get("title", "") != why:
                button.props["title"] = why
                button.update()

    def _enable(self, *, ready: bool, not_ready: bool) -> None:
        self._ready.set_enabled(ready)
        self._not_ready.set_enabled(not_ready)


def _not_ready_button(actions: Actions) -> ui.button:
    button = ui.button("Not ready", color=None).classes("btn-quiet")
    button.props("unelevated icon-right=expand_more aria-haspopup=menu data-testid=not-ready")
    with button, ui.menu().props("role=menu"):
        for reason in NOT_READY_REASONS:
            item = ui.menu_item(reason, on_click=lambda reason=reason: actions.not_ready(reason))
            item.props(f"role=menuitem data-testid=reason-{reason.lower().replace(' ', '-')}")
    return button


class Banners:
    """What went wrong: the link to the node, an ended sign-in, a missed call."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._link: Part[tuple[Labelled, bool]] = Part(
            box("div", testid="banner").props("role=status aria-live=polite"), self._draw_link
        )
        self._missed = Part(box("div", testid="missed").props("role=alert"), self._draw_missed)

    def show(self, view: DesktopView) -> None:
        """Bring the banners up to date."""
        self._link.show((view.banner, view.sign_in_again) if view.banner else None)
        self._missed.show(True if view.missed else None)

    def _draw_link(self, shown: tuple[Labelled, bool]) -> None:
        banner, again = shown
        with box("div", f"banner tone-{banner.tone}"):
            Text("span", banner.text)
            if again:
                self._draw_sign_in_again()

    def _draw_sign_in_again(self) -> None:
        with box("form", "row") as form:
            ui.input("Password", password=True).props(
                "outlined dense name=password autocomplete=current-password data-testid=again-password"
            )
            ui.button("Sign in again", color=None).classes("btn-main").props(
                "type=submit unelevated data-testid=again"
            )

        async def submit(fields: Mapping[str, str]) -> None:
            await self._actions.sign_in_again(fields.get("password", ""))

        on_submit(form, submit)

    def _draw_missed(self, _: bool) -> None:
        with box("div", "banner tone-warn"):
            Text("span", "You missed a call; you are not ready.")
            ui.button("Ready again", on_click=self._actions.ready, color=None).classes("btn-good").props(
                "unelevated dense padding='4px 14px' data-testid=ready-again"
            )


class Queues:
    """The numbers waiting in the agent's queues."""

    def __init__(self) -> None:
        self._rows: Part[tuple[QueueRow, ...]] = Part(
            box("section", "queues", "queues", "Your queues"), _draw_queues
        )

    def show(self, rows: tuple[QueueRow, ...]) -> None:
        """Bring the numbers up to date."""
        self._rows.show(rows or None)


def _draw_queues(rows: tuple[QueueRow, ...]) -> None:
    for row in rows:
        with box("div", "queue", "queue"):
            Text("b", row.name)
            Text("span", f"{row.waiting} waiting", f"chip num tone-{row.tone}", "queue-waiting")
            Text("span", row.text, "soft num")
