"""The call card on the page."""

from __future__ import annotations

from nicegui import ui

from ivr.api.models import VariableView
from ivr.desktop.actions import Actions
from ivr.desktop.card import CallCard, CandidateRow, CaseRow, CaseTable, Chooser, LinkRow, PopPanel
from ivr.desktop.elements import Part, Text, box, chip, link, show_text
from ivr.desktop.story import call_page
from ivr.desktop.view import CallClock, DesktopView


class CallPanel:
    """The call in hand: who, why, the account page, open cases, and wrap-up."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._panel = box("section", "panel call stack", "call-card", "Call")
        with self._panel:
            with box("div", "row spread"):
                with box("div", "row"):
                    self._stage = Part(box("span", testid="call-stage").props("role=status"), chip)
                    self._clock = Text("span", "", "num", "call-clock").props("role=timer")
                self._finish = ui.button("Finish wrap-up", on_click=actions.finish_wrap_up, color=None)
                self._finish.classes("btn-main").props("unelevated data-testid=finish-wrap-up")
            self._head = Part(box("div", "stack"), _draw_head)
            self._chooser = Part(box("div", "stack"), self._draw_chooser)
            self._pop = Part(box("div", testid="pop"), self._draw_pop)
            self._cases = Part(box("div", "stack"), _draw_cases)
            self._variables = Part(box("div", "stack"), self._draw_variables)
            self._others = Part(box("div", "stack"), self._draw_chooser)
            self._story: Part[str] = Part(box("div"), _draw_story)

    def show(self, view: DesktopView) -> None:
        """Bring the card up to date."""
        card = view.card
        self._panel.set_visibility(card is not None)
        if card is None:
            return
        self._panel.classes(add="ringing" if card.ringing else "", remove="" if card.ringing else "ringing")
        self._stage.show(card.stage)
        self._head.show(card)
        self._show_clock(view.clock)
        self._pop.show(view.pop)
        settled = card.chooser is not None and card.chooser.settled
        self._chooser.show(None if settled else card.chooser)
        self._others.show(card.chooser if settled else None)
        self._cases.show(card.cases)
        self._variables.show(card.variables or None)
        self._story.show(card.call_id)

    def _show_clock(self, clock: CallClock | None) -> None:
        show_text(self._clock, clock.text if clock else "")
        wrapping = clock is not None and clock.finish_enabled is not None
        self._finish.set_visibility(wrapping)
        if clock is not None and clock.finish_enabled is not None:
            self._finish.set_enabled(clock.finish_enabled)

    def _draw_pop(self, pop: PopPanel) -> None:
        with box("div", f"note-line row spread {'tone-warn' if pop.urgent else 'tone-info'}"):
            Text("span", pop.text, testid="pop-text").props("role=status")
            if pop.url is not None:
                # A real link: browsers never block what a person clicks.
                button = link(pop.label, pop.url, testid="pop-open")
                button.classes("pop-button" if pop.urgent else "")
                button.on("click", lambda: self._actions.pop_opened(pop.call_id, pop.pop_id))

    def _draw_chooser(self, chooser: Chooser) -> None:
        Text("h2", chooser.title)
        with box("ul", "plain-list", "candidates", "Possible callers"):
            for candidate in chooser.candidates:
                self._draw_candidate(candidate, chooser.enabled)

    def _draw_candidate(self, candidate: CandidateRow, enabled: bool) -> None:
        async def choose() -> None:
            await self._actions.choose_caller(candidate.object, candidate.id)

        with box("li", "row spread candidate", "candidate"):
            with box("div"):
                with box("div", "row"):
                    link(candidate.name, candidate.url)
                    Text("span", candidate.object, "chip tone-plain")
                known = (candidate.account, candidate.why)
                Text("div", " · ".join(text for text in known if text), "soft")
            button = ui.button("This is the caller", on_click=choose, color=None).classes("btn-quiet")
            button.props(f'unelevated data-testid="choose-{candidate.id}"')
            button.set_visibility(enabled)

    def _draw_variables(self, variables: tuple[VariableView, ...]) -> None:
        Text("h2", "Call details")
        with box("div", "vars", "variables"):
            for variable in variables:
                self._draw_variable(variable)

    def _draw_variable(self, variable: VariableView) -> None:
        if not variable.editable:
            with box("div"):
                Text("div", variable.label, "label")
                Text("div", variable.value or "–", testid="variable-value")
            return
        field = ui.input(variable.label, value=variable.value).props("outlined dense maxlength=1000")
        field.props["data-testid"] = f"variable-{variable.name}"

        async def save() -> None:
            await self._actions.set_variable(variable.name, field.value or "")

        field.on("change", save)


def _draw_story(call_id: str) -> None:
    link("How this call went", call_page(call_id), testid="call-story")


def _draw_head(card: CallCard) -> None:
    if card.hint:
        Text("div", card.hint, "hint tone-info", "call-hint").props("role=alert")
    with box("div"):
        Text("h1", card.title, testid="customer-name")
        with box("div", "row"):
            Text("span", card.number, "number num", "caller-number")
            if card.network_name:
                Text("span", card.network_name, "soft")
    if card.match is not None:
        Text("p", card.match.text, f"note-line tone-{card.match.tone}", "match")
    _draw_records(card.records)
    with box("div", "row", "priority"):
        Text("span", card.queue, "soft")
        Text("span", card.priority, "chip tone-plain")
        for reason in card.reasons:
            Text("span", reason, "soft")
        Text("span", f"Waited {card.waited}", "soft num", "waited")


def _draw_records(records: tuple[LinkRow, ...]) -> None:
    if not records:
        return
    with box("div", "records", "records"):
        for record in records:
            Text("span", record.kind, "soft")
            link(record.text, record.url)


def _draw_cases(table: CaseTable) -> None:
    Text("h2", table.title, testid="cases-title").props("role=status")
    if not table.cases:
        return
    with box("table", "cases", "cases", "Open cases"):
        with box("thead"), box("tr"):
            for title in ("Case", "Subject", "Priority", "Status", "Owner"):
                Text("th", title).props("scope=col")
        with box("tbody"):
            for case in table.cases:
                _draw_case(case)


def _draw_case(case: CaseRow) -> None:
    with box("tr", testid="case"):
        with box("td", "tight"):
            link(case.number, case.url, "num")
        Text("td", case.subject, "subject")
        with box("td", "tight"):
            chip(case.priority)
        Text("td", case.status, "status")
        Text("td", case.owner, "owner")
