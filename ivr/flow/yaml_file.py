"""A YAML 1.2 file as plain values that still know their lines. Duplicate keys are errors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from ivr.flow.errors import FlowFileError

Plain: TypeAlias = "str | bool | int | float | list[Plain] | dict[str, Plain] | None"
MAX_BYTES = 1_000_000
_MAX_DEPTH = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlFile:
    """What a file says, the line of everything it says, and the digest of its bytes."""

    path: Path
    content: Plain
    digest: str
    lines: Mapping[tuple[str | int, ...], int]

    def line(self, at: tuple[str | int, ...]) -> int:
        """The line of `at`, or of the nearest thing around it. Unknown parts of `at` are passed over."""
        known: tuple[str | int, ...] = ()
        for part in at:
            known = (*known, part) if (*known, part) in self.lines else known
        return self.lines.get(known, 1)


def read_yaml(path: Path) -> YamlFile:
    """Read and parse. Raises `FlowFileError` with the line."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise FlowFileError(path, 1, f"cannot be read: {exc.strerror}") from exc
    if len(data) > MAX_BYTES:
        raise FlowFileError(path, 1, f"has more than {MAX_BYTES} bytes")
    try:
        tree = YAML(typ="rt", pure=True).load(data)
        return YamlFile(
            path=path,
            content=_plain(tree),
            digest=hashlib.sha256(data).hexdigest(),
            lines=dict(_lines((), tree)),
        )
    except MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        text = (exc.problem or exc.context or "is not YAML").splitlines()[0]
        raise FlowFileError(path, mark.line + 1 if mark else 1, text) from exc
    except (YAMLError, UnicodeDecodeError, ValueError) as exc:
        raise FlowFileError(path, 1, f"is not YAML: {str(exc).splitlines()[0]}") from exc


def _plain(node: object, depth: int = 0) -> Plain:
    if depth > _MAX_DEPTH:
        raise ValueError(f"more than {_MAX_DEPTH} levels")
    match node:
        case CommentedMap():
            return {str(key): _plain(value, depth + 1) for key, value in node.items()}
        case CommentedSeq():
            return [_plain(value, depth + 1) for value in node]
        case bool() | None:
            return node
        case int():
            return int(node)
        case float() | Decimal():
            return float(node)
        case _:
            return str(node)


def _lines(path: tuple[str | int, ...], node: object) -> Iterator[tuple[tuple[str | int, ...], int]]:
    match node:
        case CommentedMap():
            for key, value in node.items():
                yield (*path, str(key)), node.lc.key(key)[0] + 1
                yield from _lines((*path, str(key)), value)
        case CommentedSeq():
            for index, value in enumerate(node):
                yield (*path, index), node.lc.item(index)[0] + 1
                yield from _lines((*path, index), value)
        case _:
            return
