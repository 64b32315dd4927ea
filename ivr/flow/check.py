"""What is wrong with a flow, found before it takes calls. Knows activities by their interface alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ivr.flow.activities.base import ERROR, Need, NeedKind, Port
from ivr.flow.activities.sub_flow import SubFlow
from ivr.flow.graph import cycles, reachable
from ivr.flow.model import MAIN, NOT_YET, At, EventName, Flow, Graph, Node
from ivr.flow.prompts import PromptCatalogue
from ivr.flow.template import Reference
from ivr.flow.values import VariableType
from ivr.flow.variables import SYSTEM

_WITH_AN_AGENT = frozenset({EventName.AGENT_OFFERED, EventName.AGENT_ANSWERED, EventName.AGENT_DISCONNECTED})


class Severity(StrEnum):
    """ERROR: the flow must not take calls."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong. `activity` is None when it is about the flow."""

    severity: Severity
    file: Path
    line: int
    activity: str | None
    text: str

    def __str__(self) -> str:
        about = f"{self.activity}: " if self.activity else ""
        return f"{self.file}:{self.line}: {self.severity}: {about}{self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What exists outside the flow: names of queues, connectors and sound files, and every catalogue with
    the `others` of each; the first is that of the node's language."""

    queues: frozenset[str]
    connectors: frozenset[str]
    sounds: frozenset[str]
    prompts: tuple[PromptCatalogue, ...]


def check_flow(flow: Flow, context: CheckContext) -> list[Finding]:
    """Everything that is wrong, in the order of the file; then what is wrong with its sub-flows."""
    findings = _one_flow(flow, context, frozenset())
    family = flow.family()
    for sub in family[1:]:
        given = {name for caller in family for name in _given_to(caller, sub.file)}
        found = [*_one_flow(sub, context, frozenset(given)), *_as_sub_flow(sub)]
        findings += sorted(found, key=lambda finding: finding.line)
    return findings


def _given_to(caller: Flow, file: Path) -> Iterator[str]:
    """The variables of a sub-flow that its caller sets."""
    for _, node in caller.nodes():
        match node.activity:
            case SubFlow(flow=name, given=given) if name in caller.sub_flows:
                yield from given if caller.sub_flows[name].file == file else ()
            case _:
                pass


def _one_flow(flow: Flow, context: CheckContext, given: frozenset[str]) -> list[Finding]:
    findings = [*_flow_findings(flow)]
    for graph in flow.graphs():
        findings += _graph_findings(flow, graph)
    names = _Names(flow, given)
    for graph, node in flow.nodes():
        report = _reporter(flow, node)
        findings += _node_findings(report, graph, node)
        findings += _edge_findings(report, graph, node)
        findings += _name_findings(report, names, node)
        findings += _early_findings(report, flow, graph, node)
        findings += _call_findings(report, flow, node)
        for need in node.activity.needs():
            findings += _need_findings(report, flow, need, context)
    return sorted(findings, key=lambda finding: finding.line)


Report = Callable[..., Finding]


def _reporter(flow: Flow, node: Node) -> Report:
    def report(text: str, at: tuple[str | int, ...] = (), severity: Severity = Severity.ERROR) -> Finding:
        return Finding(
            severity=severity, file=flow.file, line=node.line_of(at), activity=node.name, text=text
        )

    return report


def _flow_findings(flow: Flow) -> Iterator[Finding]:
    for name, graph in flow.events.items():
        if name not in set(EventName):
            known = ", ".join(EventName)
            yield _about(flow, graph.line, f"there is no event {name!r}; there are {known}")
        elif name in NOT_YET:
            text = f"{name} is not available yet: it never happens"
            yield _about(flow, graph.line, text, Severity.WARNING)
    seen: dict[str, str] = {}
    for graph, node in flow.nodes():
        if node.activity.outputs() != {} and seen.setdefault(node.name, graph.name) != graph.name:
            yield _reporter(flow, node)(f"an activity in {seen[node.name]} has this name and outputs")


def _about(flow: Flow, line: int, text: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(severity=severity, file=flow.file, line=line, activity=None, text=text)


def _graph_findings(flow: Flow, graph: Graph) -> Iterator[Finding]:
    first = graph.first()
    if first is None:
        yield _about(flow, graph.line, f"{graph.name} starts at {graph.start!r}, which it does not have")
        return
    if graph.name == MAIN and not first.activity.entry and not first.activity.problems():
        yield _reporter(flow, first)("a main flow begins with an activity of type start")
    edges = {name: tuple(node.edges.values()) for name, node in graph.nodes.items()}
    for name in graph.nodes.keys() - reachable(edges, graph.start):
        yield _reporter(flow, graph.nodes[name])("is never reached", severity=Severity.WARNING)
    yield from _loop_findings(flow, graph)


def _loop_findings(flow: Flow, graph: Graph) -> Iterator[Finding]:
    nodes = graph.nodes.values()
    busy = {node.name: node for node in nodes if not (_waits(flow, node) or node.activity.problems())}
    edges = {name: [to for to in node.edges.values() if to in busy] for name, node in busy.items()}
    for loop in cycles(edges):
        around = ", ".join(loop)
        yield _reporter(flow, graph.nodes[loop[0]])(
            f"goes round without waiting: {around}; a loop needs music or a message in it"
        )


def _waits(flow: Flow, node: Node) -> bool:
    """Whether each run of it takes time; for a sub-flow, whether there is no way through without waiting."""
    name = node.activity.sub_flow()
    sub = flow.sub_flows.get(name) if name else None
    if sub is None:
        return node.activity.waits
    busy = {n.name: tuple(n.edges.values()) for n in sub.main.nodes.values() if not _waits(sub, n)}
    through = reachable(busy, sub.main.start)
    return not any(sub.main.nodes[name].activity.outcomes() == () for name in through)


def _as_sub_flow(flow: Flow) -> Iterator[Finding]:
    for graph in flow.events.values():
        text = f"{graph.name} never happens in a sub-flow"
        yield _about(flow, graph.line, text, Severity.WARNING)
    for node in flow.early():
        yield _reporter(flow, node)("a sub-flow begins when it is reached, not at invite", ("at",))


def _call_findings(report: Report, flow: Flow, node: Node) -> Iterator[Finding]:
    match node.activity:
        case SubFlow(flow=name, given=given, into=into):
            if name in flow.refused:
                yield report(f"the sub-flow {name!r} cannot be called: {flow.refused[name]}", ("flow",))
                return
            known = {spec.name for spec in flow.sub_flows[name].variables}
            for theirs in given:
                if theirs not in known:
                    yield report(f"the sub-flow {name!r} declares no variable {theirs!r}", ("with", theirs))
            for ours, theirs in into.items():
                if theirs not in known:
                    yield report(f"the sub-flow {name!r} declares no variable {theirs!r}", ("into", ours))
        case _:
            return


def _node_findings(report: Report, graph: Graph, node: Node) -> Iterator[Finding]:
    for problem in node.activity.problems():
        yield report(problem.text, problem.at)
    if node.activity.entry and (graph.name != MAIN or graph.start != node.name):
        yield report("stands only at the start of the main flow", ("type",))
    if not node.activity.available:
        text = f"{node.activity.type} is not available yet: it leaves by {ERROR}"
        yield report(text, ("type",), Severity.WARNING)
    if graph.name in _WITH_AN_AGENT and Port.TRANSFER in node.activity.uses:
        yield report(f"an agent has the call in {graph.name}: it is not put through from there", ("type",))
    silent = {Port.VOICE, Port.QUEUE, Port.TRANSFER} & node.activity.uses
    if graph.name == EventName.PHONE_CONTACT_ENDED and silent:
        yield report(f"the call is over: there is no {' or '.join(sorted(silent))} any more", ("type",))


def _edge_findings(report: Report, graph: Graph, node: Node) -> Iterator[Finding]:
    wanted = node.activity.outcomes()
    for outcome, target in node.edges.items():
        if outcome not in (*wanted, ERROR) and not node.activity.problems():
            known = ", ".join((*wanted, ERROR))
            yield report(f"does not leave by {outcome!r}; it leaves by {known}", ("edges", outcome))
        if target not in graph.nodes:
            yield report(f"{outcome} leads to {target!r}, which is not in {graph.name}", ("edges", outcome))
    for outcome in wanted:
        if outcome not in node.edges:
            yield report(f"the edge {outcome!r} is not wired", ("edges",))


class _Names:
    """What templates of a flow may read; `given` are variables that whoever calls it sets."""

    def __init__(self, flow: Flow, given: frozenset[str]) -> None:
        self.variables = {spec.name: spec for spec in flow.variables}
        self.outputs = {node.name: node.activity.outputs() for _, node in flow.nodes()}
        self._assigned = given.union(*(node.activity.assigns() for _, node in flow.nodes()))

    def fault(self, reference: Reference) -> str | None:
        """Why it cannot be read, or None."""
        root = reference.root
        if root in SYSTEM:
            return self._attribute(reference, SYSTEM[root])
        if root in self.variables:
            return self._variable(reference)
        if root in self.outputs:
            known = self.outputs[root]
            return None if known is None else self._attribute(reference, {name.casefold() for name in known})
        return f"{root!r} is neither a variable nor an activity"

    def _attribute(self, reference: Reference, known: Iterable[str]) -> str | None:
        if reference.attribute is not None and reference.attribute.casefold() in known:
            return None
        return f"{reference} is not there; {reference.root} has {', '.join(sorted(known)) or 'nothing'}"

    def _variable(self, reference: Reference) -> str | None:
        spec = self.variables[reference.root]
        if reference.attribute is not None and spec.type is not VariableType.JSON:
            return f"{reference}: {spec.name} is a {spec.type} and has no parts"
        may_be_set = spec.default is not None or spec.agent_editable or spec.name in self._assigned
        if not may_be_set and not reference.guarded:
            return f"{spec.name} has no default and nothing sets it"
        return None


def _name_findings(report: Report, names: _Names, node: Node) -> Iterator[Finding]:
    for path, reference in node.activity.references():
        fault = names.fault(reference)
        if fault is not None:
            yield report(fault, path)
    for name, path in node.activity.assigns().items():
        if name not in names.variables:
            yield report(f"the flow declares no variable {name!r}", path)


def _early_findings(report: Report, flow: Flow, graph: Graph, node: Node) -> Iterator[Finding]:
    if node.at is not At.INVITE:
        if node.wait_s is not None:
            yield report("wait_s is for activities that start at invite", ("wait_s",), Severity.WARNING)
        return
    if graph.name != MAIN:
        yield report("only activities of the main flow start at invite", ("at",))
    loud = node.activity.uses - {Port.CONNECTOR}
    if loud:
        yield report(f"cannot start at invite: there is no {' or '.join(sorted(loud))} yet", ("at",))
    yield from _early_readings(report, flow, node)


def _early_readings(report: Report, flow: Flow, node: Node) -> Iterator[Finding]:
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


def _need_findings(report: Report, flow: Flow, need: Need, context: CheckContext) -> Iterator[Finding]:
    match need.kind:
        case NeedKind.PROMPT:
            yield from _prompt_findings(report, need, context)
        case NeedKind.QUEUE if need.name not in context.queues:
            yield report(f"there is no queue {need.name!r}; there are {_listed(context.queues)}", need.at)
        case NeedKind.CONNECTOR if need.name not in context.connectors:
            yield report(
                f"there is no connector {need.name!r}; there are {_listed(context.connectors)}", need.at
            )
        case NeedKind.SOUND if need.name not in context.sounds:
            yield report(f"there is no sound file {need.name!r}", need.at)
        case NeedKind.SCHEDULE if need.name not in flow.schedules:
            yield report(f"there is no schedule {need.name!r}; there are {_listed(flow.schedules)}", need.at)
        case NeedKind.LANGUAGE if all(c.spoken(need.name) is None for c in context.prompts):
            text = f"there is no catalogue for {need.name!r}; there are {_listed(_catalogues(context))}"
            yield report(text, need.at)
        case _:
            return


def _catalogues(context: CheckContext) -> dict[str, PromptCatalogue]:
    """By language, that of the node first."""
    every = [c for given in context.prompts for c in (given, *given.others.values())]
    return {catalogue.language: catalogue for catalogue in reversed(every[1:])} | (
        {every[0].language: every[0]} if every else {}
    )


def _prompt_findings(report: Report, need: Need, context: CheckContext) -> Iterator[Finding]:
    for catalogue in _catalogues(context).values():
        # Where another language lacks a prompt it is spoken in the node's own.
        first = catalogue.language == context.prompts[0].language
        if need.name not in catalogue.prompts:
            severity = Severity.ERROR if first else Severity.WARNING
            text = f"the catalogue {catalogue.language} has no prompt {need.name!r}"
            yield report(text, need.at, severity)
            continue
        for place in sorted(catalogue.places(need.name) - need.given):
            yield report(f"the prompt {need.name!r} ({catalogue.language}) must be given {place!r}", need.at)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
