"""The filters that templates may use. Each one's work is bounded by what it is given or by `MAX_RESULT`.

Those of `SPOKEN_FILTERS` are told the language of the text as well, and say it as that language does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import cast
from zoneinfo import ZoneInfo

from jinja2 import Undefined

from ivr.flow import escape
from ivr.flow.errors import TemplateError
from ivr.flow.saying import saying
from ivr.flow.saying.language import LARGEST
from ivr.flow.values import Value, VariableType, as_text, coerce
from ivr.flow.webex.filters import PEBBLE_FILTERS

MAX_RESULT = 32_768


def default(value: object, fallback: object = "") -> object:
    """The value, or `fallback` when it is undefined or empty."""
    return fallback if isinstance(value, Undefined) or value == "" else value


def spoken(value: object, limit: object = 60) -> str:
    """A name fit for speech: no markup, no control characters, at most `limit` characters."""
    return escape.spoken(_text(value), max(1, min(_number(limit), escape.MAX_SPOKEN)))


def upper(value: object) -> str:
    """In capitals."""
    return _text(value).upper()


def lower(value: object) -> str:
    """In small letters."""
    return _text(value).lower()


def trim(value: object) -> str:
    """Without blanks at both ends."""
    return _text(value).strip()


def replace(value: object, old: object, new: object) -> str:
    """All of `old` replaced by `new`, literally."""
    text, search, put = _text(value), _text(old), _text(new)
    if not search:
        raise TemplateError("replace needs a text to look for")
    if len(text) + text.count(search) * len(put) > MAX_RESULT:
        raise TemplateError("the result of replace is too long")
    return text.replace(search, put)


def length(value: object) -> int:
    """How many characters or elements."""
    match _defined(value):
        case str() | Sequence() | Mapping() as sized:
            return len(sized)
        case other:
            raise TemplateError(f"{type(other).__name__} has no length")


def first(value: object) -> Value:
    """The first character or element."""
    return _element(value, 0)


def last(value: object) -> Value:
    """The last character or element."""
    return _element(value, -1)


def join(value: object, separator: object = "") -> str:
    """The elements of a list as one text."""
    match _defined(value):
        case str() as text:
            return text
        case Sequence() as elements:
            texts, put = [as_text(element) for element in elements], _text(separator)
            if sum(map(len, texts)) + len(put) * len(texts) > MAX_RESULT:
                raise TemplateError("the result of join is too long")
            return put.join(texts)
        case _:
            raise TemplateError("only a list can be joined")


def integer(value: object) -> Value:
    """As a whole number."""
    return coerce(VariableType.INTEGER, _text(value))


def decimal(value: object) -> Value:
    """As a decimal number."""
    return coerce(VariableType.DECIMAL, _text(value))


def rounded(value: object, places: object = 0) -> Value:
    """Rounded half up to `places` decimals, 0 to 12."""
    number = Decimal(_text(value))
    kept = max(0, min(_number(places), 12))
    result = number.quantize(Decimal(1).scaleb(-kept), rounding=ROUND_HALF_UP)
    return result if kept else int(result)


def digits(language: str, value: object) -> str:
    """Letters and digits one by one, for a case number: "00-12" is spoken "0 0 1 2"."""
    return saying(language).digits(_text(value))


def number(language: str, value: object) -> str:
    """A quantity in words."""
    read = coerce(VariableType.DECIMAL, _text(value))
    return saying(language).number(cast("Decimal", read))


def ordinal(language: str, value: object) -> str:
    """A place in an order: "third"."""
    place = _number(value)
    if not 0 < place < LARGEST:
        raise TemplateError(f"{place} is no place in an order")
    return saying(language).ordinal(place)


def day(language: str, value: object, zone: object = "UTC") -> str:
    """The day of a date or of a date and time, the latter as it is in the time zone `zone`."""
    return saying(language).date(_moment(value, zone).date())


def clock(language: str, value: object, zone: object = "UTC") -> str:
    """The time of day of a date and time as it is in the time zone `zone`, or of a text "17:45"."""
    text = as_text(value) if isinstance(value, str) else ""
    try:
        moment = time.fromisoformat(text)
    except ValueError:
        moment = _moment(value, zone).time()
    return saying(language).time(moment)


def duration(language: str, value: object) -> str:
    """Seconds as hours, minutes and seconds worth saying."""
    return saying(language).duration(max(0, min(int(Decimal(_text(value))), 360_000)))


def name(language: str, value: object) -> str:
    """A person's or a company's name as it is said."""
    return escape.spoken(saying(language).name(_text(value)[: escape.MAX_SPOKEN]))


def particle(language: str, value: object, choice: object) -> str:
    """The word with the Korean particle that it takes of a choice, e.g. "을/를"; elsewhere the word."""
    return saying(language).particle(_text(value), _text(choice))


def _moment(value: object, zone: object) -> datetime:
    known = _defined(value)
    if isinstance(known, datetime):
        return known.astimezone(_zone(_text(zone)))
    text = as_text(known).strip()
    try:
        if len(text) <= len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time())  # a day is the same in every zone
        moment = cast("datetime", coerce(VariableType.DATETIME, text))
    except ValueError as exc:
        raise TemplateError(f"this is no date: {text[:40]!r}") from exc
    return moment.astimezone(_zone(_text(zone)))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as exc:
        raise TemplateError(f"there is no time zone {name[:40]!r}") from exc


def _defined(value: object) -> Value:
    if isinstance(value, Undefined):
        str(value)  # raises UndefinedError with the name in it
    return cast("Value", value)


def _text(value: object) -> str:
    return as_text(_defined(value))


def _number(value: object) -> int:
    return int(_text(value))


def _element(value: object, index: int) -> Value:
    match _defined(value):
        case str() | Sequence() as elements if elements:
            return elements[index]
        case _:
            raise TemplateError("there is no such element")


FILTERS: Mapping[str, Callable[..., object]] = {
    **PEBBLE_FILTERS,
    "decimal": decimal,
    "default": default,
    "first": first,
    "int": integer,
    "join": join,
    "last": last,
    "length": length,
    "lower": lower,
    "replace": replace,
    "round": rounded,
    "spoken": spoken,
    "trim": trim,
    "upper": upper,
}

SPOKEN_FILTERS: Mapping[str, Callable[..., str]] = {
    "date": day,
    "digits": digits,
    "duration": duration,
    "name": name,
    "number": number,
    "ordinal": ordinal,
    "particle": particle,
    "time": clock,
}
"""By language first: as templates use them, the language is the text's own."""
