"""A flow and all its sub-flows, however deep. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.model import Flow, Graph, Node


def sub_flows(flow: Flow) -> dict[str, Flow]:
    """Every sub-flow that can be reached, by name."""
    found: dict[str, Flow] = {}
    waiting = [flow]
    while waiting:
        for name, sub in waiting.pop().sub_flows.items():
            if name not in found:
                found[name] = sub
                waiting.append(sub)
    return found


def label(name: str) -> str:
    """How steps name a sub-flow."""
    return f"sub-flow {name}"


def graphs(flow: Flow) -> Iterator[tuple[str, Graph]]:
    """Every graph that a call can walk, and its name in steps: main, events, the main flows of sub-flows."""
    for graph in flow.graphs():
        yield graph.name, graph
    for name, sub in sub_flows(flow).items():
        yield label(name), sub.main


def nodes(flow: Flow) -> Iterator[tuple[str, Node]]:
    """Every activity that a call can visit, and the graph it is in."""
    for name, graph in graphs(flow):
        for node in graph.nodes.values():
            yield name, node
