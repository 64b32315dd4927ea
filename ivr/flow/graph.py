"""Reachability and cycles in a graph given as its edges. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

Edges = Mapping[str, Collection[str]]


def reachable(edges: Edges, start: str) -> frozenset[str]:
    """What can be reached from `start`, itself included."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen and name in edges:
            seen.add(name)
            waiting.extend(edges[name])
    return frozenset(seen)


def cycles(edges: Edges) -> tuple[tuple[str, ...], ...]:
    """Groups that can be gone around in, each once, in the order of `edges`."""
    found: list[tuple[str, ...]] = []
    grouped: set[str] = set()
    for name in edges:
        if name in grouped:
            continue
        ahead = {other: reachable(edges, other) for other in _beyond(edges, name)}
        group = [other for other in edges if other == name or (other in ahead and name in ahead[other])]
        if name in ahead:
            found.append(tuple(group))
            grouped.update(group)
    return tuple(found)


def _beyond(edges: Edges, name: str) -> frozenset[str]:
    """What can be reached by at least one step."""
    return frozenset().union(*(reachable(edges, target) for target in edges[name]))
