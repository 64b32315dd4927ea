"""Tokens to a tree, by precedence climbing.

The order of operators is Pebble's own: a test (`is`) binds weaker than a comparison, a filter stronger than
any arithmetic, so that `a - b | abs` is `a - (b | abs)` and `x % 2 is odd` is `(x % 2) is odd`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from ivr.flow.webex.errors import PebbleError
from ivr.flow.webex.pebble.lexer import Kind, Token
from ivr.flow.webex.pebble.tree import (
    Arguments,
    Attribute,
    Binary,
    Call,
    Expression,
    Filter,
    Index,
    ListOf,
    Literal,
    MapOf,
    Name,
    Ternary,
    Test,
    Unary,
)

PRECEDENCE = {
    "or": 10, "and": 15, "is": 20, "is not": 20, "contains": 20, "==": 30, "equals": 30, "!=": 30, ">": 30,
    "<": 30, ">=": 30, "<=": 30, "+": 40, "-": 40, "*": 60, "/": 60, "%": 60, "|": 100, "~": 110, "..": 120,
}  # fmt: skip
_UNARY = frozenset({"not", "+", "-"})
_UNARY_PRECEDENCE = 500
_MAX_DEPTH = 40
_CONSTANTS: dict[str, bool | None] = {
    "true": True, "TRUE": True, "false": False, "FALSE": False, "null": None, "NULL": None, "none": None,
    "NONE": None,
}  # fmt: skip


def parse(tokens: Sequence[Token]) -> Expression:
    """The expression that the tokens spell. Raises `PebbleError`."""
    reader = _Reader(tokens)
    expression = reader.expression()
    reader.finish()
    return expression


class _Reader:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def finish(self) -> None:
        if self._here.kind is not Kind.END:
            raise self._unexpected()

    def expression(self, least: int = 0) -> Expression:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise PebbleError("the expression is too deep", self._here.at)
        left = self._first()
        while self._here.kind is Kind.OPERATOR and PRECEDENCE.get(self._here.text, -1) >= least:
            left = self._binary(left, self._take())
        if least == 0 and self._skip("?"):
            left = self._ternary(left)
        self._depth -= 1
        return left

    def _first(self) -> Expression:
        token = self._here
        if token.kind is Kind.OPERATOR and token.text in _UNARY:
            self._take()
            return Unary(token.text, self.expression(_UNARY_PRECEDENCE))
        if self._skip("("):
            inner = self.expression()
            self._expect(")")
            return self._postfix(inner)
        if self._skip("["):
            return ListOf(self._list("]"))
        if self._skip("{"):
            return self._map()
        return self._postfix(self._atom())

    def _atom(self) -> Expression:
        token = self._take()
        match token.kind:
            case Kind.TEXT:
                return Literal(token.text)
            case Kind.NUMBER:
                digits = token.text.rstrip("lL")
                return Literal(Decimal(digits) if "." in digits else int(digits))
            case Kind.NAME if token.text in _CONSTANTS:
                return Literal(_CONSTANTS[token.text])
            case Kind.NAME if self._skip("("):
                return Call(token.text, self._arguments(), token.at)
            case Kind.NAME:
                return Name(token.text, token.at)
            case _:
                self._next -= 1
                raise self._unexpected()

    def _postfix(self, value: Expression) -> Expression:
        while True:
            if self._skip("."):
                token = self._take()
                if token.kind not in (Kind.NAME, Kind.OPERATOR, Kind.NUMBER) or not token.text[0].isalnum():
                    raise PebbleError("a name is expected after the dot", token.at)
                if self._skip("("):
                    value = Call(token.text, self._arguments(), token.at, of=value)
                else:
                    value = Attribute(value, token.text)
            elif self._skip("["):
                key = self.expression()
                self._expect("]")
                constant = isinstance(key, Literal) and isinstance(key.value, str)
                value = Attribute(value, str(key.value)) if constant else Index(value, key)  # type: ignore[union-attr]
            else:
                return value

    def _binary(self, left: Expression, operator: Token) -> Expression:
        match operator.text:
            case "|":
                name = self._name()
                return Filter(left, name.text, self._optional_arguments(), name.at)
            case "is" | "is not" as word:
                name = self._name()
                return Test(left, name.text, self._optional_arguments(), word == "is not", name.at)
            case text:
                return Binary(text, left, self.expression(PRECEDENCE[text] + 1))

    def _ternary(self, condition: Expression) -> Expression:
        then = self.expression()
        self._expect(":")
        return Ternary(condition, then, self.expression())

    def _optional_arguments(self) -> Arguments:
        return self._arguments() if self._skip("(") else Arguments()

    def _arguments(self) -> Arguments:
        positional: list[Expression] = []
        named: list[tuple[str, Expression]] = []
        while not self._skip(")"):
            if self._here.kind is Kind.NAME and self._tokens[self._next + 1].text == "=":
                name = self._take().text
                self._take()
                named.append((name, self.expression()))
            else:
                positional.append(self.expression())
            if not self._skip(","):
                self._expect(")")
                break
        return Arguments(tuple(positional), tuple(named))

    def _list(self, closing: str) -> tuple[Expression, ...]:
        items: list[Expression] = []
        while not self._skip(closing):
            items.append(self.expression())
            if not self._skip(","):
                self._expect(closing)
                break
        return tuple(items)

    def _map(self) -> Expression:
        items: list[tuple[Expression, Expression]] = []
        while not self._skip("}"):
            key = self.expression()
            self._expect(":")
            items.append((key, self.expression()))
            if not self._skip(","):
                self._expect("}")
                break
        return MapOf(tuple(items))

    @property
    def _here(self) -> Token:
        return self._tokens[min(self._next, len(self._tokens) - 1)]

    def _take(self) -> Token:
        token = self._here
        self._next += 1
        return token

    def _skip(self, mark: str) -> bool:
        if self._here.kind is not Kind.MARK or self._here.text != mark:
            return False
        self._next += 1
        return True

    def _expect(self, mark: str) -> None:
        if not self._skip(mark):
            raise self._unexpected(f"{mark} is expected")

    def _name(self) -> Token:
        token = self._take()
        if token.kind is not Kind.NAME:
            self._next -= 1
            raise self._unexpected("a name is expected")
        return token

    def _unexpected(self, wanted: str = "a value is expected") -> PebbleError:
        token = self._here
        found = "the end" if token.kind is Kind.END else repr(token.text)
        return PebbleError(f"{wanted}, found {found}", token.at)
