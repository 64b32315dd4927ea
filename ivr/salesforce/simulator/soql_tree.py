"""A parsed query: values that know nothing of an org."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Op(StrEnum):
    """How a field is compared."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    LIKE = "LIKE"
    IN = "IN"
    NOT_IN = "NOT IN"


class Is(StrEnum):
    """What a value was written as."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"
    DATE = "date"
    DATETIME = "datetime"
    DAYS = "days"
    """TODAY, LAST_N_DAYS:7 and the like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A value as written; `text` of a string is what stands between its quotes, escapes and all."""

    kind: Is
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A field, with relationships before it, and where it stands."""

    names: tuple[str, ...]
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """A field against one or more values."""

    path: Path
    op: Op
    values: tuple[Constant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A field among the values that another query selects."""

    path: Path
    negated: bool
    query: Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Logic:
    """`parts` of which all (or any) must hold."""

    parts: tuple[Condition, ...]
    every: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Negation:
    """The opposite of `part`."""

    part: Condition


Condition = Compare | Membership | Logic | Negation


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One key of ORDER BY."""

    path: Path
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A whole query; `text` is kept for error messages.

    `children` are the queries in parentheses among the fields; their `object` is a relationship's name.
    """

    text: str
    fields: tuple[Path, ...]
    object: str
    object_position: int
    children: tuple[Query, ...] = ()
    count: bool = False
    alias: str | None = None
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
