"""The pages of flows and of calls: the same picture, with calls on it now or with the way that one took.

Pictures come from the node as SVG and stand here as images: a browser runs nothing inside an image and
fetches nothing for it, whatever the names in a flow are.
"""

from __future__ import annotations

from base64 import b64encode

from nicegui import Client

from ivr.api.errors import ApiError
from ivr.api.models import FlowView
from ivr.desktop.elements import Part, Text, box, here
from ivr.desktop.hub import Hub
from ivr.desktop.refusals import may_pass
from ivr.desktop.story import Fact, Moment, Story, build_story, flow_page
from ivr.desktop.watching import WatchingPage


class Picture:
    """An SVG of the node's, as an image; sent to the browser only when it has changed."""

    def __init__(self, alt: str) -> None:
        self._svg = ""
        with box("div", "panel picture"):
            self._image = box("img", testid="picture")
        self._image.props["alt"] = alt
        self._image.set_visibility(False)

    def show(self, svg: str) -> None:
        """Bring the image up to date."""
        if svg == self._svg:
            return
        self._svg = svg
        self._image.props["src"] = f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
        self._image.set_visibility(True)
        self._image.update()


class FlowsPage(WatchingPage):
    """`/flows` and `/flows/NAME`: the flows in use, and one of them with the calls on it now."""

    def __init__(self, *, hub: Hub, client: Client, name: str | None) -> None:
        super().__init__(hub, client, name or "Flows", bar_label="Flows")
        self._name = name
        with self.bar:
            self._list: Part[tuple[FlowView, ...]] = Part(box("div", "row", "flows"), _draw_flows)
        with box("main", "main single"):
            self._picture = Picture(f"The flow {name}") if name is not None else None
        self.watch(self._look)

    async def _look(self) -> None:
        self._list.show(tuple(await self.hub.reader.flows()))
        if self._name is not None and self._picture is not None:
            self._picture.show(await self.hub.reader.flow_picture(self._name))


class CallPage(WatchingPage):
    """`/calls/ID`: what became of a call."""

    def __init__(self, *, hub: Hub, client: Client, call_id: str) -> None:
        super().__init__(hub, client, "How this call went", bar_label="Flow")
        self._call_id = call_id
        with self.bar:
            self._flow: Part[str] = Part(box("div"), _draw_flow_link)
        with box("main", "main single"):
            self._facts: Part[tuple[Fact, ...]] = Part(box("section", "panel", label="Record"), _draw_facts)
            self._picture = Picture("The way that the call took through its flow")
            self._moments: Part[Story] = Part(box("section", "panel stack", label="Timeline"), _draw_moments)
        self._timer = self.watch(self._look)

    async def _look(self) -> None:
        story = build_story(await self.hub.reader.call(self._call_id))
        self._facts.show(story.facts)
        self._flow.show(story.flow or None)
        self._moments.show(story)
        try:
            self._picture.show(await self.hub.reader.call_picture(self._call_id))
        except ApiError as exc:
            if story.over and not may_pass(exc):
                self._timer.deactivate()
            raise
        if story.over:
            self._timer.deactivate()


def _draw_flows(flows: tuple[FlowView, ...]) -> None:
    for flow in flows:
        with box("span", "row", "flow"):
            here(flow.name, flow_page(flow.name))
            calls = "1 call" if flow.calls == 1 else f"{flow.calls} calls"
            Text("span", f"{flow.version} · {calls} now", "soft num")


def _draw_flow_link(name: str) -> None:
    here(f"All calls in {name} now", flow_page(name), "flow-link")


def _draw_facts(facts: tuple[Fact, ...]) -> None:
    with box("div", "records", "facts"):
        for fact in facts:
            Text("span", fact.name, "soft")
            Text("span", fact.text, "num")


def _draw_moments(story: Story) -> None:
    Text("h2", "What happened, in seconds from the start")
    if story.left_out:
        Text("p", f"{story.left_out} earlier entries are not shown.", "soft")
    with box("table", "cases moments", "timeline", "Timeline"):
        with box("thead"), box("tr"):
            for title in ("Time", "Who", "What", "Detail"):
                Text("th", title).props("scope=col")
        with box("tbody"):
            for moment in story.moments:
                _draw_moment(moment)


def _draw_moment(moment: Moment) -> None:
    with box("tr", testid="moment"):
        Text("td", moment.at, "tight num")
        Text("td", moment.source, "tight soft")
        Text("td", moment.event)
        Text("td", moment.detail, "soft")
