"""The timeline of calls, on a connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ivr.ids import CallId
from ivr.store.schema import insert_new, timeline
from ivr.store.values import TimelineRow


async def append(conn: AsyncConnection, rows: Sequence[TimelineRow]) -> None:
    """Add entries; those that stand already are left alone."""
    if rows:
        await conn.execute(insert_new(conn, timeline), [asdict(row) for row in rows])


async def read(conn: AsyncConnection, call_id: CallId) -> tuple[TimelineRow, ...]:
    """The entries of a call, in order."""
    query = select(timeline).where(timeline.c.call_id == call_id).order_by(timeline.c.n)
    return tuple(TimelineRow(**row) for row in (await conn.execute(query)).mappings())
