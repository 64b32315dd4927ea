"""The values of one running flow: declared variables, outputs of activities, and what the system knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ivr.flow.errors import VariableError
from ivr.flow.values import Namespace, Value, VariableType, as_text, coerce

SYSTEM: Mapping[str, frozenset[str]] = {
    "NewPhoneContact": frozenset({"ani", "dnis", "interactionid", "entrypointid"}),
    "NewContact": frozenset({"ani", "dnis", "interactionid", "entrypointid"}),
    "Queue": frozenset({"position"}),
    "Clock": frozenset({"now"}),
    **dict.fromkeys(
        ("AgentOffered", "AgentAnswered", "AgentDisconnected", "PhoneContactEnded"),
        frozenset({"agentid", "agentname", "queuename"}),
    ),
}
"""System values by group, attributes in small letters. NewContact is the newer name of NewPhoneContact;
those of an event are there from the event on, as far as they are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartValues:
    """What is known when the call arrives. `ani` is E.164, or empty when the caller withholds it."""

    ani: str
    dnis: str
    interaction_id: str
    entry_point_id: str

    def namespace(self) -> Namespace:
        """As templates read it: `NewPhoneContact.ANI`."""
        return Namespace(
            {
                "ANI": self.ani,
                "DNIS": self.dnis,
                "InteractionId": self.interaction_id,
                "EntryPointId": self.entry_point_id,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableSpec:
    """A variable as the flow declares it. `default` None: unset until something sets it."""

    name: str
    type: VariableType = VariableType.STRING
    default: Value = None
    label: str = ""
    agent_viewable: bool = False
    agent_editable: bool = False
    shared: bool = False
    """A global variable: the call's main flow and its sub-flows have one value of it."""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableView:
    """A variable that agents see; `value` is None when it is unset."""

    name: str
    label: str
    type: VariableType
    value: str | None
    editable: bool


class Variables:
    """The scope that a flow's templates read, shared by its main flow and its event flows."""

    def __init__(
        self,
        specs: Iterable[VariableSpec],
        start: StartValues,
        *,
        activities: Iterable[str] = (),
        queue_position: Callable[[], int | None],
        now: Callable[[], datetime] | None = None,
        shared: dict[str, Value] | None = None,
    ) -> None:
        """`shared` holds the values of global variables, for all scopes of a call."""
        self._specs = {spec.name: spec for spec in specs}
        self._own: dict[str, Value] = {}
        self._shared = {} if shared is None else shared
        for spec in self._specs.values():
            if spec.default is not None:
                self._place(spec).setdefault(spec.name, spec.default)
        self._outputs = dict.fromkeys(activities, Namespace({}))
        self._start = start.namespace()
        self._queue_position = queue_position
        self._now = now

    def look_up(self, name: str) -> Value | Namespace:
        """A variable's value or a namespace. Raises KeyError when the variable is unset or unknown."""
        match name:
            case "NewPhoneContact" | "NewContact":
                return self._start
            case "Queue":
                position = self._queue_position()
                return Namespace({} if position is None else {"position": position})
            case "Clock":
                return Namespace({} if self._now is None else {"now": self._now()})
            case _ if name in self._specs:
                return self._place(self._specs[name])[name]
            case _:
                return self._outputs[name]

    def assign(self, name: str, value: Value) -> None:
        """Set a declared variable, coerced to its type. Raises `VariableError`."""
        self.assign_all({name: value})

    def assign_all(self, values: Mapping[str, Value]) -> None:
        """Set several declared variables, or none of them. Raises `VariableError`."""
        fitting: list[tuple[VariableSpec, Value]] = []
        for name, value in values.items():
            spec = self._specs.get(name)
            if spec is None:
                raise VariableError(f"the flow declares no variable {name!r}")
            try:
                fitting.append((spec, coerce(spec.type, value)))
            except VariableError as exc:
                raise VariableError(f"{name}: {exc}") from exc
        for spec, value in fitting:
            self._place(spec)[spec.name] = value

    def known(self, names: Iterable[str]) -> Mapping[str, Value]:
        """Those of the variables that are set."""
        specs = [self._specs[name] for name in names if name in self._specs]
        return {spec.name: self._place(spec)[spec.name] for spec in specs if spec.name in self._place(spec)}

    def edit(self, name: str, value: str) -> None:
        """What an agent types on the desktop. Raises `VariableError` when it is not theirs to edit."""
        spec = self._specs.get(name)
        if spec is None or not (spec.agent_viewable and spec.agent_editable):
            raise VariableError(f"{name!r} is not a variable that agents may edit")
        self.assign(name, value)

    def set_outputs(self, activity: str, outputs: Mapping[str, Value]) -> None:
        """The outputs of an activity's latest run, in place of those of the run before."""
        self._outputs[activity] = Namespace(outputs)

    def viewable(self) -> tuple[VariableView, ...]:
        """The variables that agents see, in the order of the file."""
        return tuple(
            VariableView(
                name=spec.name,
                label=spec.label or spec.name,
                type=spec.type,
                value=as_text(self._place(spec)[spec.name]) if spec.name in self._place(spec) else None,
                editable=spec.agent_editable,
            )
            for spec in self._specs.values()
            if spec.agent_viewable
        )

    def _place(self, spec: VariableSpec) -> dict[str, Value]:
        return self._shared if spec.shared else self._own
