"""Which scenarios telephones can play. Pure."""

from __future__ import annotations

from ivr.flow.activities.base import NeedKind, Port
from ivr.flow.model import Flow
from ivr.flow.rig.family import nodes
from ivr.flow.rig.scenario import Scenario


def why_not(flow: Flow, scenario: Scenario) -> str | None:
    """Why a scenario is for virtual time alone; None when it can be played."""
    failing = {offer.fails for agent in scenario.agents.values() for offer in agent.offers}
    reasons = (
        (not scenario.sip, "sip: false"),
        (bool(scenario.force), "force is for virtual time"),
        (bool(scenario.salesforce.http), "scripted http answers are for virtual time"),
        (scenario.salesforce.writes_fail is not None, "writes_fail is for virtual time"),
        (any(queue.ahead for queue in scenario.queues.values()), "callers ahead are for virtual time"),
        ("gone" in failing, "an offer that is gone is for virtual time"),
        (any(Port.TRANSFER in node.activity.uses for _, node in nodes(flow)), "transfers need a trunk"),
    )
    return next((reason for holds, reason in reasons if holds and reason), None)


def connectors_of(flow: Flow) -> tuple[str, ...]:
    """The connectors that a flow names."""
    needs = [need for _, node in nodes(flow) for need in node.activity.needs()]
    return tuple(dict.fromkeys(need.name for need in needs if need.kind is NeedKind.CONNECTOR))
