"""Whether a database can be opened and takes a write, without leaving one."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, Table, insert
from sqlalchemy import exc as sa_exc

from ivr.store.engine import database_url, make_private, refused, writer_engine
from ivr.store.errors import StoreUnavailable

BUSY_TIMEOUT_S = 3.0


async def probe(url_or_path: str | Path) -> str:
    """Write a row and take it back; returns the database's address without its password. Raises
    StoreUnavailable with the reason."""
    try:
        url = database_url(url_or_path)
        await asyncio.to_thread(make_private, url)
        engine = writer_engine(url, BUSY_TIMEOUT_S)
    except (OSError, sa_exc.ArgumentError, ModuleNotFoundError) as exc:
        raise StoreUnavailable(f"cannot be opened: {exc}") from exc
    table = Table("ivr_check_probe", MetaData(), Column("n", Integer, primary_key=True))
    try:
        async with engine.connect() as connection, connection.begin() as transaction:
            await connection.run_sync(table.create)
            await connection.execute(insert(table).values(n=1))
            await transaction.rollback()
    except Exception as exc:
        if not refused(exc):
            raise
        raise StoreUnavailable(f"refuses: {exc}".splitlines()[0]) from exc
    finally:
        await engine.dispose()
    return engine.url.render_as_string()
