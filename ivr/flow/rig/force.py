"""Activities that leave by the edge that a scenario names, so that every edge can be walked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from ivr.flow.activities.base import ERROR, Acting, Activity, Leave, Port, Result
from ivr.flow.entry import Collected, Entry
from ivr.flow.errors import FlowError
from ivr.flow.model import Flow, Graph
from ivr.flow.ports import AudioFile, PortError, Prompt, Say, Voice
from ivr.flow.rig.scenario import Force

FORCED = "forced by the scenario"
"""The detail of a step that was forced."""


Unheard = Callable[[str], object]
"""Takes a text or a file that a forced activity would have said or played."""


def forced(flow: Flow, forces: Mapping[str, Force], unheard: Unheard = lambda _: None) -> Flow:
    """The flow with these activities replaced by ones that leave as they are told. What they would have said
    is told to `unheard`: over SIP it is made unplayable, which brings the same edge about."""
    if not forces:
        return flow
    return replace(
        flow,
        main=_graph(flow.main, forces, unheard),
        events={name: _graph(graph, forces, unheard) for name, graph in flow.events.items()},
        sub_flows={name: forced(sub, forces, unheard) for name, sub in flow.sub_flows.items()},
    )


def by_voice(activity: Activity) -> bool:
    """Whether it fails when what it plays cannot be played."""
    return Port.VOICE in activity.uses and Port.TRANSFER not in activity.uses


def _graph(graph: Graph, forces: Mapping[str, Force], unheard: Unheard) -> Graph:
    nodes = {
        name: replace(node, activity=_forced(node.activity, forces[name], unheard))
        if name in forces
        else node
        for name, node in graph.nodes.items()
    }
    return replace(graph, nodes=nodes)


def _forced(activity: Activity, force: Force, unheard: Unheard) -> Activity:
    edges = _edges(force)

    async def run(acting: Acting) -> Result:
        edge = next(edges, None)
        if edge is None:
            return await activity.run(acting)
        if edge == ERROR:
            if by_voice(activity):
                await _try_unheard(activity, acting, unheard)
            raise PortError(FORCED)
        return Leave(outcome=edge, detail=FORCED)

    stand_in = activity.model_copy()
    # Everything else of the activity stays as it is, whatever its type: only its `run` is put aside, past
    # pydantic, which does not let a frozen model be changed.
    object.__setattr__(stand_in, "run", run)
    return stand_in


async def _try_unheard(activity: Activity, acting: Acting, unheard: Unheard) -> None:
    try:
        await activity.run(replace(acting, ports=replace(acting.ports, voice=_Mute(unheard))))
    except (FlowError, PortError):
        return  # that it fails is the point


class _Mute(Voice):
    """A voice that cannot be heard, and tells what it was given."""

    def __init__(self, unheard: Unheard) -> None:
        self._unheard = unheard

    async def play(self, prompts: Sequence[Prompt]) -> None:
        for prompt in prompts:
            match prompt:
                case Say(text=text):
                    self._unheard(text)
                case AudioFile(name=name):
                    self._unheard(name)
        raise PortError(FORCED)

    async def collect(self, prompts: Sequence[Prompt], entry: Entry) -> Collected:
        await self.play(prompts)
        raise PortError(FORCED)

    async def music(self, name: str, *, duration_s: float | None, offset_s: float = 0.0) -> None:
        self._unheard(name)
        raise PortError(FORCED)

    async def hang_up(self) -> None:
        raise PortError(FORCED)


def _edges(force: Force) -> Iterator[str]:
    yield from force.edges
    while not force.then_runs:
        yield force.edges[-1]
