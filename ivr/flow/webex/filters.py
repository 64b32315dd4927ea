"""What Pebble's operators, filters and functions mean, as filters of our templates.

An imported flow uses them only where our own spelling would mean something else: `a + 1` stays `a + 1` when
both are known to be numbers, and becomes `a | plus(1)` when `a` may be a text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import cast
from urllib.parse import quote_plus

from ivr.flow.errors import TemplateError
from ivr.flow.jsonpath import compile_path
from ivr.flow.values import Value, as_text, to_json
from ivr.flow.webex import dates
from ivr.flow.webex.elements import ELEMENTS, MAX_RESULT
from ivr.flow.webex.known import Number, known, number, text


def plus(left: object, right: object) -> Value:
    """Joins when one of the two is a text, adds numbers, refuses the rest."""
    one, other = known(left), known(right)
    if isinstance(one, str) or isinstance(other, str):
        joined = _or_null(one) + _or_null(other)
        if len(joined) > MAX_RESULT:
            raise TemplateError("the result of + is too long")
        return joined
    return number(one, "+") + number(other, "+")


def divide(left: object, right: object) -> Value:
    """Whole numbers give a whole number, cut towards zero."""
    above, below = _operands(left, right, "/")
    if below == 0:
        raise TemplateError("division by zero")
    if isinstance(above, int) and isinstance(below, int):
        return _towards_zero(above, below)
    return Decimal(above) / Decimal(below)


def modulo(left: object, right: object) -> Value:
    """The rest of a division, with the sign of the number divided."""
    above, below = _operands(left, right, "%")
    if below == 0:
        raise TemplateError("division by zero")
    if isinstance(above, int) and isinstance(below, int):
        return above - below * _towards_zero(above, below)
    return Decimal(above) % Decimal(below)


def same(left: object, right: object) -> bool:
    """Equal: numbers by their value; a text never equals a number, nor a truth value one."""
    one, other = known(left), known(right)
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    return one == other


def compare(left: object, operator: object, right: object) -> bool:
    """<, <=, > or >= of two numbers; false when one is not set."""
    one, other = known(left), known(right)
    if one is None or other is None:
        return False
    above, below = number(one, str(operator)), number(other, str(operator))
    return {"<": above < below, "<=": above <= below, ">": above > below, ">=": above >= below}[str(operator)]


def part(value: object, *keys: object) -> Value:
    """What lies at the end of a path of keys and numbers; not set when the path leads nowhere."""
    here = known(value)
    for key in map(known, keys):
        match here, key:
            case Mapping(), str() if key in here:
                here = here[key]
            case Sequence(), int() if not isinstance(here, str) and 0 <= key < len(here):
                here = here[key]
            case _:
                return None
    return here


def or_else(value: object, other: object) -> object:
    """The value, or `other` when it is blank."""
    return other if blank(value) else value


def least(value: object, *others: object) -> Value:
    """The smallest of numbers."""
    return min(number(known(item), "min") for item in (value, *others))


def greatest(value: object, *others: object) -> Value:
    """The largest of numbers."""
    return max(number(known(item), "max") for item in (value, *others))


def untranslated(source: object) -> str:
    """What an imported flow has where its export says something that cannot be said here: it fails."""
    raise TemplateError(f"not translated from the export: {text(source)[:120]}")


def json_path(value: object, path: object) -> Value:
    """What stands at a JSONPath of a JSON text or value; not set when it leads nowhere."""
    found = compile_path(text(path)).find(from_json(value))
    return None if found is None else found.value


def contains(value: object, part: object) -> bool:
    """A text has this part, a list this element, a mapping this key; nothing has anything when not set."""
    within, wanted = known(value), known(part)
    match within:
        case None:
            return False
        case str():
            return text(wanted) in within
        case Mapping():
            return wanted in within
        case Sequence():
            return any(same(item, wanted) for item in within)
        case _:
            raise TemplateError("contains is for texts, lists and mappings")


def cut(value: object, start: object = 0, end: object = None) -> Value:
    """The part from `start` up to, not including, `end`. Fails when the value is not that long."""
    within = known(value)
    if within is None:
        return None
    if not isinstance(within, str | Sequence):
        raise TemplateError("slice is for texts and lists")
    first = int(number(known(start), "slice"))
    stop = known(end)
    last = len(within) if stop is None else int(number(stop, "slice"))
    if first < 0 or last > len(within) or first > last or (stop is not None and first == last):
        raise TemplateError(f"there is no part {first} to {last} in {len(within)} characters")
    return cast("Value", within[first:last])


def blank(value: object) -> bool:
    """Not set, blanks alone, or a list or mapping without elements."""
    found = known(value)
    match found:
        case None:
            return True
        case str():
            return not found.strip()
        case Sequence() | Mapping():
            return not found
        case _:
            return False


def missing(value: object) -> bool:
    """Not set."""
    return known(value) is None


def capitalize(value: object) -> str:
    """The first letter as a capital, the rest as it is."""
    whole = text(value)
    return whole[:1].upper() + whole[1:]


def title(value: object) -> str:
    """Each word's first letter as a capital, the rest as it is."""
    return " ".join(word[:1].upper() + word[1:] for word in text(value).split(" "))


def abbreviate(value: object, length: object) -> str:
    """At most `length` characters, the last three of them dots."""
    whole, most = text(value), int(number(known(length), "abbreviate"))
    if len(whole) <= most:
        return whole
    return whole[: most - 3] + "..." if most > 3 else whole[:most]


def absolute(value: object) -> Value:
    """A number without its sign."""
    signed = number(known(value), "abs")
    return -signed if signed < 0 else signed


def truth(value: object) -> bool:
    """As a condition; what is not set is false."""
    return bool(known(value))


def number_format(value: object, pattern: object = "#,##0.###") -> Value:
    """A number by Java's pattern: `0` is a digit in any case, `#` one where there is one. Not set when the
    number is not."""
    given, form = known(value), text(pattern)
    return None if given is None else _formatted(Decimal(number(given, "numberformat")), form)


def _formatted(given: Decimal, form: str) -> str:
    whole, _, part = form.partition(".")
    if not set(form) <= set("#0,."):
        raise TemplateError(f"the number pattern {form[:40]!r} is not known")
    least, most = part.count("0"), min(len(part), 12)
    rounded = given.quantize(Decimal(1).scaleb(-most), rounding=ROUND_HALF_EVEN)
    digits, _, decimals = f"{abs(rounded):f}".partition(".")
    digits = digits.lstrip("0").rjust(whole.count("0"), "0")
    decimals = decimals.rstrip("0").ljust(least, "0")
    if "," in whole:
        digits = f"{int(digits or '0'):,}" if digits else digits
    sign = "-" if rounded < 0 else ""
    return f"{sign}{digits or ('' if decimals else '0')}{'.' if decimals else ''}{decimals}"


def last_digits(value: object, start: object, end: object) -> str:
    """Of a phone number's digits those from the `start`th to the `end`th from its end: 10 and 7 are the area
    code in North America. Fails when there are not ten: parts of a number would find anybody's."""
    digits = "".join(char for char in text(value) if "0" <= char <= "9")
    if len(digits) < 10:
        raise TemplateError("this is no phone number of ten digits")
    first, last = (int(number(known(index), "last_digits")) for index in (start, end))
    return digits[len(digits) - first : len(digits) - last]


def url_encode(value: object) -> str:
    """As forms are encoded: a blank becomes +."""
    return quote_plus(text(value), safe="*")


def json_escape(value: object) -> str:
    """As the inside of a JSON string."""
    return to_json(text(value))[1:-1]


def from_json(value: object) -> Value:
    """What a JSON text means; any other value as it is."""
    found = known(value)
    if not isinstance(found, str):
        return found
    try:
        return cast("Value", json.loads(found))
    except (ValueError, RecursionError) as exc:
        raise TemplateError(f"this is no JSON: {found[:40]!r}") from exc


def zoned(value: object) -> str:
    """A moment as Webex's now() writes it: 2026-01-31T09:00:00.123Z[UTC]."""
    return f"{dates.write(_moment(value, None).astimezone(UTC), dates.ZONED)}[UTC]"


def epoch(value: object, millis: object = False) -> int:
    """Seconds since 1970, or milliseconds."""
    seconds = _moment(value, None).timestamp()
    return int(seconds * 1000) if known(millis) is True else int(seconds)


def date_format(value: object, pattern: object = None, existing: object = None, zone: object = None) -> str:
    """A moment, or a text that is one by the pattern `existing`, in a pattern and a time zone."""
    if missing(value):
        return ""
    moment = _moment(value, None if missing(existing) else text(existing))
    place = UTC if missing(zone) else dates.zone(text(zone))
    return dates.write(moment.astimezone(place), dates.DEFAULT_PATTERN if missing(pattern) else text(pattern))


def _moment(value: object, existing: str | None) -> datetime:
    match known(value):
        case datetime() as moment:
            return moment
        case bool():
            raise TemplateError("a truth value is no date")
        case int() | Decimal() as millis:
            return dates.from_epoch(float(millis) / 1000)
        case str() as written:
            return dates.read(written, existing or dates.DEFAULT_PATTERN)
        case other:
            raise TemplateError(f"{type(other).__name__} is no date")


def _or_null(value: Value) -> str:
    return "null" if value is None else as_text(value)


def _operands(left: object, right: object, operator: str) -> tuple[Number, Number]:
    return number(known(left), operator), number(known(right), operator)


def _towards_zero(above: int, below: int) -> int:
    whole = abs(above) // abs(below)
    return whole if (above < 0) is (below < 0) else -whole


TOLERANT = frozenset(
    {
        "abbreviate", "base64_decode", "base64_encode", "blank", "capitalize", "compare", "contains", "cut",
        "date_format", "first_element", "from_json", "is_iterable", "is_map", "joined", "json_escape",
        "json_path", "last_element", "missing", "number_format", "or_else", "part", "plus", "reverse", "same",
        "size", "sort", "split", "split_by", "text", "title", "truth", "url_encode",
    }
)  # fmt: skip
"""Those for which an unset value is a value like others."""

PEBBLE_FILTERS: Mapping[str, Callable[..., object]] = {
    **ELEMENTS,
    "abbreviate": abbreviate,
    "abs": absolute,
    "blank": blank,
    "capitalize": capitalize,
    "compare": compare,
    "contains": contains,
    "cut": cut,
    "date_format": date_format,
    "divide": divide,
    "epoch": epoch,
    "from_json": from_json,
    "greatest": greatest,
    "json_escape": json_escape,
    "json_path": json_path,
    "last_digits": last_digits,
    "least": least,
    "missing": missing,
    "modulo": modulo,
    "number_format": number_format,
    "or_else": or_else,
    "part": part,
    "plus": plus,
    "same": same,
    "text": text,
    "title": title,
    "truth": truth,
    "untranslated": untranslated,
    "url_encode": url_encode,
    "zoned": zoned,
}
