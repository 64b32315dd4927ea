"""`ivr check`: everything that a node needs, tried before a caller does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from ivr.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from ivr.cli.output import ExitCode, fail, print_json, say

if TYPE_CHECKING:
    from ivr.checks.model import Line

_NAME_WIDTH = 28


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("check")(check)


def check(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Try all that a node with this configuration needs: a line each. Exit code 1 if one fails."""
    import asyncio

    from ivr.check import check_all
    from ivr.telemetry.logs import configure_logs

    if not config.is_file():
        fail(ExitCode.WRONG, f"There is no configuration {config}: name it with --config FILE.")
    # What the parts would log is in their lines already.
    configure_logs("console", "CRITICAL")
    lines: list[Line] = []

    def report(line: Line) -> None:
        lines.append(line)
        if not as_json:
            _print(line)

    good = asyncio.run(check_all(config, os.environ, report))
    if as_json:
        print_json({"ok": good, "checks": [_plain(line) for line in lines]})
    if not good:
        raise typer.Exit(ExitCode.FAILED)


def _print(line: Line) -> None:
    result = line.result
    remedy = f" -> {result.remedy}" if result.remedy else ""
    say(f"{result.status:<8}{line.name:<{_NAME_WIDTH}}{result.text}{remedy}")


def _plain(line: Line) -> dict[str, str]:
    result = line.result
    return {"name": line.name, "status": result.status, "text": result.text, "remedy": result.remedy}
