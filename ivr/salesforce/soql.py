"""Text made safe for SOQL and SOSL. Every value that enters a query goes through here.

SOQL knows the escapes ``\\n \\r \\t \\b \\f \\" \\' \\\\ \\_ \\% \\uXXXX``; any other backslash is an
error there.
"""

from __future__ import annotations

import re
from typing import NewType

from ivr.salesforce.errors import BadRequest

RecordId = NewType("RecordId", str)
"""A checked Salesforce id, 15 or 18 characters: safe in a query, a path and a URL."""

_ID = re.compile(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_NAMED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_WILD = {"%": "\\%", "_": "\\_"}
_SOSL_RESERVED = frozenset("?&|!{}[]()^~*:\\\"'+-")


def record_id(text: str) -> RecordId:
    """Check an id. Raises BadRequest."""
    if not _ID.fullmatch(text):
        raise BadRequest("not a Salesforce record id: expected 15 or 18 letters and digits")
    return RecordId(text)


def object_name(text: str) -> str:
    """Check an object's API name, e.g. "Case". Raises BadRequest."""
    if not _NAME.fullmatch(text):
        raise BadRequest("not a Salesforce object name")
    return text


def same_id(one: str, other: str) -> bool:
    """Ids of 15 and 18 characters of one record are equal; the last three are a checksum."""
    return one[:15] == other[:15]


def literal(text: str) -> str:
    """`text` as a SOQL string literal, quotes included."""
    return "'" + "".join(_escaped(char) for char in text) + "'"


def contains(text: str) -> str:
    """A literal for LIKE that finds `text` anywhere; its own % and _ are taken literally."""
    return "'%" + "".join(_WILD.get(char) or _escaped(char) for char in text) + "%'"


def _escaped(char: str) -> str:
    named = _NAMED.get(char)
    if named is not None:
        return named
    # Control characters and lone surrogates: neither survives a URL.
    if char < " " or char == "\x7f" or "\ud800" <= char <= "\udfff":
        return f"\\u{ord(char):04x}"
    return char


def phrase(text: str) -> str:
    """`text` as one quoted SOSL phrase, for use between FIND's braces."""
    cleaned = "".join(" " if c < " " or "\ud800" <= c <= "\udfff" else c for c in text)
    return '"' + "".join("\\" + c if c in _SOSL_RESERVED else c for c in cleaned) + '"'
