"""The YAML text as plain data that remembers its lines, with secrets put in.

Nodes are read without being constructed, so that all duplicate keys are found, each with its line, and no tag
of the file can make an object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ivr.config.errors import ConfigError, KeyPath, Problem

Scalar = str | int | float | bool | None
Data = Scalar | list["Data"] | dict[str, "Data"]

MASK = "**********"

_MAX_NODES = 100_000
_MAX_DEPTH = 20
_TAG = "tag:yaml.org,2002:"
_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")


@dataclass(slots=True, kw_only=True)
class Source:
    """What the file says. `masked` has the texts into which something was put, with that part hidden."""

    path: Path
    data: Data = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    masked: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, key: KeyPath) -> int:
        """The line of a key, or of the nearest section around it that the file has."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def report(self, key: KeyPath, *, found: str, expected: str, line: int | None = None) -> None:
        """Note a problem."""
        at = self.line_of(key) if line is None else line
        dotted = ".".join(map(str, key))
        self.problems.append(Problem(path=self.path, line=at, key=dotted, found=found, expected=expected))

    def error(self) -> ConfigError:
        """All that was noted, in the order of the file."""
        return ConfigError(sorted(self.problems, key=lambda problem: problem.line))

    def raise_problems(self) -> None:
        """Raise what was noted, if anything was."""
        if self.problems:
            raise self.error()


def read_source(path: Path, *, env: Mapping[str, str]) -> Source:
    """Read and parse the file; `ConfigError` when it is no readable YAML."""
    source = Source(path=path)
    try:
        root = YAML(typ="safe", pure=True).compose(path.read_text("utf-8"))
    except OSError as exc:
        source.report((), found=exc.strerror or "an error", expected="a readable file")
    except UnicodeDecodeError:
        source.report((), found="bytes that are not UTF-8", expected="UTF-8 text")
    except MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        text = f"a mistake ({exc.problem or exc.context})"
        source.report((), found=text, expected="YAML", line=mark.line + 1 if mark else 1)
    except YAMLError:
        source.report((), found="characters that YAML does not allow", expected="YAML")
    else:
        _Reader(source, env).read(root)
    if not source.lines:
        source.raise_problems()
    return source


class _Reader:
    """One walk over the nodes."""

    def __init__(self, source: Source, env: Mapping[str, str]) -> None:
        self._source = source
        self._env = env
        self._nodes = 0

    def read(self, root: Node | None) -> None:
        self._source.lines[()] = 1
        self._source.data = {} if root is None else self._value(root, ())

    def _value(self, node: Node, key: KeyPath) -> Data:
        self._source.lines.setdefault(key, node.start_mark.line + 1)
        self._nodes += 1
        if self._nodes > _MAX_NODES or len(key) > _MAX_DEPTH:
            # Aliases can make a small file endless.
            self._source.report(key, found="too much nesting", expected="a configuration")
            self._source.raise_problems()
        kind = str(node.tag).removeprefix(_TAG)
        match node:
            case ScalarNode():
                return self._scalar(node, kind, key)
            case MappingNode() if kind == "map":
                return self._mapping(node, key)
            case SequenceNode() if kind == "seq":
                return [self._value(item, (*key, index)) for index, item in enumerate(node.value)]
            case _:
                self._refuse_tag(kind, key)
                return None

    def _refuse_tag(self, tag: str, key: KeyPath) -> None:
        self._source.report(key, found=f"the tag {tag}", expected="a value without a tag")

    def _mapping(self, node: MappingNode, key: KeyPath) -> Data:
        found: dict[str, Data] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            name = key_node.value if isinstance(key_node, ScalarNode) else None
            if name is None or key_node.tag != _TAG + "str":
                text = "a structure" if name is None else name
                self._source.report(
                    key, found=f"the key {text}", expected="a key that is text (in quotes)", line=line
                )
            elif name in found:
                first = self._source.lines[(*key, name)]
                self._source.report(
                    (*key, name), found="the key again", expected=f"it once (line {first})", line=line
                )
            else:
                self._source.lines[(*key, name)] = line
                found[name] = self._value(value_node, (*key, name))
        return found

    def _scalar(self, node: ScalarNode, kind: str, key: KeyPath) -> Data:
        text: str = node.value
        match kind:
            case "str":
                return self._put_in(text, key)
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return _whole(text)
            case "float":
                return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
            case "timestamp":
                return text
            case _:
                self._refuse_tag(kind, key)
                return None

    def _put_in(self, text: str, key: KeyPath) -> str:
        """`${ENV}` and `${file:PATH}` replaced, `$${` left as `${`."""
        if "${" not in text:
            return text
        plain = _REFERENCE.sub(
            lambda found: self._resolve(found[1], key) if found[1] is not None else "${", text
        )
        if any(found[1] is not None for found in _REFERENCE.finditer(text)):
            self._source.masked[key] = _REFERENCE.sub(lambda found: MASK if found[1] else "${", text)
        return plain

    def _resolve(self, name: str, key: KeyPath) -> str:
        if name.startswith("file:"):
            return self._read_secret(name.removeprefix("file:").strip(), key)
        value = self._env.get(name.strip())
        if value is None:
            self._source.report(
                key, found=f"${{{name}}}", expected=f"{name.strip()} to be set in the environment"
            )
        return value or ""

    def _read_secret(self, name: str, key: KeyPath) -> str:
        path = self._source.path.parent / Path(name).expanduser()
        try:
            return path.read_text("utf-8").rstrip("\r\n")
        except (OSError, ValueError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else "not UTF-8 text"
            self._source.report(
                key, found=f"${{file:{name}}} ({path}: {why})", expected="a readable file with the secret"
            )
            return ""


def _whole(text: str) -> int:
    digits = text.replace("_", "")
    try:
        return int(digits)
    except ValueError:
        return int(digits, 0)
