"""Call records, on a connection."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, and_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ivr.ids import CallId
from ivr.listing import CallQuery, Place, digits_of
from ivr.store import outbox
from ivr.store.operations import CloseRecord, OpenRecord, ReplanRows, UpdateRecord
from ivr.store.schema import calls, insert_new
from ivr.store.values import CallFields, CallRecord, RecordState
from media.sip.identity import Presentation


async def open_record(conn: AsyncConnection, op: OpenRecord) -> None:
    """Insert the record of a new call."""
    opened = op.opened
    await conn.execute(
        insert_new(conn, calls).values(
            call_id=opened.call_id,
            boot_id=op.boot_id,
            state=RecordState.OPEN,
            entry_point=opened.entry_point,
            dnis=opened.dnis,
            ani=opened.ani,
            presentation=opened.presentation,
            sip_call_id=opened.sip_call_id,
            sip_from_tag=opened.sip_from_tag,
            trunk=opened.trunk,
            started_at=opened.started_at,
            flow=opened.flow,
            flow_version=opened.flow_version,
            rtp={},
            detail=opened.detail,
        )
    )


async def update_record(conn: AsyncConnection, op: UpdateRecord) -> None:
    """Set fields; objects are merged. A call without a record is left alone."""
    await _set(conn, op.call_id, op.fields)


async def close_record(conn: AsyncConnection, op: CloseRecord) -> None:
    """Close the record, once, and insert its outbox rows. A call whose opening was lost gets a record now."""
    closed = op.closed
    await conn.execute(
        insert_new(conn, calls).values(
            call_id=closed.call_id,
            boot_id=op.boot_id,
            state=RecordState.OPEN,
            entry_point="",
            dnis="",
            presentation="",
            started_at=closed.ended_at,
            rtp={},
            detail={},
        )
    )
    if await _close(conn, op):
        await _set(conn, closed.call_id, CallFields(rtp=closed.rtp, detail=closed.detail))
    released = await conn.scalar(select(calls.c.released_at).where(calls.c.call_id == closed.call_id))
    await outbox.insert(conn, closed.call_id, op.drafts, op.at, hold=released is None)


async def mark_released(conn: AsyncConnection, call_id: CallId, at: datetime) -> None:
    """Remember that wrap-up is over, for rows that are inserted later."""
    await conn.execute(
        update(calls).where(calls.c.call_id == call_id, calls.c.released_at.is_(None)).values(released_at=at)
    )


async def replan(conn: AsyncConnection, op: ReplanRows) -> None:
    """Put other rows in the place of those that are held; what was let go stays as it is."""
    await outbox.withdraw(conn, op.call_id)
    released = await conn.scalar(select(calls.c.released_at).where(calls.c.call_id == op.call_id))
    await outbox.insert(conn, op.call_id, op.drafts, op.at, hold=released is None)


async def read_record(conn: AsyncConnection, call_id: CallId) -> CallRecord | None:
    """A record, or None."""
    result = await conn.execute(select(calls).where(calls.c.call_id == call_id))
    row = result.mappings().first()
    return None if row is None else _record(row)


async def read_records(
    conn: AsyncConnection, limit: int, state: RecordState | None
) -> tuple[CallRecord, ...]:
    """Records, the latest first."""
    query = select(calls).order_by(calls.c.started_at.desc(), calls.c.call_id).limit(limit)
    if state is not None:
        query = query.where(calls.c.state == state)
    return tuple(_record(row) for row in (await conn.execute(query)).mappings())


async def read_listing(
    conn: AsyncConnection, query: CallQuery, older_than: Place | None
) -> tuple[CallRecord, ...]:
    """The records that are asked for, the latest first."""
    wanted = (
        None if query.agent is None else calls.c.agent == query.agent,
        None if query.ending is None else calls.c.ending == query.ending,
        _has(query.text) if query.text else None,
        _older(older_than) if older_than else None,
    )
    rows = (
        select(calls)
        .where(*(clause for clause in wanted if clause is not None))
        .order_by(calls.c.started_at.desc(), calls.c.call_id.desc())
        .limit(query.limit)
    )
    return tuple(_record(row) for row in (await conn.execute(rows)).mappings())


def _has(text: str) -> ColumnElement[bool]:
    """What `ivr.listing` means by text. A number that was withheld is not to be found by its digits."""
    open_fields = (calls.c.queue, calls.c.entry_point, calls.c.agent, calls.c.call_id)
    number = [calls.c.ani.icontains(text, autoescape=True)]
    if digits := digits_of(text):
        number.append(calls.c.ani.contains(digits, autoescape=True))
    return or_(
        *(field.icontains(text, autoescape=True) for field in open_fields),
        and_(calls.c.presentation == Presentation.ALLOWED.value, or_(*number)),
    )


def _older(place: Place) -> ColumnElement[bool]:
    at = calls.c.started_at
    return or_(at < place.started_at, and_(at == place.started_at, calls.c.call_id < place.call_id))


async def _close(conn: AsyncConnection, op: CloseRecord) -> bool:
    closed = op.closed
    result = await conn.execute(
        update(calls)
        .where(calls.c.call_id == closed.call_id, calls.c.state == RecordState.OPEN)
        .values(
            state=RecordState.CLOSED,
            ended_at=closed.ended_at,
            ending=closed.ending,
            ended_by=closed.ended_by,
            sip_code=closed.sip_code,
        )
    )
    return result.rowcount == 1


async def _set(conn: AsyncConnection, call_id: CallId, fields: CallFields) -> None:
    values: dict[str, object] = dict(fields)
    if "rtp" in fields or "detail" in fields:
        values |= await _merged(conn, call_id, fields)
    if values:
        await conn.execute(update(calls).where(calls.c.call_id == call_id).values(**values))


async def _merged(conn: AsyncConnection, call_id: CallId, fields: CallFields) -> Mapping[str, object]:
    """The objects of a record with what `fields` adds. There is one writer, so reading first is safe."""
    query = select(calls.c.rtp, calls.c.detail).where(calls.c.call_id == call_id)
    standing = (await conn.execute(query)).one_or_none()
    if standing is None:
        return {}
    return {
        "rtp": {**standing.rtp, **fields.get("rtp", {})},
        "detail": {**standing.detail, **fields.get("detail", {})},
    }


def _record(row: RowMapping) -> CallRecord:
    return CallRecord(**{**row, "state": RecordState(row["state"])})
