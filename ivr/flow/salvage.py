"""What can be told of an activity whose properties are wrong, from the properties as they are written. Pure.

The names of properties mean the same in every activity, so that their values can be read one by one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ivr.flow.activities.base import Activity, Need, NeedKind, Path
from ivr.flow.activities.unusable import Salvage
from ivr.flow.errors import TemplateError
from ivr.flow.escape import Context
from ivr.flow.template import Reference, parse

_NEEDS = {
    "connector": NeedKind.CONNECTOR,
    "queue": NeedKind.QUEUE,
    "recovery_queue": NeedKind.QUEUE,
    "schedule": NeedKind.SCHEDULE,
    "file": NeedKind.SOUND,
}
_SETS = ("set", "extract", "into")


def salvage(kind: type[Activity], properties: Mapping[str, object], wrong: Collection[Path]) -> Salvage:
    """What is right in `properties`; `wrong` are the places of what is not."""
    right = [(path, text) for path, text in _texts((), properties) if path not in wrong]
    return Salvage(
        # An exit in capitals stands for edges that follow from the properties.
        outcomes=tuple(name for name in kind.exits if not name.isupper()),
        needs=tuple(_needs(right)),
        references=tuple(found for path, text in right for found in _references(path, text)),
        assigns={name: path for path, name in _assigned(properties) if path not in wrong},
    )


def _texts(path: Path, value: object) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case Mapping():
            for key, element in value.items():
                yield from _texts((*path, str(key)), element)
        case list():
            for index, element in enumerate(value):
                yield from _texts((*path, index), element)
        case _:
            return


def _needs(texts: list[tuple[Path, str]]) -> Iterator[Need]:
    for path, text in texts:
        kind = _NEEDS.get(str(path[-1])) if len(path) == 1 or path[0] == "prompts" else None
        if kind is not None and "{{" not in text:
            yield Need(kind=kind, name=text, at=path)


def _references(path: Path, text: str) -> Iterator[tuple[Path, Reference]]:
    if "{{" not in text:
        return
    try:
        template = parse(Context.PLAIN, text)
    except TemplateError:
        return
    yield from ((path, reference) for reference in template.references)


def _assigned(properties: Mapping[str, object]) -> Iterator[tuple[Path, str]]:
    for name in _SETS:
        match properties.get(name):
            case Mapping() as given:
                yield from (((name, str(variable)), str(variable)) for variable in given)
            case _:
                pass
    match properties.get("variable"):
        case str() as variable:
            yield ("variable",), variable
        case _:
            pass
