"""A typed graph of an export to the activities of one of our graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ivr.flow.activities import registry
from ivr.flow.activities.base import Port as PortOfCall
from ivr.flow.model import EventName
from ivr.flow.webex.findings import Finding, Findings, Verdict
from ivr.flow.webex.kinds import START
from ivr.flow.webex.mapping import logic, queueing, requests, voice
from ivr.flow.webex.mapping.context import Work
from ivr.flow.webex.mapping.step import Following, Port, Step, fail
from ivr.flow.webex.naming import free
from ivr.flow.webex.source import MAIN, Json, SourceActivity, SourceGraph
from ivr.flow.webex.structure import spinning

Mapper = Callable[[Work], list[Step]]
MAPPERS: Mapping[str, Mapper] = {
    START: logic.start,
    "end": logic.end,
    "disconnect-contact": logic.disconnect,
    "set-variable": logic.set_variable,
    "condition-activity": logic.condition,
    "case-statement": logic.case,
    "parse-activity": logic.parse,
    "business-hours": logic.business_hours,
    "http-request-v2": requests.http_request,
    "play-message": voice.play_message,
    "play-music": voice.play_music,
    "ivr-menu": voice.menu,
    "ivr-collectdigits": voice.collect_digits,
    "queue-contact": queueing.queue_contact,
    "queue-to-agent": queueing.queue_to_agent,
    "queue-lookup": queueing.queue_lookup,
    "callback": queueing.callback,
    "blind-transfer": queueing.blind_transfer,
    "screen-pop": queueing.screen_pop,
}
LEFT_OUT = frozenset({"start-media-stream"})
"""Types that the flow does without: the edge into one leads to what follows it."""
_PAUSE_S = 1
_NEED_A_CALL = frozenset({PortOfCall.VOICE, PortOfCall.QUEUE, PortOfCall.TRANSFER})
_NOT_WIRED = "this edge is not wired in the export"


@dataclass(slots=True, kw_only=True)
class Built:
    """A graph of ours under construction: activities by name, in the order of the file."""

    start: str
    activities: dict[str, dict[str, Json]] = field(default_factory=dict)


class GraphBuilder:
    """Builds one graph. `names` are our names of its activities by id, `taken` all names in use."""

    def __init__(
        self,
        graph: SourceGraph,
        *,
        names: Mapping[str, str],
        taken: set[str],
        work: Callable[[SourceActivity], Work],
        findings: Findings,
        music: str,
    ) -> None:
        self._graph = graph
        self._names = names
        self._taken = taken
        self._work = work
        self._findings = findings
        self._music = music
        self._failing = ""

    def built(self) -> Built | None:
        """The graph; None for an event's that does nothing."""
        built = Built(start=self._name_of(self._graph.start or "") or "")
        for activity in self._in_order():
            if activity.kind not in LEFT_OUT:
                self._add(built, activity)
            else:
                self._tell(activity, Verdict.DIFFERENT, "left-out", f"{activity.kind} is left out")
        if self._failing:
            self._failing_in(built)
        self._calm(built)
        if self._graph.name == MAIN:
            self._begin(built)
        return built if built.start else None

    def _in_order(self) -> Iterator[SourceActivity]:
        """The activities as a caller meets them; those that nobody meets come last."""
        waiting, seen = [self._graph.start or ""], dict[str, None]()
        while waiting:
            id_ = waiting.pop(0)
            if id_ in self._graph.activities and id_ not in seen:
                seen[id_] = None
                waiting.extend(self._graph.ports(id_).values())
        for id_ in (*seen, *(id_ for id_ in self._graph.activities if id_ not in seen)):
            yield self._graph.activities[id_]

    def _begin(self, built: Built) -> None:
        """A main flow begins with an activity of type start."""
        if built.start and built.activities[built.start]["type"] == START:
            return
        first = built.start or self._failing_in(built)
        built.start = free("NewPhoneContact", built.activities)
        built.activities = {built.start: {"type": START, "edges": {"next": first}}, **built.activities}

    def _add(self, built: Built, activity: SourceActivity) -> None:
        steps = self._possible(activity, self._steps(activity))
        names = [self._names[activity.id]]
        for _ in steps[1:]:
            names.append(free(f"{names[0]}_{len(names) + 1}", self._taken))
            self._taken.add(names[-1])
        description = activity.text("description")
        for index, step in enumerate(steps):
            made: dict[str, Json] = {"type": step.type}
            if description and not index:
                made["description"] = description
            made |= step.properties
            edges = self._edges(activity, step, names, index)
            if edges:
                made["edges"] = edges
            built.activities[names[index]] = made
        for name in dict.fromkeys(step.type for step in steps):
            if not registry()[name].available:
                text = f"{name} is understood and not available yet: it leaves by error"
                self._tell(activity, Verdict.NOT_MAPPED, "not-available", text)
        ours = ", ".join(dict.fromkeys(step.type for step in steps))
        if steps[0].type != "fail":
            self._tell(activity, Verdict.MAPPED, "mapped", f"{activity.kind} is {ours} here")

    def _steps(self, activity: SourceActivity) -> list[Step]:
        mapper = MAPPERS.get(activity.kind)
        if mapper is not None:
            return mapper(self._work(activity))
        wired = tuple(port for port in self._graph.ports(activity.id) if port not in ("error", "failure"))
        self._tell(
            activity,
            Verdict.NOT_MAPPED,
            "unknown-activity",
            f"{activity.kind or 'an activity without a type'} cannot be done here: it leaves by error",
        )
        return [fail(f"{activity.kind} is not available", wired)]

    def _possible(self, activity: SourceActivity, steps: list[Step]) -> list[Step]:
        """After the call there is nobody to speak to and nothing to queue."""
        over = self._graph.name == EventName.PHONE_CONTACT_ENDED
        if not over or not any(registry()[step.type].uses & _NEED_A_CALL for step in steps):
            return steps
        self._tell(
            activity, Verdict.NOT_MAPPED, "after-the-call", f"{activity.kind} cannot be done after the call"
        )
        leaves = tuple(name for name in steps[-1].edges if name not in steps[-1].optional)
        failing = fail("the call is over", leaves)
        return [Step(type=failing.type, properties=failing.properties, edges=steps[-1].edges)]

    def _edges(self, activity: SourceActivity, step: Step, names: list[str], index: int) -> dict[str, Json]:
        ports = self._graph.ports(activity.id)
        found: dict[str, Json] = {}
        for outcome, to in step.edges.items():
            match to:
                case Following(steps=steps):
                    found[outcome] = names[index + steps]
                case Port(names=wanted):
                    target = next((ports[name] for name in wanted if name in ports), None)
                    name = None if target is None else self._name_of(target)
                    if name is not None:
                        found[outcome] = name
                    elif outcome not in step.optional:
                        found[outcome] = self._fails(outcome, activity)
        return found

    def _name_of(self, id_: str) -> str | None:
        """Our name of what an edge leads to, past activities that are left out."""
        for _ in self._graph.activities:
            activity = self._graph.activities.get(id_)
            if activity is None:
                return None
            if activity.kind not in LEFT_OUT:
                return self._names[id_]
            ports = self._graph.ports(id_)
            id_ = ports.get("default", ports.get("out", ""))
        return None

    def _fails(self, outcome: str, activity: SourceActivity) -> str:
        """Where edges lead that the export does not wire: to OnGlobalError."""
        self._failing_name()
        if outcome in ("next", "true", "false", "default"):
            self._tell(
                activity, Verdict.DEFECT, "missing-edge", f"the edge {outcome} is not wired in the export"
            )
        return self._failing

    def _failing_name(self) -> str:
        if not self._failing:
            self._failing = free("NotWired", self._taken)
            self._taken.add(self._failing)
        return self._failing

    def _failing_in(self, built: Built) -> str:
        name = self._failing_name()
        built.activities[name] = {"type": "fail", "reason": _NOT_WIRED}
        return name

    def _calm(self, built: Built) -> None:
        """Loops that never wait: an error's edge is taken out, any other gets a second of music, or fails
        where there is nobody who could hear it."""
        known = registry()
        edges = {name: _edges_of(made) for name, made in built.activities.items()}
        waiting = {name for name, made in built.activities.items() if known[str(made["type"])].waits}
        heard = self._graph.name in (MAIN, EventName.ON_GLOBAL_ERROR)
        for name, outcome in spinning(edges, waiting):
            target = edges[name][outcome]
            if outcome == "error":
                instead, done = None, "such an error leads to OnGlobalError here"
            elif heard:
                instead, done = self._pause(built, target), "a second of music comes between here"
            else:
                instead, done = self._failing_in(built), "it fails here"
            _rewire(built.activities[name], outcome, instead)
            self._findings.add(
                Finding(
                    verdict=Verdict.DEFECT,
                    kind="endless-loop",
                    text=f"{outcome} leads back to {target} without any wait; {done}",
                    flow=self._graph.name,
                    activity=name,
                    property="edges",
                )
            )

    def _pause(self, built: Built, target: str) -> str:
        name = free(f"PauseBefore{target}"[:60], self._taken)
        self._taken.add(name)
        built.activities[name] = {
            "type": "play-music",
            "file": self._music,
            "duration_s": _PAUSE_S,
            "edges": {"next": target},
        }
        return name

    def _tell(self, activity: SourceActivity, verdict: Verdict, kind: str, text: str) -> None:
        self._findings.add(
            Finding(verdict=verdict, kind=kind, text=text, flow=self._graph.name, activity=activity.name)
        )


def _edges_of(made: Mapping[str, Json]) -> dict[str, str]:
    edges = made.get("edges")
    return {str(outcome): str(to) for outcome, to in edges.items()} if isinstance(edges, dict) else {}


def _rewire(made: dict[str, Json], outcome: str, to: str | None) -> None:
    edges = dict(_edges_of(made))
    if to is None:
        del edges[outcome]
    else:
        edges[outcome] = to
    made["edges"] = dict(edges.items())
