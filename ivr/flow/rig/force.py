"""Activities that leave by the edge that a scenario names, so that every edge can be walked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ivr.flow.activities.base import ERROR, Acting, Activity, Leave, Result
from ivr.flow.model import Flow, Graph
from ivr.flow.ports import PortError
from ivr.flow.rig.scenario import Force

FORCED = "forced by the scenario"
"""The detail of a step that was forced."""


def forced(flow: Flow, forces: Mapping[str, Force]) -> Flow:
    """The flow with these activities replaced by ones that leave as they are told."""
    if not forces:
        return flow
    return replace(
        flow,
        main=_graph(flow.main, forces),
        events={name: _graph(graph, forces) for name, graph in flow.events.items()},
        sub_flows={name: forced(sub, forces) for name, sub in flow.sub_flows.items()},
    )


def _graph(graph: Graph, forces: Mapping[str, Force]) -> Graph:
    nodes = {
        name: replace(node, activity=_forced(node.activity, forces[name])) if name in forces else node
        for name, node in graph.nodes.items()
    }
    return replace(graph, nodes=nodes)


def _forced(activity: Activity, force: Force) -> Activity:
    edges = _edges(force)

    async def run(acting: Acting) -> Result:
        edge = next(edges, None)
        if edge is None:
            return await activity.run(acting)
        if edge == ERROR:
            raise PortError(FORCED)
        return Leave(outcome=edge, detail=FORCED)

    stand_in = activity.model_copy()
    # Everything else of the activity stays as it is, whatever its type: only its `run` is put aside, past
    # pydantic, which does not let a frozen model be changed.
    object.__setattr__(stand_in, "run", run)
    return stand_in


def _edges(force: Force) -> Iterator[str]:
    yield from force.edges
    while not force.then_runs:
        yield force.edges[-1]
