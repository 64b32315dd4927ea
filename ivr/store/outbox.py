"""The outbox on a connection: writes to make after a call, each delivered at least once.

    held --release, or its time limit--> due --claim--> sending --> done
                                          ^                |
                                          +--- failed -----+---> dead --retry--> due

A claim is a lease: a row whose sender never reports is due again when the lease is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ivr.ids import CallId
from ivr.store.errors import RowDone, UnknownRow
from ivr.store.schema import calls, clean, insert_new, outbox
from ivr.store.values import OutboxDraft, OutboxRow, OutboxState

_COLUMNS = [column for column in outbox.c if column.name != "claimed_by"]
_FINAL = (OutboxState.DONE, OutboxState.DEAD)


async def insert(
    conn: AsyncConnection, call_id: CallId, drafts: Sequence[OutboxDraft], at: datetime, *, hold: bool
) -> int:
    """Insert rows, held where the draft says so and `hold` is true; returns how many were new."""
    new = 0
    for draft in drafts:
        held = hold and draft.release_by is not None
        result = await conn.execute(
            insert_new(conn, outbox).values(
                call_id=call_id,
                operation=draft.operation,
                target=dict(draft.target),
                marker=draft.marker,
                state=OutboxState.HELD if held else OutboxState.DUE,
                attempts=0,
                due_at=draft.release_by if held else at,
                created_at=at,
            )
        )
        new += result.rowcount
    return new


async def release(conn: AsyncConnection, call_id: CallId, at: datetime) -> int:
    """Held rows of a call become due; returns how many."""
    result = await conn.execute(
        update(outbox)
        .where(outbox.c.call_id == call_id, outbox.c.state == OutboxState.HELD)
        .values(state=OutboxState.DUE, due_at=at)
    )
    return result.rowcount


async def withdraw(conn: AsyncConnection, call_id: CallId) -> int:
    """Held rows of a call go, for others to take their place: none was ever sent. Returns how many."""
    result = await conn.execute(
        delete(outbox).where(
            outbox.c.call_id == call_id, outbox.c.state == OutboxState.HELD, outbox.c.body.is_(None)
        )
    )
    return result.rowcount


async def claim_due(
    conn: AsyncConnection, limit: int, now: datetime, lease_s: float, boot_id: str
) -> tuple[OutboxRow, ...]:
    """Take up to `limit` rows whose time has come; nobody else gets them until the lease is over."""
    query = (
        select(outbox.c.id)
        .where(outbox.c.state.not_in(_FINAL), outbox.c.due_at <= now)
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = (await conn.scalars(query)).all()
    await conn.execute(
        update(outbox)
        .where(outbox.c.id.in_(ids))
        .values(
            state=OutboxState.SENDING,
            attempts=outbox.c.attempts + 1,
            due_at=now + timedelta(seconds=lease_s),
            claimed_by=boot_id,
        )
    )
    return await _select(conn, ids)


async def freeze(conn: AsyncConnection, row_id: int, body: str) -> str:
    """Set the body unless one stands; returns the one that stands. Raises `UnknownRow`."""
    await conn.execute(
        update(outbox).where(outbox.c.id == row_id, outbox.c.body.is_(None)).values(body=clean(body))
    )
    standing = (await conn.execute(select(outbox.c.body).where(outbox.c.id == row_id))).scalar_one_or_none()
    if standing is None:
        raise UnknownRow(str(row_id))
    return str(standing)


async def succeeded(conn: AsyncConnection, row_id: int, result_id: str | None) -> None:
    """The row is delivered, for good. Raises `UnknownRow`."""
    result = await conn.execute(
        update(outbox)
        .where(outbox.c.id == row_id)
        .values(state=OutboxState.DONE, result_id=result_id, last_error=None)
    )
    if result.rowcount != 1:
        raise UnknownRow(str(row_id))


async def failed(
    conn: AsyncConnection, row_id: int, error: str, retry_at: datetime | None, now: datetime
) -> None:
    """The row is due again at `retry_at`, or dead. One that is done stays so."""
    await conn.execute(
        update(outbox)
        .where(outbox.c.id == row_id, outbox.c.state != OutboxState.DONE)
        .values(
            state=OutboxState.DEAD if retry_at is None else OutboxState.DUE,
            due_at=retry_at or now,
            last_error=error[:2_000],
        )
    )


async def retry(conn: AsyncConnection, row_id: int, now: datetime) -> None:
    """Send this row now, whether dead, held or waiting for its next attempt; one being sent is left to its
    sender. Raises `UnknownRow`, `RowDone`."""
    state = await conn.scalar(select(outbox.c.state).where(outbox.c.id == row_id))
    if state is None:
        raise UnknownRow(str(row_id))
    if state == OutboxState.DONE:
        raise RowDone(str(row_id))
    if state != OutboxState.SENDING:
        await conn.execute(
            update(outbox).where(outbox.c.id == row_id).values(state=OutboxState.DUE, due_at=now)
        )


async def take_over(conn: AsyncConnection, boot_id: str, now: datetime) -> int:
    """Rows that former boots held or were sending become due; returns how many."""
    former = select(calls.c.call_id).where(calls.c.boot_id != boot_id)
    held = and_(outbox.c.state == OutboxState.HELD, outbox.c.call_id.in_(former))
    abandoned = and_(outbox.c.state == OutboxState.SENDING, outbox.c.claimed_by.is_distinct_from(boot_id))
    result = await conn.execute(
        update(outbox).where(or_(held, abandoned)).values(state=OutboxState.DUE, due_at=now)
    )
    return result.rowcount


async def read(conn: AsyncConnection, limit: int, state: OutboxState | None) -> tuple[OutboxRow, ...]:
    """Rows, the latest first."""
    query = select(*_COLUMNS).order_by(outbox.c.id.desc()).limit(limit)
    if state is not None:
        query = query.where(outbox.c.state == state)
    return tuple(_row(row) for row in (await conn.execute(query)).mappings())


async def depth(conn: AsyncConnection) -> int:
    """How many rows are still to be delivered; dead ones do not count."""
    query = select(func.count()).select_from(outbox).where(outbox.c.state.not_in(_FINAL))
    return (await conn.execute(query)).scalar_one()


async def dead(conn: AsyncConnection) -> int:
    """How many rows were given up and wait for somebody to retry them."""
    query = select(func.count()).select_from(outbox).where(outbox.c.state == OutboxState.DEAD)
    return (await conn.execute(query)).scalar_one()


async def _select(conn: AsyncConnection, ids: Sequence[int]) -> tuple[OutboxRow, ...]:
    query = select(*_COLUMNS).where(outbox.c.id.in_(ids)).order_by(outbox.c.id)
    return tuple(_row(row) for row in (await conn.execute(query)).mappings())


def _row(row: RowMapping) -> OutboxRow:
    return OutboxRow(**{**row, "state": OutboxState(row["state"])})
