"""What the names in an export's expressions stand for in our flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Type(StrEnum):
    """What is known of a value without running the flow. NOW is the moment, which prints in Webex's way."""

    TEXT = "text"
    WHOLE = "whole number"
    DECIMAL = "decimal number"
    TRUTH = "truth value"
    MOMENT = "date and time"
    NOW = "now"
    JSON = "JSON"
    NOTHING = "nothing"
    ANY = "anything"


NUMBERS = frozenset({Type.WHOLE, Type.DECIMAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An output of an activity in our words: `attribute` of it. `always`: each run sets it. `instead`: what
    Webex has where we have an empty text."""

    attribute: str
    type: Type = Type.TEXT
    always: bool = False
    instead: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A name with attributes: an activity or the start. `values` are outputs by small letters, or texts that
    never change. `name` is ours, e.g. "NewPhoneContact"."""

    name: str
    values: Mapping[str, Output | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A variable by our name."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """All that an expression may name. `certain`: activities that have run whenever it is evaluated."""

    variables: Mapping[str, Variable]
    activities: Mapping[str, Known]
    certain: frozenset[str] = frozenset()
