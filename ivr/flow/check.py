"""What is wrong with a flow, found before it takes calls. Knows activities by their interface alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ivr.flow.activities.base import ERROR, Need, NeedKind, Port
from ivr.flow.activities.sub_flow import SubFlow
from ivr.flow.constants import constant_findings
from ivr.flow.finding import Finding, Report, Severity, about, reporter
from ivr.flow.graph import reachable
from ivr.flow.loops import loop_findings
from ivr.flow.model import MAIN, NOT_YET, At, EventName, Flow, Graph, Node
from ivr.flow.prompts import PromptCatalogue
from ivr.flow.reading import Names, early_readings

__all__ = ["CheckContext", "Finding", "Severity", "check_flow"]

_WITH_AN_AGENT = frozenset({EventName.AGENT_OFFERED, EventName.AGENT_ANSWERED, EventName.AGENT_DISCONNECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What exists outside the flow: names of queues, connectors and sound files, and every catalogue with
    the `others` of each; the first is that of the node's language. `agents`: ids, names and e-mail addresses
    by which agents are known; None when there is no telling."""

    queues: frozenset[str]
    connectors: frozenset[str]
    sounds: frozenset[str]
    prompts: tuple[PromptCatalogue, ...]
    agents: frozenset[str] | None = None


def check_flow(flow: Flow, context: CheckContext) -> list[Finding]:
    """Everything that is wrong, in the order of the file; then what is wrong with its sub-flows."""
    findings = [*_one_flow(flow, context, frozenset()), *_unwired_errors(flow)]
    findings.sort(key=lambda finding: finding.line)
    family = flow.family()
    for sub in family[1:]:
        given = {name for caller in family for name in (*_given_to(caller, sub.file), *_shared_by(caller))}
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


def _shared_by(flow: Flow) -> Iterator[str]:
    """The global variables that a flow sets: its sub-flows see them."""
    shared = {spec.name for spec in flow.variables if spec.shared}
    for _, node in flow.nodes():
        yield from shared.intersection(node.activity.assigns())


def _unwired_errors(flow: Flow) -> Iterator[Finding]:
    """One line for each graph. Not for sub-flows: their errors are their caller's."""
    for graph in flow.graphs():
        open_ = [node.name for node in graph.nodes.values() if _fails_openly(node)]
        if open_:
            text = f"without an error edge: {', '.join(open_)}; {_who_takes(flow, graph)}"
            yield about(flow, graph.line, text, Severity.WARNING)


def _fails_openly(node: Node) -> bool:
    activity = node.activity
    goes_on = activity.outcomes() != () and not activity.entry and not activity.problems()
    return goes_on and ERROR not in node.edges and not node.edges_unread


def _who_takes(flow: Flow, graph: Graph) -> str:
    if graph.name == EventName.ON_GLOBAL_ERROR:
        return "an error there takes the call to the default queue"
    if graph.name != MAIN:
        return f"an error there ends {graph.name}"
    if EventName.ON_GLOBAL_ERROR in flow.events:
        return f"an error there takes the call to {EventName.ON_GLOBAL_ERROR}"
    return f"there is no {EventName.ON_GLOBAL_ERROR}, so an error there takes the call to the default queue"


def _one_flow(flow: Flow, context: CheckContext, given: frozenset[str]) -> list[Finding]:
    findings = [*_flow_findings(flow)]
    for graph in flow.graphs():
        findings += _graph_findings(flow, graph)
    names = Names(flow, given)
    for graph, node in flow.nodes():
        report = reporter(flow, node)
        findings += _node_findings(report, graph, node)
        findings += _edge_findings(report, graph, node)
        findings += names.findings(report, graph, node)
        findings += constant_findings(report, flow, node)
        findings += _early_findings(report, flow, graph, node)
        findings += _call_findings(report, flow, node)
        for need in node.activity.needs():
            findings += _need_findings(report, flow, need, context)
    return sorted(findings, key=lambda finding: finding.line)


def _flow_findings(flow: Flow) -> Iterator[Finding]:
    for name, graph in flow.events.items():
        if name not in set(EventName):
            known = ", ".join(EventName)
            yield about(flow, graph.line, f"there is no event {name!r}; there are {known}")
        elif name in NOT_YET:
            text = f"{name} is not available yet: it never happens"
            yield about(flow, graph.line, text, Severity.WARNING)
    seen: dict[str, str] = {}
    for graph, node in flow.nodes():
        if node.activity.outputs() != {} and seen.setdefault(node.name, graph.name) != graph.name:
            yield reporter(flow, node)(f"an activity in {seen[node.name]} has this name and outputs")


def _graph_findings(flow: Flow, graph: Graph) -> Iterator[Finding]:
    first = graph.first()
    if first is None:
        yield about(flow, graph.line, f"{graph.name} starts at {graph.start!r}, which it does not have")
        return
    if graph.name == MAIN and not first.activity.entry and not first.activity.problems():
        yield reporter(flow, first)("a main flow begins with an activity of type start")
    edges = {name: tuple(node.edges.values()) for name, node in graph.nodes.items()}
    lost = any(node.edges_unread for node in graph.nodes.values())
    for name in () if lost else graph.nodes.keys() - reachable(edges, graph.start):
        yield reporter(flow, graph.nodes[name])("is never reached", severity=Severity.WARNING)
    yield from loop_findings(flow, graph)


def _as_sub_flow(flow: Flow) -> Iterator[Finding]:
    for graph in flow.events.values():
        text = f"{graph.name} never happens in a sub-flow"
        yield about(flow, graph.line, text, Severity.WARNING)
    for node in flow.early():
        yield reporter(flow, node)("a sub-flow begins when it is reached, not at invite", ("at",))


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
    for problem in (*node.faults, *node.activity.problems()):
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
    told = {fault.at for fault in node.faults}
    for outcome, target in node.edges.items():
        if outcome not in (*wanted, ERROR) and not node.activity.problems():
            known = ", ".join((*wanted, ERROR))
            yield report(f"does not leave by {outcome!r}; it leaves by {known}", ("edges", outcome))
        if target not in graph.nodes:
            yield report(f"{outcome} leads to {target!r}, which is not in {graph.name}", ("edges", outcome))
    for outcome in wanted:
        if outcome not in node.edges and not told & {("edges",), ("edges", outcome)}:
            yield report(f"the edge {outcome!r} is not wired", ("edges",))


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
    yield from early_readings(report, flow, node)


def _need_findings(report: Report, flow: Flow, need: Need, context: CheckContext) -> Iterator[Finding]:
    match need.kind:
        case NeedKind.PROMPT:
            yield from _prompt_findings(report, need, context)
        case NeedKind.QUEUE if need.name not in context.queues:
            yield report(f"there is no queue {need.name!r}; there are {_listed(context.queues)}", need.at)
        case NeedKind.AGENT if not _known_agent(need.name, context.agents):
            yield report(f"there is no agent {need.name!r}", need.at)
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


def _known_agent(name: str, agents: frozenset[str] | None) -> bool:
    return agents is None or name in agents or name.casefold() in {agent.casefold() for agent in agents}


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
