"""Taking values out of a JSON document into flow variables: what parse and http-request share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from ivr.flow.activities.base import Path
from ivr.flow.jsonpath import JsonPathField
from ivr.flow.values import Value

Extract = Annotated[dict[str, JsonPathField], Field(max_length=50)]


def assigned_by(extract: Extract) -> Mapping[str, Path]:
    """The flow variables that are set."""
    return {name: ("extract", name) for name in extract}


def extracted(extract: Extract, document: Value) -> dict[str, Value]:
    """A value for each variable whose path leads to one. A path that leads nowhere or to null sets nothing:
    the variable keeps what it has."""
    found = {name: path.find(document) for name, path in extract.items()}
    return {name: hit.value for name, hit in found.items() if hit is not None and hit.value is not None}


def missed(extract: Extract, values: Mapping[str, Value]) -> str:
    """Which variables got nothing, for the timeline."""
    names = [name for name in extract if name not in values]
    return f"nothing for {', '.join(names)}" if names else ""
