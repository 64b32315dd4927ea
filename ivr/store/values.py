"""What goes into the store and comes out of it. Times are aware, in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from ivr.ids import CallId

JsonMap = Mapping[str, object]
"""A JSON object, at the edge of the database."""

CASE_COMMENT = "case_comment"
"""Outbox operation: write the call to its case. Target: `{"case_id": ...}`."""

CALL_TASK = "call_task"
"""Outbox operation: make a Task of the call. Target: who_id, what_id, subject, status, as far as known."""

RECORD_CONNECTOR = "connector"
"""Key in a record's `detail`: the connector whose ids account, contact and case are."""

CONTROL_LOST = "control_lost"
"""Ending of a call whose control process died."""


TASK_PART = "task"
"""The part of the marker of a call's first Task."""


def call_marker(call_id: CallId, part: str = "") -> str:
    """What makes a write recognisable in Salesforce: "[call:ID]", or "[call:ID:part]" for a further one."""
    return f"[call:{call_id}:{part}]" if part else f"[call:{call_id}]"


class RecordState(StrEnum):
    """Whether a call is over."""

    OPEN = "open"
    CLOSED = "closed"


class OutboxState(StrEnum):
    """Held for wrap-up, due, being sent, delivered, or given up until somebody retries it."""

    HELD = "held"
    DUE = "due"
    SENDING = "sending"
    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOpened:
    """A call at its INVITE. `presentation` says whether the number may be shown."""

    call_id: CallId
    started_at: datetime
    entry_point: str
    dnis: str
    ani: str | None = None
    presentation: str = "allowed"
    sip_call_id: str | None = None
    sip_from_tag: str | None = None
    trunk: str | None = None
    flow: str | None = None
    flow_version: str | None = None
    detail: JsonMap = field(default_factory=dict)


class CallFields(TypedDict, total=False):
    """What may be learned later. `detail` and `rtp` are merged into what stands, key by key."""

    answered_at: datetime | None
    queued_at: datetime | None
    offered_at: datetime | None
    agent_answered_at: datetime | None
    queue: str | None
    priority: int | None
    agent: str | None
    match_result: str | None
    account_id: str | None
    contact_id: str | None
    case_id: str | None
    flow: str | None
    flow_version: str | None
    rtp: JsonMap
    detail: JsonMap


@dataclass(frozen=True, slots=True, kw_only=True)
class CallClosed:
    """The one classified termination of a call. `ended_by`: who ended it, e.g. "caller"."""

    call_id: CallId
    ended_at: datetime
    ending: str
    ended_by: str
    sip_code: int | None = None
    rtp: JsonMap = field(default_factory=dict)
    detail: JsonMap = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A call's record as it stands. `released_at`: when wrap-up ended and the outbox rows were let go."""

    call_id: CallId
    boot_id: str
    state: RecordState
    entry_point: str
    dnis: str
    ani: str | None
    presentation: str
    sip_call_id: str | None
    sip_from_tag: str | None
    trunk: str | None
    started_at: datetime
    answered_at: datetime | None
    queued_at: datetime | None
    offered_at: datetime | None
    agent_answered_at: datetime | None
    ended_at: datetime | None
    released_at: datetime | None
    queue: str | None
    priority: int | None
    agent: str | None
    match_result: str | None
    account_id: str | None
    contact_id: str | None
    case_id: str | None
    flow: str | None
    flow_version: str | None
    ending: str | None
    ended_by: str | None
    sip_code: int | None
    rtp: JsonMap
    detail: JsonMap


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineDraft:
    """One thing that happened. `source`: sip, flow, salesforce, queue, agent, media, record."""

    at: datetime
    offset_s: float
    source: str
    event: str
    detail: JsonMap = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """An entry in the database. `n` rises within a call, with gaps."""

    call_id: CallId
    n: int
    at: datetime
    offset_s: float
    source: str
    event: str
    detail: JsonMap


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """The notes of a call; `agent` saved this revision (the first is 1)."""

    call_id: CallId
    agent: str
    text: str
    revision: int
    saved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxDraft:
    """A write to make after the call. Held until `release`, at most until `release_by`; due at once when
    that is None. `marker` is unique: a second draft with the same one is ignored."""

    operation: str
    target: Mapping[str, str]
    marker: str
    release_by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A write in the outbox. `body` is None until it is frozen before the first attempt."""

    id: int
    call_id: CallId
    operation: str
    target: Mapping[str, str]
    marker: str
    body: str | None
    state: OutboxState
    attempts: int
    due_at: datetime
    last_error: str | None
    result_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRules:
    """What is written about a call: with a case a comment on it, a Task, both; without one a Task on what
    `no_case` names: "contact", "account" or "nothing". The org's picklist must have `task_status`."""

    case_comment: bool = True
    call_task: bool = False
    no_case: str = "contact"
    abandoned: bool = True
    task_subject: str = "Inbound call"
    task_status: str = "Completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentRules:
    """Which calls that a crash has cut off get a comment on their case. With `writes`, by connector, these
    decide alone, and Tasks are made as well: those of the connector that the record names, or of the first
    where it names none."""

    answered: bool = True
    abandoned: bool = True
    writes: Mapping[str, WriteRules] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a start found of former boots: records closed, comments that had to be added, rows let go."""

    calls: int
    comments: int
    released: int
