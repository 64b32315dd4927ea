"""What a JSONPath is made of: steps from values to values, and comparisons. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeGuard

from ivr.flow.errors import JsonPathError
from ivr.flow.values import Value

MAX_NODES = 20_000

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


def _is_list(node: Value) -> TypeGuard[Sequence[Value]]:
    return isinstance(node, Sequence) and not isinstance(node, str)


def _same(left: Value, right: Value) -> bool:
    # A number is never a boolean here, and never its text.
    return isinstance(left, bool) == isinstance(right, bool) and left == right


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


def _within(left: Nodes, right: Nodes) -> bool:
    match left, right:
        case [sought], [str() as text]:
            return isinstance(sought, str) and sought in text
        case [sought], [Sequence() as values]:
            return any(_same(sought, value) for value in values)
        case _:
            return False


COMPARE: Mapping[str, Callable[[Nodes, Nodes], bool]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _ordered(lambda a, b: a < b),
    "<=": _ordered(lambda a, b: a <= b),
    ">": _ordered(lambda a, b: a > b),
    ">=": _ordered(lambda a, b: a >= b),
    "in": _within,
    "nin": lambda left, right: not _within(left, right),
    "contains": lambda left, right: _within(right, left),
}
