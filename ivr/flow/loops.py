"""Ways round in a flow on which no time passes. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.activities.base import ERROR
from ivr.flow.finding import Finding, Severity, reporter
from ivr.flow.graph import cycles, reachable
from ivr.flow.model import Flow, Graph, Node


def loop_findings(flow: Flow, graph: Graph) -> Iterator[Finding]:
    """Loops without a wait, and those that lose their wait when something fails."""
    nodes = graph.nodes.values()
    busy = {node.name: node for node in nodes if not (_waits(flow, node) or node.activity.problems())}
    edges = {name: [to for to in node.edges.values() if to in busy] for name, node in busy.items()}
    for loop in cycles(edges):
        around = ", ".join(loop)
        yield reporter(flow, graph.nodes[loop[0]])(
            f"goes round without waiting: {around}; a loop needs music or a message in it"
        )
    ways = {name: tuple(node.edges.values()) for name, node in busy.items()}
    for node in nodes:
        if node.name not in busy and not node.activity.problems():
            yield from _failing_round(flow, node, ways)


def _failing_round(flow: Flow, node: Node, ways: dict[str, tuple[str, ...]]) -> Iterator[Finding]:
    """What fails takes no time: does its error lead back to it through nothing that waits?"""
    target = node.edges.get(ERROR)
    if target is None:
        return
    through = reachable(ways, target)
    if target == node.name or any(node.name in ways[name] for name in through):
        text = "its error leads back to it without waiting; a message or music is needed on the way"
        yield reporter(flow, node)(text, ("edges", ERROR), Severity.WARNING)


def _waits(flow: Flow, node: Node) -> bool:
    """Whether each run of it takes time; for a sub-flow, whether there is no way through without waiting."""
    name = node.activity.sub_flow()
    sub = flow.sub_flows.get(name) if name else None
    if sub is None:
        return node.activity.waits
    busy = {n.name: tuple(n.edges.values()) for n in sub.main.nodes.values() if not _waits(sub, n)}
    through = reachable(busy, sub.main.start)
    return not any(sub.main.nodes[name].activity.outcomes() == () for name in through)
