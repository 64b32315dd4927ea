"""Variables: an export's declarations to ours, with their defaults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from ivr.flow.errors import VariableError
from ivr.flow.values import VariableType, coerce
from ivr.flow.webex.bindings import Outside, Outsides
from ivr.flow.webex.findings import Finding, Findings, Repair, Verdict
from ivr.flow.webex.pebble.names import Type, Variable
from ivr.flow.webex.source import Json, SourceFlow, SourceType, SourceVariable

_TYPES: Mapping[SourceType, tuple[VariableType, Type]] = {
    SourceType.STRING: (VariableType.STRING, Type.TEXT),
    SourceType.INTEGER: (VariableType.INTEGER, Type.WHOLE),
    SourceType.DECIMAL: (VariableType.DECIMAL, Type.DECIMAL),
    SourceType.BOOLEAN: (VariableType.BOOLEAN, Type.TRUTH),
    SourceType.DATETIME: (VariableType.DATETIME, Type.MOMENT),
    SourceType.JSON: (VariableType.JSON, Type.JSON),
}
# What is read of a variable that nobody has set. A date has no such value: it stays unset.
_EMPTY: Mapping[VariableType, Json] = {
    VariableType.STRING: "",
    VariableType.INTEGER: 0,
    VariableType.DECIMAL: "0",
    VariableType.BOOLEAN: False,
    VariableType.JSON: {},
}
NULL_TEXTS = frozenset({"null", "None", "NULL", "undefined", "NA", "N/A"})
_MAX_LABEL = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The variables of a flow: as the file has them, and as expressions know them."""

    file: Mapping[str, Json] = field(default_factory=dict)
    globals: tuple[str, ...] = ()
    names: Mapping[str, Variable] = field(default_factory=dict)


class Declarer:
    """Declares the variables of one flow. `shared` are the global variables that the folder has already,
    `compared` the texts that the flow compares each variable with, `found` those that requests set."""

    def __init__(
        self,
        flow: SourceFlow,
        findings: Findings,
        outsides: Outsides,
        *,
        names: Mapping[str, str],
        shared: frozenset[str],
        compared: Mapping[str, frozenset[str]],
        queue_variables: frozenset[str],
        found: frozenset[str],
    ) -> None:
        self._flow = flow
        self._findings = findings
        self._outsides = outsides
        self._names = names
        self._shared = shared
        self._compared = compared
        self._queue_variables = queue_variables
        self._found = found

    def declared(self) -> Declared:
        """All of them."""
        file: dict[str, Json] = {}
        shared: list[str] = []
        names: dict[str, Variable] = {}
        for variable in self._flow.variables:
            ours = self._names[variable.name]
            names[variable.name] = Variable(name=ours, type=_TYPES[variable.type][1])
            if ours != variable.name:
                self._tell(
                    Verdict.DIFFERENT, "renamed", f"the variable {variable.name} is called {ours} here"
                )
            if variable.is_global and ours in self._shared:
                shared.append(ours)
            else:
                file[ours] = self._one(variable)
        return Declared(file=file, globals=tuple(shared), names=names)

    def _one(self, variable: SourceVariable) -> Json:
        type_ = _TYPES[variable.type][0]
        said: dict[str, Json] = {"type": type_.value}
        default = self._default(variable, type_)
        if default is not None:
            said["default"] = default
        if variable.label:
            said["label"] = variable.label[:_MAX_LABEL]
        if variable.description:
            said["description"] = variable.description
        if variable.viewable:
            said["agent_viewable"] = True
        if variable.editable:
            said["agent_editable"] = True
        return said

    def _default(self, variable: SourceVariable, type_: VariableType) -> Json:
        text = self._text(variable)
        if text is None or (not text.strip() and type_ is not VariableType.STRING):
            return _EMPTY.get(type_)
        try:
            coerce(type_, text)
        except VariableError:
            self._tell(
                Verdict.DEFECT, "bad-default", f"the default of {variable.name} is no {type_}: {text[:40]!r}"
            )
            return _EMPTY.get(type_)
        match type_:
            case VariableType.INTEGER:
                return int(text)
            case VariableType.BOOLEAN:
                return text.strip().lower() == "true"
            case VariableType.JSON:
                return cast("Json", json.loads(text))
            case _:
                return text

    def _text(self, variable: SourceVariable) -> str | None:
        value = variable.value
        if variable.is_global:
            return self._outsides.need(
                Outside.GLOBALS, variable.name, "variables", usual=value if value is not None else ""
            )
        if value is None or variable.type is not SourceType.STRING:
            return value
        if value in NULL_TEXTS or (value.strip() and variable.name in self._found):
            return self._stand_in(variable, value)
        if variable.name in self._queue_variables and value.strip():
            return self._outsides.need(Outside.QUEUES, value, f"variable {variable.name}")
        return value

    def _stand_in(self, variable: SourceVariable, value: str) -> str:
        compared = value in self._compared.get(variable.name, frozenset())
        repaired = Repair.NULL_DEFAULTS in self._findings.repairs and not compared
        note = "; the flow compares it with that text, so it stays" if compared else ""
        self._tell(
            Verdict.DEFECT,
            "null-default" if value in NULL_TEXTS else "stale-default",
            f"{variable.name} begins as the text {value!r}, which is searched for, said and sent when "
            f"nothing else is found{note}",
            None if compared else Repair.NULL_DEFAULTS,
            repaired=repaired,
        )
        return "" if repaired else value

    def _tell(
        self, verdict: Verdict, kind: str, text: str, repair: Repair | None = None, *, repaired: bool = False
    ) -> None:
        self._findings.add(
            Finding(
                verdict=verdict, kind=kind, text=text, property="variables", repair=repair, repaired=repaired
            )
        )
