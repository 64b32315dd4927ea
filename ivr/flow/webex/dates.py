"""Dates by Java's patterns (`yyyy-MM-dd'T'HH:mm:ss.SSSZ`), written and read. Pure.

Names of months and days are English, as in Webex, whatever the language of the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ivr.flow.errors import TemplateError

DEFAULT_PATTERN = "yyyy-MM-dd'T'HH:mm:ssZ"
ZONED = "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PART = re.compile(r"'(?:[^']|'')*'|([A-Za-z])\1*|[^A-Za-z']+")
_MAX_PATTERN = 100
_ZONE = r"Z|UTC|GMT|[+-]\d\d:?\d\d|[+-]\d\d"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def zone(name: str) -> tzinfo:
    """A time zone by its name. Raises `TemplateError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise TemplateError(f"there is no time zone {name[:40]!r}") from exc


def from_epoch(seconds: float) -> datetime:
    """The moment so many seconds after 1970. Raises `TemplateError`."""
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError as exc:
        raise TemplateError("this is no moment in time") from exc


def write(moment: datetime, pattern: str) -> str:
    """The moment in a pattern. Raises `TemplateError` for a letter that is not known."""
    return "".join(_written(moment, part) for part in _parts(pattern))


def read(text: str, pattern: str) -> datetime:
    """The moment that a text in a pattern means; UTC and the first of January 1970 where it does not say.
    What follows the pattern in the text is passed over. Raises `TemplateError`."""
    found = re.match("".join(_expected(pattern)), text, re.IGNORECASE)
    if found is None:
        raise TemplateError(f"{text[:40]!r} is no date like {pattern!r}")
    said = {name: value for name, value in found.groupdict().items() if value is not None}
    try:
        return datetime(
            _year(said.get("y", "1970")), _month(said.get("M", "1")), int(said.get("d", "1")),
            _hour(said), int(said.get("m", "0")), int(said.get("s", "0")),
            int(said.get("S", "0")[:6].ljust(3, "0")[:3]) * 1000, tzinfo=_offset(said.get("z", "Z")),
        )  # fmt: skip
    except ValueError as exc:
        raise TemplateError(f"{text[:40]!r} is no date: {exc}") from exc


def _parts(pattern: str) -> Iterator[str]:
    if len(pattern) > _MAX_PATTERN:
        raise TemplateError("a date pattern has at most 100 characters")
    at = 0
    for found in _PART.finditer(pattern):
        if found.start() != at:
            break
        at = found.end()
        yield found[0]
    if at != len(pattern):
        raise TemplateError(f"a quotation mark is missing in the date pattern {pattern!r}")


def _literal(part: str) -> str:
    if part == "''":
        return "'"
    return part[1:-1].replace("''", "'") if part.startswith("'") else part


def _written(moment: datetime, part: str) -> str:
    letter, width = part[0], len(part)
    if not letter.isalpha():
        return _literal(part)
    numbers = {
        "d": moment.day, "H": moment.hour, "h": moment.hour % 12 or 12, "k": moment.hour or 24,
        "K": moment.hour % 12, "m": moment.minute, "s": moment.second, "S": moment.microsecond // 1000,
        "D": moment.timetuple().tm_yday, "u": moment.isoweekday(), "e": moment.isoweekday(),
    }  # fmt: skip
    match letter:
        case "y" | "Y":
            return f"{moment.year % 100:02d}" if width == 2 else f"{moment.year:0{width}d}"
        case "M" | "L":
            name = _MONTHS[moment.month - 1]
            return f"{moment.month:0{width}d}" if width < 3 else name[:3] if width == 3 else name
        case "E":
            day = _DAYS[moment.weekday()]
            return day[:3] if width < 4 else day
        case "a":
            return "AM" if moment.hour < 12 else "PM"
        case "z" | "Z" | "X" | "x" | "V":
            return _zone_text(moment, letter, width)
        case _ if letter in numbers:
            return f"{numbers[letter]:0{width}d}"
        case _:
            raise TemplateError(f"the date pattern {part!r} is not known")


def _zone_text(moment: datetime, letter: str, width: int) -> str:
    offset = moment.strftime("%z")[:5] or "+0000"
    match letter:
        case "z" if width < 4:
            return moment.tzname() or "UTC"
        case "V":
            return str(moment.tzinfo)
        case "X" if offset == "+0000":
            return "Z"
        case "X" | "x":
            return offset[:3] if width == 1 else offset if width == 2 else f"{offset[:3]}:{offset[3:]}"
        case _:
            return offset


def _expected(pattern: str) -> Iterator[str]:
    """The pattern as a regular expression with a group for each letter."""
    seen: set[str] = set()
    parts = list(_parts(pattern))
    for index, part in enumerate(parts):
        if not part[0].isalpha():
            yield re.escape(_literal(part))
            continue
        # Digits that touch the next number are counted; otherwise any number of them is taken.
        touches = index + 1 < len(parts) and parts[index + 1][0] in "yMdHhkKmsS"
        group, body = _group(part, f"\\d{{{len(part)}}}" if touches else "\\d+")
        yield f"(?:{body})" if group in seen or not group else f"(?P<{group}>{body})"
        seen.add(group)


def _group(part: str, digits: str) -> tuple[str, str]:
    match part[0]:
        case "M" | "L" if len(part) > 2:
            return "M", "[A-Za-z]+"
        case "M" | "L":
            return "M", digits
        case "Y" | "y":
            return "y", digits
        case "d" | "H" | "h" | "m" | "s" | "S" as letter:
            return letter, digits
        case "k" | "K" as letter:
            return ("H" if letter == "k" else "h"), digits
        case "E":
            return "", "[A-Za-z]+"
        case "a":
            return "a", "[AP]M"
        case "z" | "Z" | "X" | "x":
            return "z", _ZONE
        case _:
            raise TemplateError(f"the date pattern {part!r} cannot be read")


def _year(text: str) -> int:
    return int(text) + 2000 if len(text) == 2 else int(text)


def _month(text: str) -> int:
    if text.isdigit():
        return int(text)
    names = [name for name in _MONTHS if name[:3].lower() == text[:3].lower()]
    if not names:
        raise ValueError(f"there is no month {text}")
    return _MONTHS.index(names[0]) + 1


def _hour(said: dict[str, str]) -> int:
    if "H" in said:
        return int(said["H"]) % 24
    hour = int(said.get("h", "0"))
    return hour % 12 + 12 if said.get("a", "").upper() == "PM" else hour % 12 if "a" in said else hour


def _offset(text: str) -> tzinfo:
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
