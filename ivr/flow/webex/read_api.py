"""The REST API's document: `nodes`, `edges` between ids or names, `eventFlows.GLOBAL_EVENTS`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

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

_FRAME = frozenset({"id", "name", "type", "group", "properties", "activityName", "activityId", "position"})


def read_api(document: Mapping[str, Json]) -> SourceFlow:
    """The flow. What is missing is left out, never guessed."""
    activities = _nodes(document.get("nodes"))
    links = _edges(document.get("edges"), activities)
    events, unknown = _events(document.get("eventFlows"))
    return SourceFlow(
        format=ExportFormat.API,
        name=text_of(document, "name"),
        version=text_of(document, "version", "versionNumber"),
        description=text_of(document, "description"),
        kind=text_of(document, "flowType", "type") or "FLOW",
        variables=variables(document.get("variables", document.get("flowVariables"))),
        main=SourceGraph(name=MAIN, start=_start(activities, links), activities=activities, links=links),
        events=events,
        unknown_events=unknown,
        constants={
            "orgid": text_of(document, "orgId", "organizationId"),
            "flowid": text_of(document, "flowId", "id"),
            "flowversionlabel": text_of(document, "version", "versionNumber"),
        },
    )


def _nodes(nodes: Json) -> dict[str, SourceActivity]:
    listed: Iterable[Json] = ()
    match nodes:
        case dict():
            listed = nodes.values()
        case list():
            listed = nodes
    found = (_node(item) for item in listed if isinstance(item, dict))
    return {activity.id: activity for activity in found if activity.id}


def _node(item: Mapping[str, Json]) -> SourceActivity:
    inner = item.get("properties")
    own = {key: value for key, value in item.items() if key not in _FRAME}
    properties = own | (inner if isinstance(inner, dict) else {})
    name = text_of(item, "name") or text_of(properties, "name")
    return SourceActivity(
        id=text_of(item, "id") or name,
        name=name or text_of(item, "id"),
        kind=kind_of(
            text_of(item, "activityName") or text_of(properties, "activityName") or text_of(item, "type"),
            text_of(item, "activityId") or text_of(properties, "activityId"),
            text_of(item, "group") or text_of(properties, "group"),
        ),
        properties=clean(properties),
    )


def _edges(edges: Json, activities: Mapping[str, SourceActivity]) -> tuple[SourceLink, ...]:
    by_name = {activity.name: id_ for id_, activity in activities.items()}

    def end(edge: Mapping[str, Json], *keys: str) -> str:
        said = text_of(edge, *keys)
        return said if said in activities else by_name.get(said, said)

    found: list[SourceLink] = []
    for edge in edges if isinstance(edges, list) else []:
        if isinstance(edge, dict):
            extra = edge.get("properties")
            port = text_of(edge, "condition", "conditionExpr")
            port = port or (text_of(extra, "value") if isinstance(extra, dict) else "")
            found.append(
                SourceLink(
                    source=end(edge, "from", "source", "sourceActivityId"),
                    port=port or "default",
                    target=end(edge, "to", "target", "targetActivityId"),
                )
            )
    return tuple(found)


def _start(activities: Mapping[str, SourceActivity], links: tuple[SourceLink, ...]) -> str | None:
    for id_, activity in activities.items():
        if activity.kind == START:
            return id_
    led_to = {link.target for link in links}
    return next((id_ for id_ in activities if id_ not in led_to), None)


def _events(event_flows: Json) -> tuple[tuple[SourceGraph, ...], tuple[str, ...]]:
    found: dict[str, SourceGraph] = {}
    unknown: list[str] = []
    for group in event_flows.values() if isinstance(event_flows, dict) else ():
        if not isinstance(group, dict):
            continue
        activities = _nodes(group.get("nodes"))
        links = _edges(group.get("edges"), activities)
        for specification, handler in _handlers(group.get("onEvents"), activities):
            name = EVENTS.get(specification)
            graph = _graph(name or specification, handler, activities, links)
            if graph is not None and name is None:
                unknown.append(specification)
            elif graph is not None:
                found.setdefault(graph.name, graph)
    return tuple(found.values()), tuple(unknown)


def _handlers(
    on_events: Json, activities: Mapping[str, SourceActivity]
) -> Iterator[tuple[str, SourceActivity]]:
    """Each event's name and the node that answers it: `onEvents`, and event nodes that it does not name."""
    by_name = {activity.name: activity for activity in activities.values()}
    named: set[str] = set()
    for specification, target in on_events.items() if isinstance(on_events, dict) else ():
        handler = activities.get(str(target)) or by_name.get(str(target))
        if handler is not None:
            named.add(handler.id)
            yield specification, handler
    for handler in activities.values():
        if handler.kind == EVENT and handler.id not in named:
            yield handler.text("eventSpecificationName", "event", "displayName") or handler.name, handler


def _graph(
    name: str,
    handler: SourceActivity,
    activities: Mapping[str, SourceActivity],
    links: tuple[SourceLink, ...],
) -> SourceGraph | None:
    if handler.kind == EVENT:
        return event_graph(name, handler, activities, links)
    # `onEvents` may name the first activity itself.
    before = SourceActivity(id=f"event {name}", name=name, kind=EVENT)
    first = SourceLink(source=before.id, port="out", target=handler.id)
    return event_graph(name, before, activities, (*links, first))
