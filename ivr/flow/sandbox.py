"""The Jinja2 environments of templates, one for each context: immutable, nothing callable, no attribute of a
Python object reachable, and every substituted value escaped for the position where it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache, partial
from typing import Any, cast

from jinja2 import StrictUndefined, Undefined, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context as RuntimeContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ivr.flow.escape import POSITIONS, Context, Position, escape
from ivr.flow.filters import FILTERS, SPOKEN_FILTERS
from ivr.flow.values import Value

LANGUAGE = "the language"
"""Where a rendering's context holds the language; no template can spell it."""
TESTS = frozenset({"defined", "undefined", "odd", "even", "true", "false", "string", "number"})


class FlowEnvironment(ImmutableSandboxedEnvironment):
    """Attributes are keys of mappings, arithmetic is for numbers, and nothing can be called."""

    # On a text, "*" and "%" make any length from a few characters.
    intercepted_binops = frozenset({"*", "/", "//", "%", "**"})

    def call_binop(self, context: RuntimeContext, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic, on numbers alone."""
        if not all(isinstance(side, int | float | Decimal) for side in (left, right)):
            raise SecurityError(f"{operator!r} is for numbers")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key of a mapping."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A key of a mapping, or an element of a text or list by its number."""
        match obj, argument:
            case Undefined(), _:
                return obj[argument]  # raises, naming what is undefined
            case Mapping(), str() if argument in obj:
                return obj[argument]
            case str() | Sequence(), int() if -len(obj) <= argument < len(obj):
                return obj[argument]
            case _:
                return self.undefined(hint=f"{argument!r} is not set")

    def call(self, __context: RuntimeContext, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Refused."""
        raise SecurityError("nothing can be called in a template")


def escape_filter(place: Position) -> str:
    """The name of the filter that escapes for `place`; no template can spell it."""
    return f"escape: {place}"


@cache
def environment(context: Context) -> FlowEnvironment:
    """The environment of one kind of text."""
    made = FlowEnvironment(undefined=StrictUndefined, autoescape=False, cache_size=0)
    made.globals.clear()
    made.tests = {name: test for name, test in made.tests.items() if name in TESTS}
    made.filters = cast("dict[str, Callable[..., Any]]", dict(FILTERS))
    made.filters |= {name: _in_language(say) for name, say in SPOKEN_FILTERS.items()}
    for place in POSITIONS[context]:
        made.filters[escape_filter(place)] = partial(_escape, place)
    return made


def _in_language(say: Callable[..., str]) -> Callable[..., str]:
    @pass_context
    def said(context: RuntimeContext, value: object, *given: object) -> str:
        return say(str(context[LANGUAGE]), value, *given)

    return said


def _escape(place: Position, value: object) -> str:
    if isinstance(value, Undefined):
        str(value)  # raises UndefinedError with the name in it
    return escape(place, cast("Value", value))
