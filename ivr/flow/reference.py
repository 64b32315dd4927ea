"""The reference of activities, `docs/activities.md`, made from the activities themselves.

`python -m ivr.flow.reference [FILE]` writes it anew. What an activity does, takes and leaves by comes from
its class (docstrings, types, limits, exits); the examples stand in `docs/activities.yaml`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from ruamel.yaml import YAML

from ivr.flow import template
from ivr.flow.activities import Registry, registry
from ivr.flow.activities.base import ERROR, Activity, Port, Properties
from ivr.flow.filters import FILTERS, SPOKEN_FILTERS
from ivr.flow.jsonpath import JsonPathField
from ivr.flow.sandbox import TESTS
from ivr.flow.webex.filters import PEBBLE_FILTERS

PAGE = Path("docs/activities.md")
EXAMPLES = Path("docs/activities.yaml")

_CONTEXTS: tuple[tuple[Any, str], ...] = (
    (template.PlainTemplate, "template"),
    (template.SpeechTemplate, "template, for speech"),
    (template.SoqlTemplate, "template, for SOQL"),
    (template.UrlTemplate, "template, for a URL"),
    (template.PathTemplate, "template, for a path"),
    (template.QueryTemplate, "template, for a query"),
    (template.JsonTemplate, "template, for JSON"),
    (JsonPathField, "JSONPath"),
)
_WORDS = {str: "text", bool: "true or false", int: "whole number", float: "number"}

_HEAD = """\
# Activities

<!-- Made by `scripts/reference` from the activities and docs/activities.yaml: do not edit. -->

Everything that a flow can be made of. How flows work is told in [flows.md](flows.md).

Every activity has these properties beside its own:

| property | takes | default | meaning |
|---|---|---|---|
| `type` | one of the types below | | What it is. |
| `description` | text | empty | For readers. |
| `edges` | map of edge to activity | empty | Where the flow goes on, by the edge by which it is left. |
| `at` | `reached` or `invite` | `reached` | `invite`: it starts when the call comes in (main flow only). |
| `wait_s` | number, 0 to 30 | | For `at: invite`: how long the walk waits for it when it gets there; \
then it leaves by `error`, and the activity goes on. |

Every activity may also leave by `error`. Where that is not wired, OnGlobalError takes over: a caller is never
dropped for a fault. Outputs are read as `ActivityName.output`, whatever the case of the letters.
"""


def page(activities: Registry, examples: Mapping[str, str]) -> str:
    """The whole page."""
    return "\n".join(_lines(activities, examples)) + "\n"


def read_examples(path: Path) -> dict[str, str]:
    """The example of each activity, as its author wrote it."""
    parsed = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return {str(kind): str(text).rstrip() for kind, text in parsed.items()}


def example_of(text: str) -> tuple[str, dict[str, Any]]:
    """The name and the properties of an example's activity."""
    [(name, properties)] = YAML(typ="safe", pure=True).load(text).items()
    return str(name), dict(properties)


def _lines(activities: Registry, examples: Mapping[str, str]) -> Iterator[str]:
    yield _HEAD
    yield " · ".join(f"[{kind}](#{kind})" for kind in sorted(activities))
    for kind in sorted(activities):
        yield ""
        yield from _activity(activities[kind], examples[kind])
    yield ""
    yield from _filters()


def _activity(activity: type[Activity], example: str) -> Iterator[str]:
    yield f"## {activity.type}"
    yield ""
    yield _headline(activity)
    yield ""
    yield _paragraphs(inspect.getdoc(activity) or "")
    marks = list(_marks(activity))
    if marks:
        yield ""
        yield " ".join(marks)
    yield ""
    yield from _properties(activity)
    yield from _exits(activity)
    yield from _outputs(activity, example)
    yield "```yaml"
    yield example
    yield "```"


def _headline(activity: type[Activity]) -> str:
    """The first line of the activity's module, which has Webex's name in it."""
    first = (inspect.getdoc(inspect.getmodule(activity)) or "").splitlines()[0]
    return f"*{first.partition(': ')[2].rstrip('.')}*"


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _marks(activity: type[Activity]) -> Iterator[str]:
    if not activity.available:
        yield "**Not available yet: the check says so.**"
    if activity.waits:
        yield "It takes time that the caller can hear."
    if Port.VOICE in activity.uses or Port.QUEUE in activity.uses:
        yield "It needs a caller: it is not for PhoneContactEnded."


# Properties


def _properties(activity: type[Activity]) -> Iterator[str]:
    hints = get_type_hints(activity, include_extras=True)
    if not activity.model_fields:
        yield "It has no properties of its own."
        yield ""
        return
    yield "| property | takes | default | meaning |"
    yield "|---|---|---|---|"
    for name, info in activity.model_fields.items():
        meaning = " ".join((info.description or "").split())
        yield _row(f"`{info.alias or name}`", takes(hints[name]), _default(info), meaning)
    yield ""


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def takes(hint: Any) -> str:
    """What may be written for a property, in words."""
    for known, words in _CONTEXTS:
        if hint == known:
            return words
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _limited(hint, args)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(takes(arg) for arg in args if arg is not type(None)))
    if origin is dict:
        return f"map of {takes(args[0])} to {takes(args[1])}"
    if origin in (tuple, list):
        return f"list of {takes(args[0])}"
    return _plain(hint)


def _limited(hint: Any, args: tuple[Any, ...]) -> str:
    # A template may carry a check of its own on top.
    for known, words in _CONTEXTS:
        if args[0] == get_args(known)[0] and args[1:2] == get_args(known)[1:2]:
            return words
    limits = [item for item in args[1:] if isinstance(item, FieldInfo)]
    return ", ".join([takes(args[0]), *(text for info in limits for text in _limits(info))])


def _limits(info: FieldInfo) -> Iterator[str]:
    found: dict[str, Any] = {}
    for item in info.metadata:
        for name in ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern"):
            if (value := getattr(item, name, None)) is not None:
                found[name] = value
    low, high = found.get("ge", found.get("gt")), found.get("le", found.get("lt"))
    if low is not None and high is not None:
        above = "above " if "gt" in found else ""
        yield f"{above}{low:g} to {high:g}"
    elif low is not None:
        yield f"{'above' if 'gt' in found else 'at least'} {low:g}"
    elif high is not None:
        yield f"at most {high:g}"
    if "max_length" in found:
        yield f"{found.get('min_length', 0)} to {found['max_length']}"


def _plain(hint: Any) -> str:
    if hint in _WORDS:
        return _WORDS[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "one of " + ", ".join(f"`{member.value}`" for member in hint)
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        names = ", ".join(f"`{info.alias or name}`" for name, info in hint.model_fields.items())
        return f"{{{names}}}"
    return str(hint)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True, validated_data={})
    match value:
        case None:
            return ""
        case bool():
            return "`true`" if value else "`false`"
        case () | [] | "":
            return "none"
        case Mapping() if not value:
            return "none"
        case float() | int():
            return f"`{value:g}`"
        case _ if value is PydanticUndefined:
            return ""
        case _:
            return f"`{value}`"


# Edges and outputs


def _exits(activity: type[Activity]) -> Iterator[str]:
    if not activity.exits:
        yield "The flow ends here."
        yield ""
        return
    yield "| edge | taken when |"
    yield "|---|---|"
    for edge, meaning in activity.exits.items():
        yield _row(f"`{edge}`" if not edge.isupper() else edge, meaning)
    yield ""


def _outputs(activity: type[Activity], example: str) -> Iterator[str]:
    outputs = instance(activity, example).outputs()
    if outputs:
        yield "Outputs: " + ", ".join(f"`{name}` ({kind})" for name, kind in outputs.items()) + "."
        yield ""


def instance(activity: type[Activity], example: str) -> Activity:
    """The activity of an example."""
    _, properties = example_of(example)
    own = {name: value for name, value in properties.items() if name not in _FRAME}
    return activity.model_validate(own)


_FRAME = frozenset({"type", "description", "edges", "at", "wait_s"})


def undocumented(activity: type[Activity]) -> list[str]:
    """What the reference could not say of an activity: empty when it can say everything."""
    missing = []
    if not _own_docstring(activity):
        missing.append("docstring")
    if not re.match(rf"{re.escape(activity.type)}: ", inspect.getdoc(inspect.getmodule(activity)) or ""):
        missing.append("headline")
    missing += [name for name, info in activity.model_fields.items() if not info.description]
    missing += [f"exit {edge}" for edge, meaning in activity.exits.items() if not meaning]
    if ERROR in activity.exits:
        missing.append("error is every activity's: it is no exit")
    return missing


def _own_docstring(activity: type[Properties]) -> bool:
    return bool(activity.__dict__.get("__doc__"))


# Filters


def _filters() -> Iterator[str]:
    yield "## Filters and tests of templates"
    yield ""
    own = {name: function for name, function in FILTERS.items() if name not in PEBBLE_FILTERS}
    yield from _table({**own, **SPOKEN_FILTERS})
    yield ""
    yield f"Tests, after `is` or `is not`: {', '.join(f'`{name}`' for name in sorted(TESTS))}."
    yield ""
    yield "Imported flows use these as well, which keep the meaning of Webex's expressions:"
    yield ""
    yield from _table(PEBBLE_FILTERS)


def _table(filters: Mapping[str, Any]) -> Iterator[str]:
    yield "| filter | gives |"
    yield "|---|---|"
    for name, function in sorted(filters.items()):
        said = " ".join((inspect.getdoc(function) or "").split())
        yield _row(f"`{name}{_parameters(function, skip=1 + (name in SPOKEN_FILTERS))}`", said)


def _parameters(function: Any, *, skip: int) -> str:
    found = list(inspect.signature(function).parameters.values())[skip:]
    names = [name.name if name.default is name.empty else f"{name.name}={name.default!r}" for name in found]
    return f"({', '.join(names)})" if names else ""


def main(argv: list[str]) -> None:
    """Write the page."""
    path = Path(argv[1]) if len(argv) > 1 else PAGE
    path.write_text(page(registry(), read_examples(path.with_name(EXAMPLES.name))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv)
