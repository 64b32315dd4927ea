"""What the commands print: tables for people, JSON for programs, one clear sentence when it went wrong."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

PIPE_WIDTH = 1000
"""Columns of a table that no terminal shows: nothing is folded for a program that reads it."""
NOTHING = "-"
_JOINERS = frozenset("\u200c\u200d")
_UNSEEN = re.compile(r"[^\n\x20-\x7e]")


class ExitCode(IntEnum):
    """What the program's exit code says."""

    DONE = 0
    FAILED = 1
    WRONG = 2
    UNREACHABLE = 3


def fail(code: ExitCode, *sentences: str) -> NoReturn:
    """Say why on standard error, a line each, and leave."""
    for sentence in sentences:
        typer.echo(visible_lines(sentence), err=True)
    raise typer.Exit(code)


def hint(sentence: str) -> None:
    """Say something beside the result, on standard error."""
    typer.echo(visible_lines(sentence), err=True)


def say(line: str = "") -> None:
    """Print a line, at once also into a pipe."""
    typer.echo(visible(line))
    sys.stdout.flush()


def visible(text: str) -> str:
    """The text without what would steer a terminal: control characters, and marks that turn its direction."""
    return "".join(c if c.isprintable() or c in _JOINERS else "\N{REPLACEMENT CHARACTER}" for c in text)


def visible_lines(text: str) -> str:
    """`visible`, line by line."""
    return "\n".join(visible(line) for line in text.split("\n"))


def shown(value: object) -> str:
    """A value in a table or a line."""
    match value:
        case None | "":
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        case float():
            return f"{value:.3f}".rstrip("0").rstrip(".")
        case list() | tuple():
            return ", ".join(shown(item) for item in value) or NOTHING
        case dict():
            return ", ".join(f"{key} {shown(item)}" for key, item in value.items()) or NOTHING
        case _:
            return str(value)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Rows under headings; `empty` when there are none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [[Text(visible(shown(value))) for value in row] for row in rows]
    if not cells:
        say(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in cells:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(file=sys.stdout, width=width, highlight=False).print(table)


def print_json(value: object) -> None:
    """A value as JSON, in characters that no terminal takes for a command."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    typer.echo(_UNSEEN.sub(lambda found: _escaped(found[0]), text))


def print_models(models: Sequence[BaseModel]) -> None:
    """Models of the API as a JSON array."""
    print_json([plain(model) for model in models])


def plain(model: BaseModel) -> dict[str, Any]:
    """A model of the API as JSON values."""
    return model.model_dump(mode="json", by_alias=True)


def _escaped(char: str) -> str:
    return char if char.isprintable() else json.dumps(char)[1:-1]
