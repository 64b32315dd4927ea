"""Connections: one that writes, a few that read.

SQLite runs in WAL mode, so that readers never wait for the writer. A writing transaction begins with BEGIN
IMMEDIATE: it waits for the lock at its start, within `busy_timeout`, instead of failing in the middle.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy import exc as sa_exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from ivr.store.schema import to_json

READERS = 4


def database_url(url_or_path: str | Path) -> URL:
    """A database URL as it is, or SQLite in the file of this path."""
    text = str(url_or_path)
    return make_url(text) if "://" in text else URL.create("sqlite+aiosqlite", database=text)


def make_private(url: URL) -> None:
    """Create a missing SQLite file so that only its owner reads it: it holds numbers and notes."""
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(url.database, os.O_CREAT | os.O_RDWR, 0o600))


def writer_engine(url: URL, busy_timeout_s: float) -> AsyncEngine:
    """One connection, for the one writer."""
    engine = create_async_engine(url, pool_size=1, max_overflow=0, json_serializer=to_json)
    if url.get_backend_name() == "sqlite":
        _on_connect(engine, busy_timeout_s, "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL")
        event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def reader_engine(url: URL, busy_timeout_s: float) -> AsyncEngine:
    """A few connections that cannot write."""
    engine = create_async_engine(url, pool_size=READERS, max_overflow=0, pool_timeout=10.0)
    if url.get_backend_name() == "sqlite":
        _on_connect(engine, busy_timeout_s, "PRAGMA query_only=ON")
    return engine


def refused(error: BaseException) -> bool:
    """Whether the database cannot work now (locked, full, read-only, gone), whatever it was asked."""
    match error:
        case (
            sa_exc.IntegrityError()
            | sa_exc.DataError()
            | sa_exc.ProgrammingError()
            | sa_exc.NotSupportedError()
        ):
            return False
        case sa_exc.DBAPIError() | sa_exc.TimeoutError() | sqlite3.Error() | OSError():
            return True
        case _:
            return False


def _on_connect(engine: AsyncEngine, busy_timeout_s: float, *pragmas: str) -> None:
    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # The driver begins no transactions of its own; ours begin in `_begin_immediate`.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (f"PRAGMA busy_timeout={int(busy_timeout_s * 1000)}", *pragmas):
            cursor.execute(pragma)
        cursor.close()

    event.listen(engine.sync_engine, "connect", prepare)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
