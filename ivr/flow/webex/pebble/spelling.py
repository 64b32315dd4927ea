"""A piece of a template of ours, and how tightly it holds together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from ivr.flow.webex.pebble.names import Type


class Hold(IntEnum):
    """ATOM: a name or literal. CHAIN: filters. LOOSE: needs brackets inside anything else."""

    LOOSE = 0
    CHAIN = 1
    ATOM = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitted:
    """An expression of ours and the type of its value. `constant` when it is a literal text. `if_set`: the
    type that a value of type ANY has when it is set."""

    source: str
    type: Type
    hold: Hold = Hold.ATOM
    constant: str | None = None
    if_set: Type | None = None

    def base(self) -> str:
        """As what a filter or an operator stands beside."""
        return f"({self.source})" if self.hold is Hold.LOOSE else self.source

    def stem(self) -> str:
        """As what a dot or an index follows."""
        return self.source if self.hold is Hold.ATOM else f"({self.source})"

    def as_value(self) -> Emitted:
        """The same, with the moment that now() gives as the text that it prints."""
        if self.type is not Type.NOW:
            return self
        return replace(self, source=f"{self.base()} | zoned", type=Type.TEXT, hold=Hold.CHAIN)


def quoted(text: str) -> str:
    """A text as a literal."""
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(named.get(char, char) for char in text) + '"'


def literal(text: str) -> Emitted:
    """A text as an expression."""
    return Emitted(source=quoted(text), type=Type.TEXT, constant=text)


def chain(value: Emitted, filter_: str, *arguments: Emitted | str, type_: Type = Type.TEXT) -> Emitted:
    """`value | filter(arguments)`."""
    inside = ", ".join(item if isinstance(item, str) else item.source for item in arguments)
    given = f"({inside})" if arguments else ""
    return Emitted(source=f"{value.base()} | {filter_}{given}", type=type_, hold=Hold.CHAIN)


def loose(source: str, type_: Type) -> Emitted:
    """An operator's expression."""
    return Emitted(source=source, type=type_, hold=Hold.LOOSE)


NOTHING = Emitted(source="none", type=Type.NOTHING)
