r"""The delimiters of Java's String.split, which are regular expressions: those that are safe here. Pure.

A delimiter is read as pieces in a row, each a character, a class ("[,;]", "\s", ".") or one of these with
"?", "*" or "+"; "|" stands between whole rows. Anything else is refused, and so is what may match nothing
("a|b" split by "|" falls apart into characters in Java), and what could take long: before the last piece of
a row one piece at most may repeat, and then the text has a limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ivr.flow.errors import TemplateError

MAX_SLOW_TEXT = 4096
_MAX_DELIMITER = 100

_NAMED = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_CLASSES = frozenset("sdwSDW")
_ANY = "[^\n\r\u0085\u2028\u2029]"
_ATOM = re.compile(
    r"\\(?P<escaped>.)|\[(?P<not>\^?)(?P<set>(?:\\.|[^\[\]\\])+)\]|(?P<any>\.)|(?P<plain>[^\\\[.|()*+?^${])",
    re.DOTALL,
)
_MEMBER = re.compile(r"\\(?P<escaped>.)|(?P<plain>.)", re.DOTALL)
_REPEAT = re.compile(r"[?*+]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delimiter:
    """What stands between the parts. `literal` when it is one text; `slow`: the work may grow as the square
    of the text."""

    pattern: re.Pattern[str]
    literal: str | None
    slow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    pattern: str
    literal: str | None
    repeat: str = ""


@lru_cache(maxsize=256)
def delimiter(source: str) -> Delimiter:
    """The delimiter that Java would see. Raises `TemplateError` for one that is not known here."""
    rows = [list(row) for row in _rows(source)]
    certain = [any(piece.repeat in ("", "+") for piece in row) for row in rows]
    if len(source) > _MAX_DELIMITER or not all(certain):
        raise _unknown(source)
    loops = [sum(piece.repeat in ("*", "+") for piece in row[:-1]) for row in rows]
    if max(loops) > 1:
        raise _unknown(source)
    return Delimiter(
        pattern=_compiled("|".join("".join(p.pattern + p.repeat for p in row) for row in rows), source),
        literal=_literal(rows),
        slow=max(loops) > 0,
    )


def parts_of(text: str, between: Delimiter, limit: int = 0) -> list[str]:
    """The parts of a text: at most `limit` when that is positive. Empty parts at the end are left out when it
    is 0, as in Java. Raises `TemplateError` for a text that would take too long."""
    if between.slow and len(text) > MAX_SLOW_TEXT:
        raise TemplateError(f"a text of more than {MAX_SLOW_TEXT} characters cannot be split by this")
    parts: list[str] = []
    at = 0
    for found in between.pattern.finditer(text):
        if limit > 0 and len(parts) == limit - 1:
            break
        parts.append(text[at : found.start()])
        at = found.end()
    if not parts:
        return [text]
    parts.append(text[at:])
    while limit == 0 and parts and not parts[-1]:
        parts.pop()
    return parts


def literally(text: str) -> Delimiter:
    """A delimiter that is this text."""
    return Delimiter(pattern=re.compile(re.escape(text)), literal=text)


def _rows(source: str) -> Iterator[Iterator[_Piece]]:
    at = 0
    row: list[_Piece] = []
    while at < len(source):
        if source[at] == "|":
            yield iter(row)
            at, row = at + 1, []
            continue
        found = _ATOM.match(source, at)
        if found is None:
            raise _unknown(source)
        repeat = _REPEAT.match(source, found.end())
        row.append(_piece(found, repeat[0] if repeat else "", source))
        at = repeat.end() if repeat else found.end()
    yield iter(row)


def _piece(found: re.Match[str], repeat: str, source: str) -> _Piece:
    if found["any"]:
        return _Piece(pattern=_ANY, literal=None, repeat=repeat)
    if found["set"]:
        inside = f"{found['not']}{_members(found['set'], source)}"
        return _Piece(pattern=f"[{inside}]", literal=None, repeat=repeat)
    if found["escaped"] in _CLASSES:
        return _Piece(pattern=found[0], literal=None, repeat=repeat)
    char = found["plain"] or _escaped(found["escaped"], source)
    return _Piece(pattern=re.escape(char), literal=None if repeat else char, repeat=repeat)


def _members(inside: str, source: str) -> str:
    """A class's inside for Python, where more characters have a meaning. "&&" is Java's intersection."""
    if "&&" in inside:
        raise _unknown(source)
    members = list(_MEMBER.finditer(inside))
    written = ""
    for index, member in enumerate(members):
        if member["escaped"] in _CLASSES:
            written += member[0]
        elif member[0] == "-" and 0 < index < len(members) - 1:
            written += "-"
        else:
            written += re.escape(member["plain"] or _escaped(member["escaped"], source))
    return written


def _escaped(char: str, source: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    if char.isascii() and char.isalnum():
        raise _unknown(source)
    return char


def _literal(rows: list[list[_Piece]]) -> str | None:
    if len(rows) != 1 or any(piece.literal is None for piece in rows[0]):
        return None
    return "".join(piece.literal or "" for piece in rows[0])


def _compiled(pattern: str, source: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.ASCII)
    except re.error as exc:
        raise _unknown(source) from exc


def _unknown(source: str) -> TemplateError:
    return TemplateError(f"split by the regular expression {source[:40]!r} is not known here")
