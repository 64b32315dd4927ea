"""How a flow uses its variables: which are set, which hold queues, which texts they are compared with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ivr.flow.webex.source import Json, SourceActivity, SourceFlow

_COMPARED = re.compile(
    r"([A-Za-z_]\w*)\s*(?:==|!=|equals)\s*(?:\"([^\"]*)\"|'([^']*)')"
    r"|(?:\"([^\"]*)\"|'([^']*)')\s*(?:==|!=|equals)\s*([A-Za-z_]\w*)"
)
_LONE = re.compile(r"\s*\{\{\s*([A-Za-z_]\w*)\s*\}\}\s*")
_QUEUE_KEYS = ("destinationVariable", "callbackQueue", "callbackQueueVariable", "queueId", "recoveryQueue")
_QUEUEING = frozenset({"queue-contact", "queue-lookup", "callback"})


def assigned_in(flow: SourceFlow) -> frozenset[str]:
    """The variables that some activity sets."""
    return frozenset(name for _, activity in flow.activities() for name in _targets(activity))


def _targets(activity: SourceActivity) -> Iterator[str]:
    if activity.kind == "set-variable":
        listed = activity.objects("setVariablesArray")
        yield from (str(item.get("srcVariable") or "") for item in listed)
        if not listed:
            yield activity.text("srcVariable", "variable")
    yield from (str(item.get("outputVariable") or "") for item in activity.objects("outputVariableArray"))


def found_in(flow: SourceFlow) -> frozenset[str]:
    """The variables that requests set from their answers."""
    return frozenset(
        str(item.get("outputVariable") or "")
        for _, activity in flow.activities()
        if activity.kind == "http-request-v2"
        for item in activity.objects("outputVariableArray")
    )


def queue_variables_in(flow: SourceFlow) -> frozenset[str]:
    """The variables in which the ids of queues are."""
    declared = {variable.name for variable in flow.variables}
    found = {
        name
        for _, activity in flow.activities()
        if activity.kind in _QUEUEING
        for key in _QUEUE_KEYS
        for name in _lone(activity.text(key))
    }
    return frozenset(found & declared)


def _lone(text: str) -> Iterator[str]:
    inside = _LONE.fullmatch(text)
    if inside is not None:
        yield inside[1]
    elif text:
        yield text


def compared_in(flow: SourceFlow) -> Mapping[str, frozenset[str]]:
    """The texts that each variable is compared with, anywhere."""
    found: dict[str, set[str]] = {}
    for _, activity in flow.activities():
        for text in texts_of(dict(activity.properties)):
            for hit in _COMPARED.finditer(text):
                name = hit[1] or hit[6]
                value = next(part for part in hit.group(2, 3, 4, 5) if part is not None)
                found.setdefault(name, set()).add(value)
        if activity.kind == "case-statement":
            _cases(activity, found)
    return {name: frozenset(values) for name, values in found.items()}


def _cases(activity: SourceActivity, found: dict[str, set[str]]) -> None:
    for name in _lone(activity.text("expression")):
        found.setdefault(name, set()).update(activity.texts("menuLinks:input", "menuLinks_input"))


def texts_of(value: Json) -> Iterator[str]:
    """Every text in a value."""
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from texts_of(inner)
        case list():
            for inner in value:
                yield from texts_of(inner)
        case _:
            return
