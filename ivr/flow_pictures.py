"""Pictures of flows with what calls do on them: how many are at each activity now, and the way that one took.

A call's timeline has its steps, each written when the activity is over. So a running call is where the edge
of its last step leads: at one activity of the main flow, and at one of each event flow under way. Steps of
sub-flows are not in the picture: the call is then at the activity that called the sub-flow.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from ivr.api.errors import NotFound
from ivr.api.models import CallStage, CallView, FlowView
from ivr.call import Call
from ivr.flow.draw.picture import Overlay, Visit, picture
from ivr.flow.draw.svg import svg
from ivr.flow.model import MAIN, EventName, Flow, Graph
from ivr.flow.steps import CANCELLED, ENDED
from ivr.ids import CallId

KEPT = 32
"""Drawings that are remembered: desktops ask for the same one every few seconds, and one takes a tenth of a
second of computing."""


class Happened(Protocol):
    """An entry of a timeline, running or stored."""

    @property
    def source(self) -> str:
        """Who reports it."""
        ...

    @property
    def event(self) -> str:
        """For a step of a flow: the activity."""
        ...

    @property
    def detail(self) -> Mapping[str, object]:
        """For a step of a flow: `flow`, `type`, `outcome`, `early`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What is to be drawn."""

    flow: Flow
    title: str
    overlay: Overlay

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for drawings that look the same."""
        counts = tuple(sorted(self.overlay.counts.items()))
        return (self.flow.name, self.flow.digest, self.title, counts, self.overlay.path)

    def draw(self) -> str:
        """The SVG document."""
        return svg(replace(picture(self.flow), title=self.title), self.overlay)


def steps(flow: Flow, entries: Iterable[Happened]) -> Iterator[Visit]:
    """The activities of the flow that the walks came to and were done with, in order. Activities started at
    INVITE count when the walk gets to them."""
    graphs = {graph.name: graph for graph in flow.graphs()}
    for entry in entries:
        if entry.source != "flow" or "outcome" not in entry.detail or entry.detail.get("early"):
            continue
        group = str(entry.detail.get("flow", ""))
        if group in graphs and entry.event in graphs[group].nodes:
            yield Visit(group=group, activity=entry.event, outcome=str(entry.detail["outcome"]))


def whereabouts(flow: Flow, entries: Iterable[Happened]) -> tuple[Visit, ...]:
    """Where a running call is: at most one activity in each of the flow's groups."""
    last: dict[str, Visit] = {}
    for visit in steps(flow, entries):
        last[visit.group] = visit
    if MAIN not in last:
        return _first(flow.main)
    if EventName.ON_GLOBAL_ERROR in last:
        del last[MAIN]  # it runs because the main flow could not go on
    elif _has_failed(flow.main, last[MAIN]):
        return _first(flow.events.get(EventName.ON_GLOBAL_ERROR))
    graphs = {graph.name: graph for graph in flow.graphs()}
    following = (_after(graphs[group], visit) for group, visit in last.items())
    return tuple(visit for visit in following if visit is not None)


def _first(graph: Graph | None) -> tuple[Visit, ...]:
    node = graph.first() if graph else None
    return (Visit(group=graph.name, activity=node.name),) if graph and node else ()


def _after(graph: Graph, visit: Visit) -> Visit | None:
    """Where the edge leads; None when the walk is over."""
    following = graph.after(visit.activity, visit.outcome)
    return Visit(group=graph.name, activity=following.name) if following else None


def _has_failed(main: Graph, last: Visit) -> bool:
    """The main flow left its last activity by an edge that is not wired."""
    return last.outcome not in (ENDED, CANCELLED) and _after(main, last) is None


def counted(flow: Flow, calls: Iterable[Iterable[Happened]]) -> Overlay:
    """How many of these running calls are at each activity."""
    counts = Counter((at.group, at.activity) for entries in calls for at in whereabouts(flow, entries))
    return Overlay(counts=dict(counts))


def walked(flow: Flow, entries: Iterable[Happened], *, running: bool) -> Overlay:
    """The way that a call took; its activity of this moment is the end of it."""
    known = tuple(entries)
    now = whereabouts(flow, known) if running else ()
    return Overlay(path=(*steps(flow, known), *now), counts={(at.group, at.activity): 1 for at in now})


class FlowPictures:
    """Implements `ivr.api.ports.FlowApi` over the node's flows and calls."""

    def __init__(
        self,
        flows: Callable[[], Mapping[str, Flow]],
        running: Callable[[], Iterable[Call]],
        call: Callable[[CallId], Awaitable[CallView | None]],
    ) -> None:
        self._flows = flows
        self._running = running
        self._call = call
        self._drawn: OrderedDict[tuple[object, ...], str] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def flows(self) -> list[FlowView]:
        """The flows in use."""
        return [
            FlowView(name=flow.name, version=flow.stamp, calls=len(self._calls_of(flow)))
            for flow in sorted(self._flows().values(), key=lambda flow: flow.name)
        ]

    async def flow_picture(self, name: str) -> str | None:
        """The flow with the number of calls at each activity."""
        flow = self._flow(name)
        if flow is None:
            return None
        calls = self._calls_of(flow)
        same = [call.timeline.entries for call in calls if call.arrival.flow_version == flow.stamp]
        title = f"{flow.name} {flow.version}, {_calls(len(same))} now"
        if len(same) < len(calls):
            title += f" (and {_calls(len(calls) - len(same))} on an earlier version, not shown)"
        return await self._svg(Drawing(flow=flow, title=title, overlay=counted(flow, same)))

    async def call_picture(self, call_id: CallId) -> str | None:
        """The call's flow with the way that it took."""
        view = await self._call(call_id)
        if view is None:
            return None
        ran, version = str(view.record.get("flow") or ""), str(view.record.get("flow_version") or "")
        flow = self._flow(ran, version)
        if flow is None:
            raise NotFound("The flow of this call is no longer in use.")
        same = version == flow.stamp
        running = same and view.ended_at is None and view.stage is not CallStage.ENDED
        title = f"{flow.name} {flow.version}, call {call_id}"
        if not same:
            title += f" (the call ran {version or 'another version'}: steps that have changed are missing)"
        overlay = walked(flow, view.timeline, running=running)
        return await self._svg(Drawing(flow=flow, title=title, overlay=overlay))

    def _flow(self, name: str, version: str = "") -> Flow | None:
        """The flow of that name, of that version where there are several."""
        named = [flow for flow in self._flows().values() if flow.name == name]
        same = [flow for flow in named if flow.stamp == version]
        return next(iter(same or named), None)

    def _calls_of(self, flow: Flow) -> list[Call]:
        """Calls whose caller is there; the flow of one in wrap-up is over."""
        return [
            call for call in self._running() if call.arrival.flow == flow.name and not call.leg.ended.done()
        ]

    async def _svg(self, drawing: Drawing) -> str:
        """Draw, or take what was drawn; never in the event loop, and one at a time."""
        async with self._one_at_a_time:
            drawn = self._drawn.get(drawing.key)
            if drawn is None:
                drawn = self._drawn[drawing.key] = await asyncio.to_thread(drawing.draw)
            self._drawn.move_to_end(drawing.key)
            if len(self._drawn) > KEPT:
                self._drawn.popitem(last=False)
            return drawn


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"
