"""Values for tests of whatever uses the store, and a way to make its database refuse."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from ivr.ids import CallId
from ivr.store.values import (
    CASE_COMMENT,
    CallClosed,
    CallOpened,
    OutboxDraft,
    TimelineDraft,
    call_marker,
)


def opened(call_id: str, at: datetime) -> CallOpened:
    """A call that came at `at`."""
    return CallOpened(call_id=CallId(call_id), started_at=at, entry_point="Support", dnis="+14155550100")


def closed(call_id: str, at: datetime, ending: str = "caller_hung_up") -> CallClosed:
    """Its end."""
    return CallClosed(call_id=CallId(call_id), ended_at=at, ending=ending, ended_by="caller", sip_code=200)


def entry(event: str, at: datetime, offset_s: float = 0.0) -> TimelineDraft:
    """An entry of its timeline."""
    return TimelineDraft(at=at + timedelta(seconds=offset_s), offset_s=offset_s, source="flow", event=event)


def comment(call_id: str, release_by: datetime | None) -> OutboxDraft:
    """The comment that follows it."""
    return OutboxDraft(
        operation=CASE_COMMENT,
        target={"case_id": "500xx0000000001AAA"},
        marker=call_marker(CallId(call_id)),
        release_by=release_by,
    )


@contextmanager
def write_lock(path: Path, kind: str = "IMMEDIATE") -> Iterator[None]:
    """Hold a SQLite file's write lock from another connection: the store's database refuses to write."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=5.0)) as other:
        other.execute(f"BEGIN {kind}")
        yield
        other.execute("ROLLBACK")
