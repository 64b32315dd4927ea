"""The syntax tree of a Pebble expression."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number, truth value or null."""

    value: str | int | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable or an activity."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Attribute:
    """`of.name`, or `of["name"]`."""

    of: Expression
    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """`of[key]` with a key that is not a constant text."""

    of: Expression
    key: Expression


@dataclass(frozen=True, slots=True)
class Arguments:
    """By position and by name."""

    positional: tuple[Expression, ...] = ()
    named: tuple[tuple[str, Expression], ...] = ()

    def get(self, index: int, name: str) -> Expression | None:
        """The argument at that place or of that name."""
        if index < len(self.positional):
            return self.positional[index]
        return dict(self.named).get(name)


@dataclass(frozen=True, slots=True)
class Call:
    """`name(arguments)`; with `of`, a method of a value."""

    name: str
    arguments: Arguments
    at: int
    of: Expression | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """`of | name(arguments)`."""

    of: Expression
    name: str
    arguments: Arguments
    at: int


@dataclass(frozen=True, slots=True)
class Test:
    """`of is name`, or `of is not name`."""

    of: Expression
    name: str
    arguments: Arguments
    negated: bool
    at: int


@dataclass(frozen=True, slots=True)
class Unary:
    """not, + or -."""

    operator: str
    of: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two values."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Ternary:
    """`condition ? then : otherwise`."""

    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    """`{a: b}`."""

    items: tuple[tuple[Expression, Expression], ...]


Expression: TypeAlias = (
    "Literal | Name | Attribute | Index | Call | Filter | Test | Unary | Binary | Ternary | ListOf | MapOf"
)
