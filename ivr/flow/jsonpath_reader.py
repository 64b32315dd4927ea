"""JSONPath text to steps: a reader by recursive descent. `jsonpath.py` has the grammar. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from ivr.flow.errors import JsonPathError
from ivr.flow.jsonpath_steps import (
    COMPARE,
    FUNCTIONS,
    Nodes,
    Step,
    Test,
    deep,
    everything,
    filtered_by,
    indexes_of,
    length,
    names_of,
    object_of,
    slice_of,
    walk,
)
from ivr.flow.values import Value

_MAX_DEPTH = 20
_Read: TypeAlias = tuple[Step, bool, Sequence[str]]
"""A step, whether it leads to one place at most, and the names when it is by names."""

_NAME = re.compile(r"[^\s.\[(]+")
# In a filter an operator may follow, or the filter's end.
_NAME_IN_FILTER = re.compile(r"[^\s.\[()=<>~!&|,\]]+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_INDEX = re.compile(r"-?\d+")
_OPERATOR = re.compile(
    r"[=!]==?|[<>]=?|=~|(?:in|nin|anyof|noneof|subsetof|contains|size|empty)\b", re.IGNORECASE
)
_WORDS: Mapping[str, Value] = {"true": True, "false": False, "null": None}


class Reader:
    """Reads a path from left to right: `take` what is expected, then `path`."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text
        self._source = source
        self._at = 0
        self._depth = 0

    @property
    def at_end(self) -> bool:
        """Whether all was read."""
        return self._at >= len(self._text)

    def error(self, what: str) -> JsonPathError:
        """What is wrong here."""
        return JsonPathError(f"{self._text[self._at :][:20]!r} {what} in the JSONPath {self._source!r}")

    def take(self, text: str) -> bool:
        """Pass over `text` if it comes next."""
        found = self._text.startswith(text, self._at)
        self._at += len(text) * found
        return found

    def _need(self, text: str) -> None:
        if not self.take(text):
            raise self.error(f"is where {text!r} is expected")

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found[0]

    def _blank(self) -> None:
        while not self.at_end and self._text[self._at].isspace():
            self._at += 1

    def path(self) -> tuple[tuple[Step, ...], bool]:
        """The steps that follow, and whether they lead to one place at most."""
        steps: list[Step] = []
        definite = until_last = True
        together: Step | None = None
        while True:
            if self.take(".."):
                steps.append(deep)
                definite = False
                step, one, names = self._bracket() if self.take("[") else self._dotted(definite=False)
            elif self.take("."):
                step, one, names = self._bracket() if self.take("[") else self._dotted(definite=definite)
            elif self.take("["):
                step, one, names = self._bracket()
            elif together is None:
                return tuple(steps), definite
            else:
                return (*steps[:-1], together), until_last
            # Several names at the end are one object.
            whole = bool(steps) and steps[-1] is deep
            together = object_of(names, whole=whole) if len(names) > 1 else None
            until_last, definite = definite, definite and one
            steps.append(step)

    def _dotted(self, *, definite: bool) -> _Read:
        if self.take("*"):
            return everything, False, ()
        name = self._match(_NAME_IN_FILTER if self._depth else _NAME)
        if name is None:
            raise self.error("is no name")
        if not self.take("()"):
            return names_of([name]), True, (name,)
        function = FUNCTIONS.get(name)
        if function is None:
            raise self.error(f"follows {name}(), which is not known here")
        if not (definite or function is length):
            raise self.error(f"follows {name}() after a path to several places, which is not known here")
        return function, True, ()

    def _bracket(self) -> _Read:
        self._blank()
        names: Sequence[str] = ()
        step: Step
        if self.take("*"):
            step, one = everything, False
        elif self.take("?"):
            step, one = self._filtered(), False
        elif self._text[self._at : self._at + 1] in ("'", '"'):
            names = self._listed(self._quoted)
            step, one = names_of(names), len(names) == 1
        else:
            step, one = self._numbered()
        self._blank()
        self._need("]")
        return step, one, names

    def _numbered(self) -> tuple[Step, bool]:
        first = self._match(_INDEX)
        if self.take(":"):
            last = self._match(_INDEX)
            return slice_of(slice(_whole(first), _whole(last))), False
        if first is None:
            raise self.error("is neither an index nor a quoted name")
        indexes = [int(first)]
        while self._comma():
            following = self._match(_INDEX)
            if following is None:
                raise self.error("is no index")
            indexes.append(int(following))
        return indexes_of(indexes), len(indexes) == 1

    def _next(self, text: str) -> bool:
        self._blank()
        return self.take(text)

    def _comma(self) -> bool:
        self._blank()
        found = self.take(",")
        self._blank()
        return found

    def _listed(self, read: Callable[[], str]) -> list[str]:
        found = [read()]
        while self._comma():
            found.append(read())
        return found

    def _quoted(self) -> str:
        mark = self._text[self._at : self._at + 1]
        if mark not in ("'", '"'):
            raise self.error("is no quoted name")
        self._at += 1
        said = ""
        while not self.take(mark):
            if self.at_end:
                raise self.error(f"misses a closing {mark}")
            self.take("\\")
            said += self._text[self._at : self._at + 1]
            self._at += 1
        return said

    # filters

    def _filtered(self) -> Step:
        self._blank()
        self._need("(")
        test = self._either()
        self._blank()
        self._need(")")
        return filtered_by(test)

    def _either(self) -> Test:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self.error("is nested too deeply")
        tests = [self._both()]
        while self._next("||"):
            tests.append(self._both())
        self._depth -= 1
        return lambda document, node: any(test(document, node) for test in tests)

    def _both(self) -> Test:
        tests = [self._term()]
        while self._next("&&"):
            tests.append(self._term())
        return lambda document, node: all(test(document, node) for test in tests)

    def _term(self) -> Test:
        self._blank()
        if self.take("!"):
            test = self._term()
            return lambda document, node: not test(document, node)
        if self.take("("):
            test = self._either()
            self._blank()
            self._need(")")
            return test
        left = self._operand()
        self._blank()
        operator = self._match(_OPERATOR)
        if operator is None:
            return lambda document, node: bool(left(document, node))
        if operator == "=~":
            raise self.error("follows a regular expression's operator, which is not supported,")
        self._blank()
        compare, right = COMPARE[operator.lower()], self._operand()
        return lambda document, node: compare(left(document, node), right(document, node))

    def _operand(self) -> Callable[[Value, Value], Nodes]:
        """What stands on one side of a comparison: no value when a path leads nowhere."""
        if self.take("@"):
            steps, _ = self.path()
            return lambda document, node: walk(document, node, steps)
        if self.take("$"):
            steps, _ = self.path()
            return lambda document, _: walk(document, document, steps)
        literal: Nodes = [self._literal()]
        return lambda _document, _node: literal

    def _literal(self) -> Value:
        if self._text[self._at : self._at + 1] in ("'", '"'):
            return self._quoted()
        if self.take("["):
            listed: Nodes = []
            while not self.take("]"):
                self._blank()
                listed.append(self._literal())
                self._comma()
            return listed
        if (number := self._match(_NUMBER)) is not None:
            value: Value = json.loads(number)
            return value
        for word, meaning in _WORDS.items():
            if self.take(word):
                return meaning
        raise self.error("is neither a path nor a value")


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)
