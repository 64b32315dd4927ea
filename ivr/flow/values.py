"""The values that variables, outputs and templates deal in: types, coercion, text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeAlias

from ivr.flow.errors import VariableError

Value: TypeAlias = (
    "str | bool | int | float | Decimal | datetime | Sequence[Value] | Mapping[str, Value] | None"
)
"""float, None, sequences and mappings occur inside JSON values only."""

MAX_TEXT = 4096
MAX_JSON = 16_384


class VariableType(StrEnum):
    """The types that a flow variable can have."""

    STRING = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    JSON = "json"


class Namespace(Mapping[str, Value]):
    """An activity's outputs or a group of system values: names are looked up whatever their case."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = {name.casefold(): value for name, value in values.items()}

    def __getitem__(self, name: str) -> Value:
        return self._values[name.casefold()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def as_text(value: Value) -> str:
    """A value as templates write it: true, 12, 1.50, 2026-01-31T09:00:00+00:00, JSON."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat()
        case None:
            raise VariableError("there is no value")
        case _:
            return to_json(value)


def to_json(value: Value) -> str:
    """A value as JSON text in ASCII; refuses NaN and infinities."""
    return json.dumps(value, default=_json_default, allow_nan=False)


def _json_default(value: object) -> object:
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return dict(value)
        case _:
            raise VariableError(f"{type(value).__name__} cannot be written as JSON")


def coerce(kind: VariableType, value: Value) -> Value:
    """`value` as type `kind`, from text where needed. Raises `VariableError` when it does not fit."""
    text = as_text(value)
    if len(text) > (MAX_JSON if kind is VariableType.JSON else MAX_TEXT):
        raise VariableError(f"{len(text)} characters are too many for a {kind} variable")
    try:
        return _PARSERS[kind](text)
    except (ValueError, InvalidOperation, RecursionError) as exc:
        raise VariableError(f"this is no {kind}: {text[:40]!r}") from exc


def _boolean(text: str) -> bool:
    match text.strip().lower():
        case "true":
            return True
        case "false":
            return False
        case _:
            raise ValueError(text)


def _decimal(text: str) -> Decimal:
    number = Decimal(text.strip())
    # A large exponent would become as many digits when it is written out.
    if not number.is_finite() or not -64 <= number.adjusted() <= 64:
        raise ValueError(text)
    return number


def _datetime(text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _json(text: str) -> Value:
    document: Value = json.loads(text, parse_constant=_refuse_constant)
    return document


def _refuse_constant(text: str) -> Value:
    raise ValueError(text)


_PARSERS: Mapping[VariableType, Callable[[str], Value]] = {
    VariableType.STRING: str,
    VariableType.INTEGER: int,
    VariableType.DECIMAL: _decimal,
    VariableType.BOOLEAN: _boolean,
    VariableType.DATETIME: _datetime,
    VariableType.JSON: _json,
}
