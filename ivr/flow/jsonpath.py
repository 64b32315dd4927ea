"""JSONPath as Jayway reads it, the dialect of Webex's flows. Pure.

A path need not begin with "$" ("value[0].id"), and a bracket may follow a dot ("$.records.[0].Name"). A path
is *definite* when it can lead to one place only; then it finds that value or nothing. A path with "*", "..",
a filter, a slice or several indexes gives a list of all that it finds, which may be empty. Several names at
the end are one object with those that there are; before the end they lead to several places.

    path   := ["$" | "@"] step*            step := "." name | "." bracket | ".." (name | "*" | bracket) | ".*"
    bracket:= "[" ("*" | name, ... | index, ... | [from] ":" [to] | "?(" filter ")") "]"
    filter := terms joined by && and ||, with ! and parentheses; a term is a path, or a comparison of paths
              and literals by == != === !== < <= > >= in nin anyof noneof subsetof contains size empty

A name after a dot ends at the next dot, bracket, parenthesis or blank, so "$.@odata.count" and "$.soap:Body"
have names. A number equals a text that says it, but for "===". `length()`, `size()`, `keys()`, `first()`,
`last()`, `min()`, `max()`, `sum()` and `avg()` may stand at the end; all but the first two after a definite
path only. Other functions are refused, and so are regular expressions ("=~"): their work has no bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from ivr.flow.errors import JsonPathError
from ivr.flow.jsonpath_reader import Reader
from ivr.flow.jsonpath_steps import Step, walk
from ivr.flow.values import Value

MAX_PATH = 500


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at a path; may be null."""

    value: Value


class JsonPath:
    """A compiled path. Not a dataclass: pydantic would look into its fields."""

    __slots__ = ("_steps", "definite", "source")

    def __init__(self, source: str, definite: bool, steps: tuple[Step, ...]) -> None:
        self.source = source
        self.definite = definite
        self._steps = steps

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JsonPath) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)

    def __repr__(self) -> str:
        return f"JsonPath({self.source!r})"

    def find(self, document: Value) -> Found | None:
        """What the path leads to; None when a definite path leads nowhere. Raises `JsonPathError` when it
        leads to more places than anybody can want."""
        nodes = walk(document, document, self._steps)
        if not self.definite:
            return Found(nodes)
        return Found(nodes[0]) if nodes else None


def compile_path(source: str) -> JsonPath:
    """The path in `source`. Raises `JsonPathError`."""
    text = source.strip()
    if not text or len(text) > MAX_PATH:
        raise JsonPathError(f"a JSONPath has 1 to {MAX_PATH} characters, not {len(text)}")
    reader = Reader(text if text[0] in "$@" else f"$.{text}", source)
    reader.take(text[0] if text[0] in "$@" else "$")
    steps, definite = reader.path()
    if not reader.at_end:
        raise reader.error("is not understood")
    return JsonPath(source, definite, steps)


def _validate(value: object) -> JsonPath:
    if not isinstance(value, str):
        raise ValueError("a JSONPath is expected")  # noqa: TRY004 - pydantic collects ValueError
    try:
        return compile_path(value)
    except JsonPathError as exc:
        raise ValueError(str(exc)) from exc


JsonPathField = Annotated[
    JsonPath,
    PlainValidator(_validate),
    PlainSerializer(lambda path: path.source, return_type=str),
    WithJsonSchema({"type": "string", "format": "jsonpath", "title": "JSONPath"}),
]
