"""A flow file, read: YAML to a `Flow`, with what lies beside it in the same folder.

`globals.yaml` has the global variables, of which a flow names those that it uses; `schedules.yaml` the
business hours; a sub-flow is a flow file of that name. One that calls itself, however far around, is refused.

What is not a flow at all is an error here. What is wrong within an activity is kept as an `Unusable` one, so
that `check_flow` can report everything at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from ivr.flow.activities import Registry, registry
from ivr.flow.activities.base import Path as PropertyPath
from ivr.flow.activities.business_hours import BusinessHours
from ivr.flow.errors import FlowFileError, VariableError
from ivr.flow.model import MAIN, Flow, Graph, Node
from ivr.flow.read_node import read_node
from ivr.flow.schedule import Schedule, ScheduleFile, Schedules
from ivr.flow.template import RESERVED
from ivr.flow.values import VariableType, coerce
from ivr.flow.variables import SYSTEM, VariableSpec
from ivr.flow.wording import mistakes, placed
from ivr.flow.yaml_file import YamlFile, read_yaml

_TAKEN = RESERVED | frozenset(SYSTEM) | {"true", "false", "none", "True", "False", "None", "not", "and", "or"}


def _free_name(name: str) -> str:
    if name in _TAKEN:
        raise ValueError(f"{name!r} has a meaning of its own")
    return name


_Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
_VariableName = Annotated[_Name, BeforeValidator(_free_name)]
_Version = Annotated[str, BeforeValidator(lambda v: str(v) if isinstance(v, int | float) else v)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Variable(_Part):
    type: VariableType = VariableType.STRING
    default: JsonValue = None
    label: Annotated[str, Field(max_length=64)] = ""
    description: str = ""
    agent_viewable: bool = False
    agent_editable: bool = False


class _GlobalsFile(_Part):
    """`globals.yaml` beside the flows."""

    variables: dict[_VariableName, _Variable]


class _Event(_Part):
    start: _Name
    activities: Annotated[dict[_Name, dict[str, object]], Field(min_length=1)]


class _FlowFile(_Event):
    name: _Name
    version: _Version
    description: str = ""
    globals: Annotated[tuple[_Name, ...], Field(max_length=200)] = ()
    variables: Annotated[dict[_VariableName, _Variable], Field(default_factory=dict, max_length=200)]
    events: Annotated[dict[_Name, _Event], Field(default_factory=dict)]


GLOBALS_FILE = "globals.yaml"
SCHEDULES_FILE = "schedules.yaml"


def load_flow(path: Path, activities: Registry | None = None) -> Flow:
    """The flow in a YAML file. Raises `FlowFileError` with file and line."""
    return _Loader(path.parent, activities or registry()).flow(path, ())


class _Loader:
    """Reads a flow and the files beside it."""

    def __init__(self, folder: Path, activities: Registry) -> None:
        self._folder = folder
        self._activities = activities
        self._schedules, self._schedules_digest = _schedules(folder / SCHEDULES_FILE)
        self._globals, self._globals_digest = _globals(folder / GLOBALS_FILE)

    def flow(self, path: Path, callers: tuple[str, ...]) -> Flow:
        file = read_yaml(path)
        try:
            read = _FlowFile.model_validate(file.content)
        except ValidationError as exc:
            raise _refused(file, exc) from exc
        flow = _Builder(file, self._activities).flow(read, self._globals)
        chain = (*callers, path.stem)
        called = {node.activity.sub_flow() for _, node in flow.nodes()} - {None}
        names = sorted(name for name in called if name is not None)
        refused = {name: reason for name in names if (reason := self._reason_against(name, chain))}
        subs = {n: self.flow(self._folder / f"{n}.yaml", chain) for n in names if n not in refused}
        parts = [sub.digest for sub in subs.values()]
        parts += [self._globals_digest] if read.globals else []
        parts += [self._schedules_digest] if _has_hours(flow) else []
        return replace(
            flow,
            sub_flows=subs,
            refused=refused,
            schedules=self._schedules,
            digest=_digest(flow.digest, parts),
        )

    def _reason_against(self, name: str, chain: tuple[str, ...]) -> str | None:
        if name in chain:
            return f"it calls itself: {' -> '.join((*chain[chain.index(name) :], name))}"
        if not (self._folder / f"{name}.yaml").is_file():
            return f"there is no {name}.yaml beside this flow"
        return None


def _digest(own: str, parts: list[str]) -> str:
    return hashlib.sha256("".join((own, *parts)).encode()).hexdigest() if parts else own


def _has_hours(flow: Flow) -> bool:
    return any(node.activity.type == BusinessHours.type for _, node in flow.nodes())


def _schedules(path: Path) -> tuple[Schedules, str]:
    if not path.is_file():
        return {}, ""
    file = read_yaml(path)
    try:
        schedules: dict[str, Schedule] = ScheduleFile.model_validate(file.content).schedules
    except ValidationError as exc:
        raise _refused(file, exc) from exc
    return schedules, file.digest


def _globals(path: Path) -> tuple[Mapping[str, VariableSpec], str]:
    if not path.is_file():
        return {}, ""
    file = read_yaml(path)
    try:
        read = _GlobalsFile.model_validate(file.content)
    except ValidationError as exc:
        raise _refused(file, exc) from exc
    specs = _variables(file, read.variables, shared=True)
    return {spec.name: spec for spec in specs}, file.digest


def _refused(file: YamlFile, exc: ValidationError) -> FlowFileError:
    found = [
        FlowFileError(file.path, file.line(at), placed(at or ("the file",), text))
        for at, text in mistakes(exc.errors(include_url=False))
    ]
    return FlowFileError.together(found)


def _variables(
    file: YamlFile, read: Mapping[str, _Variable], *, shared: bool = False
) -> tuple[VariableSpec, ...]:
    specs, wrong = [], []
    for name, variable in read.items():
        try:
            specs.append(_variable(file, name, variable, shared=shared))
        except FlowFileError as exc:
            wrong.append(exc)
    if wrong:
        raise FlowFileError.together(wrong)
    return tuple(specs)


def _variable(file: YamlFile, name: str, read: _Variable, *, shared: bool) -> VariableSpec:
    line = file.line(("variables", name, "default"))
    try:
        default = None if read.default is None else coerce(read.type, read.default)
    except VariableError as exc:
        raise FlowFileError(file.path, line, f"variables.{name}.default: {exc}") from exc
    return VariableSpec(
        name=name,
        type=read.type,
        default=default,
        label=read.label,
        agent_viewable=read.agent_viewable,
        agent_editable=read.agent_editable,
        shared=shared,
        line=file.line(("variables", name)),
    )


class _Builder:
    def __init__(self, file: YamlFile, activities: Registry) -> None:
        self._file = file
        self._activities = activities

    def flow(self, read: _FlowFile, known: Mapping[str, VariableSpec]) -> Flow:
        return Flow(
            name=read.name,
            version=read.version,
            digest=self._file.digest,
            file=self._file.path,
            variables=(*self._globals(read, known), *_variables(self._file, read.variables)),
            main=self._graph(MAIN, read, ()),
            events={name: self._graph(name, event, ("events", name)) for name, event in read.events.items()},
        )

    def _globals(self, read: _FlowFile, known: Mapping[str, VariableSpec]) -> list[VariableSpec]:
        wrong = []
        for index, name in enumerate(read.globals):
            line = self._file.line(("globals", index))
            if name not in known:
                there = ", ".join(sorted(known)) or "none"
                text = f"there is no global variable {name!r} in {GLOBALS_FILE}; there are {there}"
                wrong.append(FlowFileError(self._file.path, line, text))
            elif name in read.variables:
                text = f"the variable {name!r} is global, and the flow's own as well"
                wrong.append(FlowFileError(self._file.path, line, text))
        if wrong:
            raise FlowFileError.together(wrong)
        return [known[name] for name in dict.fromkeys(read.globals)]

    def _graph(self, name: str, read: _Event, at: PropertyPath) -> Graph:
        nodes = {
            activity: self._node(activity, properties, (*at, "activities", activity))
            for activity, properties in read.activities.items()
        }
        return Graph(name=name, start=read.start, nodes=nodes, line=self._file.line((*at, "start")))

    def _node(self, name: str, properties: Mapping[str, object], at: PropertyPath) -> Node:
        lines = {path[len(at) :]: line for path, line in self._file.lines.items() if path[: len(at)] == at}
        return read_node(name, properties, self._activities, self._file.line(at), lines)
