"""The notes on the page: one editor for the call in hand, and what could not be saved of earlier calls."""

from __future__ import annotations

from nicegui import background_tasks, ui
from nicegui.events import ValueChangeEventArguments

from ivr.desktop import browser
from ivr.desktop.actions import Actions
from ivr.desktop.card import Labelled
from ivr.desktop.elements import Part, Text, box, chip
from ivr.desktop.view import NotesPanel


class NotesEditor:
    """The text area of one call. It lives as long as the call, so the cursor never jumps."""

    def __init__(self, actions: Actions, panel: NotesPanel) -> None:
        self._actions = actions
        self.call_id = panel.call_id
        self._known = (panel.revision, panel.unsaved)
        self._told: tuple[int, bool] | None = None
        self._took_up = False
        Text("h2", "Notes")
        self._area = ui.textarea(
            value=panel.text, on_change=self._typed, placeholder="What the caller wants…"
        )
        self._area.props("outlined maxlength=32000 aria-label=Notes data-testid=notes")
        self._area.on("update:model-value", js_handler=browser.on_typed(panel.call_id))
        self._area.on("blur", lambda: actions.notes_left(panel.call_id))
        if not actions.connected:
            # What is typed before the page has its connection arrives afterwards in any order.
            self._area.props("readonly")
        with box("div", "row", "notes-state").props("role=status aria-live=polite") as state:
            self._state = Part(state, _draw_state)
        self._conflict = Part(box("div", "stack", "notes-conflict"), self._draw_conflict)
        background_tasks.create(self._take_up(), name=f"notes of {panel.call_id}")

    def show(self, panel: NotesPanel) -> None:
        """Bring the editor up to date; text that was typed here is there already."""
        if self._area.value != panel.text:
            self._area.set_value(panel.text)
        self._state.show(panel.state)
        self._conflict.show(panel.theirs)
        self._known = (panel.revision, panel.unsaved)
        self._tell_browser()

    async def _take_up(self) -> None:
        """What this tab kept comes first: only then may it be told that all is saved, and forget."""
        self._took_up = await self._actions.restore_notes(self.call_id)
        self._area.props(remove="readonly")
        self._tell_browser()

    def _tell_browser(self) -> None:
        if self._took_up and self._told != self._known:
            self._told = self._known
            revision, unsaved = self._known
            self._actions.tell_browser(browser.known(self.call_id, revision, unsaved=unsaved))

    def _typed(self, event: ValueChangeEventArguments[str | None]) -> None:
        self._actions.typed(self.call_id, event.value or "")

    def _draw_conflict(self, theirs: str) -> None:
        Text("p", "These notes were also changed elsewhere. The other text:", "note-line tone-warn")
        Text("div", theirs, "kept", "notes-theirs")
        with box("div", "row"):
            for label, how, kind in (
                ("Keep both", "both", "btn-main"),
                ("Use mine", "mine", "btn-quiet"),
                ("Use the other", "theirs", "btn-quiet"),
            ):
                button = ui.button(label, color=None).classes(kind)
                button.props(f"unelevated data-testid=keep-{how}")
                button.on("click", lambda how=how: self._actions.resolve(self.call_id, how))


def _draw_state(state: Labelled) -> None:
    chip(state).classes("state")


class NotesColumn:
    """The editor of the call in hand above the unsaved notes of earlier calls."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._editor: NotesEditor | None = None
        self._panel = box("section", "panel notes stack", "notes-panel", "Notes")
        self._panel.set_visibility(False)
        self._leftovers = Part(box("section", "stack", "leftovers", "Unsaved notes"), self._draw_leftovers)

    def show(self, panel: NotesPanel | None, leftovers: tuple[NotesPanel, ...]) -> None:
        """Bring the column up to date."""
        self._leftovers.show(leftovers or None)
        self._panel.set_visibility(panel is not None)
        if panel is None:
            self._panel.clear()
            self._editor = None
            return
        if self._editor is None or self._editor.call_id != panel.call_id:
            self._panel.clear()
            with self._panel:
                self._editor = NotesEditor(self._actions, panel)
        self._editor.show(panel)

    def _draw_leftovers(self, leftovers: tuple[NotesPanel, ...]) -> None:
        for panel in leftovers:
            with box("div", "panel stack", "leftover"):
                Text("h2", "Notes of an earlier call")
                chip(panel.state)
                Text("div", panel.text, "kept")
                button = ui.button("Discard", color=None).classes("btn-quiet")
                button.props("unelevated data-testid=discard")
                button.on("click", lambda panel=panel: self._actions.discard(panel.call_id))
