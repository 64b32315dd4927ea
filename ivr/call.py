"""One call: its identity, its state and its verbs. What a verb sets off lives in other modules."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

import structlog

from ivr.api.models import CallStage, PopOutcome
from ivr.caller import Caller
from ivr.clock import Clock
from ivr.ending import Ending, Phase
from ivr.flow.engine import FlowRun
from ivr.flow.steps import EventEnd
from ivr.heirs import Heir, Heirs
from ivr.ids import AgentId, CallId, QueueName
from ivr.offer_gate import OfferGate
from ivr.posts import Post
from ivr.recognition import best_known
from ivr.salesforce.model import Candidate, Match, MatchResult
from ivr.timeline import Source, Timeline
from media.errors import WorkerLost
from media.leg import Leg
from media.pool import Booking

MOVE_LIMIT_S = 2.0
"""How long a call whose worker was lost before the answer waits for the edge to bring it again."""

log = structlog.get_logger()
T = TypeVar("T")


def new_call_id(now: datetime) -> CallId:
    """Unique for ever, sorts by time, can be read out: "20261122-083015-9f2c41d7"."""
    return CallId(f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How the call reached us, from its INVITE."""

    sip_call_id: str
    from_tag: str
    source: str
    trunk: str | None
    dnis: str
    entry_point: str
    flow: str
    flow_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenPop:
    """A page for the agent's desktop, and what became of it."""

    id: str
    url: str
    label: str
    outcome: PopOutcome = PopOutcome.PENDING


@dataclass(slots=True, kw_only=True)
class Times:
    """Wall times of the call's stations."""

    started: datetime
    answered: datetime | None = None
    queued: datetime | None = None
    offered: datetime | None = None
    connected: datetime | None = None
    transferred: datetime | None = None
    ended: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Place:
    """The call's place in a queue."""

    queue: QueueName
    priority: int
    reasons: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Desk:
    """What the agent's side of the call knows."""

    agent: AgentId | None = None
    pop: ScreenPop | None = None
    wrapped_up: asyncio.Event = field(default_factory=asyncio.Event)


class Call:
    """A call that was admitted. `on_change` is told after each change that screens may show."""

    def __init__(
        self,
        *,
        call_id: CallId,
        leg: Leg,
        booking: Booking,
        arrival: Arrival,
        caller: Caller,
        timeline: Timeline,
        clock: Clock,
        on_change: Callable[[Call], None],
    ) -> None:
        self.id = call_id
        self.leg = leg
        self.booking = booking
        self.arrival = arrival
        self.caller = caller
        self.timeline = timeline
        self.clock = clock
        self.times = Times(started=clock.now())
        self.stage = CallStage.RINGING
        self.phase = Phase.RINGING
        self.match: Match | None = None
        self.matches: dict[str, Match] = {}
        self.chosen: Match | None = None
        self._several: Match | None = None
        self.posts: list[Post] = []
        self.place: Place | None = None
        self.known = asyncio.Event()
        self.queued = asyncio.Event()
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.desk = Desk()
        self.offers = OfferGate()
        self.legs: list[Leg] = [leg]
        self.heirs = Heirs()
        self._answering = False
        self.ending: Ending | None = None
        self.held = False
        self._on_change = on_change
        self._flow: FlowRun | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._spawned: set[asyncio.Task[Any]] = set()

    # --- wiring, done once by whoever runs the call ------------------------------------------------------

    def runs_in(self, tasks: asyncio.TaskGroup, flow: FlowRun) -> None:
        """The call's task group and its flow exist."""
        self._tasks, self._flow, self._spawned = tasks, flow, set()

    @property
    def flow(self) -> FlowRun:
        """The flow of this call."""
        assert self._flow is not None
        return self._flow

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """A task that ends with the call. Its fault is logged and stays its own."""
        task = self.own(self._guarded(work, name))
        task.set_name(f"{name} {self.id}")
        # A task that is cancelled before its first step never comes to await the work.
        task.add_done_callback(lambda _: work.close())
        return task

    def own(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that ends with the call and whose faults are its maker's to catch."""
        assert self._tasks is not None
        task = self._tasks.create_task(work)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)
        return task

    def end_tasks(self) -> None:
        """Cancel what still runs for the call."""
        for task in list(self._spawned):
            task.cancel()

    async def _guarded(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:  # a root: one task of a call must not end the others
            log.exception("call_task_failed", call_id=self.id, task=name)
            self.timeline.add(Source.RECORD, "fault", task=name)

    async def fire(self, event: str, values: Mapping[str, str] | None = None) -> None:
        """Run one of the flow's event flows, if it has it, with what is to be known of the event."""
        result = await self.flow.event(event, values)
        if result.end is EventEnd.FAILED:
            self.timeline.add(Source.FLOW, "event_failed", event=event, detail=result.detail)

    # --- verbs -------------------------------------------------------------------------------------------

    async def answer(self) -> None:
        """Answer the phone."""
        self._answering = True
        try:
            await self.leg.answer(200)
        except WorkerLost:
            self._answering = False
            raise
        self.times.answered = self.clock.now()
        self.moved(CallStage.TREATMENT, Phase.TREATMENT)
        self.timeline.add(Source.SIP, "answered")

    async def hang_up(self, why: Ending) -> None:
        """End the call from our side; the first reason given stays."""
        self.ending = self.ending or why
        # A call that was not answered is refused for now, so that the peer may try elsewhere.
        code = 503 if self.times.answered is None else 0
        await self.leg.hang_up(code, "Service Unavailable" if code else "")

    def takes(self, heir: Heir) -> bool:
        """The edge has brought the INVITE again, to another worker; whether the call may go on there."""
        return not self._answering and self.heirs.offer(heir)

    async def goes_on(self) -> bool:
        """The caller's leg has ended: whether there is another, which is the caller's then."""
        if self.times.answered is not None:
            return False
        lost = self.leg.ended.result().by == "worker"
        self.booking.release()  # the next leg may need the place
        heir = await self.heirs.next(MOVE_LIMIT_S if lost else 0.0)
        if heir is None:
            return False
        self.leg, self.booking, self.legs[0] = heir.leg, heir.booking, heir.leg
        self.ending = None
        self.timeline.add(Source.SIP, "moved", why="worker_lost" if lost else "worker_slow")
        return True

    def moved(self, stage: CallStage, phase: Phase | None = None) -> None:
        """The call is somewhere else now."""
        self.stage = stage
        self.phase = phase or self.phase
        self._on_change(self)

    def recovered(self, queue: QueueName, agent: AgentId, reasons: tuple[str, ...]) -> None:
        """The one agent that the call was for failed it: it goes on in another queue, with its time."""
        if self.place is None:
            return
        before, self.place = self.place, replace(self.place, queue=queue)
        self.timeline.add(
            Source.QUEUE, "recovered", agent=agent, before=before.queue, queue=queue, reasons=list(reasons)
        )
        self._on_change(self)

    def identified(self, match: Match) -> None:
        """Salesforce has told who this is, or more of it. `match` becomes the call's unless another connector
        has recognised him better, or an agent has said who it is."""
        if self.chosen is None or match.connector != self.chosen.connector:
            self._told(match)
            self.match = self.chosen or best_known(self.matches, match)
        self._recognised(match)

    def choose(self, match: Match) -> None:
        """The agent has said which of several this is, or Salesforce has told more of the one chosen: it
        stands, whatever a look-up tells later."""
        self._several = self._several or self.match
        self._told(match)
        self.match = self.chosen = match
        self._recognised(match)

    def _told(self, match: Match) -> None:
        if match.connector is not None:
            self.matches[match.connector] = match

    def _recognised(self, match: Match) -> None:
        self.known.set()
        self.timeline.add(
            Source.SALESFORCE,
            "identified",
            connector=match.connector,
            result=match.result.value,
            account=match.account.id if match.account else None,
            contact=match.contact.id if match.contact else None,
            cases=[case.number for case in match.cases],
            cases_known=match.cases_known,
            late=match.late,
            detail=match.detail or None,
        )
        self._on_change(self)

    def changed(self) -> None:
        """Something that screens show has changed."""
        self._on_change(self)

    @property
    def looked_up(self) -> Match | None:
        """Who the caller is by the look-ups alone, whatever an agent has chosen."""
        return self._several or self.match

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Of whom the caller may be one, where the look-ups did not decide it."""
        match self.looked_up:
            case Match(result=MatchResult.MANY, candidates=candidates):
                return candidates
            case _:
                return ()

    @property
    def case_id(self) -> str | None:
        """The case that this call is about: the best open one of the caller's own."""
        own = self.match.own_cases if self.match else ()
        return own[0].id if own else None

    @property
    def waited_s(self) -> float:
        """Seconds in the queue until an agent or a transfer's target answered, or until now."""
        if self.times.queued is None:
            return 0.0
        until = self.times.connected or self.times.transferred or self.times.ended or self.clock.now()
        return max(0.0, (until - self.times.queued).total_seconds())
