"""What the next start does for calls whose control process died."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ivr.ids import CallId
from ivr.store import outbox as outbox_rows
from ivr.store import timeline as timeline_rows
from ivr.store.schema import calls, timeline
from ivr.store.values import (
    CALL_TASK,
    CASE_COMMENT,
    CONTROL_LOST,
    RECORD_CONNECTOR,
    TASK_PART,
    CommentRules,
    OutboxDraft,
    RecordState,
    Recovered,
    TimelineRow,
    WriteRules,
    call_marker,
)
from ivr.writes import Known, planned, task_target


async def recover(conn: AsyncConnection, boot_id: str, now: datetime, rules: CommentRules) -> Recovered:
    """Close open records of former boots, add the comments and Tasks that they never came to queue, and let
    all rows go that nobody would release any more."""
    query = select(calls).where(calls.c.state == RecordState.OPEN, calls.c.boot_id != boot_id)
    lost = (await conn.execute(query)).mappings().all()
    comments = 0
    for row in lost:
        await _close(conn, row, now)
        comments += await _comment(conn, row, now, rules)
    released = await outbox_rows.take_over(conn, boot_id, now)
    return Recovered(calls=len(lost), comments=comments, released=released)


async def _close(conn: AsyncConnection, row: RowMapping, now: datetime) -> None:
    """The call ended with the last thing known of it, not at the next start."""
    call_id = CallId(row["call_id"])
    query = select(func.max(timeline.c.at), func.max(timeline.c.n)).where(timeline.c.call_id == call_id)
    last_at, last_n = (await conn.execute(query)).one()
    ended_at: datetime = last_at or row["started_at"]
    await conn.execute(
        update(calls)
        .where(calls.c.call_id == call_id)
        .values(
            state=RecordState.CLOSED,
            ended_at=ended_at,
            released_at=now,
            ending=CONTROL_LOST,
            ended_by="system",
            detail={**row["detail"], "recovered_at": now.isoformat()},
        )
    )
    offset_s = (ended_at - row["started_at"]).total_seconds()
    entry = TimelineRow(
        call_id=call_id,
        n=(last_n or 0) + 1,
        at=now,
        offset_s=offset_s,
        source="record",
        event=CONTROL_LOST,
        detail={},
    )
    await timeline_rows.append(conn, (entry,))


async def _comment(conn: AsyncConnection, row: RowMapping, now: datetime, rules: CommentRules) -> int:
    call_id = CallId(row["call_id"])
    drafts = _by_connector(row, rules) if rules.writes else _comment_only(row, rules)
    return await outbox_rows.insert(conn, call_id, drafts, now, hold=False)


def _comment_only(row: RowMapping, rules: CommentRules) -> list[OutboxDraft]:
    wanted = rules.answered if _answered(row) else rules.abandoned
    if not wanted or row["case_id"] is None:
        return []
    marker = call_marker(CallId(row["call_id"]))
    return [OutboxDraft(operation=CASE_COMMENT, target={"case_id": row["case_id"]}, marker=marker)]


def _by_connector(row: RowMapping, rules: CommentRules) -> list[OutboxDraft]:
    """What the connector that knew the caller writes. For one that is not configured any more the usual rules
    hold: its rows die where somebody sees them."""
    connector = str(row["detail"].get(RECORD_CONNECTOR) or next(iter(rules.writes)))
    writes = rules.writes.get(connector, WriteRules())
    known = Known(case_id=row["case_id"], contact_id=row["contact_id"], account_id=row["account_id"])
    return [
        _draft(operation, CallId(row["call_id"]), connector, writes, known)
        for operation in planned(writes, known, answered=_answered(row))
    ]


def _draft(operation: str, call_id: CallId, connector: str, writes: WriteRules, known: Known) -> OutboxDraft:
    target = {"connector": connector}
    if operation == CALL_TASK:
        return OutboxDraft(
            operation=operation,
            target={**task_target(writes, known), **target},
            marker=call_marker(call_id, TASK_PART),
        )
    return OutboxDraft(
        operation=operation, target={"case_id": known.case_id or "", **target}, marker=call_marker(call_id)
    )


def _answered(row: RowMapping) -> bool:
    return row["agent_answered_at"] is not None
