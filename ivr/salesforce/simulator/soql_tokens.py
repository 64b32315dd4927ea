"""SOQL and SOSL text in pieces, and what stands between the quotes of a string."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ivr.salesforce.simulator.errors import malformed_query

_TOKEN = re.compile(
    r"""(?P<blank>\s+)
      | (?P<string>'(?:[^'\\]|\\.)*')
      | (?P<datetime>\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))?)
      | (?P<number>-?\d{1,15}(?:\.\d{1,15})?)
      | (?P<days>(?:LAST|NEXT)_N_DAYS:\d{1,5})
      | (?P<name>[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*)
      | (?P<mark>!=|<>|<=|>=|[=<>(),])""",
    re.VERBOSE | re.DOTALL | re.ASCII | re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_WILD = "%_"
# Nothing longer is a query; Salesforce itself stops at 100,000 characters.
_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text."""

    kind: str
    text: str
    position: int


def tokens(text: str, start: int = 0) -> list[Token]:
    """The text in pieces. Raises ApiError at what is none."""
    if len(text) > _LONGEST:
        raise malformed_query(text, 0, f"SOQL statements can not be longer than {_LONGEST} characters.")
    found, at = [], start
    while at < len(text):
        piece = _TOKEN.match(text, at)
        if piece is None:
            raise malformed_query(text, at, f"unexpected token: '{text[at]}'")
        kind = str(piece.lastgroup)
        if kind == "string":
            _check_escapes(text, piece)
        if kind != "blank":
            found.append(Token(kind, piece[0], at))
        at = piece.end()
    return found


def _check_escapes(text: str, piece: re.Match[str]) -> None:
    for escape in _ESCAPE.finditer(piece[0], 1, len(piece[0]) - 1):
        one = escape[1]
        if len(one) == 1 and one not in _ESCAPED and one not in _WILD:
            raise malformed_query(text, piece.start() + escape.start(), f"Invalid string literal: \\{one}")


def unescape(raw: str) -> str:
    """The text of a string literal."""
    return _ESCAPE.sub(lambda found: _char(found[1]), raw)


def like_pattern(raw: str) -> re.Pattern[str]:
    """A string literal as LIKE reads it: % any text, _ one character, case ignored."""
    out, at = [], 0
    while at < len(raw):
        escape = _ESCAPE.match(raw, at)
        if escape:
            out.append(re.escape(_char(escape[1])))
            at = escape.end()
            continue
        out.append({"%": ".*", "_": "."}.get(raw[at]) or re.escape(raw[at]))
        at += 1
    return re.compile("".join(out), re.IGNORECASE | re.DOTALL)


def _char(escape: str) -> str:
    if escape[0] == "u" and len(escape) == 5:
        return chr(int(escape[1:], 16))
    return _ESCAPED.get(escape, escape)
