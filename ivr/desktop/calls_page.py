"""`/calls`: the calls that the agent took, newest first, to be searched and paged through."""

from __future__ import annotations

from dataclasses import replace

from nicegui import Client, ui

from ivr.desktop.elements import Part, Text, box, chip, here, show_text
from ivr.desktop.hub import Hub
from ivr.desktop.past_calls import (
    ENDINGS,
    PAGE_ROWS,
    Asked,
    CallRow,
    PastCalls,
    build_page,
    ending_words,
)
from ivr.desktop.watching import WatchingPage

TYPING_PAUSE_MS = 300
ANY_ENDING = "Any ending"


class CallsPage(WatchingPage):
    """The list. It follows what happens: a call that ends shows so within seconds."""

    def __init__(self, *, hub: Hub, client: Client) -> None:
        super().__init__(hub, client, "Your calls", bar_label="Search")
        self._asked = Asked()
        self._page = PastCalls()
        with self.bar:
            self._draw_search()
        with box("main", "main single"), box("section", "panel stack", label="Calls"):
            self._rows: Part[tuple[CallRow, ...]] = Part(box("div"), _draw_rows)
            self._nothing = Text("p", "", "soft", "no-calls").props("role=status")
            self._draw_paging()
        self.watch(self._look)

    def _draw_search(self) -> None:
        search = ui.input("Number, queue, entry point", on_change=lambda event: self._search(event.value))
        search.classes("search").props(
            f"outlined dense clearable maxlength=64 debounce={TYPING_PAUSE_MS} data-testid=calls-text"
        )
        endings = {"": ANY_ENDING, **{ending.value: ending_words(ending.value) for ending in ENDINGS}}
        chosen = ui.select(endings, value="", on_change=lambda event: self._choose(event.value))
        chosen.props("outlined dense options-dense aria-label=Ending data-testid=calls-ending")

    def _draw_paging(self) -> None:
        with box("nav", "row", label="Pages"):
            self._newer = ui.button("Newer", on_click=self._go_newer, color=None).classes("btn-quiet")
            self._newer.props("unelevated data-testid=newer")
            self._number = Text("span", "", "soft num", "page-number")
            self._older = ui.button("Older", on_click=self._go_older, color=None).classes("btn-quiet")
            self._older.props("unelevated data-testid=older")

    async def _search(self, text: str | None) -> None:
        await self._ask(replace(self._asked, text=(text or "").strip(), behind=()))

    async def _choose(self, ending: str | None) -> None:
        await self._ask(replace(self._asked, ending=ending or None, behind=()))

    async def _go_newer(self) -> None:
        await self._ask(self._asked.newer())

    async def _go_older(self) -> None:
        await self._ask(self._asked.older(self._page))

    async def _ask(self, asked: Asked) -> None:
        self._asked = asked
        await self.try_to(self._look)

    async def _look(self) -> None:
        asked = self._asked
        calls = await self.hub.reader.calls(
            PAGE_ROWS + 1, before=asked.before, text=asked.text, ending=asked.ending
        )
        if asked == self._asked:  # else the agent asks for something else by now
            self._show(build_page(calls, asked))

    def _show(self, page: PastCalls) -> None:
        self._page = page
        self._rows.show(page.rows or None)
        show_text(self._nothing, page.nothing)
        self._nothing.set_visibility(bool(page.nothing))
        show_text(self._number, f"Page {page.number}")
        self._newer.set_enabled(page.number > 1)
        self._older.set_enabled(page.more)


def _draw_rows(rows: tuple[CallRow, ...]) -> None:
    with box("table", "cases calls", "calls", "Calls"):
        with box("thead"), box("tr"):
            for title in ("Started", "Caller", "Queue", "Entry point", "Lasted", "Ended"):
                Text("th", title).props("scope=col")
        with box("tbody"):
            for row in rows:
                _draw_row(row)


def _draw_row(row: CallRow) -> None:
    with box("tr", testid="call-row"):
        with box("td", "tight num"):
            here(row.started, row.page, "call-link")
        Text("td", row.number, "num")
        Text("td", row.queue)
        Text("td", row.entry_point, "soft")
        Text("td", row.lasted, "tight num")
        with box("td"):
            chip(row.ended)
