"""A parser for the part of SOSL that is simulated, and for the parameters of a parameterized search.

search  = FIND "{" any "}" [IN group FIELDS] [RETURNING item {"," item}] [LIMIT n]
any     = each {OR each}
each    = one {[AND] [NOT] one}                 words side by side must all match
one     = "(" any ")" | word | '"' phrase '"'   * and ? in words; a backslash takes what follows literally
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ivr.salesforce.simulator.errors import ApiError, malformed_query, not_simulated
from ivr.salesforce.simulator.soql import Parser, parse_query, tokens
from ivr.salesforce.simulator.soql_tree import Path, Query

MAX_RESULTS = 2_000
DEFAULT_OBJECTS = ("Contact", "Account", "Lead", "Case")
GROUPS = frozenset({"ALL", "PHONE", "NAME", "EMAIL"})
_FIND = re.compile(r"\s*FIND\s*\{((?:[^{}\\]|\\.)*)\}", re.IGNORECASE | re.DOTALL)
_PIECE = re.compile(
    r"""(?P<blank>\s+)
      | "(?P<phrase>(?:[^"\\]|\\.)*)"
      | (?P<mark>[()])
      | (?P<word>(?:[^\s"()\\]|\\.)+)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_IDENTIFIER = re.compile(r"\s*[A-Za-z][A-Za-z0-9_.]*\s*", re.ASCII)
_DEPTH = 40
_NOT_FOUND = "No search term found. The search term must be enclosed in braces."


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word or phrase; `prefix` is true when it ends with an unescaped *."""

    text: str
    prefix: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Every part must match."""

    parts: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """One part must match."""

    parts: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """The part must not match."""

    part: Wanted


Wanted = Term | AllOf | AnyOf | Without


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is wanted, in which group of fields, and what is returned of each object."""

    wanted: Wanted
    group: str
    returning: tuple[Query, ...]
    limit: int = MAX_RESULTS

    @property
    def terms(self) -> tuple[str, ...]:
        """All words and phrases, as they stand."""
        return tuple(term.text for term in terms_of(self.wanted))


def terms_of(wanted: Wanted) -> tuple[Term, ...]:
    """The terms of an expression, in order."""
    match wanted:
        case Term():
            return (wanted,)
        case AllOf(parts=parts) | AnyOf(parts=parts):
            return tuple(term for part in parts for term in terms_of(part))
        case Without(part=part):
            return terms_of(part)


def parse_sosl(text: str) -> Search:
    """Parse a whole SOSL search. Raises ApiError."""
    head = _FIND.match(text)
    if head is None:
        raise _malformed(_NOT_FOUND)
    parser = Parser(text, tokens(text, head.end()))
    group = "ALL"
    if parser.skip("IN"):
        word = parser.take("name")
        group = word.text.upper()
        if group not in GROUPS:
            what = f"unexpected token: {word.text}"
            raise malformed_query(text, word.position, what, "MALFORMED_SEARCH")
        parser.word("FIELDS")
    returning = parser.list_of(lambda: _item(parser, text)) if parser.skip("RETURNING") else _everything(text)
    limit = parser.whole_number() if parser.skip("LIMIT") else MAX_RESULTS
    parser.end()
    return Search(wanted=parse_terms(head[1]), group=group, returning=returning, limit=limit)


def _item(parser: Parser, text: str) -> Query:
    name = parser.take("name")
    id_only = (Path(names=("Id",), position=name.position),)
    if not parser.skip("("):
        return Query(text=text, fields=id_only, object=name.text, object_position=name.position)
    query = parser.clauses(parser.list_of(parser.path), name)
    parser.word(")")
    return query


def _everything(text: str) -> tuple[Query, ...]:
    path = Path(names=("Id",), position=0)
    return tuple(Query(text=text, fields=(path,), object=name, object_position=0) for name in DEFAULT_OBJECTS)


def parse_terms(text: str) -> Wanted:
    """What stands between FIND's braces. Raises ApiError."""
    parser = _Terms(_pieces(text))
    wanted = parser.any_of()
    parser.end()
    return wanted


_Piece = tuple[str, str]


def _pieces(text: str) -> list[_Piece]:
    found, at = [], 0
    while at < len(text):
        piece = _PIECE.match(text, at)
        if piece is None:
            raise _malformed(f"unexpected token: {text[at]}")
        if piece.lastgroup != "blank":
            found.append((str(piece.lastgroup), piece[str(piece.lastgroup)]))
        at = piece.end()
    return found


class _Terms:
    """Recursive descent over the pieces of a search expression."""

    def __init__(self, pieces: list[_Piece]) -> None:
        self._pieces = pieces
        self._at = 0
        self._depth = 0

    def any_of(self) -> Wanted:
        self._depth += 1
        if self._depth > _DEPTH:
            raise _malformed("nested too deeply")
        parts = [self._all_of()]
        while self._skip("OR"):
            parts.append(self._all_of())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else AnyOf(parts=tuple(parts))

    def end(self) -> None:
        if self._at < len(self._pieces):
            raise _malformed(f"unexpected token: {self._pieces[self._at][1]}")

    def _all_of(self) -> Wanted:
        parts = [self._one()]
        while self._at < len(self._pieces) and not self._is("OR") and not self._closes():
            self._skip("AND")
            parts.append(Without(part=self._one()) if self._skip("NOT") else self._one())
        return parts[0] if len(parts) == 1 else AllOf(parts=tuple(parts))

    def _one(self) -> Wanted:
        if self._at >= len(self._pieces) or self._closes():
            raise _malformed(_NOT_FOUND)
        kind, text = self._pieces[self._at]
        self._at += 1
        if kind == "mark":
            inner = self.any_of()
            if not self._closes():
                raise _malformed("unexpected token: <EOF>")
            self._at += 1
            return inner
        literal = _ESCAPED.sub(r"\1", text)
        starred = kind == "word" and text.endswith("*") and not text.endswith("\\*")
        return Term(text=literal.rstrip("*") if starred else literal, prefix=starred)

    def _is(self, word: str) -> bool:
        return self._at < len(self._pieces) and self._pieces[self._at] == ("word", word)

    def _closes(self) -> bool:
        return self._at < len(self._pieces) and self._pieces[self._at] == ("mark", ")")

    def _skip(self, word: str) -> bool:
        found = self._is(word)
        self._at += found
        return found


def parse_parameters(body: Mapping[str, object]) -> Search:
    """The body of a parameterized search. Its `q` is one text, whatever it holds. Raises ApiError."""
    unknown = set(body) - {"q", "in", "fields", "sobjects", "overallLimit", "defaultLimit"}
    if unknown:
        raise not_simulated(f"{sorted(unknown)} in a parameterized search")
    term = body.get("q")
    if not isinstance(term, str) or not term.strip():
        raise _malformed("No search term found.")
    fields = _names(body.get("fields")) or ("Id",)
    sobjects = body.get("sobjects")
    default = body.get("defaultLimit")
    named = [{"name": name} for name in DEFAULT_OBJECTS]
    entries = sobjects if isinstance(sobjects, list) and sobjects else named
    overall = body.get("overallLimit")
    group = str(body.get("in") or "ALL").upper()
    if group not in GROUPS:
        raise _malformed(f"unexpected token: {body.get('in')}")
    return Search(
        wanted=Term(text=term.strip().rstrip("*"), prefix=term.strip().endswith("*")),
        group=group,
        returning=tuple(_returning(entry, fields, default) for entry in entries),
        limit=overall if isinstance(overall, int) else MAX_RESULTS,
    )


def _returning(entry: object, fields: tuple[str, ...], default: object) -> Query:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise ApiError(400, "JSON_PARSER_ERROR", "expected sobjects to be objects with a name")
    shown = _names(entry.get("fields")) or fields
    wrong = [name for name in (str(entry["name"]), *shown) if not _IDENTIFIER.fullmatch(name)]
    if wrong:
        raise ApiError(400, "INVALID_FIELD", f"not a name: {wrong[0]}")
    where = f" WHERE {entry['where']}" if entry.get("where") else ""
    order = f" ORDER BY {entry['orderBy']}" if entry.get("orderBy") else ""
    # Parsed, not run: what does not fit the grammar is an error.
    query = parse_query(f"SELECT {', '.join(shown)} FROM {entry['name']}{where}{order}")  # noqa: S608
    limit = entry.get("limit", default)
    return replace(query, limit=limit) if isinstance(limit, int) else query


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _malformed(message: str) -> ApiError:
    return ApiError(400, "MALFORMED_SEARCH", message)
