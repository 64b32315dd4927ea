"""What the model of a file says about a mistake, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from pydantic_core import ErrorDetails

At = tuple[str | int, ...]

# The model's kinds of error, each with words for people; {names} are the model's own details.
_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "missing": "is missing",
        "extra_forbidden": "there is no such property",
        "string_type": "a text is expected",
        "string_too_short": "has fewer than {min_length} characters",
        "string_too_long": "has more than {max_length} characters",
        "int_type": "a whole number is expected",
        "int_parsing": "a whole number is expected",
        "int_from_float": "a whole number is expected",
        "float_type": "a number is expected",
        "float_parsing": "a number is expected",
        "finite_number": "a number is expected",
        "bool_type": "true or false is expected",
        "bool_parsing": "true or false is expected",
        "list_type": "a list is expected",
        "tuple_type": "a list is expected",
        "dict_type": "names with values are expected",
        "mapping_type": "names with values are expected",
        "model_type": "names with values are expected",
        "model_attributes_type": "names with values are expected",
        "greater_than": "must be more than {gt}",
        "greater_than_equal": "must be {ge} or more",
        "less_than": "must be less than {lt}",
        "less_than_equal": "must be {le} or less",
        "too_short": "has fewer elements than {min_length}",
        "too_long": "has more elements than {max_length}",
        "enum": "must be {expected}",
        "literal_error": "must be {expected}",
    }
)
_FORMS: Mapping[str, str] = MappingProxyType(
    {
        r"^[0-9*#]$": "a key is one of 0 to 9, * and #",
        r"^[*#]{0,2}$": "only * and # can end an entry",
        r"^[A-Za-z][A-Za-z0-9_]{0,63}$": "a name is a letter, then letters, digits and _, at most 64",
        r"^[a-z][a-z0-9_]*$": "a key is a small letter, then small letters, digits and _",
        r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$": "a language is written as en-US",
        r"^[A-Za-z0-9-]{1,64}$": "the name of a header has letters, digits and -, at most 64",
    }
)


def place(loc: Iterable[str | int]) -> At:
    """Where a mistake is, without what the model puts in for itself."""
    return tuple(part for part in loc if not _inner(str(part)))


def wording(error: ErrorDetails) -> str:
    """What is wrong, without where."""
    kind, details = error["type"], error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return _FORMS.get(details["pattern"], f"does not have the form {details['pattern']}")
    if kind in _TEXTS:
        return _TEXTS[kind].format_map(details)
    return error["msg"].removeprefix("Value error, ")


def mistakes(errors: Iterable[ErrorDetails]) -> list[tuple[At, str]]:
    """All of them, each with its place. What merely follows from another one is left out: a list whose
    elements are wrong is not too short as well."""
    told = [(place(error["loc"]), error) for error in errors]
    return [
        (at, wording(error))
        for at, error in told
        if not (error["type"] == "too_short" and any(_within(other, at) for other, _ in told))
    ]


def placed(at: At, text: str) -> str:
    """Place and text in one."""
    return f"{'.'.join(map(str, at))}: {text}" if at else text


def _within(inner: At, outer: At) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _inner(part: str) -> bool:
    return part == "[key]" or " " in part or part.startswith("function-")
