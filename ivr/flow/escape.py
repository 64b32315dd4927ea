"""How a substituted value is made inert for the place where it stands. Pure.

A field's type gives the `Context`; the literal text before a substitution gives its `Position` there. What a
value says can never change the position of another: each escaped value stays within its own.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import assert_never
from urllib.parse import quote, unquote

from ivr.flow.errors import TemplateError
from ivr.flow.values import Value, as_text, to_json

MAX_SPOKEN = 200


class Context(StrEnum):
    """What kind of text a field holds."""

    PLAIN = "plain text"
    SPEECH = "speech"
    SOQL = "SOQL"
    URL = "URL"
    PATH = "URL path"
    QUERY = "query parameter"
    JSON = "JSON"


class Position(StrEnum):
    """Where in such a text a value is substituted."""

    TEXT = "text"
    SPOKEN = "spoken"
    SOQL_STRING = "SOQL string"
    SOQL_LIKE = "SOQL LIKE pattern"
    SOQL_VALUE = "SOQL value"
    URL_HOST = "URL host"
    URL_SEGMENT = "URL segment"
    URL_PATH = "whole path of a URL"
    QUERY = "query"
    JSON_STRING = "JSON string"
    JSON_VALUE = "JSON value"


POSITIONS: dict[Context, frozenset[Position]] = {
    Context.PLAIN: frozenset({Position.TEXT}),
    Context.SPEECH: frozenset({Position.SPOKEN}),
    Context.SOQL: frozenset({Position.SOQL_STRING, Position.SOQL_LIKE, Position.SOQL_VALUE}),
    Context.URL: frozenset({Position.URL_HOST, Position.URL_SEGMENT, Position.QUERY}),
    Context.PATH: frozenset({Position.URL_SEGMENT, Position.URL_PATH, Position.QUERY}),
    Context.QUERY: frozenset({Position.QUERY}),
    Context.JSON: frozenset({Position.JSON_STRING, Position.JSON_VALUE}),
}

_SCHEME = re.compile(r"(?:https?|salesforce):", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PATH_SAFE = "/?&=+%:,;@!$'()*~"
_LIKE = re.compile(r"\blike\s*$", re.IGNORECASE)
_BIDI = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SPEAKABLE_MARKS = frozenset(" .,:'’-/()+@%$€£!?\"·–—")


def position(context: Context, before: str, *, alone: bool = False) -> Position:
    """Where a value stands after the literal text `before`. `alone`: nothing but the value is in the field.
    Raises `TemplateError` where none may stand."""
    match context:
        case Context.PLAIN:
            return Position.TEXT
        case Context.SPEECH:
            return Position.SPOKEN
        case Context.SOQL:
            return _soql_position(before)
        case Context.URL:
            return _url_position(before)
        case Context.PATH if alone:
            return Position.URL_PATH
        case Context.PATH:
            return Position.QUERY if _after_path(before) else Position.URL_SEGMENT
        case Context.QUERY:
            return Position.QUERY
        case Context.JSON:
            return Position.JSON_VALUE if _open_quote(before, '"') is None else Position.JSON_STRING
        case _:
            assert_never(context)


def escape(place: Position, value: Value) -> str:
    """`value` as inert text for `place`. Raises `TemplateError` when there is no safe way to write it."""
    match place:
        case Position.TEXT:
            return plain(as_text(value))
        case Position.SPOKEN:
            return spoken(as_text(value))
        case Position.SOQL_STRING:
            return _soql_string(plain(as_text(value)))
        case Position.SOQL_LIKE:
            return re.sub(r"([%_])", r"\\\1", _soql_string(plain(as_text(value))))
        case Position.SOQL_VALUE:
            return _soql_value(value)
        case Position.URL_HOST:
            return _host(as_text(value))
        case Position.URL_SEGMENT:
            return _segment(plain(as_text(value)))
        case Position.URL_PATH:
            return _path(as_text(value))
        case Position.QUERY:
            return quote(plain(as_text(value)), safe="")
        case Position.JSON_STRING:
            return to_json(plain(as_text(value)))[1:-1]
        case Position.JSON_VALUE:
            return to_json(value)
        case _:
            assert_never(place)


def plain(text: str) -> str:
    """Text without control characters (but for line feed and tab), bidi controls and lone surrogates."""
    return "".join(
        c for c in text if c in "\n\t" or not (c in _BIDI or unicodedata.category(c) in ("Cc", "Cs"))
    )


def spoken(text: str, limit: int = MAX_SPOKEN) -> str:
    """Text for the ear: letters, digits and common punctuation in any language, spaces made one, at most
    `limit` characters. Markup of any speech engine loses the characters that it is made of."""
    kept = "".join(c if _speakable(c) else " " for c in text[: limit * 8])
    short = " ".join(kept.split())
    if len(short) <= limit:
        return short
    # A whole word less is better than half a word.
    return short[: limit + 1].rpartition(" ")[0] or short[:limit]


def _speakable(char: str) -> bool:
    return char in _SPEAKABLE_MARKS or unicodedata.category(char)[0] in "LMN"


def _open_quote(before: str, mark: str) -> int | None:
    """The index of the quotation mark that is still open at the end of `before`."""
    opened: int | None = None
    escaped = False
    for index, char in enumerate(before):
        if escaped:
            escaped = False
        elif opened is not None and char == "\\":
            escaped = True
        elif char == mark:
            opened = index if opened is None else None
    return opened


def _soql_position(before: str) -> Position:
    opened = _open_quote(before, "'")
    if opened is None:
        return Position.SOQL_VALUE
    return Position.SOQL_LIKE if _LIKE.search(before[:opened]) else Position.SOQL_STRING


def _soql_string(text: str) -> str:
    named = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\t": "\\t"}
    return "".join(named.get(char, char) for char in text)


def _soql_value(value: Value) -> str:
    match value:
        case bool() | int() | Decimal():
            return as_text(value)
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            raise TemplateError("only a number, a boolean or a date may stand in SOQL without quotes")


def _after_path(before: str) -> bool:
    return "?" in before or "#" in before


def _url_position(before: str) -> Position:
    scheme = _SCHEME.match(before)
    if scheme is None:
        raise TemplateError('a URL begins with "https:", "http:" or "salesforce:", not with a value')
    rest = before[scheme.end() :]
    if _after_path(rest):
        return Position.QUERY
    in_host = rest.startswith("//") and "/" not in rest[2:]
    return Position.URL_HOST if in_host else Position.URL_SEGMENT


def _host(text: str) -> str:
    if _HOST.fullmatch(text) is None:
        raise TemplateError("this is no host name")
    return text


def _path(text: str) -> str:
    """A path and perhaps a query that a value has whole. It stays on its host: no address, no way up."""
    if text != plain(text) or "\n" in text or "\t" in text:
        raise TemplateError("a path has no control characters")
    path = unquote(text.partition("?")[0])
    # Some servers cut a segment at ";" before they read it.
    segments = [segment.partition(";")[0] for segment in path.split("/")]
    climbs = any(segment and not segment.strip(".") for segment in segments)
    if not path.strip("/") or "//" in path or "\\" in path or climbs or _ADDRESS.match(path):
        raise TemplateError("this is no path on the connector's system")
    whole = text if text.startswith("/") else f"/{text}"
    return quote(whole, safe=_PATH_SAFE)


def _segment(text: str) -> str:
    # "." and ".." climb even when written %2E; an empty segment would ask for the parent.
    if not text.strip("."):
        raise TemplateError("an empty value or dots alone cannot be part of a URL's path")
    return quote(text, safe="")
