"""Values that the desktop's unit tests start from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ivr.api.models import (
    AgentCall,
    AgentStatus,
    AgentView,
    CallStage,
    CaseView,
    MatchView,
    NoteView,
    QueueView,
    RecordView,
    StreamEvent,
)

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
ACCOUNT = RecordView(object="Account", id="001", name="Northwind", url="https://sf.example/001")
CONTACT = RecordView(object="Contact", id="003", name="Maria Garcia", url="https://sf.example/003")
CASE = CaseView(
    id="500",
    number="00001042",
    subject="Does not start",
    priority="High",
    status="New",
    owner="Alice",
    url="https://sf.example/500",
)
KNOWN = MatchView(result="one", account=ACCOUNT, contact=CONTACT, cases=(CASE,))
CALL = AgentCall(
    call_id="call-1",
    stage=CallStage.OFFERED,
    entry_point="Support",
    queue="Support",
    caller_name=None,
    number="+1 415 555 0199",
    match=KNOWN,
    priority=3,
    priority_reasons=("open case, priority High",),
    started_at=NOW - timedelta(seconds=30),
    waited_s=12.0,
    note=NoteView(text="", revision=0, saved_at=None),
)
AGENT = AgentView(
    id="alice",
    name="Alice Kim",
    status=AgentStatus.READY,
    reason=None,
    since=NOW - timedelta(seconds=65),
    teams=("Tier1",),
    queues=("Support",),
)
QUEUE = QueueView(name="Support", waiting=2, oldest_s=30.0, agents_ready=1, agents_signed_in=3)


def note(text: str, revision: int) -> NoteView:
    """A note as the node has it."""
    return NoteView(text=text, revision=revision, saved_at=NOW)


def agent(status: AgentStatus, call: AgentCall | None = None, reason: str | None = None) -> AgentView:
    """The agent in another state."""
    return AGENT.model_copy(update={"status": status, "call": call, "reason": reason})


def call(**changes: object) -> AgentCall:
    """The call with something changed."""
    return CALL.model_copy(update=changes)


def event(kind: str, call_id: str | None = None, **keys: object) -> StreamEvent:
    """An event of the stream, as parsed from JSON."""
    return StreamEvent.model_validate(
        {"seq": 1, "type": kind, "time": NOW.isoformat(), "call_id": call_id, **keys}
    )
