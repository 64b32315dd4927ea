"""A parser for the part of SOQL that is simulated.

query   = SELECT (COUNT() | item {"," item}) FROM name [[AS] alias] [WHERE any] [ORDER BY key {"," key}]
          [LIMIT n] [OFFSET n]
item    = path | "(" query ")"                  one level of child queries
any     = one {AND one} | one {OR one}          mixing AND and OR needs parentheses, as in Salesforce
one     = NOT one | "(" any ")" | path (op value | [NOT] IN "(" (value {"," value} | query) ")" | LIKE string)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ivr.salesforce.simulator.errors import ApiError, malformed_query
from ivr.salesforce.simulator.soql_tokens import Token, like_pattern, tokens, unescape
from ivr.salesforce.simulator.soql_tree import (
    Compare,
    Condition,
    Constant,
    Is,
    Logic,
    Membership,
    Negation,
    Op,
    Order,
    Path,
    Query,
)

__all__ = ["Compare", "Is", "Parser", "like_pattern", "parse_query", "tokens", "unescape"]

_T = TypeVar("_T")
_DEPTH = 40
_DAYS = frozenset({"TODAY", "YESTERDAY", "TOMORROW"})
_CLAUSES = frozenset({"WHERE", "ORDER", "LIMIT", "OFFSET"})
# Good SOQL that is not simulated.
_UNKNOWN = frozenset(
    {"GROUP", "HAVING", "WITH", "FOR", "USING", "ALL", "UPDATE", "TYPEOF", "INCLUDES", "EXCLUDES"}
)


def parse_query(text: str) -> Query:
    """Parse a whole query. Raises ApiError."""
    parser = Parser(text, tokens(text))
    query = parser.query()
    parser.end()
    return query


class Parser:
    """Recursive descent over the tokens of one text; SOSL reuses its clauses."""

    def __init__(self, text: str, found: list[Token]) -> None:
        self._text = text
        self._tokens = found
        self._at = 0
        self._depth = 0

    def query(self, *, nested: bool = False) -> Query:
        """SELECT ... FROM ... and the clauses."""
        self.word("SELECT")
        items = () if self._counts() else self.list_of(lambda: self._item(nested=nested))
        self.word("FROM")
        name = self.take("name")
        if "." in name.text:
            self._at -= 1
            raise self.unexpected()
        fields = tuple(item for item in items if isinstance(item, Path))
        children = tuple(item for item in items if isinstance(item, Query))
        return self.clauses(fields, name, children=children, count=not items)

    def clauses(
        self, fields: tuple[Path, ...], name: Token, *, children: tuple[Query, ...] = (), count: bool = False
    ) -> Query:
        """WHERE, ORDER BY, LIMIT and OFFSET, each at most once and in this order."""
        alias = self._alias()
        where = self._any() if self.skip("WHERE") else None
        order: tuple[Order, ...] = ()
        if self.skip("ORDER"):
            self.word("BY")
            order = self.list_of(self._order)
        limit = self.whole_number() if self.skip("LIMIT") else None
        offset = self.whole_number() if self.skip("OFFSET") else 0
        return Query(
            text=self._text,
            fields=fields,
            object=name.text,
            object_position=name.position,
            children=children,
            count=count,
            alias=alias,
            where=where,
            order=order,
            limit=limit,
            offset=offset,
        )

    def list_of(self, item: Callable[[], _T]) -> tuple[_T, ...]:
        """One or more, separated by commas."""
        items = [item()]
        while self.skip(","):
            items.append(item())
        return tuple(items)

    def path(self) -> Path:
        """A field."""
        token = self.take("name")
        if self.peek("("):
            self._at -= 1
            raise self.unexpected(
                f"the simulator knows no functions in queries: {token.text}", "NOT_SIMULATED"
            )
        return Path(names=tuple(token.text.split(".")), position=token.position)

    def whole_number(self) -> int:
        """A number without sign and fraction."""
        token = self.take("number")
        if not token.text.isdecimal():
            self._at -= 1
            raise self.unexpected()
        return int(token.text)

    def _counts(self) -> bool:
        """Whether this is COUNT() alone."""
        pieces = [token.text.upper() for token in self._tokens[self._at : self._at + 3]]
        if pieces != ["COUNT", "(", ")"]:
            return False
        self._at += 3
        return True

    def _item(self, *, nested: bool) -> Path | Query:
        if not self.peek("("):
            return self.path()
        if nested:
            raise self.unexpected("the simulator knows one level of child queries", "NOT_SIMULATED")
        self.word("(")
        child = self.query(nested=True)
        self.word(")")
        return child

    def _alias(self) -> str | None:
        if self.skip("AS"):
            return self.take("name").text
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is None or token.kind != "name" or "." in token.text:
            return None
        if token.text.upper() in _CLAUSES | _UNKNOWN:
            return None
        self._at += 1
        return token.text

    def _order(self) -> Order:
        path = self.path()
        descending = self.skip("DESC")
        if not descending:
            self.skip("ASC")
        nulls_last = False
        if self.skip("NULLS"):
            nulls_last = self.skip("LAST")
            if not nulls_last:
                self.word("FIRST")
        return Order(path=path, descending=descending, nulls_last=nulls_last)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise self.unexpected("nested too deeply")

    def _any(self) -> Condition:
        self._deeper()
        parts = [self._one()]
        joint = next((word for word in ("AND", "OR") if self.peek(word)), None)
        while joint is not None and self.skip(joint):
            parts.append(self._one())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else Logic(parts=tuple(parts), every=joint == "AND")

    def _one(self) -> Condition:
        if self.skip("NOT"):
            self._deeper()
            part = self._one()
            self._depth -= 1
            return Negation(part=part)
        if self.skip("("):
            inner = self._any()
            self.word(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        path = self.path()
        if self.skip("LIKE"):
            value = self._value()
            if value.kind is not Is.STRING:
                self._at -= 1
                raise self.unexpected()
            return Compare(path=path, op=Op.LIKE, values=(value,))
        negated = self.skip("NOT")
        if negated or self.peek("IN"):
            return self._among(path, negated=negated)
        mark = self.take("mark").text.replace("<>", "!=")
        if mark not in tuple(Op):
            self._at -= 1
            raise self.unexpected()
        return Compare(path=path, op=Op(mark), values=(self._value(),))

    def _among(self, path: Path, *, negated: bool) -> Condition:
        self.word("IN")
        self.word("(")
        if self.peek("SELECT"):
            self._deeper()
            query = self.query(nested=True)
            self._depth -= 1
            self.word(")")
            return Membership(path=path, negated=negated, query=query)
        values = self.list_of(self._value)
        self.word(")")
        return Compare(path=path, op=Op.NOT_IN if negated else Op.IN, values=values)

    def _value(self) -> Constant:
        token = self._next()
        match token.kind, token.text.upper():
            case "string", _:
                return Constant(kind=Is.STRING, text=token.text[1:-1])
            case "number", _:
                return Constant(kind=Is.NUMBER, text=token.text)
            case "datetime", text:
                return Constant(kind=Is.DATETIME if "T" in text else Is.DATE, text=token.text)
            case "days", text:
                return Constant(kind=Is.DAYS, text=text)
            case "name", "TRUE" | "FALSE":
                return Constant(kind=Is.BOOLEAN, text=token.text.lower())
            case "name", "NULL":
                return Constant(kind=Is.NULL, text="")
            case "name", text if text in _DAYS:
                return Constant(kind=Is.DAYS, text=text)
            case _:
                self._at -= 1
                raise self.unexpected()

    def word(self, word: str) -> None:
        """A keyword or mark that must come next."""
        if not self.skip(word):
            raise self.unexpected()

    def skip(self, word: str) -> bool:
        """Take a keyword or mark if it comes next."""
        if self.peek(word):
            self._at += 1
            return True
        return False

    def peek(self, word: str) -> bool:
        """Whether this keyword or mark comes next."""
        if self._at >= len(self._tokens):
            return False
        token = self._tokens[self._at]
        return token.kind in ("name", "mark") and token.text.upper() == word

    def take(self, kind: str) -> Token:
        """The next token, which must be of this kind."""
        token = self._next()
        if token.kind != kind:
            self._at -= 1
            raise self.unexpected()
        return token

    def end(self) -> None:
        """Nothing may follow."""
        if self._at < len(self._tokens):
            raise self.unexpected()

    def unexpected(self, what: str | None = None, code: str = "MALFORMED_QUERY") -> ApiError:
        """The error for the token that comes next."""
        if self._at >= len(self._tokens):
            return malformed_query(self._text, len(self._text), what or "unexpected token: '<EOF>'", code)
        token = self._tokens[self._at]
        if what is None and self._at > 0 and token.text.upper() in _UNKNOWN:
            what, code = f"the simulator does not know {token.text.upper()} in queries", "NOT_SIMULATED"
        return malformed_query(self._text, token.position, what or f"unexpected token: '{token.text}'", code)

    def _next(self) -> Token:
        if self._at >= len(self._tokens):
            raise self.unexpected()
        self._at += 1
        return self._tokens[self._at - 1]
