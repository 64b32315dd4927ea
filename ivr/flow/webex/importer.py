"""The import as a whole: an export's bytes to a flow file, a binding file and a report. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from ivr.flow.webex.bindings import Bindings, Outsides, write_bindings
from ivr.flow.webex.build import Built, GraphBuilder
from ivr.flow.webex.declared import Declarer
from ivr.flow.webex.defects import flow_findings
from ivr.flow.webex.document import write_flow
from ivr.flow.webex.findings import Findings, Repair
from ivr.flow.webex.kinds import EVENTS, START
from ivr.flow.webex.mapping.context import Work
from ivr.flow.webex.mended import mended_flow
from ivr.flow.webex.naming import TAKEN, free, renamed, tame
from ivr.flow.webex.outputs import OUTPUTS
from ivr.flow.webex.pebble.names import Known, Names, Output
from ivr.flow.webex.read import read_export
from ivr.flow.webex.report import Report
from ivr.flow.webex.source import Json, SourceActivity, SourceFlow, SourceGraph
from ivr.flow.webex.structure import always_before
from ivr.flow.webex.usage import assigned_in, compared_in, found_in, queue_variables_in

DEFAULT_MUSIC = "defaultmusic_on_hold.wav"
START_NAMES = ("NewPhoneContact", "NewContact")


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import gives. `name` is the flow's here, and its file's without `.yaml`."""

    name: str
    flow: str
    bindings: str
    report: Report


def flow_name(data: bytes) -> str:
    """The name that the flow in an export gets. Raises `ExportError`."""
    return tame(read_export(data).name, "Imported")


def import_flow(
    data: bytes,
    bindings: Bindings,
    *,
    repairs: Iterable[Repair] = (),
    shared_globals: frozenset[str] = frozenset(),
) -> Imported:
    """Import an export. `shared_globals` are the global variables that the folder of the flow has already.
    Raises `ExportError`."""
    findings, outsides = Findings(repairs), Outsides(bindings)
    source = mended_flow(read_export(data), findings)
    name = tame(source.name, "Imported")
    document = _Importer(source, findings, outsides, shared_globals).document(name)
    report = Report(
        source=source,
        file=f"{name}.yaml",
        findings=findings.all(),
        wanted=outsides.all(),
        made=findings.repairs,
    )
    return Imported(
        name=name,
        flow=write_flow(document, f"Imported from Webex Contact Center: {' '.join(source.name.split())}."),
        bindings=write_bindings(outsides.all()),
        report=report,
    )


class _Importer:
    """One import: the names of everything, then the graphs one by one."""

    def __init__(
        self, source: SourceFlow, findings: Findings, outsides: Outsides, shared: frozenset[str]
    ) -> None:
        self._source = source
        self._findings = findings
        self._outsides = outsides
        self._queue_variables = queue_variables_in(source)
        self._variables = {variable.name: variable for variable in source.variables}
        self._assigned = assigned_in(source)
        variables = renamed(self._variables, TAKEN)
        self._taken = {*TAKEN, *variables.values()}
        self._names = {graph.name: self._names_of(graph) for graph in source.graphs()}
        self._declared = Declarer(
            source,
            findings,
            outsides,
            names=variables,
            shared=shared,
            compared=compared_in(source),
            queue_variables=self._queue_variables,
            found=found_in(source),
        ).declared()

    def _names_of(self, graph: SourceGraph) -> dict[str, str]:
        """Our names of a graph's activities by id. All graphs share them: outputs are read across graphs."""
        found: dict[str, str] = {}
        for id_, activity in graph.activities.items():
            wanted = tame(activity.name)
            if activity.kind == START and wanted in START_NAMES:
                found[id_] = wanted  # the values of the call have this name as well
                continue
            found[id_] = free(wanted, self._taken)
            self._taken.add(found[id_])
        return found

    def document(self, name: str) -> dict[str, Json]:
        """The flow file as plain values."""
        flow_findings(self._source, self._findings)
        main = self._graph(self._source.main)
        events = {graph.name: self._graph(graph) for graph in self._source.events}
        document: dict[str, Json] = {"name": name, "version": self._source.version or "1"}
        if self._source.description:
            document["description"] = self._source.description
        if self._declared.globals:
            document["globals"] = list(self._declared.globals)
        if self._declared.file:
            document["variables"] = dict(self._declared.file)
        assert main is not None
        document |= _written(main)
        answered = {event: built for event, built in events.items() if built is not None}
        if answered:
            document["events"] = {event: _written(built) for event, built in answered.items()}
        return document

    def _graph(self, graph: SourceGraph) -> Built | None:
        names = Names(variables=self._declared.names, activities=self._known(graph))
        builder = GraphBuilder(
            graph,
            names=self._names[graph.name],
            taken=self._taken,
            work=partial(self._work, graph, names, always_before(graph)),
            findings=self._findings,
            music=DEFAULT_MUSIC,
        )
        return builder.built()

    def _work(
        self,
        graph: SourceGraph,
        names: Names,
        before: Mapping[str, frozenset[str]],
        activity: SourceActivity,
    ) -> Work:
        ours = self._names[graph.name]
        certain = frozenset(ours[id_] for id_ in before.get(activity.id, ())) | {START_NAMES[0]}
        return Work(
            flow=graph.name,
            activity=activity,
            names=replace(names, certain=certain),
            findings=self._findings,
            outsides=self._outsides,
            variables=self._variables,
            assigned=self._assigned,
            queue_variables=self._queue_variables,
            wired=frozenset(graph.ports(activity.id)),
        )

    def _known(self, graph: SourceGraph) -> dict[str, Known]:
        """What expressions in a graph may name besides variables: activities, of this graph first, the call's
        values and the events."""
        known: dict[str, Known] = {event: Known(name=event) for event in EVENTS}
        for each in (*self._source.graphs(), graph):
            for id_, activity in each.activities.items():
                name = self._names[each.name][id_]
                known[activity.name] = Known(name=name, values=OUTPUTS.get(activity.kind, {}))
        constants = {name: text for name, text in self._source.constants.items() if text}
        values: dict[str, Output | str] = {**constants, **OUTPUTS[START]}
        started = Known(name=START_NAMES[0], values=values)
        starts = [a.name for _, a in self._source.activities() if a.kind == START]
        return {**known, **dict.fromkeys((*START_NAMES, *starts), started)}


def _written(built: Built) -> dict[str, Json]:
    return {"start": built.start, "activities": dict(built.activities)}
