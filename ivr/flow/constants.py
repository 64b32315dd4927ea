"""Fixed values that do not fit the variables which they are meant for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ivr.flow.activities.base import Path
from ivr.flow.activities.set_variable import SetVariable
from ivr.flow.activities.sub_flow import SubFlow
from ivr.flow.errors import VariableError
from ivr.flow.finding import Finding, Report
from ivr.flow.model import Flow, Node
from ivr.flow.template import Template
from ivr.flow.values import coerce
from ivr.flow.variables import VariableSpec


def constant_findings(report: Report, flow: Flow, node: Node) -> Iterator[Finding]:
    """Values without a template in them: whether they fit is known before a call comes."""
    match node.activity:
        case SetVariable(set=values):
            yield from _misfits(report, flow.variables, values, ("set",))
        case SubFlow(flow=name, given=values) if name in flow.sub_flows:
            yield from _misfits(report, flow.sub_flows[name].variables, values, ("with",))
        case _:
            return


def _misfits(
    report: Report, specs: Iterable[VariableSpec], values: Mapping[str, Template], at: Path
) -> Iterator[Finding]:
    for spec in specs:
        value = values.get(spec.name)
        if value is None or value.constant is None:
            continue
        try:
            coerce(spec.type, value.constant)
        except VariableError as exc:
            yield report(f"{spec.name}: {exc}", (*at, spec.name))
