"""The few page elements that NiceGUI does not bring: text in any tag, and a part that redraws on change.

All customer data goes through `Text` or a Quasar property, both of which are text to the browser, never HTML.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments

from ivr.desktop.card import Labelled

Value = TypeVar("Value")


class Text(TextElement):
    """A text in an HTML tag of its own, e.g. `h2` or `td`."""

    def __init__(self, tag: str, text: str, classes: str = "", testid: str = "") -> None:
        super().__init__(tag=tag, text=text)
        self.classes(classes)
        if testid:
            self.props(f"data-testid={testid}")


def box(tag: str, classes: str = "", testid: str = "", label: str = "") -> ui.element:
    """A container; `label` names it for screen readers."""
    element = ui.element(tag)
    element.classes(classes)
    if testid:
        element.props(f"data-testid={testid}")
    if label:
        element.props["aria-label"] = label
    return element


def chip(labelled: Labelled, tag: str = "span", testid: str = "") -> Text:
    """A word in a coloured pill."""
    return Text(tag, labelled.text, f"chip tone-{labelled.tone}", testid)


def link(text: str, url: str | None, classes: str = "", testid: str = "") -> ui.element:
    """A link into a new tab; plain text where there is no web address."""
    if url is None:
        return Text("span", text, classes, testid)
    element = Text("a", text, f"link {classes}", testid)
    element.props["href"] = url
    element.props["target"] = "_blank"
    element.props["rel"] = "noopener noreferrer"
    return element


def here(text: str, path: str, testid: str = "") -> None:
    """A link within the desktop, in this tab."""
    element = link(text, path, testid=testid)
    element.props(remove="target rel")


def on_submit(form: ui.element, submitted: Callable[[Mapping[str, str]], Awaitable[None]]) -> None:
    """Hand over the named fields of a form as they stand in the browser when it is sent.

    The values travel with the event: what is typed before the page has its connection is reported to the
    server afterwards in any order, and the form may well be there before the last of its fields."""

    async def sent(event: GenericEventArguments) -> None:
        fields = event.args if isinstance(event.args, dict) else {}
        await submitted({name: value for name, value in fields.items() if isinstance(value, str)})

    form.on(
        "submit.prevent", sent, js_handler="(event) => emit(Object.fromEntries(new FormData(event.target)))"
    )


class Part(Generic[Value]):
    """A part of the page that is drawn again only when its value changes, and is hidden without one."""

    def __init__(self, container: ui.element, draw: Callable[[Value], object]) -> None:
        self._container = container
        self._draw = draw
        self._shown: Value | None = None
        container.set_visibility(False)

    def show(self, value: Value | None) -> None:
        """Bring the part up to date."""
        if value == self._shown:
            return
        self._container.clear()
        if value is not None:
            with self._container:
                self._draw(value)
        self._container.set_visibility(value is not None)
        self._shown = value


def show_text(element: TextElement, text: str) -> None:
    """Set a text, and send it only if it differs."""
    if element.text != text:
        element.set_text(text)
