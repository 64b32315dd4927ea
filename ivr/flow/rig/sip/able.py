"""Which scenarios telephones can play. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.acd.model import OfferFailure
from ivr.flow.activities.base import ERROR, NeedKind
from ivr.flow.activities.blind_transfer import BlindTransfer
from ivr.flow.model import Flow
from ivr.flow.rig.family import nodes
from ivr.flow.rig.force import by_voice
from ivr.flow.rig.scenario import Force, Scenario
from ivr.flow.rig.story import Kind, Story

MOST_AHEAD = 8
"""Real callers ahead of ours: each is a telephone that calls."""
_SAY_SO = {
    "http-request": "script its answer under salesforce.http instead",
    "salesforce-find": "let salesforce answer so instead",
    "salesforce-open-cases": "let salesforce answer so instead",
    "blind-transfer": "script the far end under transfers instead",
    "menu": "let the caller do it instead",
    "collect-digits": "let the caller do it instead",
}
"""For edges that a scenario can bring about without force."""


def why_not(flow: Flow, scenario: Scenario) -> str | None:
    """Why a scenario is for virtual time alone; None when it can be played, as far as the files tell."""
    return next(_reasons(flow, scenario), None)


def why_not_so(virtual: Story) -> str | None:
    """The same, from how the call went in virtual time."""
    heard = {*virtual.of(Kind.SAID), *virtual.of(Kind.MUSIC)}
    for text in virtual.unheard:
        if text in heard:
            return f"force: what makes {text!r} fail would fail it elsewhere in the call as well"
    for target in virtual.of(Kind.TRANSFERRED):
        if target.casefold().startswith("sip:"):
            return f"a transfer to {target} would go there"
    return None


def connectors_of(flow: Flow) -> tuple[str, ...]:
    """The connectors that a flow names."""
    needs = [need for _, node in nodes(flow) for need in node.activity.needs()]
    return tuple(dict.fromkeys(need.name for need in needs if need.kind is NeedKind.CONNECTOR))


def callers_ahead(scenario: Scenario) -> int:
    """How many callers are queued before ours."""
    return sum(len(queue.ahead) for queue in scenario.queues.values())


def _reasons(flow: Flow, scenario: Scenario) -> Iterator[str]:
    if not scenario.sip:
        yield "sip: false"
    for name, force in scenario.force.items():
        yield from _unprovoked(flow, name, force)
    yield from _crowded(scenario)
    gone = any(offer.fails is OfferFailure.GONE for a in scenario.agents.values() for offer in a.offers)
    if gone and len(scenario.agents) > 1:
        yield "an offer that is gone would be gone for the other agents as well"
    if any(isinstance(node.activity, BlindTransfer) and node.activity.refer for _, node in nodes(flow)):
        yield "the caller's telephone takes no REFER"


def _unprovoked(flow: Flow, name: str, force: Force) -> Iterator[str]:
    """Why no real fault brings a forced edge about."""
    for activity in [node.activity for _, node in nodes(flow) if node.name == name]:
        edges = ", ".join(dict.fromkeys(force.edges))
        if activity.type in _SAY_SO and not (by_voice(activity) and set(force.edges) == {ERROR}):
            yield f"force: {name} {edges}: {_SAY_SO[activity.type]}"
        elif not by_voice(activity) or set(force.edges) != {ERROR}:
            yield f"force: nothing outside the flow makes {name} leave by {edges}"
        elif force.then_runs:
            yield f"force: what makes {name} fail does not mend itself within the call"


def _crowded(scenario: Scenario) -> Iterator[str]:
    ahead = callers_ahead(scenario)
    if ahead > MOST_AHEAD:
        yield f"{ahead} callers ahead are more than {MOST_AHEAD}"
    for name, queue in scenario.queues.items():
        ready_s = [
            agent.ready_at_s
            for agent in scenario.agents.values()
            if agent.ready_at_s is not None and (agent.queues is None or name in agent.queues)
        ]
        if queue.ahead and ready_s and min(ready_s) < max(queue.ahead):
            yield "an agent would take a caller ahead"
