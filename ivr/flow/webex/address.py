"""Addresses of requests: a template with path and query taken apart, and SOQL recognised in it. Pure.

The export's text is percent-encoded, ours is not: a connector encodes what is substituted for the place where
it stands. What stands in `{{ }}` is carried over untouched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

from ivr.flow.webex.pebble.lexer import Plain, Printed, split

_ORIGIN = re.compile(r"\s*(https?://(?:[A-Za-z0-9.-]|\{\{[^{}]*\}\})+(?::\d+)?)(?=[/?#]|\s*$)", re.IGNORECASE)
_SELECT = re.compile(r"\s*select\s", re.IGNORECASE)
_FIND = re.compile(r"\s*find\s*\{", re.IGNORECASE)
_Piece = Plain | Printed


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The parts of an address, each a Pebble template in plain text. `origin` is "" for a relative one, None
    when it cannot be told whether it is absolute; values may stand in it."""

    origin: str | None
    path: str
    query: tuple[tuple[str, str], ...] = ()


def take_apart(template: str) -> Address:
    """The parts of an address."""
    found = _ORIGIN.match(template)
    origin: str | None = found[1] if found else ""
    rest = template[found.end() :] if found else template.strip()
    if origin == "" and (rest.startswith("{{") or re.match(r"https?://", rest, re.IGNORECASE)):
        # It may be a host, a whole address or the beginning of a path: nobody can tell.
        origin = None
    pieces = list(split(rest))
    path, query = _cut(pieces, "?")
    path, _ = _cut(path, "#")
    query, _ = _cut(query, "#")
    return Address(
        origin=origin,
        path="".join(_source(piece) for piece in path),
        query=tuple(_parameter(part) for part in _apart(query, "&") if part),
    )


def is_one_value(template: str) -> bool:
    """Nothing but one expression."""
    pieces = list(split(template.strip()))
    return len(pieces) == 1 and isinstance(pieces[0], Printed)


def is_soql(text: str) -> bool:
    """A query in SOQL."""
    return _SELECT.match(text) is not None


def is_sosl(text: str) -> bool:
    """A search in SOSL."""
    return _FIND.match(text) is not None


def decoded(text: str) -> str:
    """A percent-encoded template as plain text; a query's plus is a blank."""
    return "".join(_decoded(piece) for piece in split(text))


def plain_path(text: str) -> str:
    """A path's template as plain text; a plus is a plus."""
    return "".join(
        _literal(unquote(piece.text)) if isinstance(piece, Plain) else piece.source for piece in split(text)
    )


def _cut(pieces: list[_Piece], mark: str) -> tuple[list[_Piece], list[_Piece]]:
    for index, piece in enumerate(pieces):
        if isinstance(piece, Plain) and mark in piece.text:
            before, _, after = piece.text.partition(mark)
            return [*pieces[:index], Plain(before)], [Plain(after), *pieces[index + 1 :]]
    return pieces, []


def _apart(pieces: list[_Piece], mark: str) -> Iterator[list[_Piece]]:
    while pieces:
        part, pieces = _cut(pieces, mark)
        yield [piece for piece in part if not (isinstance(piece, Plain) and not piece.text)]


def _parameter(pieces: list[_Piece]) -> tuple[str, str]:
    name, value = _cut(pieces, "=")
    return "".join(map(_decoded, name)), "".join(map(_decoded, value))


def _decoded(piece: _Piece) -> str:
    return _literal(unquote_plus(piece.text)) if isinstance(piece, Plain) else piece.source


def _literal(text: str) -> str:
    # What was encoded cannot have been an expression.
    return re.sub(r"\{\{|\{%|\{#", lambda found: f'{{{{ "{found[0]}" }}}}', text)


def _source(piece: _Piece) -> str:
    return piece.text if isinstance(piece, Plain) else piece.source
