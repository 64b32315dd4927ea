"""What both readers share: properties without the editor's additions, variables, the parts of event flows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ivr.flow.graph import reachable
from ivr.flow.webex.kinds import EVENT
from ivr.flow.webex.source import (
    Json,
    SourceActivity,
    SourceGraph,
    SourceLink,
    SourceType,
    SourceVariable,
)

_NOISE = frozenset(
    {"_renderRequestTimestamp", "literal_invalid_error", "flowDecryptAccess", "__typename", "activityId"}
)
_TWINS = ("_name", "_type", "_radioName", "_input")


def clean(properties: Mapping[str, Json]) -> dict[str, Json]:
    """Properties by their plain names. The editor writes twins such as `priority:type`; where the plain name
    is there it is right, whatever a twin says. `:name`, `:type`, `:input`, `:radioName` keep what only they
    say."""
    kept: dict[str, Json] = {}
    for key, value in properties.items():
        if key in _NOISE or key.startswith("_") or value is None:
            continue
        base, _, twin = key.partition(":")
        if not twin and key.endswith(_TWINS):
            base, twin = _untwin(key)
            if base not in properties and f"{base}:{twin}" not in properties:
                base, twin = key, ""
        if twin:
            kept.setdefault(f"{base}:{twin}", value)
        else:
            kept[base] = value
    return kept


def _untwin(key: str) -> tuple[str, str]:
    twin = next(end for end in _TWINS if key.endswith(end))
    return key.removesuffix(twin), twin.removeprefix("_")


def text_of(document: Mapping[str, Json], *keys: str) -> str:
    """The first of these that has a text or number."""
    for key in keys:
        value = document.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            return str(value)
    return ""


def variables(declared: Json) -> tuple[SourceVariable, ...]:
    """The declared variables, each name once."""
    items = declared if isinstance(declared, list) else []
    found = [_variable(item) for item in items if isinstance(item, dict) and item.get("name")]
    return tuple({variable.name: variable for variable in found}.values())


def _variable(item: Mapping[str, Json]) -> SourceVariable:
    type_ = text_of(item, "type", "dataType").upper()
    value = item.get("value", item.get("defaultValue"))
    return SourceVariable(
        name=str(item["name"]),
        type=SourceType(type_) if type_ in set(SourceType) else SourceType.STRING,
        value=value if isinstance(value, str) else _as_value(value),
        label=text_of(item, "desktopLabel"),
        description=text_of(item, "description"),
        viewable=item.get("isCAD") is True or item.get("agentViewable") is True,
        editable=item.get("isAgentEditable") is True or item.get("agentEditable") is True,
        is_global=text_of(item, "source").upper().startswith("GLOBAL"),
    )


def _as_value(value: Json) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case dict() | list():
            return json.dumps(value)
        case _:
            return str(value)


def event_graph(
    name: str, handler: SourceActivity, activities: Mapping[str, SourceActivity], links: Iterable[SourceLink]
) -> SourceGraph | None:
    """The flow of one event: what is reached from its handler; None when that leads nowhere."""
    every = tuple(links)
    first = next((link.target for link in every if link.source == handler.id), None)
    if first is None or first not in activities:
        return None
    edges = {
        id_: [link.target for link in every if link.source == id_ and link.target in activities]
        for id_ in activities
    }
    inside = reachable(edges, first)
    return SourceGraph(
        name=name,
        start=first,
        activities={
            id_: activity for id_, activity in activities.items() if id_ in inside and activity.kind != EVENT
        },
        links=tuple(link for link in every if link.source in inside),
    )
