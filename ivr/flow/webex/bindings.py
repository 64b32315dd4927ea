"""What lies outside an export, and what it is here: the binding file.

An export names queues and connectors by ids that mean nothing elsewhere. The file pairs each with a name of
our configuration; `null` means that nobody has said yet, and the flow then carries the export's own name,
which `ivr flow check` reports.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from ivr.flow.errors import FlowFileError
from ivr.flow.webex.errors import BindingError
from ivr.flow.yaml_file import Plain, read_yaml


class Outside(StrEnum):
    """Kinds of things outside a flow; the sections of the file."""

    QUEUES = "queues"
    CONNECTORS = "connectors"
    AUDIO = "audio"
    SCHEDULES = "schedules"
    GLOBALS = "globals"


SECTIONS: Mapping[Outside, str] = {
    Outside.QUEUES: "Queues: the export's id, and the name of a queue in the configuration.",
    Outside.CONNECTORS: "Connectors: the export's id or a server's address, and a connector's name.",
    Outside.AUDIO: "Sounds: the file's name there, and here.",
    Outside.SCHEDULES: "Business hours: the export's id, and the name of a schedule.",
    Outside.GLOBALS: "Global variables: what each begins with here.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """What somebody has said: by section, what a name of the export is here."""

    said: Mapping[Outside, Mapping[str, str | None]] = field(default_factory=dict)

    def get(self, kind: Outside, name: str) -> str | None:
        """What it is here, if somebody has said."""
        return self.said.get(kind, {}).get(name)

    def has(self, kind: Outside, name: str) -> bool:
        """The file has a line for it, even if that says null."""
        return name in self.said.get(kind, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Something that the flow needs from outside. `bound`: what it is here, None when nobody has said."""

    kind: Outside
    name: str
    bound: str | None
    used_by: tuple[str, ...] = ()
    label: str = ""


class Outsides:
    """What a flow needs, collected while it is translated."""

    def __init__(self, bindings: Bindings) -> None:
        self._bindings = bindings
        self._wanted: dict[tuple[Outside, str], Wanted] = {}

    def need(self, kind: Outside, name: str, user: str, *, label: str = "", usual: str | None = None) -> str:
        """The name to write into the flow. `usual` is what it is when nobody has said anything."""
        said = self._bindings.get(kind, name)
        bound = said if self._bindings.has(kind, name) else usual
        known = self._wanted.get((kind, name))
        users = dict.fromkeys((*(known.used_by if known else ()), user))
        label = label or (known.label if known else "")
        self._wanted[kind, name] = Wanted(
            kind=kind, name=name, bound=bound, used_by=tuple(users), label=label
        )
        return bound if bound is not None else label or name

    def all(self) -> tuple[Wanted, ...]:
        """Everything needed, by section."""
        order = list(Outside)
        return tuple(sorted(self._wanted.values(), key=lambda wanted: order.index(wanted.kind)))


def read_bindings(path: Path) -> Bindings:
    """The bindings in a file. Raises `BindingError`."""
    try:
        content = read_yaml(path).content
    except FlowFileError as exc:
        raise BindingError(str(exc)) from exc
    if content is None:
        return Bindings()
    if not isinstance(content, dict):
        raise BindingError(f"{path}: sections are expected")
    unknown = content.keys() - set(Outside)
    if unknown:
        raise BindingError(f"{path}: there is no section {min(unknown)!r}; there are {', '.join(Outside)}")
    return Bindings(said={kind: _section(path, kind, content.get(kind)) for kind in Outside})


def _section(path: Path, kind: Outside, content: Plain) -> dict[str, str | None]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BindingError(f"{path}: {kind}: names and what they are here are expected")
    return {name: _said(path, kind, name, value) for name, value in content.items()}


def _said(path: Path, kind: Outside, name: str, value: Plain) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case _:
            raise BindingError(f"{path}: {kind}: {name}: a name is expected")


def write_bindings(wanted: tuple[Wanted, ...]) -> str:
    """The file: every need with what it is here, and who needs it."""
    document = CommentedMap()
    for kind, explanation in SECTIONS.items():
        needs = [need for need in wanted if need.kind is kind]
        if not needs:
            continue
        section = CommentedMap()
        for need in needs:
            section[need.name] = need.bound
            label = f"{need.label}: " if need.label and need.label != need.name else ""
            section.yaml_add_eol_comment(f"{label}{', '.join(need.used_by[:6])}", need.name)
        document[kind.value] = section
        document.yaml_set_comment_before_after_key(kind.value, before=f"\n{explanation}")
    document.yaml_set_start_comment(
        "What the imported flow needs from outside, and what that is here. Fill in what says null, then\n"
        "import again: the file in the folder is read, and kept."
    )
    return _dumped(document)


def _dumped(document: CommentedMap) -> str:
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 10_000
    yaml.representer.add_representer(
        type(None), lambda represent, _: represent.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    out = io.StringIO()
    yaml.dump(document if document else {}, out)
    return out.getvalue()
