"""A flow as data, and the choice of the next activity. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ivr.flow.activities.base import Activity, Problem
from ivr.flow.activities.base import Path as PropertyPath
from ivr.flow.schedule import Schedules
from ivr.flow.variables import VariableSpec

MAIN = "main"


class At(StrEnum):
    """When an activity starts."""

    REACHED = "reached"
    INVITE = "invite"


class EventName(StrEnum):
    """The events that a flow may answer."""

    AGENT_OFFERED = "AgentOffered"
    AGENT_ANSWERED = "AgentAnswered"
    AGENT_DISCONNECTED = "AgentDisconnected"
    PHONE_CONTACT_ENDED = "PhoneContactEnded"
    ON_GLOBAL_ERROR = "OnGlobalError"
    PRE_DIAL = "PreDial"
    CALLBACK_FAILED = "CallbackFailed"


NOT_YET = frozenset({EventName.PRE_DIAL, EventName.CALLBACK_FAILED})
"""Events that are understood and never happen yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A named activity in a graph.

    `wait_s` is for activities that start at INVITE: how long the walk waits when it gets here first; after
    that it leaves by `error`, while the activity itself goes on. `faults` is what is wrong around the
    activity's own properties (in edges, at, wait_s) and left out here. `lines` are those of the properties.
    """

    name: str
    activity: Activity
    edges: Mapping[str, str] = field(default_factory=dict)
    at: At = At.REACHED
    wait_s: float | None = None
    faults: tuple[Problem, ...] = ()
    line: int = 0
    lines: Mapping[PropertyPath, int] = field(default_factory=dict, repr=False)

    def line_of(self, path: PropertyPath) -> int:
        """The line of a property, or of the nearest thing around it."""
        known: PropertyPath = ()
        for part in path:
            known = (*known, part) if (*known, part) in self.lines else known
        return self.lines.get(known, self.line)

    @property
    def edges_unread(self) -> bool:
        """The file has edges of it that could not be read."""
        return any(fault.at[:1] == ("edges",) for fault in self.faults)

    def reads(self) -> frozenset[str]:
        """The variables and activities whose values it reads."""
        return frozenset(reference.root for _, reference in self.activity.references())


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Activities and the edges between them; the main flow or one event flow."""

    name: str
    start: str
    nodes: Mapping[str, Node]
    line: int = 0

    def first(self) -> Node | None:
        """Where a walk begins."""
        return self.nodes.get(self.start)

    def after(self, node: str, outcome: str) -> Node | None:
        """The activity at the end of the edge `outcome` of `node`; None when it is not wired."""
        return self.nodes.get(self.nodes[node].edges.get(outcome, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A flow file. `version` is what its author says, `digest` the SHA-256 of its bytes, and of those of the
    files beside it that it uses. `refused` are sub-flows that cannot be called, each with the reason."""

    name: str
    version: str
    digest: str
    file: Path
    variables: tuple[VariableSpec, ...]
    main: Graph
    events: Mapping[str, Graph] = field(default_factory=dict)
    schedules: Schedules = field(default_factory=dict, repr=False)
    sub_flows: Mapping[str, Flow] = field(default_factory=dict, repr=False)
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def stamp(self) -> str:
        """Version and the beginning of the digest, for a call's record: "1.0.0 (3f2a9c81d0b4)"."""
        return f"{self.version} ({self.digest[:12]})"

    def family(self) -> tuple[Flow, ...]:
        """This flow and all its sub-flows, however deep, each file once."""
        found = {self.file: self}
        for sub in self.sub_flows.values():
            found |= {flow.file: flow for flow in sub.family() if flow.file not in found}
        return tuple(found.values())

    def graphs(self) -> Iterator[Graph]:
        """The main flow, then the event flows."""
        yield self.main
        yield from self.events.values()

    def nodes(self) -> Iterator[tuple[Graph, Node]]:
        """Every activity and the graph that it is in."""
        for graph in self.graphs():
            for node in graph.nodes.values():
                yield graph, node

    def early(self) -> tuple[Node, ...]:
        """The activities that start at INVITE."""
        return tuple(node for node in self.main.nodes.values() if node.at is At.INVITE)
