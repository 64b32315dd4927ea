"""What crosses the API, in both directions. The pages and the command line know the node by these alone."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class ApiModel(BaseModel):
    """Frozen, and strict about unknown keys in what clients send."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AgentStatus(StrEnum):
    """What an agent is doing, as the desktop and the wallboard show it."""

    SIGNED_OUT = "signed_out"
    NOT_READY = "not_ready"
    READY = "ready"
    RINGING = "ringing"
    TALKING = "talking"
    WRAP_UP = "wrap_up"


class CallStage(StrEnum):
    """Where a call is."""

    RINGING = "ringing"
    TREATMENT = "treatment"
    QUEUED = "queued"
    OFFERED = "offered"
    CONNECTED = "connected"
    ON_HOLD = "on_hold"
    WRAP_UP = "wrap_up"
    ENDED = "ended"


class SignIn(ApiModel):
    agent: str = Field(max_length=64)
    password: str = Field(max_length=256)


class Session(ApiModel):
    token: str
    agent: str
    name: str


class SetState(ApiModel):
    """`state` is "ready" or "not_ready"; a reason goes with the latter."""

    state: AgentStatus
    reason: str | None = Field(default=None, max_length=64)


class CaseView(ApiModel):
    """An open case; one that is not the caller's `own` is a colleague's."""

    id: str
    number: str
    subject: str
    priority: str | None
    status: str | None
    owner: str | None
    own: bool = True
    url: str


class RecordView(ApiModel):
    """An account or contact, with its page in Salesforce. `account`: the name of the account it is of."""

    object: str
    id: str
    name: str
    url: str
    reason: str = ""
    account: str = ""


class ChooseCaller(ApiModel):
    """One of a match's candidates."""

    object: str = Field(max_length=64)
    id: str = Field(max_length=18)


class MatchView(ApiModel):
    """`result`: none, one, many, withheld, error, or pending. `candidates`: of whom the agent may choose one,
    and may again when it is one that was chosen. Where `cases_known` is false `detail` says why, once it is
    known."""

    result: str
    account: RecordView | None = None
    contact: RecordView | None = None
    cases: tuple[CaseView, ...] = ()
    cases_known: bool = True
    candidates: tuple[RecordView, ...] = ()
    detail: str = ""


class VariableView(ApiModel):
    """A flow variable that agents may see."""

    name: str
    label: str
    value: str
    editable: bool


class NoteView(ApiModel):
    text: str
    revision: int
    saved_at: datetime | None


class SaveNote(ApiModel):
    """The whole text, and the revision that it replaces: an older one is refused with 409."""

    text: str = Field(max_length=32_000)
    revision: int = Field(ge=0)


class PopOutcome(StrEnum):
    """What became of a screen pop on the agent's desktop."""

    PENDING = "pending"
    OPENED = "opened"
    BLOCKED = "blocked"
    FAILED = "failed"


class ScreenPopView(ApiModel):
    id: str
    url: str
    label: str
    outcome: PopOutcome


class AckPop(ApiModel):
    outcome: PopOutcome


class AgentCall(ApiModel):
    """A call as its agent sees it. `number` is masked when withheld from screens."""

    call_id: str
    stage: CallStage
    entry_point: str
    queue: str
    caller_name: str | None
    number: str
    match: MatchView
    variables: tuple[VariableView, ...] = ()
    priority: int
    priority_reasons: tuple[str, ...] = ()
    started_at: datetime
    answered_at: datetime | None = None
    waited_s: float
    screen_pop: ScreenPopView | None = None
    note: NoteView
    wrap_up_ends_at: datetime | None = None


class AgentView(ApiModel):
    """An agent; `call` only for the agent's own token (and the operator's)."""

    id: str
    name: str
    status: AgentStatus
    reason: str | None
    since: datetime
    teams: tuple[str, ...]
    queues: tuple[str, ...]
    call: AgentCall | None = None


class QueuedCall(ApiModel):
    call_id: str
    position: int
    priority: int
    reasons: tuple[str, ...]
    waiting_s: float


class QueueView(ApiModel):
    name: str
    waiting: int
    oldest_s: float
    agents_ready: int
    agents_signed_in: int
    calls: tuple[QueuedCall, ...] = ()


class CallSummary(ApiModel):
    """A call in a listing, running or over. `ending` is its one classified termination."""

    call_id: str
    stage: CallStage
    entry_point: str
    started_at: datetime
    ended_at: datetime | None
    number: str
    match: str
    queue: str | None
    agent: str | None
    ending: str | None


class TimelineEntry(ApiModel):
    """One thing that happened. `source`: sip, flow, salesforce, queue, agent, media, record."""

    at: datetime
    offset_s: float
    source: str
    event: str
    detail: dict[str, Any]


class CallView(CallSummary):
    """A call in full. `record` holds all times, SIP identifiers and RTP quality."""

    record: dict[str, Any]
    notes: tuple[NoteView, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()


class FlowView(ApiModel):
    """A flow in use. `version` is its author's and the beginning of its digest; `calls` go through it now."""

    name: str
    version: str
    calls: int


class OutboxView(ApiModel):
    id: int
    call_id: str
    operation: str
    state: str
    attempts: int
    due_at: datetime | None
    error: str | None
    result: str | None


class TrunkView(ApiModel):
    name: str
    uri: str
    register_: bool = Field(alias="register")
    state: str
    code: int
    reason: str

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class NodeView(ApiModel):
    name: str
    version: str
    started_at: datetime
    sip: tuple[str, ...]
    workers: int
    legs: int
    capacity: int
    calls: int
    trunks: tuple[TrunkView, ...]
    outbox_depth: int


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""


class StreamEvent(BaseModel):
    """One object of the event stream; further keys by `type`.

    snapshot {agents, queues, calls} - first message. agent {agent: AgentView} - any change of an agent or of
    the call it holds (agent tokens get their own with `call`, others without). queue {queue: QueueView}.
    call {call: CallSummary}. screen_pop {agent, pop: ScreenPopView}. trunk {trunk: TrunkView}. outbox
    {outcome}: a write to Salesforce was delivered, will be retried, or is dead.
    """

    model_config = ConfigDict(extra="allow")

    seq: int
    type: str
    time: datetime
    call_id: str | None = None
