"""The tables. Typed columns for what is asked for, JSON for the rest; types that PostgreSQL has too."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateIndex
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC, also where the database knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value


class CleanText(TypeDecorator[str]):
    """Text that every database takes: no lone surrogates, no NUL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else clean(value)


def clean(text: str) -> str:
    """`text` without what a database refuses."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def to_json(value: object) -> str:
    """JSON for a column; ASCII, and whatever JSON does not know as its text."""
    return json.dumps(value, default=str)


metadata = MetaData()

calls = Table(
    "calls",
    metadata,
    Column("call_id", String(64), primary_key=True),
    Column("boot_id", String(64), nullable=False),
    Column("state", String(8), nullable=False),
    Column("entry_point", CleanText, nullable=False),
    Column("dnis", CleanText, nullable=False),
    Column("ani", CleanText),
    Column("presentation", String(16), nullable=False),
    Column("sip_call_id", CleanText),
    Column("sip_from_tag", CleanText),
    Column("trunk", CleanText),
    Column("started_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),
    Column("queued_at", UtcDateTime),
    Column("offered_at", UtcDateTime),
    Column("agent_answered_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("released_at", UtcDateTime),
    Column("queue", CleanText),
    Column("priority", Integer),
    Column("agent", CleanText),
    Column("match_result", String(16)),
    Column("account_id", String(32)),
    Column("contact_id", String(32)),
    Column("case_id", String(32)),
    Column("flow", CleanText),
    Column("flow_version", CleanText),
    Column("ending", String(64)),
    Column("ended_by", String(64)),
    Column("sip_code", Integer),
    Column("rtp", JSON, nullable=False),
    Column("detail", JSON, nullable=False),
    Index("calls_started", "started_at"),
    Index("calls_state", "state", "started_at"),
    Index("calls_agent", "agent", "started_at", "call_id"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("call_id", String(64), primary_key=True),
    Column("n", BigInteger, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("offset_s", Float, nullable=False),
    Column("source", String(32), nullable=False),
    Column("event", CleanText, nullable=False),
    Column("detail", JSON, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("call_id", String(64), primary_key=True),
    Column("agent", CleanText, nullable=False),
    Column("text", CleanText, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("saved_at", UtcDateTime, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("call_id", String(64), nullable=False),
    Column("operation", String(64), nullable=False),
    Column("target", JSON, nullable=False),
    Column("marker", String(128), nullable=False),
    Column("body", CleanText),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    # When a held row is due at the latest, a due row may be sent, a row being sent is taken for abandoned.
    Column("due_at", UtcDateTime, nullable=False),
    Column("claimed_by", String(64)),
    Column("last_error", CleanText),
    Column("result_id", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("marker", name="outbox_marker"),
    Index("outbox_due", "state", "due_at"),
    Index("outbox_call", "call_id"),
    sqlite_autoincrement=True,
)


def create_schema(conn: Connection) -> None:
    """Make what is missing: tables, and the indexes that a table of an earlier version has not got."""
    metadata.create_all(conn)
    for table in metadata.sorted_tables:
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            conn.execute(CreateIndex(index, if_not_exists=True))


def insert_new(conn: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that leaves a row with the same key as it is: replays change nothing."""
    if conn.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
