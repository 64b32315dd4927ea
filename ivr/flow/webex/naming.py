"""Names that our files allow, made from those of an export, each once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from ivr.flow.template import RESERVED
from ivr.flow.variables import SYSTEM

_LENGTH = 60
TAKEN = RESERVED | frozenset(SYSTEM) | {"true", "false", "none", "True", "False", "None", "not", "and", "or"}
TAKEN |= {"if", "else", "is", "in"}


def tame(name: str, usual: str = "Unnamed") -> str:
    """A name of letters, digits and underscores that begins with a letter."""
    kept = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")[:_LENGTH]
    if not kept:
        return usual
    return kept if kept[0].isalpha() else f"{usual[0]}_{kept}"[:_LENGTH]


def free(wanted: str, taken: Collection[str]) -> str:
    """The name, with a number where it is taken."""
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}_{number}" in taken:
        number += 1
    return f"{wanted}_{number}"


def renamed(names: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """Each name and what it is here."""
    found: dict[str, str] = {}
    used = set(taken)
    for name in names:
        if name not in found:
            found[name] = free(tame(name), used)
            used.add(found[name])
    return found
