"""One activity of a flow file, read. What is wrong in it is kept with what is right, for the checks. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ivr.flow.activities import Registry
from ivr.flow.activities.base import Activity, Path, Problem
from ivr.flow.activities.unusable import Unusable
from ivr.flow.model import At, Node
from ivr.flow.salvage import salvage
from ivr.flow.wording import mistakes, placed

Properties = Mapping[str, object]


class _Frame(BaseModel):
    """What every activity has beside its own properties."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: str
    description: str = ""
    edges: Annotated[dict[str, str], Field(default_factory=dict)]
    at: At = At.REACHED
    wait_s: Annotated[float, Field(ge=0, le=30)] | None = None


def read_node(
    name: str, properties: Properties, activities: Registry, line: int, lines: Mapping[Path, int]
) -> Node:
    """The activity, its own part and the frame around it checked both."""
    frame, faults = _frame({key: value for key, value in properties.items() if key in _Frame.model_fields})
    own = {key: value for key, value in properties.items() if key not in _Frame.model_fields}
    untyped = tuple(fault for fault in faults if fault.at == ("type",))
    return Node(
        name=name,
        activity=Unusable(reasons=untyped) if untyped else _activity(frame.type, own, activities),
        edges=frame.edges,
        at=frame.at,
        wait_s=frame.wait_s,
        faults=tuple(fault for fault in faults if fault not in untyped),
        line=line,
        lines=lines,
    )


def _frame(properties: Properties) -> tuple[_Frame, tuple[Problem, ...]]:
    """The frame without what is wrong in it, and what that is."""
    try:
        return _Frame.model_validate(properties), ()
    except ValidationError as exc:
        faults = _problems(exc)
    wrong = {fault.at[0] for fault in faults}
    right = {key: value for key, value in properties.items() if key not in wrong}
    match properties.get("edges"):
        case Mapping() as edges:
            right["edges"] = {name: target for name, target in edges.items() if isinstance(target, str)}
        case _:
            pass
    return _Frame.model_validate({"type": "", **right}), faults


def _activity(kind: str, properties: Properties, activities: Registry) -> Activity:
    if kind not in activities:
        known = ", ".join(sorted(activities))
        text = f"there is no activity of type {kind!r}; there are {known}"
        return Unusable(reasons=(Problem(at=("type",), text=text),))
    try:
        return activities[kind].model_validate(properties)
    except ValidationError as exc:
        reasons = _problems(exc)
        wrong: Collection[Path] = {reason.at for reason in reasons}
        return Unusable(reasons=reasons, salvage=salvage(activities[kind], properties, wrong))


def _problems(exc: ValidationError) -> tuple[Problem, ...]:
    found = mistakes(exc.errors(include_url=False))
    return tuple(Problem(at=at, text=placed(at, text)) for at, text in found)
