"""pydantic's errors in our words: the key as the file has it, what was found, what was expected."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from ivr.config.errors import KeyPath
from ivr.config.model import Config
from ivr.config.source import Data, Source

_EXPECTED = {
    "string_type": "text (numbers in quotes)",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "path_type": "a path",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "missing": "a value",
}


def report_errors(source: Source, error: ValidationError) -> None:
    """Add pydantic's errors to the problems; keys that have a problem already are left alone."""
    known = {problem.key for problem in source.problems}
    for details in error.errors(include_url=False, include_context=True):
        key = tuple(part for part in details["loc"] if part != "[key]")
        if ".".join(map(str, key)) not in known and not _is_echo(source, key, details):
            found = _found(source, key, details)
            source.report(key, found=found, expected=_expected(key, details))


def _is_echo(source: Source, key: KeyPath, details: ErrorDetails) -> bool:
    """Whether a list is only called too short because what is in it is wrong."""
    value = _at(source.data, key)
    return details["type"] == "too_short" and isinstance(value, list) and bool(value)


def _found(source: Source, key: KeyPath, details: ErrorDetails) -> str:
    match details["type"]:
        case "missing":
            return "nothing"
        case "extra_forbidden":
            return "an unknown key"
    if details["loc"][-1:] == ("[key]",):
        return f"the name {key[-1]!r}"
    if key in source.masked or _is_secret(key):
        return "something else (not shown)"
    return describe(_at(source.data, key))


def describe(value: Data) -> str:
    """A value as an error names it."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return repr(value if len(value) <= 60 else value[:57] + "...")
        case list():
            return "a list" if value else "an empty list"
        case dict():
            return "keys with values"
        case _:
            return str(value)


def _expected(key: KeyPath, details: ErrorDetails) -> str:
    context = details.get("ctx", {})
    match details["type"]:
        case "extra_forbidden":
            return _near(str(key[-1]), sorted(_keys_of(_kind_at(key[:-1]))))
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return str(context["expected"])
        case "greater_than_equal":
            return f"at least {context['ge']}"
        case "greater_than":
            return f"more than {context['gt']}"
        case "less_than_equal":
            return f"at most {context['le']}"
        case "too_short":
            return f"at least {context['min_length']} of them"
        case "string_pattern_mismatch":
            return f"text like {context['pattern']}"
        case kind:
            return _EXPECTED.get(kind, details["msg"])


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{near[0]} (nearest)" if near else f"one of {', '.join(known)}"


def _at(data: Data, key: KeyPath) -> Data:
    for part in key:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _is_secret(key: KeyPath) -> bool:
    return _kind_at(key) is SecretStr


def _kind_at(key: KeyPath) -> Any:
    """The declared type of a key, without Annotated and None."""
    kind: Any = Config
    for part in key:
        kind = _step(kind, part)
    return kind


def _step(kind: Any, part: str | int) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {dict, Mapping}:
        return _bare(arguments[1])
    if origin is tuple:
        return _bare(arguments[0])
    return next((inner for name, inner in _fields(kind) if name == part), None)


def _bare(kind: Any) -> Any:
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            kind = get_args(kind)[0]
        elif origin in {Union, types.UnionType}:
            kind = next(option for option in get_args(kind) if option is not type(None))
        else:
            return kind


def _fields(kind: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, info in kind.model_fields.items():
            yield info.alias or name, _bare(info.annotation)


def _keys_of(kind: Any) -> set[str]:
    return {name for name, _ in _fields(kind)}
