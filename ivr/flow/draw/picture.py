"""A flow as boxes and arrows, before any place or format: what is worth showing of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ivr.flow.activities.base import ERROR, NEXT, Activity, Port
from ivr.flow.model import MAIN, At, Flow, Graph, Node
from ivr.flow.template import Template

MAX_SUMMARY = 30

# The property that tells most, first; `prompts` have their own words.
_TELLING = ("queue", "target", "flow", "path", "url", "expression", "file", "hours", "number", "set", "text")


class Family(StrEnum):
    """What a box is about; each has its colour."""

    START = "start"
    END = "end"
    VOICE = "voice"
    QUEUE = "queue"
    CONNECTOR = "connector"
    DESKTOP = "desktop"
    LOGIC = "logic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An activity. `early` says how long the walk waits for it, "" when it does not start at INVITE."""

    name: str
    type: str
    family: Family
    summary: str = ""
    early: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """All edges from one activity to another. `dim` when only errors go this way."""

    source: str
    target: str
    outcomes: tuple[str, ...]

    @property
    def dim(self) -> bool:
        """Only errors go this way."""
        return self.outcomes == (ERROR,)

    @property
    def label(self) -> str:
        """What is written beside it: nothing where there is only one way on, errors included."""
        return "" if self.outcomes in ((NEXT,), (NEXT, ERROR)) else ", ".join(self.outcomes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The main flow or one event flow."""

    name: str
    start: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A flow to be drawn."""

    title: str
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A call was at this activity and left it by `outcome`; "" when it is there now."""

    group: str
    activity: str
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What calls do: how many are at each activity now, by group and name, and the way that one call took."""

    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    path: tuple[Visit, ...] = ()

    def visited(self, group: str, activity: str) -> bool:
        """The call was there."""
        return any(visit.group == group and visit.activity == activity for visit in self.path)

    def taken(self, group: str, arrow: Arrow) -> bool:
        """The call went this way."""
        return any(
            visit.group == group and visit.activity == arrow.source and visit.outcome in arrow.outcomes
            for visit in self.path
        )


def picture(flow: Flow) -> Picture:
    """The boxes and arrows of a flow."""
    return Picture(
        title=f"{flow.name} {flow.version}".strip(),
        groups=tuple(_group(graph) for graph in flow.graphs()),
    )


def _group(graph: Graph) -> Group:
    return Group(
        name=graph.name,
        start=graph.start,
        boxes=tuple(_box(graph, node) for node in graph.nodes.values()),
        arrows=tuple(arrow for node in graph.nodes.values() for arrow in _arrows(graph, node)),
    )


def _box(graph: Graph, node: Node) -> Box:
    early = ""
    if node.at is At.INVITE:
        early = "at INVITE" if node.wait_s is None else f"at INVITE, ≤ {node.wait_s:g} s"
    return Box(
        name=node.name,
        type=node.activity.type,
        family=_family(graph, node),
        summary=shortened(_summary(node.activity)),
        early=early,
        waits=node.activity.waits,
    )


def _family(graph: Graph, node: Node) -> Family:
    activity = node.activity
    if activity.entry:
        return Family.START
    if not activity.outcomes() and not activity.problems():
        return Family.END
    for port, family in _BY_PORT.items():
        if port in activity.uses:
            return family
    return Family.LOGIC


_BY_PORT = {
    Port.VOICE: Family.VOICE,
    Port.QUEUE: Family.QUEUE,
    Port.CONNECTOR: Family.CONNECTOR,
    Port.DESKTOP: Family.DESKTOP,
}


def _arrows(graph: Graph, node: Node) -> Iterator[Arrow]:
    """One for each activity that can follow; an edge into nowhere is the check's business."""
    by_target: dict[str, list[str]] = {}
    for outcome, target in node.edges.items():
        if target in graph.nodes:
            by_target.setdefault(target, []).append(outcome)
    for target, outcomes in by_target.items():
        # Errors last: what normally happens is read first.
        ordered = sorted(outcomes, key=lambda outcome: outcome == ERROR)
        yield Arrow(source=node.name, target=target, outcomes=tuple(ordered))


def _summary(activity: Activity) -> str:
    fields = type(activity).model_fields
    if "prompts" in fields:
        return _prompts(activity)
    for name in _TELLING:
        if name in fields and (text := _words(getattr(activity, name))):
            return text
    return ""


def _prompts(activity: Activity) -> str:
    items = getattr(activity, "prompts", ()) or ()
    texts = [_first(item) for item in items]
    return texts[0] + (f" +{len(texts) - 1}" if len(texts) > 1 else "") if texts else ""


def _first(item: object) -> str:
    """A prompt: its key, text or file."""
    for name in ("key", "text", "file"):
        if (value := getattr(item, name, None)) is not None:
            text = _words(value)
            return f"“{text}”" if name == "text" else text
    return ""


def _words(value: object) -> str:
    match value:
        case Template(source=source):
            return source
        case str():
            return value
        case Mapping():
            return ", ".join(map(str, value))
        case _:
            return ""


def shortened(text: str, limit: int = MAX_SUMMARY) -> str:
    """One line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def title_of(group: Group) -> str:
    """A group's heading."""
    return "Main flow" if group.name == MAIN else f"On {group.name}"
