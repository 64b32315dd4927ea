"""A flow running for one call.

The walk is a loop: run the activity, take the edge by which it left. An activity that fails leaves by
`error`; where that is not wired, OnGlobalError runs, and where that does not help, the built-in one of
`rescue`. So a fault in a flow costs the caller its treatment, never the call.

Each flow runs in a scope: its variables, and what its activities have at hand. The call's own flow has one
scope for its main flow and all its event flows; a sub-flow gets a new one for every visit, in which only the
global variables are the same. An error that a sub-flow does not handle is its caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, assert_never

import structlog

from ivr.clock import Clock
from ivr.flow.activities.base import ERROR, Acting, Finish, Leave, Result, SubFlowCall, SubFlowDone
from ivr.flow.early import Early, RememberingQueue
from ivr.flow.errors import ActivityError, FlowError
from ivr.flow.model import MAIN, EventName, Flow, Graph, Node
from ivr.flow.ports import PortError, Ports, Queued
from ivr.flow.prompts import PromptCatalogue
from ivr.flow.rescue import rescue_graph
from ivr.flow.steps import CANCELLED, ENDED, EventEnd, EventResult, MainEnd, MainResult, Observe, Step
from ivr.flow.values import Value
from ivr.flow.variables import StartValues, Variables, VariableView

DEFAULT_MUSIC = "defaultmusic_on_hold.wav"

Spawn = Callable[[Coroutine[Any, Any, Result]], asyncio.Task[Result]]
"""Makes a task and owns it, e.g. a task group's `create_task`."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A walk that cannot go on: the edge by which the last activity left is not wired."""

    activity: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """A flow under way. `label` says in steps which sub-flow it is; empty for the call's own flow."""

    flow: Flow
    variables: Variables
    acting: Acting
    label: str = ""

    def named(self, graph: Graph) -> str:
        return self.label or graph.name


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """What every scope of a run shares."""

    ports: Ports
    start: StartValues
    prompts: PromptCatalogue
    default_queue: str
    clock: Clock
    globals: dict[str, Value] = field(default_factory=dict)


class FlowRun:
    """One call's run of a flow: its variables, its early activities, its walks.

    `default_queue` is where calls go when the flow fails; `observe` is told of every step.
    """

    def __init__(
        self,
        *,
        flow: Flow,
        ports: Ports,
        start: StartValues,
        prompts: PromptCatalogue,
        observe: Observe,
        default_queue: str,
        clock: Clock,
        default_music: str = DEFAULT_MUSIC,
    ) -> None:
        self._flow = flow
        self._observe = observe
        self._clock = clock
        self._default_music = default_music
        self._queue = RememberingQueue(ports.queue)
        self._early: dict[str, Early] = {}
        self._world = _World(
            ports=replace(ports, queue=self._queue),
            start=start,
            prompts=prompts,
            default_queue=default_queue,
            clock=clock,
        )
        self._scope = self._enter(flow, "")

    def _enter(self, flow: Flow, label: str) -> _Scope:
        world = self._world
        variables = Variables(
            flow.variables,
            world.start,
            activities=(node.name for _, node in flow.nodes()),
            queue_position=world.ports.queue.position,
            now=world.clock.now,
            shared=world.globals,
        )
        acting = Acting(
            ports=world.ports,
            prompts=world.prompts,
            variables=variables,
            default_queue=world.default_queue,
            clock=world.clock,
            run_sub_flow=partial(self._sub_flow, flow),
            schedules=flow.schedules,
        )
        return _Scope(flow=flow, variables=variables, acting=acting, label=label)

    @property
    def variables(self) -> tuple[VariableView, ...]:
        """The variables that agents see, as they stand now."""
        return self._scope.variables.viewable()

    @property
    def queued(self) -> Queued | None:
        """Where the flow has queued the call, as `enqueue` answered."""
        return self._queue.queued

    def set_variable(self, name: str, value: str) -> None:
        """An agent's edit. Raises `VariableError`."""
        self._scope.variables.edit(name, value)

    def start_early(self, spawn: Spawn) -> None:
        """Start the activities marked `at: invite`. They are the call's: `spawn`'s owner outlives `main`."""
        for node in self._flow.early():
            self._early[node.name] = Early(node, spawn(self._run(self._scope, MAIN, node, early=True)))

    async def look_again(self) -> None:
        """Run the early activities again that ended in an error, once a late answer is there: the walk has
        gone on without them, but event flows still to come read their outputs."""
        for early in self._early.values():
            if early.failed():
                await self._run(self._scope, MAIN, early.node, early=True)

    async def main(self) -> MainResult:
        """Run the main flow to its end. Only cancelling it, as an agent's answer does, raises."""
        stopped = await self._walk(self._scope, self._flow.main)
        if isinstance(stopped, Broken):
            stopped = await self._global_error(stopped)
        match stopped:
            case Finish(hung_up=True):
                return MainResult(end=MainEnd.HUNG_UP, queued=self.queued, detail=stopped.detail)
            case Finish():
                return MainResult(end=MainEnd.RETURNED, queued=self.queued, detail=stopped.detail)
            case Broken():
                return MainResult(end=MainEnd.FAILED, queued=self.queued, detail=stopped.detail)
            case _:
                assert_never(stopped)

    async def event(self, name: str, values: Mapping[str, Value] | None = None) -> EventResult:
        """Run the event flow of that name, if there is one, which reads `values` as `EventName.value`. A
        failure ends the event flow, not the call."""
        self._scope.variables.set_outputs(name, values or {})
        graph = self._flow.events.get(name)
        if graph is None:
            return EventResult(end=EventEnd.ABSENT)
        stopped = await self._walk(self._scope, graph)
        match stopped:
            case Finish():
                return EventResult(end=EventEnd.DONE, detail=stopped.detail)
            case Broken():
                return EventResult(end=EventEnd.FAILED, detail=f"{stopped.activity}: {stopped.detail}")
            case _:
                assert_never(stopped)

    async def _global_error(self, broken: Broken) -> Finish | Broken:
        log.warning("flow_global_error", flow=self._flow.name, activity=broken.activity)
        graph = self._flow.events.get(EventName.ON_GLOBAL_ERROR)
        if graph is not None:
            stopped = await self._walk(self._scope, graph)
            if isinstance(stopped, Finish) and (stopped.hung_up or self.queued):
                return stopped
        # It failed as well, or would leave the caller with nothing.
        rescue = rescue_graph(queued=self.queued is not None, music=self._default_music)
        return await self._walk(self._scope, rescue)

    async def _sub_flow(self, caller: Flow, call: SubFlowCall) -> SubFlowDone:
        flow = caller.sub_flows.get(call.flow)
        if flow is None:
            raise ActivityError(f"there is no sub-flow {call.flow!r}")
        scope = self._enter(flow, f"sub-flow {call.flow}")
        for name, value in call.given.items():
            scope.variables.assign(name, value)
        stopped = await self._walk(scope, flow.main)
        match stopped:
            case Finish():
                return SubFlowDone(finish=stopped, values=scope.variables.known(call.wanted))
            case Broken():
                raise ActivityError(f"{call.flow}: {stopped.activity}: {stopped.detail}")
            case _:
                assert_never(stopped)

    async def _walk(self, scope: _Scope, graph: Graph) -> Finish | Broken:
        budget = StepBudget(self._clock)
        node = graph.first()
        if node is None:
            return Broken(activity=graph.start, detail="the flow has no such activity")
        while True:
            if not budget.spend():
                return Broken(activity=node.name, detail="the flow goes round without waiting")
            match await self._visit(scope, graph, node):
                case Finish() as finish:
                    return finish
                case Leave(outcome=outcome, detail=detail):
                    following = graph.after(node.name, outcome)
            if following is None:
                return Broken(activity=node.name, detail=f"{outcome} is not wired: {detail}".rstrip(": "))
            node = following

    async def _visit(self, scope: _Scope, graph: Graph, node: Node) -> Result:
        early = self._early.get(node.name) if graph is self._flow.main else None
        if early is None or early.taken:
            return await self._run(scope, scope.named(graph), node)
        began = self._clock.monotonic()
        try:
            result = await early.take()
        except asyncio.CancelledError:
            self._report(graph.name, node, CANCELLED, began)
            raise
        self._report_result(graph.name, node, result, began)
        return result

    async def _run(self, scope: _Scope, flow: str, node: Node, *, early: bool = False) -> Result:
        began = self._clock.monotonic()
        try:
            result = await self._attempt(scope, node)
        except asyncio.CancelledError:
            self._report(flow, node, CANCELLED, began, early=early)
            raise
        self._report_result(flow, node, result, began, early=early)
        return result

    async def _attempt(self, scope: _Scope, node: Node) -> Result:
        """Run an activity; whatever it raises becomes its `error` edge."""
        limit_s = node.activity.limit_s()
        try:
            if scope is self._scope:
                await self._wait_for_readings(node)
            async with asyncio.timeout(limit_s):
                result = await node.activity.run(scope.acting)
            _keep(scope.variables, node, result)
        except TimeoutError:
            return Leave(outcome=ERROR, detail=f"not done within {limit_s} s")
        except (PortError, FlowError) as exc:
            return Leave(outcome=ERROR, detail=str(exc))
        except Exception as exc:  # a root: a fault in an activity must not drop the caller
            log.exception("activity_fault", flow=scope.flow.name, activity=node.name, type=node.activity.type)
            return Leave(outcome=ERROR, detail=f"fault: {type(exc).__name__}")
        return result

    async def _wait_for_readings(self, node: Node) -> None:
        """Wait for early activities still under way that set what this one reads; each has its own limit."""
        reads = node.reads()
        for early in self._early.values():
            if early.node.name != node.name and reads & {early.node.name, *early.node.activity.assigns()}:
                await early.done(None)

    def _report_result(
        self, flow: str, node: Node, result: Result, began: float, *, early: bool = False
    ) -> None:
        match result:
            case Leave(outcome=outcome, detail=detail):
                self._report(flow, node, outcome, began, detail, early=early)
            case Finish(detail=detail):
                self._report(flow, node, ENDED, began, detail, early=early)

    def _report(
        self, flow: str, node: Node, outcome: str, began: float, detail: str = "", *, early: bool = False
    ) -> None:
        step = Step(
            flow=flow,
            activity=node.name,
            type=node.activity.type,
            outcome=outcome,
            seconds=self._clock.monotonic() - began,
            detail=detail,
            early=early,
        )
        try:
            self._observe(step)
        except Exception:  # a root: whoever looks on must not be able to drop the caller
            log.exception("observer_fault", flow=self._flow.name, activity=node.name)


def _keep(variables: Variables, node: Node, result: Result) -> None:
    match result:
        case Leave(outputs=outputs, assigned=assigned):
            variables.set_outputs(node.name, outputs)
            variables.assign_all(assigned)
        case Finish():
            return


class StepBudget:
    """Guards a walk against spinning: so many steps at once, and a few more with each second that passes."""

    BURST = 200
    PER_SECOND = 5.0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._spent = 0

    def spend(self) -> bool:
        """Take one step; False when there is none left."""
        self._spent += 1
        return self._spent <= self.BURST + self.PER_SECOND * (self._clock.monotonic() - self._began)
