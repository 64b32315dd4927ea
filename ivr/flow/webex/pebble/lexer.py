"""Text to tokens: a template is literal text and `{{ expressions }}`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ivr.flow.webex.errors import PebbleError


class Kind(StrEnum):
    """Kinds of tokens."""

    NAME = "name"
    NUMBER = "number"
    TEXT = "text"
    OPERATOR = "operator"
    MARK = "mark"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `at` and `end` are indices in the template."""

    kind: Kind
    text: str
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Plain:
    """Literal text of a template."""

    text: str


@dataclass(frozen=True, slots=True)
class Printed:
    """The inside of `{{ }}`: its tokens, or why there are none. `source` includes the braces."""

    source: str
    tokens: tuple[Token, ...]
    fault: PebbleError | None = None


_SPACE = re.compile(r"\s+")
_TOKENS = (
    (Kind.OPERATOR, re.compile(r"(?:is\s+not|is|and|or|not|contains|equals)(?![A-Za-z0-9_])")),
    (Kind.NUMBER, re.compile(r"\d+(?:\.\d+)?[lL]?")),
    (Kind.NAME, re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")),
    (Kind.OPERATOR, re.compile(r"==|!=|<=|>=|\.\.|[<>+\-*/%|~]")),
    (Kind.MARK, re.compile(r"[()\[\]{},:.?=]")),
)
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', re.DOTALL)
_OPENING = re.compile(r"\{\{-?|\{%|\{#")


def split(template: str) -> Iterator[Plain | Printed]:
    """The parts of a template in their order. Comments vanish; a tag `{% %}` is an expression at fault."""
    at = 0
    for_next = ""
    while (opening := _OPENING.search(template, at)) is not None:
        before = template[at : opening.start()]
        if for_next == "-":
            before = before.lstrip()
        if opening[0].endswith("-"):
            before = before.rstrip()
        if before:
            yield Plain(before)
        match opening[0]:
            case "{#":
                at, for_next = _after(template, opening.end(), "#}"), ""
            case "{%":
                at, for_next = _after(template, opening.end(), "%}"), ""
                fault = PebbleError("tags ({% %}) are not known to our templates", opening.start())
                yield Printed(template[opening.start() : at], (), fault)
            case _:
                part, at, for_next = _printed(template, opening.start(), opening.end())
                yield part
    rest = template[at:].lstrip() if for_next == "-" else template[at:]
    if rest:
        yield Plain(rest)


def _after(template: str, at: int, closing: str) -> int:
    found = template.find(closing, at)
    return len(template) if found < 0 else found + len(closing)


def _printed(template: str, began: int, at: int) -> tuple[Printed, int, str]:
    tokens: list[Token] = []
    try:
        end = _lex(template, at, tokens)
    except PebbleError as fault:
        end = _after(template, at, "}}")
        return Printed(template[began:end], (), fault), end, ""
    trim = "-" if template[end - 3 : end] == "-}}" and tokens and tokens[-1].text == "-" else ""
    if trim:
        tokens.pop()
    tokens.append(Token(Kind.END, "", end, end))
    return Printed(template[began:end], tuple(tokens)), end, trim


def _lex(template: str, at: int, tokens: list[Token]) -> int:
    """Append the tokens up to the closing braces; the index after these."""
    depth = 0
    while at < len(template):
        space = _SPACE.match(template, at)
        if space is not None:
            at = space.end()
            continue
        if depth == 0 and template.startswith("}}", at):
            return at + 2
        token = _token(template, at)
        depth += {"{": 1, "}": -1}.get(token.text, 0) if token.kind is Kind.MARK else 0
        if depth < 0:
            raise PebbleError("a } without its {", at)
        tokens.append(token)
        at = token.end
    raise PebbleError("the closing }} is missing", at)


def _token(template: str, at: int) -> Token:
    if template[at] in "\"'":
        return _quoted(template, at)
    for kind, pattern in _TOKENS:
        found = pattern.match(template, at)
        if found is not None:
            return Token(kind, " ".join(found[0].split()), at, found.end())
    raise PebbleError(f"{template[at]!r} has no meaning here", at)


def _quoted(template: str, at: int) -> Token:
    found = _TEXT.match(template, at)
    if found is None:
        raise PebbleError("a text without its closing quotation mark", at)
    quoted = found[0]
    if quoted[0] == '"' and "#{" in quoted:
        raise PebbleError("values inside a text (#{ }) are not known to our templates", at)
    # A backslash escapes itself and the text's own mark. Before anything else it is a character.
    said = re.sub(rf"\\([\\{quoted[0]}])", r"\1", quoted[1:-1])
    return Token(Kind.TEXT, said, at, found.end())
