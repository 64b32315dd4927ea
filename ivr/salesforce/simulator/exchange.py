"""A request of the REST API and its answer, as values without HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from ivr.salesforce.simulator.errors import ApiError


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """`path` from the root, as sent, still percent-encoded; `query` is decoded; `body` is JSON or None;
    header names are in lower case."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """A status and JSON; None for an empty body."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


def object_of(body: object) -> Mapping[str, object]:
    """A JSON object. Raises ApiError."""
    if not isinstance(body, Mapping):
        raise ApiError(400, "JSON_PARSER_ERROR", "expected a JSON object")
    return cast(Mapping[str, object], body)
