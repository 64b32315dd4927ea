"""Record ids as Salesforce makes them: 15 case-sensitive characters and a checksum of their case."""

from __future__ import annotations

import string

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SUFFIX = string.ascii_uppercase + "012345"
_POD = "gK0"


def make_id(prefix: str, serial: int) -> str:
    """The 18-character id of the `serial`-th record of an object with this three-character prefix."""
    digits = ""
    for _ in range(9):
        serial, digit = divmod(serial, 62)
        digits = _BASE62[digit] + digits
    short = prefix + _POD + digits
    return short + suffix(short)


def suffix(short: str) -> str:
    """The three characters that tell ids apart which differ in case only."""
    return "".join(
        _SUFFIX[sum(1 << place for place, char in enumerate(short[at : at + 5]) if char.isupper())]
        for at in (0, 5, 10)
    )


def is_id(text: str) -> bool:
    """15 characters, or 18 with the right checksum."""
    if not text.isascii() or not text.isalnum():
        return False
    return len(text) == 15 or (len(text) == 18 and text[15:] == suffix(text[:15]))
