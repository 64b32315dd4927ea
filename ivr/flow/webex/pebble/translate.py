"""A Pebble template to one of ours with the same meaning.

Our templates are Jinja2: an unset name is an error there and nothing in Pebble; `+` does not join; `is` binds
tighter than arithmetic. So every operand that is more than a name gets its brackets, and where types decide
the meaning and are not known, the filters of `ivr/flow/webex/filters.py` decide when the flow runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from ivr.flow.errors import TemplateError
from ivr.flow.escape import Context, Position, position
from ivr.flow.webex.errors import PebbleError
from ivr.flow.webex.pebble.emit import Emitter
from ivr.flow.webex.pebble.lexer import Kind, Plain, Printed, split
from ivr.flow.webex.pebble.names import Names, Type
from ivr.flow.webex.pebble.parser import parse
from ivr.flow.webex.pebble.remarks import Remark, Remarked
from ivr.flow.webex.pebble.spelling import Emitted, quoted
from ivr.flow.webex.pebble.tree import Filter

ENCODED = frozenset({Context.URL, Context.PATH, Context.QUERY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """A template of ours, and what there is to say about it."""

    text: str
    remarks: tuple[Remarked, ...] = ()

    @property
    def failed(self) -> bool:
        """It holds an expression that fails whenever it is evaluated."""
        return any(r.remark in (Remark.MALFORMED, Remark.UNTRANSLATED) for r in self.remarks)


def translate(
    template: str, names: Names, context: Context = Context.PLAIN, *, encoded: bool | None = None
) -> Translation:
    """The template in our language. `encoded`: what is substituted is percent-encoded for its place, so that
    the export's own `urlencode` would do it twice; by default as the context says. Never raises."""
    emitter = Emitter(names)
    skip = {"urlencode"} if (context in ENCODED if encoded is None else encoded) else set()
    skip |= {"escape"} if context is Context.JSON else set()
    parts: list[str] = []
    before = ""
    for part in split(template):
        match part:
            case Plain(text=text):
                parts.append(text)
                before += text
            case Printed():
                emitted = _expression(part, emitter, frozenset(skip))
                place = _place(context, before)
                parts.append(f"{{{{ {_printed(emitted, place)} }}}}")
                before += "null" if place is Position.JSON_VALUE else "0"
    return Translation(text="".join(parts), remarks=tuple(dict.fromkeys(emitter.remarks)))


def translate_expression(template: str, names: Names) -> Translation:
    """The template as one expression whose value is its text. Never raises."""
    emitter = Emitter(names)
    parts: list[str] = []
    for part in split(template):
        match part:
            case Plain(text=text):
                parts.append(quoted(text))
            case Printed():
                value = _expression(part, emitter, frozenset()).as_value()
                parts.append(value.base() if value.type is Type.TEXT else f"{value.base()} | text")
    text = " ~ ".join(parts) if parts else '""'
    return Translation(text=text, remarks=tuple(dict.fromkeys(emitter.remarks)))


def named(template: str) -> frozenset[str]:
    """The variables and activities that a template may read: every name in its expressions."""
    return frozenset(
        token.text
        for part in split(template)
        if isinstance(part, Printed)
        for token in part.tokens
        if token.kind is Kind.NAME
    )


def _expression(part: Printed, emitter: Emitter, skip: frozenset[str]) -> Emitted:
    try:
        if part.fault is not None:
            raise part.fault
        tree = parse(part.tokens)
    except PebbleError as fault:
        emitter.remarks.append(Remarked(Remark.MALFORMED, f"{part.source}: {fault}", part.source))
        return emitter.refused(part.source)
    while isinstance(tree, Filter) and tree.name in skip:
        tree = tree.of
    if "\\\\" in part.source:
        emitter.remark(
            Remark.DIFFERENT,
            f"{part.source}: two backslashes in a text are one here; releases of Pebble up to 3.2 keep both",
        )
    try:
        return emitter.emit(tree)
    except PebbleError as fault:
        emitter.remarks.append(Remarked(Remark.UNTRANSLATED, f"{part.source}: {fault}", part.source))
        return emitter.refused(part.source)


def _place(context: Context, before: str) -> Position | None:
    try:
        return position(context, before)
    except TemplateError:
        return None


def _printed(emitted: Emitted, place: Position | None) -> str:
    """The expression as it is printed: nothing for what is not set."""
    known = emitted.as_value()
    if place is Position.JSON_VALUE and known.type in (Type.TEXT, Type.ANY, Type.JSON):
        # Between quotation marks it would be a string there; here the text itself is JSON.
        return f"{known.base()} | from_json"
    if known.type in (Type.ANY, Type.JSON, Type.NOTHING):
        return f"{known.base()} | text"
    return known.source
