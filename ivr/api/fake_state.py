"""What the fake node of `ivr/api/testing.py` remembers, and how a change of it reaches the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from ivr.api.errors import NotFound, Refused
from ivr.api.models import (
    AgentCall,
    AgentStatus,
    AgentView,
    CallStage,
    CallSummary,
    CaseView,
    MatchView,
    NoteView,
    OutboxView,
    QueuedCall,
    QueueView,
    RecordView,
    ScreenPopView,
    TimelineEntry,
    TrunkView,
    VariableView,
)
from ivr.api.stream import EventHub
from ivr.clock import Clock
from ivr.ids import AgentId, CallId, QueueName

QUEUE = QueueName("Support")
SALESFORCE = "https://example.my.salesforce.com/lightning/r"

MATCH = MatchView(
    result="one",
    account=RecordView(
        object="Account",
        id="001000000000001AAA",
        name="Northwind Traders",
        url=f"{SALESFORCE}/Account/001000000000001AAA/view",
    ),
    contact=RecordView(
        object="Contact",
        id="003000000000001AAA",
        name="Maria Garcia",
        url=f"{SALESFORCE}/Contact/003000000000001AAA/view",
        reason="MobilePhone",
    ),
    cases=(
        CaseView(
            id="500000000000001AAA",
            number="00001042",
            subject="Generator will not start",
            priority="High",
            status="New",
            owner="Alice Kim",
            url=f"{SALESFORCE}/Case/500000000000001AAA/view",
        ),
    ),
)
"""A caller whom Salesforce knows, with one open case."""

VARIABLES = (
    VariableView(name="caseNumber", label="Case", value="00001042", editable=False),
    VariableView(name="disposition", label="Disposition", value="", editable=True),
)


@dataclass(slots=True, kw_only=True)
class FakeCall:
    """A call of the fake: its listing, who holds it, its note and timeline."""

    summary: CallSummary
    note: NoteView
    timeline: list[TimelineEntry] = field(default_factory=list)
    pops: dict[str, ScreenPopView] = field(default_factory=dict)


class FakeState:
    """Agents, calls and the queue of a fake node; every change is published."""

    def __init__(self, hub: EventHub, clock: Clock, passwords: Mapping[str, str] | None = None) -> None:
        self.hub = hub
        self.clock = clock
        self.passwords = dict(passwords or {"alice": "alice", "bob": "bob"})
        self.reasons: list[str] = []
        """What `ready` answers."""
        self.hung_up: list[CallId] = []
        self.trunk_views: list[TrunkView] = []
        self.outbox_views: dict[int, OutboxView] = {}
        self._numbers = count(1)
        self._started_at = clock.now()
        self._calls: dict[CallId, FakeCall] = {}
        self._waiting: list[QueuedCall] = []
        self._agents = {AgentId(name): self._new_agent(name) for name in self.passwords}

    def _new_agent(self, name: str) -> AgentView:
        return AgentView(
            id=name,
            name=name.capitalize(),
            status=AgentStatus.SIGNED_OUT,
            reason=None,
            since=self.clock.now(),
            teams=("Tier1",),
            queues=(QUEUE,),
        )

    def _agent_call(self, call_id: CallId, match: MatchView) -> AgentCall:
        call = self._calls[call_id]
        return AgentCall(
            call_id=call_id,
            stage=call.summary.stage,
            entry_point=call.summary.entry_point,
            queue=QUEUE,
            caller_name=match.contact.name if match.contact else None,
            number=call.summary.number,
            match=match,
            variables=VARIABLES,
            priority=3,
            priority_reasons=("open case, priority High",),
            started_at=call.summary.started_at,
            waited_s=12.0,
            note=call.note,
        )

    def _queue_view(self) -> QueueView:
        statuses = [view.status for view in self._agents.values()]
        return QueueView(
            name=QUEUE,
            waiting=len(self._waiting),
            oldest_s=0.0,
            agents_ready=statuses.count(AgentStatus.READY),
            agents_signed_in=len(statuses) - statuses.count(AgentStatus.SIGNED_OUT),
            calls=tuple(self._waiting),
        )

    def known_calls(self) -> dict[CallId, CallSummary]:
        """All calls as they stand."""
        return {call_id: call.summary for call_id, call in self._calls.items()}

    def _known(self, call_id: CallId) -> FakeCall:
        return self._calls[self._known_id(call_id)]

    def _known_id(self, call_id: CallId) -> CallId:
        if call_id not in self._calls:
            raise NotFound("No such call.")
        return call_id

    def _held_by(self, call_id: CallId) -> AgentId | None:
        return next((id_ for id_, v in self._agents.items() if v.call and v.call.call_id == call_id), None)

    def _holder(self, call_id: CallId) -> AgentId:
        holder = self._held_by(call_id)
        if holder is None:
            raise Refused("No agent holds the call.")
        return holder

    def _leave_queue(self, call_id: CallId) -> None:
        left = [place for place in self._waiting if place.call_id != call_id]
        if len(left) != len(self._waiting):
            self._waiting = [p.model_copy(update={"position": n}) for n, p in enumerate(left, 1)]
            self._queue_changed()

    def _queue_changed(self) -> None:
        self.hub.queue_changed(self._queue_view())

    def _happened(self, call_id: CallId, source: str, event: str) -> None:
        call = self._calls[call_id]
        now = self.clock.now()
        offset = (now - call.summary.started_at).total_seconds()
        call.timeline.append(TimelineEntry(at=now, offset_s=offset, source=source, event=event, detail={}))

    def _change_agent(self, agent_id: AgentId, **changes: object) -> None:
        view = self._agents[agent_id]
        if "status" in changes and changes["status"] is not view.status:
            changes = {"reason": None, "since": self.clock.now(), **changes}
        self._agents[agent_id] = view.model_copy(update=changes)
        self.hub.agent_changed(self._agents[agent_id])
        if "status" in changes:
            self._queue_changed()

    def _change_held(self, call_id: CallId, **changes: object) -> None:
        """Change the call as its agent sees it, if an agent holds it."""
        holder = self._held_by(call_id)
        held = self._agents[holder].call if holder else None
        if holder is not None and held is not None:
            self._change_agent(holder, call=held.model_copy(update=changes))

    def _change_call(self, call_id: CallId, **changes: object) -> None:
        call = self._calls[call_id]
        call.summary = call.summary.model_copy(update=changes)
        if "stage" in changes:
            self._happened(call_id, "agent", str(changes["stage"]))
        self.hub.call_changed(call.summary)

    def _stage(
        self, call_id: CallId, stage: CallStage, *, status: AgentStatus | None = None, **held: object
    ) -> None:
        """Move a held call to a stage, and its agent to a status."""
        holder = self._holder(call_id)
        call = self._agents[holder].call
        assert call is not None
        self._change_call(call_id, stage=stage)
        changes: dict[str, object] = {"call": call.model_copy(update={"stage": stage, **held})}
        if status is not None:
            changes["status"] = status
        self._change_agent(holder, **changes)
