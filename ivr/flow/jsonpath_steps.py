"""What a JSONPath is made of: steps from values to values, and comparisons. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeGuard

from ivr.flow.errors import JsonPathError
from ivr.flow.values import Value

MAX_NODES = 20_000
_NUMERAL = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,4})?")

Nodes = list[Value]
Step = Callable[[Value, Value], Iterator[Value]]
"""From the document and one node of it to the nodes that the step leads to."""
Test = Callable[[Value, Value], bool]


def walk(document: Value, start: Value, steps: Sequence[Step]) -> Nodes:
    """Follow the steps from `start`. Raises `JsonPathError` where they lead to too much."""
    nodes: Nodes = [start]
    for step in steps:
        following: Nodes = []
        for node in nodes:
            for found in step(document, node):
                following.append(found)
                if len(following) > MAX_NODES:
                    raise JsonPathError(f"more than {MAX_NODES} values")
        nodes = following
    return nodes


def names_of(names: Sequence[str]) -> Step:
    """Members by their names."""

    def step(_: Value, node: Value) -> Iterator[Value]:
        if isinstance(node, Mapping):
            yield from (node[name] for name in names if name in node)

    return step


def object_of(names: Sequence[str], *, whole: bool) -> Step:
    """One object with those of the names that a node has. `whole`: none unless it has all."""

    def step(_: Value, node: Value) -> Iterator[Value]:
        if isinstance(node, Mapping) and not (whole and any(name not in node for name in names)):
            yield {name: node[name] for name in names if name in node}

    return step


def indexes_of(indexes: Sequence[int]) -> Step:
    """Elements by their places; negative ones count from the end."""

    def step(_: Value, node: Value) -> Iterator[Value]:
        if _is_list(node):
            yield from (node[index] for index in indexes if -len(node) <= index < len(node))

    return step


def slice_of(bounds: slice) -> Step:
    """A run of elements."""

    def step(_: Value, node: Value) -> Iterator[Value]:
        if _is_list(node):
            yield from node[bounds]

    return step


def everything(_: Value, node: Value) -> Iterator[Value]:
    """All members or elements."""
    if isinstance(node, Mapping):
        yield from node.values()
    elif _is_list(node):
        yield from node


def deep(_: Value, node: Value) -> Iterator[Value]:
    """The node and all below it."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(reversed(list(everything(None, found))))


def filtered_by(test: Test) -> Step:
    """The elements that pass; an object is its own one element."""

    def step(document: Value, node: Value) -> Iterator[Value]:
        candidates = node if _is_list(node) else [node]
        yield from (found for found in candidates if test(document, found))

    return step


def length(_: Value, node: Value) -> Iterator[Value]:
    """How many characters, members or elements."""
    if isinstance(node, str | Mapping) or _is_list(node):
        yield len(node)


def keys(_: Value, node: Value) -> Iterator[Value]:
    """The names of an object's members."""
    if isinstance(node, Mapping):
        yield list(node)


def _end(index: int) -> Step:
    def step(_: Value, node: Value) -> Iterator[Value]:
        if _is_list(node) and node:
            yield node[index]

    return step


def _aggregate(of: Callable[[Sequence[float]], float]) -> Step:
    """Of the numbers in a list; as in Jayway never a whole number."""

    def step(_: Value, node: Value) -> Iterator[Value]:
        try:
            numbers = [float(item) for item in node if _is_number(item)] if _is_list(node) else []
        except OverflowError as exc:
            raise JsonPathError("a number is too large") from exc
        if numbers:
            yield of(numbers)

    return step


FUNCTIONS: Mapping[str, Step] = {
    "length": length,
    "size": length,
    "keys": keys,
    "first": _end(0),
    "last": _end(-1),
    "min": _aggregate(min),
    "max": _aggregate(max),
    "sum": _aggregate(sum),
    "avg": _aggregate(lambda numbers: sum(numbers) / len(numbers)),
}


def _is_list(node: Value) -> TypeGuard[Sequence[Value]]:
    return isinstance(node, Sequence) and not isinstance(node, str)


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(left: Value, right: Value) -> bool:
    """A number is never a boolean. A text that says a number equals it: by its value after a number, by its
    letters before one."""
    match left, right:
        case str(), _ if _is_number(right):
            return left == str(right)
        case _, str() if _is_number(left):
            return _NUMERAL.fullmatch(right) is not None and Decimal(str(left)) == Decimal(right)
        case _:
            return _same_kind(left, right) and left == right


def _same_kind(left: Value, right: Value) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool)
    return isinstance(left, str) == isinstance(right, str)


def _ordered(compare: Callable[[float, float], bool]) -> Callable[[Nodes, Nodes], bool]:
    def compared(left: Nodes, right: Nodes) -> bool:
        match left, right:
            case [str() as a], [str() as b]:
                return compare((a > b) - (a < b), 0)
            case [int() | float() as x], [int() | float() as y]:
                return compare(x, y)
            case _:
                return False

    return compared


def _equal(left: Nodes, right: Nodes) -> bool:
    return len(left) == len(right) == 1 and _same(left[0], right[0])


def _alike(left: Nodes, right: Nodes) -> bool:
    return len(left) == len(right) == 1 and _same_kind(left[0], right[0]) and _same(left[0], right[0])


def _within(left: Nodes, right: Nodes) -> bool:
    match left, right:
        case [sought], [values] if _is_list(values):
            return any(_same(sought, value) for value in values)
        case _:
            return False


def _contains(left: Nodes, right: Nodes) -> bool:
    match left, right:
        case [str() as text], [str() as part]:
            return part in text
        case _:
            return _within(right, left)


def _of_lists(test: Callable[[Sequence[Value], Sequence[Value]], bool]) -> Callable[[Nodes, Nodes], bool]:
    def compared(left: Nodes, right: Nodes) -> bool:
        match left, right:
            case [ours], [theirs] if _is_list(ours) and _is_list(theirs):
                return test(ours, theirs)
            case _:
                return False

    return compared


def _shared(ours: Sequence[Value], theirs: Sequence[Value]) -> bool:
    return any(_same(one, other) for one in ours for other in theirs)


def _size(left: Nodes, right: Nodes) -> bool:
    match left, right:
        case [str() as text], [int() as wanted]:
            return len(text) == wanted
        case [values], [int() as wanted] if _is_list(values):
            return len(values) == wanted
        case _:
            return False


def _empty(left: Nodes, right: Nodes) -> bool:
    match left, right:
        case [str() | Sequence() | Mapping() as sized], [bool() as wanted]:
            return (not sized) is wanted
        case _:
            return False


COMPARE: Mapping[str, Callable[[Nodes, Nodes], bool]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "===": _alike,
    "!==": lambda left, right: not _alike(left, right),
    "<": _ordered(lambda a, b: a < b),
    "<=": _ordered(lambda a, b: a <= b),
    ">": _ordered(lambda a, b: a > b),
    ">=": _ordered(lambda a, b: a >= b),
    "in": _within,
    "nin": lambda left, right: not _within(left, right),
    "contains": _contains,
    "anyof": _of_lists(_shared),
    "noneof": _of_lists(lambda ours, theirs: not _shared(ours, theirs)),
    "subsetof": _of_lists(lambda ours, theirs: all(any(_same(a, b) for b in theirs) for a in ours)),
    "size": _size,
    "empty": _empty,
}
