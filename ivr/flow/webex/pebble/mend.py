"""The repair of expressions with a bracket too many or too few."""

from __future__ import annotations

import re

from ivr.flow.webex.errors import PebbleError
from ivr.flow.webex.pebble.lexer import Plain, Printed, split
from ivr.flow.webex.pebble.parser import parse

_STRAY = re.compile(r"[\[\](){}]")


def mended(template: str) -> str:
    """The template with each malformed expression repaired, where taking out stray brackets makes it one:
    `{{[name}}` becomes `{{name}}`. Anything else stays as it is."""
    return "".join(
        part.text if isinstance(part, Plain) else part.source if _sound(part) else _mended(part.source)
        for part in split(template)
    )


def _sound(part: Printed) -> bool:
    if part.fault is not None:
        return False
    try:
        parse(part.tokens)
    except PebbleError:
        return False
    return True


def _mended(source: str) -> str:
    if not source.endswith("}}"):
        return source  # nobody can tell where it was to end
    inside = source.removeprefix("{{").removesuffix("}}")
    # One bracket at a time, from the left; then all of them.
    candidates = [inside[: m.start()] + inside[m.end() :] for m in _STRAY.finditer(inside)]
    candidates.append(_STRAY.sub("", inside))
    for candidate in candidates:
        tried = f"{{{{{candidate}}}}}"
        parts = list(split(tried))
        if len(parts) == 1 and isinstance(parts[0], Printed) and _sound(parts[0]):
            return tried
    return source
