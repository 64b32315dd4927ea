"""Pebble's filters, tests, functions and the methods of its texts, in our words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ivr.flow.errors import TemplateError
from ivr.flow.webex.errors import PebbleError
from ivr.flow.webex.java_split import delimiter
from ivr.flow.webex.pebble.names import NUMBERS, Type
from ivr.flow.webex.pebble.remarks import Remark
from ivr.flow.webex.pebble.spelling import Emitted, chain, literal, loose
from ivr.flow.webex.pebble.tree import Arguments, Call, Expression, Filter, Literal, MapOf, Test


class Emitting(Protocol):
    """What these need of the emitter."""

    def emit(self, node: Expression) -> Emitted:
        """An expression."""
        ...

    def value(self, node: Expression) -> Emitted:
        """An expression, now() as a text."""
        ...

    def remark(self, remark: Remark, text: str) -> None:
        """Something worth telling."""
        ...


def filtered(emitter: Emitting, node: Filter) -> Emitted:
    """`value | name(arguments)`. Raises `PebbleError` for a filter that we do not have."""
    if node.name in ("date", "epoch"):
        return _date(emitter, node)
    value = emitter.value(node.of)
    if node.name in _PLAIN:
        name, type_ = _PLAIN[node.name]
        return chain(_text(value) if name in _TEXTUAL else value, name, type_=type_)
    if node.name == "length":
        return length(value)
    if node.name in ("first", "last"):
        name = node.name if value.type is Type.TEXT else f"{node.name}_element"
        return chain(value, name, type_=Type.ANY)
    if node.name in _FILTERS:
        return _FILTERS[node.name](emitter, value, node.arguments)
    raise PebbleError(f"there is no filter {node.name!r} here", node.at)


def tested(emitter: Emitting, node: Test) -> Emitted:
    """`value is name`."""
    value = emitter.value(node.of)
    match node.name:
        case "odd" | "even":
            answer = loose(f"{value.base()} is {node.name}", Type.TRUTH)
        case "null":
            answer = chain(value, "missing", type_=Type.TRUTH)
        case "defined":
            answer = loose(f"not ({value.base()} | missing)", Type.TRUTH)
        case "map" | "iterable":
            answer = chain(value, f"is_{node.name}", type_=Type.TRUTH)
        case "empty":
            answer = chain(value, "blank", type_=Type.TRUTH)
        case "equalTo" | "equalsTo":
            answer = chain(value, "same", _needed(emitter, node.arguments, 0, "value"), type_=Type.TRUTH)
        case _:
            raise PebbleError(f"there is no test {node.name!r} here", node.at)
    return loose(f"not {answer.base()}", Type.TRUTH) if node.negated else answer


def called(emitter: Emitting, node: Call) -> Emitted:
    """A function, or a method of a value."""
    if node.of is not None:
        return _method(emitter, node, emitter.value(node.of))
    now = Emitted(source="Clock.now", type=Type.NOW)
    match node.name:
        case "now":
            return now
        case "epoch":
            if node.arguments.get(1, "format") is not None:
                raise PebbleError("epoch with a format is not known here", node.at)
            millis = node.arguments.get(0, "inMillis")
            return chain(now, "epoch", *([emitter.value(millis)] if millis else []), type_=Type.WHOLE)
        case "min" | "max" if node.arguments.positional:
            first, *others = map(emitter.value, node.arguments.positional)
            name = "least" if node.name == "min" else "greatest"
            return chain(first, name, *others, type_=Type.ANY)
        case _:
            raise PebbleError(f"there is no function {node.name!r} here", node.at)


def length(value: Emitted, unset: str = "") -> Emitted:
    """How many characters or elements; of what is not set 0, or `unset`."""
    if value.type is Type.TEXT:
        return chain(value, "length", type_=Type.WHOLE)
    given, type_ = ([unset], Type.ANY) if unset else ([], Type.WHOLE)
    return chain(value, "size", *given, type_=type_)


def _method(emitter: Emitting, node: Call, value: Emitted) -> Emitted:
    arguments = tuple(map(emitter.value, node.arguments.positional))
    match node.name, arguments:
        case (("length" | "size"), ()):
            return length(value, "none")
        case ("toUpperCase" | "toLowerCase" | "trim") as name, ():
            return chain(_text(value), {"toUpperCase": "upper", "toLowerCase": "lower"}.get(name, name))
        case "isEmpty", ():
            return chain(value, "blank", type_=Type.TRUTH)
        case "contains", (part,):
            return chain(value, "contains", part, type_=Type.TRUTH)
        case "equals", (other,):
            return chain(value, "same", other, type_=Type.TRUTH)
        case "substring", (_,) | (_, _):
            emitter.remark(Remark.SLICE, f"{node.name} fails when the text is shorter")
            return chain(value, "cut", *arguments)
        case "replace", (old, new):
            return chain(_text(value), "replace", old, new)
        case "concat", (other,):
            return loose(f"{_text(value).base()} ~ {_text(other).base()}", Type.TEXT)
        case "split", (separator,):
            return _divided(value, separator)
        case "toString", ():
            return chain(value, "text")
        case _:
            raise PebbleError(f"the method {node.name!r} is not known here", node.at)


def _replace(emitter: Emitting, value: Emitted, arguments: Arguments) -> Emitted:
    pairs = arguments.get(0, "replace_pairs")
    if not isinstance(pairs, MapOf) or len(arguments.positional) + len(arguments.named) != 1:
        raise PebbleError('replace takes one map, as replace({"a": "b"})')
    done = _text(value)
    for old, new in pairs.items:
        done = chain(done, "replace", emitter.value(old), emitter.value(new))
    return done


def _slice(emitter: Emitting, value: Emitted, arguments: Arguments) -> Emitted:
    start = arguments.get(0, "fromIndex") or Literal(0)
    end = arguments.get(1, "toIndex")
    emitter.remark(Remark.SLICE, "slice fails when the text is shorter than it asks for")
    bounds = [emitter.value(start), *([emitter.value(end)] if end else [])]
    return chain(value, "cut", *bounds, type_=value.type if value.type is Type.TEXT else Type.ANY)


def _date(emitter: Emitting, node: Filter) -> Emitted:
    value = emitter.emit(node.of)
    if node.name == "epoch":
        return chain(value, "epoch", type_=Type.WHOLE)
    given = [
        node.arguments.get(index, name) for index, name in enumerate(("format", "existingFormat", "timeZone"))
    ]
    while given and given[-1] is None:
        given.pop()
    return chain(value, "date_format", *("none" if arg is None else emitter.value(arg) for arg in given))


def _default(emitter: Emitting, value: Emitted, arguments: Arguments) -> Emitted:
    other = _needed(emitter, arguments, 0, "default")
    return chain(value, "or_else", other, type_=value.type if value.type is other.type else Type.ANY)


def _join(emitter: Emitting, value: Emitted, arguments: Arguments) -> Emitted:
    separator = arguments.get(0, "separator")
    return chain(value, "joined", *([emitter.value(separator)] if separator else []), type_=Type.ANY)


def _split(emitter: Emitting, value: Emitted, arguments: Arguments) -> Emitted:
    limit = arguments.get(1, "limit")
    more = [emitter.value(limit)] if limit else []
    return _divided(value, _needed(emitter, arguments, 0, "delimiter"), *more)


def _divided(value: Emitted, separator: Emitted, *limit: Emitted) -> Emitted:
    """By a regular expression of Java; as a text where it is one that stands for itself."""
    if not separator.constant:
        name = "split" if separator.constant == "" else "split_by"
        return chain(value, name, separator, *limit, type_=Type.ANY)
    try:
        between = delimiter(separator.constant)
    except TemplateError as exc:
        raise PebbleError(str(exc)) from exc
    if between.literal is None:
        return chain(value, "split_by", separator, *limit, type_=Type.ANY)
    return chain(value, "split", literal(between.literal), *limit, type_=Type.ANY)


def _abbreviate(emitter: Emitting, value: Emitted, arguments: Arguments) -> Emitted:
    return chain(value, "abbreviate", _needed(emitter, arguments, 0, "length"))


def _number_format(emitter: Emitting, value: Emitted, arguments: Arguments) -> Emitted:
    pattern = arguments.get(0, "format")
    given = [emitter.value(pattern)] if pattern else []
    return chain(value, "number_format", *given, type_=Type.TEXT if value.type in NUMBERS else Type.ANY)


def _escape(emitter: Emitting, value: Emitted, arguments: Arguments) -> Emitted:
    strategy = arguments.get(0, "strategy")
    match strategy:
        case Literal(value="json" | "js"):
            return chain(value, "json_escape")
        case Literal(value="url_param"):
            return chain(value, "url_encode")
        case None:
            emitter.remark(Remark.DIFFERENT, "escape for HTML is left out: nothing here is HTML")
            return value
        case _:
            raise PebbleError("this way of escaping is not known here")


def _raw(emitter: Emitting, value: Emitted, arguments: Arguments) -> Emitted:
    return value


def _last_digits(emitter: Emitting, value: Emitted, arguments: Arguments) -> Emitted:
    bounds = [_needed(emitter, arguments, index, name) for index, name in enumerate(("start", "end"))]
    return chain(value, "last_digits", *bounds)


def _json_path(emitter: Emitting, value: Emitted, arguments: Arguments) -> Emitted:
    return chain(value, "json_path", _needed(emitter, arguments, 0, "path"), type_=Type.ANY)


def _needed(emitter: Emitting, arguments: Arguments, index: int, name: str) -> Emitted:
    found = arguments.get(index, name)
    if found is None:
        raise PebbleError(f"{name} is missing")
    return emitter.value(found)


def _text(value: Emitted) -> Emitted:
    """As a text; nothing becomes an empty one."""
    if value.type is Type.NOTHING:
        return literal("")
    return value if value.type in (Type.TEXT, Type.WHOLE, Type.TRUTH) else chain(value, "text")


_PLAIN: Mapping[str, tuple[str, Type]] = {
    "upper": ("upper", Type.TEXT),
    "lower": ("lower", Type.TEXT),
    "trim": ("trim", Type.TEXT),
    "capitalize": ("capitalize", Type.TEXT),
    "title": ("title", Type.TEXT),
    "urlencode": ("url_encode", Type.TEXT),
    "abs": ("abs", Type.ANY),
    "base64decode": ("base64_decode", Type.ANY),
    "base64encode": ("base64_encode", Type.ANY),
    "reverse": ("reverse", Type.ANY),
    "sort": ("sort", Type.ANY),
}
_TEXTUAL = frozenset({"upper", "lower", "trim", "capitalize", "title"})
_FILTERS: Mapping[str, Callable[[Emitting, Emitted, Arguments], Emitted]] = {
    "replace": _replace,
    "slice": _slice,
    "default": _default,
    "join": _join,
    "split": _split,
    "abbreviate": _abbreviate,
    "numberformat": _number_format,
    "escape": _escape,
    "raw": _raw,
    "jsonPath": _json_path,
    # Not Pebble's: the repair of searches for phone numbers writes it.
    "last_digits": _last_digits,
    "jsonpath": _json_path,
}
