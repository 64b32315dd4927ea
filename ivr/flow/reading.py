"""Whether the templates of a flow can read what they name. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ivr.flow.finding import Finding, Report
from ivr.flow.graph import cycles
from ivr.flow.model import At, Flow, Graph, Node
from ivr.flow.reach import known_at, set_somewhere
from ivr.flow.template import Reference
from ivr.flow.values import VariableType
from ivr.flow.variables import SYSTEM


class Names:
    """What templates of a flow may read; `given` are variables that whoever calls it sets."""

    def __init__(self, flow: Flow, given: frozenset[str]) -> None:
        self.variables = {spec.name: spec for spec in flow.variables}
        self.outputs = {node.name: node.activity.outputs() for _, node in flow.nodes()}
        lost = any(node.edges_unread for _, node in flow.nodes())
        self._known = {} if lost else known_at(flow, given)
        self._set = given | set_somewhere(flow)

    def findings(self, report: Report, graph: Graph, node: Node) -> Iterator[Finding]:
        """The names that an activity reads or sets in vain."""
        references = list(node.activity.references())
        asked = {(found.root, found.attribute) for _, found in references if found.guarded}
        for path, reference in references:
            fault = self._unknown(reference)
            if fault is None and (reference.root, reference.attribute) not in asked:
                fault = self._unset(reference, graph, node)
            if fault is not None:
                yield report(fault, path)
        for name, path in node.activity.assigns().items():
            if name not in self.variables:
                yield report(f"the flow declares no variable {name!r}", path)

    def _unknown(self, reference: Reference) -> str | None:
        """Why there can be no such value, or None."""
        root = reference.root
        if root in SYSTEM:
            return _attribute(reference, SYSTEM[root])
        if root in self.variables:
            kind = self.variables[root].type
            if reference.attribute is None or kind is VariableType.JSON:
                return None
            return f"{reference}: {root} is {_article(kind)} {kind} and has no parts"
        if root in self.outputs:
            known = self.outputs[root]
            return None if known is None else _attribute(reference, {name.casefold() for name in known})
        return f"{root!r} is neither a variable nor an activity"

    def _unset(self, reference: Reference, graph: Graph, node: Node) -> str | None:
        """Why the value is never there when the activity reads it, or None."""
        root = reference.root
        spec = self.variables.get(root)
        may_be_set = spec is None or spec.default is not None or spec.agent_editable or root in self._set
        if spec is not None and not may_be_set:
            return f"{root} has no default and nothing sets it"
        known = self._known.get((graph.name, node.name))
        # What is never reached is told already; what is early has its own rule.
        if known is None or root in known or root in SYSTEM or node.at is At.INVITE:
            return None
        if spec is None:
            return f"{reference} is not known yet: no way from the start to here leads through {root}"
        return f"{root} has no default, and nothing on any way from the start to here sets it"


def early_readings(report: Report, flow: Flow, node: Node) -> Iterator[Finding]:
    """What an activity that starts at INVITE reads too early."""
    known = {early.name for early in flow.early()} - {node.name}
    known |= {name for early in flow.early() for name in early.activity.assigns()}
    known |= {spec.name for spec in flow.variables if spec.default is not None}
    known |= SYSTEM.keys() - {"Queue"}
    for path, reference in node.activity.references():
        if reference.root not in known:
            yield report(f"starts at invite, when {reference} is not known yet", path)
    waits = {
        early.name: [other.name for other in flow.early() if other.name in early.reads()]
        for early in flow.early()
    }
    if any(node.name in loop for loop in cycles(waits)):
        yield report("waits for an activity that waits for it", ("at",))


def _attribute(reference: Reference, known: Iterable[str]) -> str | None:
    if reference.attribute is not None and reference.attribute.casefold() in known:
        return None
    return f"{reference} is not there; {reference.root} has {', '.join(sorted(known)) or 'nothing'}"


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
