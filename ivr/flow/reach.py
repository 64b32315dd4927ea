"""What may be known when a walk gets somewhere: whatever something sets on some way there. Pure.

A name that is missing here is unset on every way, so that reading it always fails; one that is there may
still be unset on the way that a call takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ivr.flow.activities.base import ERROR
from ivr.flow.model import MAIN, EventName, Flow, Graph, Node

Place = tuple[str, str]
"""An activity: the name of its graph, and its own."""

_AFTER_MAIN = frozenset({EventName.ON_GLOBAL_ERROR, EventName.PHONE_CONTACT_ENDED})


def known_at(flow: Flow, given: frozenset[str]) -> Mapping[Place, frozenset[str]]:
    """For each activity that a walk reaches, the variables and activities whose values may be there when it
    begins. `given` are variables that are set from outside before the flow begins."""
    always = given | _from_the_start(flow)
    before = {graph.name: _before(flow, graph) for graph in flow.graphs()}
    set_in = {
        graph.name: _names(_gives(flow, graph.nodes[name], None) for name in before[graph.name])
        for graph in flow.graphs()
    }
    return {
        (graph, name): always | found | _beside(graph, set_in)
        for graph, nodes in before.items()
        for name, found in nodes.items()
    }


def set_somewhere(flow: Flow) -> frozenset[str]:
    """The variables that something in the flow sets, its sub-flows included."""
    return _names(_variables(flow, node) for _, node in flow.nodes())


def _from_the_start(flow: Flow) -> frozenset[str]:
    # Whoever reads what an early activity sets waits for it; an agent may write at any time.
    early = _names(_gives(flow, node, None) for node in flow.early())
    return early | {s.name for s in flow.variables if s.default is not None or s.agent_editable}


def _before(flow: Flow, graph: Graph) -> Mapping[str, frozenset[str]]:
    """What each activity that can be reached may find set within its own graph."""
    found = {graph.start: frozenset[str]()} if graph.start in graph.nodes else {}
    waiting = list(found)
    while waiting:
        node = graph.nodes[waiting.pop()]
        for outcome, target in node.edges.items():
            after = found[node.name] | _gives(flow, node, outcome)
            if target in graph.nodes and not (target in found and after <= found[target]):
                found[target] = found.get(target, frozenset()) | after
                waiting.append(target)
    return found


def _beside(graph: str, set_in: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """What the other graphs may have set: events happen beside the main flow, or after it."""
    return _names(
        names
        for other, names in set_in.items()
        if other != graph and not (graph == MAIN and other in _AFTER_MAIN)
    )


def _gives(flow: Flow, node: Node, outcome: str | None) -> frozenset[str]:
    """What is set when the activity leaves by this edge; by any when None."""
    activity = node.activity
    outputs, assigned = activity.outputs(), activity.assigns()
    names = _shared_below(flow, node)
    # What fails sets nothing; outputs stay when only the assigning fails. Without outputs known: whatever.
    if outcome != ERROR or outputs is None:
        names |= assigned.keys()
    if outputs is None or (outputs and (outcome != ERROR or assigned)):
        names |= {node.name}
    return names


def _variables(flow: Flow, node: Node) -> frozenset[str]:
    return _shared_below(flow, node).union(node.activity.assigns())


def _shared_below(flow: Flow, node: Node) -> frozenset[str]:
    """The global variables that the activity's sub-flow sets, however deep."""
    sub = flow.sub_flows.get(node.activity.sub_flow() or "")
    if sub is None:
        return frozenset()
    shared = {spec.name for one in sub.family() for spec in one.variables if spec.shared}
    return _names(n.activity.assigns() for one in sub.family() for _, n in one.nodes()) & shared


def _names(parts: Iterable[Iterable[str]]) -> frozenset[str]:
    return frozenset().union(*parts)
