"""Pebble's filters of texts, lists and mappings as wholes. What is not set goes through as such."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from ivr.flow.errors import TemplateError
from ivr.flow.values import Value, as_text
from ivr.flow.webex.java_split import Delimiter, delimiter, literally, parts_of
from ivr.flow.webex.known import known, number, text

MAX_RESULT = 32_768


def size(value: object, unset: object = 0) -> Value:
    """How many characters or elements; 0 for what has none, `unset` for what is not set."""
    match known(value):
        case None:
            return known(unset)
        case str() | Sequence() | Mapping() as sized:
            return len(sized)
        case _:
            return 0


def first_element(value: object) -> Value:
    """The first character or element; not set when there is none. Fails for an empty text."""
    return _element(value, 0)


def last_element(value: object) -> Value:
    """The last character or element; not set when there is none. Fails for an empty text."""
    return _element(value, -1)


def joined(value: object, separator: object = "") -> Value:
    """The elements of a list as one text; not set when the list is not."""
    elements = _list(value, "join")
    if elements is None:
        return None
    texts, put = ["null" if item is None else as_text(item) for item in elements], text(separator)
    if sum(map(len, texts)) + len(put) * len(texts) > MAX_RESULT:
        raise TemplateError("the result of join is too long")
    return put.join(texts)


def sort(value: object) -> Value:
    """A list in order: numbers, texts or truth values, all of one kind."""
    elements = _list(value, "sort")
    if elements is None:
        return None
    # A truth value is a number in Python, and nowhere else.
    if len({isinstance(item, bool) for item in elements}) > 1:
        raise TemplateError("sort is for elements of one kind")
    try:
        return cast("Value", sorted(cast("Sequence[str]", elements)))
    except TypeError as exc:
        raise TemplateError("sort is for elements of one kind") from exc


def reverse(value: object) -> Value:
    """A list from its end to its beginning."""
    elements = _list(value, "reverse")
    return None if elements is None else list(reversed(elements))


def is_map(value: object) -> bool:
    """Has keys."""
    return isinstance(known(value), Mapping)


def is_iterable(value: object) -> bool:
    """Is a list. A text and a mapping are none."""
    found = known(value)
    return isinstance(found, Sequence) and not isinstance(found, str)


def base64_encode(value: object) -> Value:
    """A text in base64."""
    plain = _only_text(value, "base64encode")
    if plain is None:
        return None
    if len(plain) > MAX_RESULT // 6:
        raise TemplateError("the result of base64encode is too long")
    return base64.b64encode(plain.encode("utf-8", "replace")).decode("ascii")


def base64_decode(value: object) -> Value:
    """The text that base64 stands for."""
    coded = _only_text(value, "base64decode")
    if coded is None:
        return None
    # As in Java: the padding may be missing.
    padded = coded if "=" in coded else coded + "=" * (-len(coded) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode("utf-8")
    except ValueError as exc:
        raise TemplateError(f"this is no base64 of a text: {coded[:40]!r}") from exc


def split(value: object, separator: object, limit: object = None) -> Value:
    """The parts of a text between the separators, which is a text and no pattern."""
    between = text(separator)
    return _parts(value, literally(between) if between else None, limit)


def split_by(value: object, pattern: object, limit: object = None) -> Value:
    """The parts of a text between what fits a pattern of Java. Fails for patterns that are not known."""
    source = text(pattern)
    return _parts(value, delimiter(source) if source else None, limit)


def _parts(value: object, between: Delimiter | None, limit: object) -> Value:
    if known(value) is None:
        return None
    most = known(limit)
    count = 0 if most is None else int(number(most, "split"))
    whole = text(value)
    if between is None:
        if count:
            raise TemplateError("split into characters has no limit here")
        return list(whole) or [""]
    return cast("Value", parts_of(whole, between, count))


def _element(value: object, index: int) -> Value:
    match known(value):
        case None:
            return None
        case str() as whole:
            if not whole:
                raise TemplateError("an empty text has no character")
            return whole[index]
        case Sequence() as elements:
            return elements[index] if elements else None
        case _:
            raise TemplateError("first and last are for texts and lists")


def _list(value: object, name: str) -> Sequence[Value] | None:
    match known(value):
        case None:
            return None
        case Sequence() as elements if not isinstance(elements, str):
            return elements
        case _:
            raise TemplateError(f"{name} is for lists")


def _only_text(value: object, name: str) -> str | None:
    match known(value):
        case None:
            return None
        case str() as plain:
            return plain
        case _:
            raise TemplateError(f"{name} is for texts")


ELEMENTS: Mapping[str, Callable[..., object]] = {
    "base64_decode": base64_decode,
    "base64_encode": base64_encode,
    "first_element": first_element,
    "is_iterable": is_iterable,
    "is_map": is_map,
    "joined": joined,
    "last_element": last_element,
    "reverse": reverse,
    "size": size,
    "sort": sort,
    "split": split,
    "split_by": split_by,
}
