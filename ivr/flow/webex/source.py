"""An export as a typed graph, the same for both formats. Pure values.

Nothing is judged here: a flow that Webex would refuse can still be read, drawn and reported on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

Json: TypeAlias = "str | bool | int | float | list[Json] | dict[str, Json] | None"
MAIN = "main"


class ExportFormat(StrEnum):
    """Where a file comes from."""

    DESIGNER = "process.activities and links (Export in the Flow Designer)"
    API = "nodes and edges (REST API)"


class SourceType(StrEnum):
    """Types of variables, as exports name them."""

    STRING = "STRING"
    INTEGER = "INTEGER"
    DECIMAL = "DECIMAL"
    BOOLEAN = "BOOLEAN"
    DATETIME = "DATETIME"
    JSON = "JSON"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceVariable:
    """A variable as the export declares it; `value` is text whatever the type."""

    name: str
    type: SourceType = SourceType.STRING
    value: str | None = None
    label: str = ""
    description: str = ""
    viewable: bool = False
    editable: bool = False
    is_global: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceActivity:
    """An activity: `kind` is Webex's name of its type, `properties` are without what the editor adds."""

    id: str
    name: str
    kind: str
    properties: Mapping[str, Json] = field(default_factory=dict)

    def text(self, *keys: str) -> str:
        """The first of these properties that has a text or number; "" when none has."""
        for key in keys:
            match self.properties.get(key):
                case bool():
                    continue
                case str() | int() | float() as value if str(value).strip():
                    return str(value)
                case _:
                    continue
        return ""

    def number(self, *keys: str) -> float | None:
        """The first of these properties that is a number, however written."""
        try:
            return float(self.text(*keys))
        except ValueError:
            return None

    def flag(self, *keys: str) -> bool:
        """True when one of these properties says so."""
        return any(str(self.properties.get(key)).lower() == "true" for key in keys)

    def texts(self, *keys: str) -> tuple[str, ...]:
        """The first of these properties that is a list, as texts."""
        for key in keys:
            value = self.properties.get(key)
            if isinstance(value, list) and value:
                return tuple("" if item is None else str(item) for item in value)
        return ()

    def objects(self, *keys: str) -> tuple[Mapping[str, Json], ...]:
        """The first of these properties that is a list of objects."""
        for key in keys:
            value = self.properties.get(key)
            if isinstance(value, list):
                found = tuple(item for item in value if isinstance(item, dict))
                if found:
                    return found
        return ()

    def mapping(self, *keys: str) -> Mapping[str, str]:
        """The first of these properties that is an object, its values as texts."""
        for key in keys:
            value = self.properties.get(key)
            if isinstance(value, dict) and value:
                return {name: "" if item is None else str(item) for name, item in value.items()}
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLink:
    """An edge between activities' ids; `port` is the outcome."""

    source: str
    port: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceGraph:
    """The main flow, or the flow of one event. `start` is the id of its first activity."""

    name: str
    start: str | None
    activities: Mapping[str, SourceActivity]
    links: tuple[SourceLink, ...] = ()

    def ports(self, id_: str) -> dict[str, str]:
        """Where each wired outcome of an activity leads."""
        return {link.port: link.target for link in self.links if link.source == id_}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFlow:
    """An export. `constants` are start values that never change within a flow, by small letters."""

    format: ExportFormat
    name: str
    version: str
    description: str = ""
    kind: str = "FLOW"
    variables: tuple[SourceVariable, ...] = ()
    main: SourceGraph
    events: tuple[SourceGraph, ...] = ()
    unknown_events: tuple[str, ...] = ()
    constants: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def graphs(self) -> Iterator[SourceGraph]:
        """The main flow, then the event flows."""
        yield self.main
        yield from self.events

    def activities(self) -> Iterator[tuple[SourceGraph, SourceActivity]]:
        """Every activity and the graph that it is in."""
        for graph in self.graphs():
            for activity in graph.activities.values():
                yield graph, activity
