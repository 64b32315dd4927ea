"""The flow file: our YAML, in the order in which people read it."""

from __future__ import annotations

import io
from collections.abc import Mapping

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import (
    DoubleQuotedScalarString,
    LiteralScalarString,
    SingleQuotedScalarString,
)

from ivr.flow.webex.source import Json

_FLOW_STYLE = frozenset({"edges", "choices", "values", "leaves"})


def write_flow(document: Mapping[str, Json], comment: str) -> str:
    """The text of the file; the comment stands above it."""
    tree = _node(dict(document), "")
    assert isinstance(tree, CommentedMap)
    for key in ("variables", "start", "events"):
        if key in tree:
            tree.yaml_set_comment_before_after_key(key, before="\n")
    tree.yaml_set_start_comment(comment)
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 100_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(tree, out)
    return "\n".join(
        line.rstrip() if line.strip() in ("", "#") else line for line in out.getvalue().split("\n")
    )


def _node(value: Json, key: str) -> object:
    match value:
        case dict():
            made = CommentedMap()
            for name, inner in value.items():
                made[_text(name)] = _node(inner, name)
            if key in _FLOW_STYLE:
                made.fa.set_flow_style()
            return made
        case list():
            items = CommentedSeq(_node(item, "") for item in value)
            if key in _FLOW_STYLE:
                items.fa.set_flow_style()
            return items
        case str():
            return _text(value)
        case _:
            return value


def _text(value: str) -> str:
    # Quoted wherever another reader of YAML could take it for a number, a truth value or nothing.
    plain = value.replace("_", "").replace("-", "").replace(".", "")
    if plain.isalnum() and not plain[0].isdigit() and value.lower() not in _WORDS:
        return value
    lines = value.split("\n")
    if not all(line.isprintable() for line in lines):
        return _quoted(value)
    if len(lines) > 1:
        readable = lines[0][:1].strip() and all(line == line.rstrip() for line in lines) and lines[-1]
        block: str = LiteralScalarString(value)
        return block if readable else _quoted(value)
    single: str = SingleQuotedScalarString(value)
    return single if '"' in value else _quoted(value)


def _quoted(value: str) -> str:
    quoted: str = DoubleQuotedScalarString(value)
    return quoted


_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf", "none"})
