"""Which edges of a flow were walked. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ivr.flow.model import NOT_YET, Flow
from ivr.flow.rig.family import nodes
from ivr.flow.rig.force import FORCED
from ivr.flow.steps import Step


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Edge:
    """An edge: the graph, the activity and the outcome by which it is left."""

    graph: str
    activity: str
    outcome: str

    def __str__(self) -> str:
        return f"{self.graph}: {self.activity} {self.outcome}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The edges of a flow, those that were walked, and those walked only because a scenario forced it."""

    edges: tuple[Edge, ...]
    walked: frozenset[Edge]
    only_forced: frozenset[Edge]

    @property
    def percent(self) -> float:
        """Of all edges; 100 for a flow without edges."""
        return 100.0 * len(self.walked) / len(self.edges) if self.edges else 100.0

    @property
    def missing(self) -> tuple[Edge, ...]:
        """Edges that nobody walked, in the order of the file."""
        return tuple(edge for edge in self.edges if edge not in self.walked)


def edges_of(flow: Flow) -> tuple[Edge, ...]:
    """Every wired edge, in the order of the file, then those of the sub-flows. Events that do not happen yet
    have none."""
    return tuple(
        Edge(graph=graph, activity=node.name, outcome=outcome)
        for graph, node in nodes(flow)
        if graph not in NOT_YET
        for outcome in node.edges
    )


def coverage(flow: Flow, steps: Iterable[Step]) -> Coverage:
    """What these steps walked. Starting at INVITE is no walk: the edge is taken when the walk gets there."""
    edges = edges_of(flow)
    free, forced = set[Edge](), set[Edge]()
    for step in steps:
        if not step.early:
            edge = Edge(graph=step.flow, activity=step.activity, outcome=step.outcome)
            (forced if step.detail == FORCED else free).add(edge)
    known = frozenset(edges)
    return Coverage(edges=edges, walked=known & (free | forced), only_forced=known & (forced - free))
