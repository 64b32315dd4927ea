"""Templates: text with `{{ expressions }}`, parsed once, checked, and rendered for one context.

Only expressions: no statements, loops, macros or calls, so the work is bounded by the length of the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from reprlib import repr as short
from typing import Annotated, Protocol

import jinja2
from jinja2 import nodes
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from ivr.flow.errors import FlowError, TemplateError
from ivr.flow.escape import Context, Position, position
from ivr.flow.filters import FILTERS, SPOKEN_FILTERS
from ivr.flow.sandbox import LANGUAGE, TESTS, environment, escape_filter
from ivr.flow.values import Namespace, Value, as_text
from ivr.flow.webex.filters import TOLERANT

MAX_SOURCE = 4000
MAX_OUTPUT = 32_768
DEFAULT_LANGUAGE = "en-US"
_FILTERS = FILTERS.keys() | SPOKEN_FILTERS.keys()
RESERVED = frozenset({"self", "super", "caller", "loop", "varargs", "kwargs"})

_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Getattr,
    nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test, nodes.Keyword, nodes.CondExpr, nodes.Compare,
    nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv,
    nodes.Mod, nodes.Neg, nodes.Pos, nodes.Concat,
)  # fmt: skip


class Scope(Protocol):
    """Where a template finds its names."""

    def look_up(self, name: str) -> Value | Namespace:
        """The value of a variable, or the outputs of an activity. Raises KeyError when it is unset."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A name that a template reads, e.g. `AccountByANI.id`; `guarded` when it may be undefined."""

    root: str
    attribute: str | None
    guarded: bool = False

    def __str__(self) -> str:
        return self.root if self.attribute is None else f"{self.root}.{self.attribute}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A parsed template. `constant` is its text when nothing is substituted."""

    source: str
    context: Context
    references: tuple[Reference, ...]
    constant: str | None
    _compiled: jinja2.Template = field(repr=False, compare=False)

    def render(self, scope: Scope, language: str = DEFAULT_LANGUAGE) -> str:
        """The text with every value in place, numbers and dates said as in `language` where the template
        asks for it. Raises `TemplateError`, also for an undefined name."""
        if self.constant is not None:
            return self.constant
        try:
            text = self._compiled.render({**self._values(scope), LANGUAGE: language})
        except jinja2.UndefinedError as exc:
            raise TemplateError(f"{exc.message} in {short(self.source)}") from exc
        except (jinja2.TemplateError, FlowError, ValueError, TypeError, ArithmeticError, LookupError) as exc:
            raise TemplateError(f"{exc} in {short(self.source)}") from exc
        if len(text) > MAX_OUTPUT:
            raise TemplateError(f"{len(text)} characters come of {short(self.source)}")
        return text

    def _values(self, scope: Scope) -> dict[str, Value | Namespace]:
        found: dict[str, Value | Namespace] = {}
        for name in {reference.root for reference in self.references}:
            try:
                found[name] = scope.look_up(name)
            except KeyError:
                continue  # stays undefined, and is an error unless the template guards it
        return found


def parse(context: Context, source: str) -> Template:
    """The template in `source`. Raises `TemplateError`."""
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"a template may have {MAX_SOURCE} characters, this one has {len(source)}")
    env = environment(context)
    try:
        tree = env.parse(source)
        _refuse_unknown(tree)
        references = tuple(dict.fromkeys(_references(tree)))
        constant = _place_escapes(context, tree)
        compiled = env.from_string(tree)
    except jinja2.TemplateError as exc:
        raise TemplateError(f"{exc.message} in {short(source)}") from exc
    except (SyntaxError, RecursionError, MemoryError) as exc:
        raise TemplateError(f"the expression is too deep in {short(source)}") from exc
    return Template(
        source=source, context=context, references=references, constant=constant, _compiled=compiled
    )


def _refuse_unknown(tree: nodes.Template) -> None:
    for node in tree.find_all(nodes.Node):
        if not isinstance(node, _ALLOWED):
            raise TemplateError(f"{type(node).__name__.lower()} is not allowed in a template")
        match node:
            case nodes.Filter() if node.name not in _FILTERS:
                raise TemplateError(
                    f"there is no filter {node.name!r}; there are {', '.join(sorted(_FILTERS))}"
                )
            case nodes.Test() if node.name not in TESTS:
                raise TemplateError(f"there is no test {node.name!r}; there are {', '.join(sorted(TESTS))}")
            case nodes.Name() if node.name in RESERVED:
                raise TemplateError(f"{node.name!r} cannot be a name")


def _place_escapes(context: Context, tree: nodes.Template) -> str | None:
    """Wrap every substitution in the escape of its position; the whole text when there is none."""
    before, substituted = "", False
    for output in tree.body:
        assert isinstance(output, nodes.Output)
        alone = len(tree.body) == len(output.nodes) == 1
        for index, node in enumerate(output.nodes):
            if isinstance(node, nodes.TemplateData):
                before += node.data
                continue
            place = position(context, before, alone=alone)
            output.nodes[index] = _escaped(node, place)
            before += "0" if place is not Position.JSON_VALUE else "null"
            substituted = True
    return None if substituted else before


def _escaped(node: nodes.Expr, place: Position) -> nodes.Expr:
    wrapped = nodes.Filter(node, escape_filter(place), [], [], None, None, lineno=node.lineno)
    wrapped.environment = node.environment
    return wrapped


def _references(node: nodes.Node, *, guarded: bool = False) -> Iterator[Reference]:
    match node:
        case nodes.Name():
            yield Reference(root=node.name, attribute=None, guarded=guarded)
        case nodes.Getattr(node=nodes.Name() as root):
            yield Reference(root=root.name, attribute=node.attr, guarded=guarded)
        case nodes.Getitem(node=nodes.Name() as root, arg=nodes.Const(value=str() as key)):
            yield Reference(root=root.name, attribute=key, guarded=guarded)
        case nodes.Test(name="defined" | "undefined") | nodes.Filter(name="default"):
            first, *others = node.iter_child_nodes()
            yield from _references(first, guarded=True)
            for other in others:
                yield from _references(other)
        case nodes.Filter(name=name) if name in TOLERANT:
            for child in node.iter_child_nodes():
                yield from _references(child, guarded=True)
        case nodes.CondExpr(test=test, expr1=then, expr2=other):
            yield from _references(test)
            for branch in filter(None, (then, other)):
                yield from _references(branch, guarded=guarded)
        case nodes.Getattr() | nodes.Getitem():
            for child in node.iter_child_nodes():
                yield from _references(child, guarded=guarded)
        case _:
            for child in node.iter_child_nodes():
                yield from _references(child)


def _field(context: Context) -> PlainValidator:
    def validate(value: object) -> Template:
        match value:
            case str() | bool() | int() | float():
                return parse_for_field(context, as_text(value))
            case _:
                raise ValueError("a text is expected")

    return PlainValidator(validate)


def parse_for_field(context: Context, source: str) -> Template:
    """`parse`, with the error that pydantic understands."""
    try:
        return parse(context, source)
    except TemplateError as exc:
        raise ValueError(str(exc)) from exc


def _schema(context: Context) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "format": "template", "title": f"template: {context}"})


_WRITE = PlainSerializer(lambda template: template.source, return_type=str)
PlainTemplate = Annotated[Template, _field(Context.PLAIN), _WRITE, _schema(Context.PLAIN)]
SpeechTemplate = Annotated[Template, _field(Context.SPEECH), _WRITE, _schema(Context.SPEECH)]
SoqlTemplate = Annotated[Template, _field(Context.SOQL), _WRITE, _schema(Context.SOQL)]
UrlTemplate = Annotated[Template, _field(Context.URL), _WRITE, _schema(Context.URL)]
PathTemplate = Annotated[Template, _field(Context.PATH), _WRITE, _schema(Context.PATH)]
QueryTemplate = Annotated[Template, _field(Context.QUERY), _WRITE, _schema(Context.QUERY)]
JsonTemplate = Annotated[Template, _field(Context.JSON), _WRITE, _schema(Context.JSON)]
