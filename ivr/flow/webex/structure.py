"""What a flow's shape tells: which activities have run when another is reached, and loops without a wait."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ivr.flow.graph import cycles, reachable
from ivr.flow.webex.source import SourceGraph


def edges_of(graph: SourceGraph) -> dict[str, list[str]]:
    """Each activity's id and those that follow it."""
    return {
        id_: [link.target for link in graph.links if link.source == id_ and link.target in graph.activities]
        for id_ in graph.activities
    }


def always_before(graph: SourceGraph) -> dict[str, frozenset[str]]:
    """For each activity the ids of those that every way to it goes through, itself left out."""
    if graph.start is None:
        return {}
    edges = edges_of(graph)
    here = reachable(edges, graph.start)
    before: dict[str, set[str]] = {id_: set() for id_ in here}
    for id_ in here:
        if id_ == graph.start:
            missed: Collection[str] = ()
        else:
            missed = reachable({key: to for key, to in edges.items() if key != id_}, graph.start)
        for other in here - {id_}:
            if other not in missed:
                before[other].add(id_)
    return {id_: frozenset(ids) for id_, ids in before.items()}


def spinning(edges: Mapping[str, Mapping[str, str]], waiting: Collection[str]) -> tuple[tuple[str, str], ...]:
    """The edges, as name and outcome, by which loops that never wait go round once more. `edges` are each
    activity's outcomes and where they lead."""
    found: list[tuple[str, str]] = []
    left = {name: dict(to) for name, to in edges.items() if name not in waiting}
    while True:
        plain = {name: [t for t in to.values() if t in left] for name, to in left.items()}
        loops = cycles(plain)
        if not loops:
            return tuple(found)
        for loop in loops:
            edge = _closing(left, loop)
            found.append(edge)
            del left[edge[0]][edge[1]]


def _closing(edges: Mapping[str, Mapping[str, str]], loop: tuple[str, ...]) -> tuple[str, str]:
    """The edge of a loop to cut: one of an error if there is one, else the last that leads to its top."""
    inside = [
        (name, outcome) for name in loop for outcome, target in edges[name].items() if target in set(loop)
    ]
    errors = [edge for edge in inside if edge[1] == "error"]
    back = [edge for edge in inside if edges[edge[0]][edge[1]] == loop[0]]
    return errors[0] if errors else (back or inside)[-1]
