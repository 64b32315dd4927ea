"""The repair of malformed expressions, made in the export before anything else is read of it."""

from __future__ import annotations

from dataclasses import replace

from ivr.flow.webex.findings import Finding, Findings, Repair, Verdict
from ivr.flow.webex.pebble.mend import mended
from ivr.flow.webex.pebble.remarks import Remark
from ivr.flow.webex.source import Json, SourceActivity, SourceFlow, SourceGraph


def mended_flow(flow: SourceFlow, findings: Findings) -> SourceFlow:
    """The flow, with its malformed expressions repaired where that was asked for."""
    if Repair.MALFORMED_TEMPLATES not in findings.repairs:
        return flow
    return replace(
        flow,
        main=_graph(flow.main, findings),
        events=tuple(_graph(event, findings) for event in flow.events),
    )


def _graph(graph: SourceGraph, findings: Findings) -> SourceGraph:
    activities = {id_: _activity(graph, activity, findings) for id_, activity in graph.activities.items()}
    return replace(graph, activities=activities)


def _activity(graph: SourceGraph, activity: SourceActivity, findings: Findings) -> SourceActivity:
    made: dict[str, Json] = {}
    for name, value in activity.properties.items():
        made[name] = _value(value)
        if made[name] != value:
            findings.add(
                Finding(
                    verdict=Verdict.DEFECT,
                    kind=Remark.MALFORMED,
                    text="an expression had a bracket too many",
                    flow=graph.name,
                    activity=activity.name,
                    property=name,
                    repair=Repair.MALFORMED_TEMPLATES,
                    repaired=True,
                )
            )
    return replace(activity, properties=made)


def _value(value: Json) -> Json:
    match value:
        case str() if "{{" in value:
            return mended(value)
        case dict():
            return {name: _value(inner) for name, inner in value.items()}
        case list():
            return [_value(inner) for inner in value]
        case _:
            return value
