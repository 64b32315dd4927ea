"""Values as Pebble has them: what is not set is null. What the filters of imported flows share."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from jinja2 import Undefined

from ivr.flow.errors import TemplateError
from ivr.flow.values import Value, as_text

Number = int | Decimal


def known(value: object) -> Value:
    """The value; None for what is not set."""
    return None if isinstance(value, Undefined) else cast("Value", value)


def text(value: object) -> str:
    """As text; nothing for what is not set."""
    found = known(value)
    return "" if found is None else as_text(found)


def number(value: Value, operator: str) -> Number:
    """A number; `operator` is for the error. Raises `TemplateError`."""
    match value:
        case bool():
            raise TemplateError(f"{operator} is for numbers")
        case int() | Decimal():
            return value
        case float():
            return Decimal(str(value))
        case _:
            raise TemplateError(f"{operator} is for numbers")
