"""Writes as values: what the writer applies, and what the spool keeps when the database refuses.

Each may be applied any number of times in the same order with the same result. A line of the spool is one
JSON object, `{"op": NAME, "value": {...}}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from ivr.ids import CallId
from ivr.store.values import CallClosed, CallFields, CallOpened, Note, OutboxDraft, TimelineRow


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRecord:
    """Insert a call's record."""

    boot_id: str
    opened: CallOpened


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRecord:
    """Set fields of a record."""

    call_id: CallId
    fields: CallFields


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendTimeline:
    """Add entries."""

    rows: tuple[TimelineRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseRecord:
    """Close a record and insert its outbox rows."""

    boot_id: str
    at: datetime
    closed: CallClosed
    drafts: tuple[OutboxDraft, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PutNote:
    """Store a revision of a note, unless a later one stands."""

    note: Note


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRows:
    """Wrap-up is over: held rows of a call become due."""

    call_id: CallId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplanRows:
    """The caller is somebody else than was thought: what is held for a call is what `drafts` say."""

    call_id: CallId
    at: datetime
    drafts: tuple[OutboxDraft, ...]


Operation = OpenRecord | UpdateRecord | AppendTimeline | CloseRecord | PutNote | ReleaseRows | ReplanRows

_KINDS: Mapping[str, type[Operation]] = {
    "open": OpenRecord,
    "update": UpdateRecord,
    "timeline": AppendTimeline,
    "close": CloseRecord,
    "note": PutNote,
    "release": ReleaseRows,
    "replan": ReplanRows,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode(operation: Operation) -> str:
    """A line for the spool, without its line break. ASCII, so that any text survives."""
    value = msgspec.to_builtins(operation, enc_hook=str)
    return json.dumps({"op": _NAMES[type(operation)], "value": value})


def decode(line: str) -> Operation:
    """The operation of a line; raises `ValueError` when it is none."""
    try:
        envelope = msgspec.convert(json.loads(line), _Envelope)
        return msgspec.convert(envelope.value, _KINDS[envelope.op])
    except (KeyError, msgspec.ValidationError) as exc:
        raise ValueError(f"not an operation: {exc}") from exc


class _Envelope(msgspec.Struct, frozen=True):
    op: str
    value: dict[str, object]
