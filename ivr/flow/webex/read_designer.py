"""The designer's export: `process.activities` by id, `process.links`, `eventFlows.eventsMap`."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.flow.webex.kinds import EVENT, EVENTS, START, kind_of
from ivr.flow.webex.reading import clean, event_graph, text_of, variables
from ivr.flow.webex.source import (
    MAIN,
    ExportFormat,
    Json,
    SourceActivity,
    SourceFlow,
    SourceGraph,
    SourceLink,
)


def read_designer(document: Mapping[str, Json]) -> SourceFlow:
    """The flow. What is missing is left out, never guessed."""
    activities, links = _process(document.get("process"))
    start = next((id_ for id_, activity in activities.items() if activity.kind == START), None)
    events, unknown = _events(document.get("eventFlows"))
    return SourceFlow(
        format=ExportFormat.DESIGNER,
        name=text_of(document, "name"),
        version=text_of(document, "version"),
        description=text_of(document, "description", "comment"),
        kind=text_of(document, "flowType") or "FLOW",
        variables=variables(document.get("variables")),
        main=SourceGraph(name=MAIN, start=start, activities=activities, links=links),
        events=events,
        unknown_events=unknown,
        constants={
            "orgid": text_of(document, "orgId"),
            "flowid": text_of(document, "flowId"),
            "flowversionlabel": text_of(document, "version"),
        },
        remarks=tuple(_settings(document.get("settings"))),
    )


def _process(process: Json) -> tuple[dict[str, SourceActivity], tuple[SourceLink, ...]]:
    if not isinstance(process, dict):
        return {}, ()
    listed = process.get("activities")
    items = listed.items() if isinstance(listed, dict) else ()
    activities = {id_: _activity(id_, item) for id_, item in items if isinstance(item, dict)}
    links = process.get("links")
    return activities, tuple(
        SourceLink(
            source=text_of(link, "sourceActivityId"),
            port=text_of(link, "conditionExpr") or "default",
            target=text_of(link, "targetActivityId"),
        )
        for link in (links if isinstance(links, list) else [])
        if isinstance(link, dict)
    )


def _activity(id_: str, item: Mapping[str, Json]) -> SourceActivity:
    raw = item.get("properties")
    properties = raw if isinstance(raw, dict) else {}
    return SourceActivity(
        id=id_,
        name=text_of(item, "name") or text_of(properties, "name") or id_,
        kind=kind_of(
            text_of(properties, "activityName"), text_of(properties, "activityId"), text_of(item, "group")
        ),
        properties=clean(properties),
    )


def _events(event_flows: Json) -> tuple[tuple[SourceGraph, ...], tuple[str, ...]]:
    found: dict[str, SourceGraph] = {}
    unknown: list[str] = []
    maps = event_flows.get("eventsMap") if isinstance(event_flows, dict) else None
    for event_map in maps.values() if isinstance(maps, dict) else ():
        if not isinstance(event_map, dict):
            continue
        activities, links = _process(event_map.get("process"))
        for handler in activities.values():
            if handler.kind != EVENT:
                continue
            specification = handler.text("eventSpecificationName", "name") or handler.name
            name = EVENTS.get(specification, EVENTS.get(handler.text("event", "displayName")))
            graph = event_graph(name or specification, handler, activities, links)
            if graph is None:
                continue
            if name is None:
                unknown.append(specification)
            else:
                found.setdefault(name, graph)
    return tuple(found.values()), tuple(unknown)


def _settings(settings: Json) -> list[str]:
    named = {
        text_of(item, "name"): text_of(item, "value")
        for item in (settings if isinstance(settings, list) else [])
        if isinstance(item, dict)
    }
    if named.get("audioFile"):
        return [f"the sound {named['audioFile']} that plays while an HTTP request waits is not imported"]
    return []
