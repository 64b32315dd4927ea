"""What an activity of an export becomes: one activity of ours, or several in a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.flow.webex.source import Json


@dataclass(frozen=True, slots=True)
class Port:
    """Where the export's edge leads; the first of these outcomes that is wired."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Following:
    """The step so many places further on in the same list."""

    steps: int = 1


To = Port | Following
DEFAULT = Port(("default", "out"))
FAILED = Port(("error", "failure"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An activity of ours. `edges` are its outcomes; one that is not wired in the export, and not in
    `optional`, leads to where flows fail."""

    type: str
    properties: Mapping[str, Json] = field(default_factory=dict)
    edges: Mapping[str, To] = field(default_factory=dict)
    optional: frozenset[str] = frozenset({"error"})


def plain(type_: str, **properties: Json) -> Step:
    """An activity with the edges `next` and `error`."""
    given = {name: value for name, value in properties.items() if value is not None}
    return Step(type=type_, properties=given, edges={"next": DEFAULT, "error": FAILED})


def fail(reason: str, leaves: tuple[str, ...] = ()) -> Step:
    """An activity that fails, with the edges of the one in whose place it stands."""
    properties: dict[str, Json] = {"reason": reason[:200]}
    if leaves:
        properties["leaves"] = list(leaves)
    edges: dict[str, To] = {name: DEFAULT if name == "next" else Port((name,)) for name in leaves}
    return Step(type="fail", properties=properties, edges={**edges, "error": FAILED})
