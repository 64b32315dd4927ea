"""`ivr outbox`: what is to be written to Salesforce, and what became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.node import ask_node
from ivr.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, UrlOption
from ivr.cli.output import print_models, print_table, say


def create() -> typer.Typer:
    """The group."""
    app = typer.Typer(help="Writes to Salesforce that a running node keeps.", no_args_is_help=True)
    app.command("list")(list_rows)
    app.command("retry")(retry_row)
    return app


def list_rows(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    url: UrlOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Rows, newest first."""
    rows = ask_node(url, config, lambda node: node.outbox(limit))
    if as_json:
        print_models(rows)
        return
    print_table(
        ("Row", "Call", "Operation", "State", "Attempts", "Due", "Result", "Error"),
        [(r.id, r.call_id, r.operation, r.state, r.attempts, r.due_at, r.result, r.error) for r in rows],
        empty="The outbox is empty.",
    )


def retry_row(
    row: Annotated[int, typer.Argument(metavar="ID", min=0, help="As in `ivr outbox list`.")],
    url: UrlOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Send a row again now."""
    view = ask_node(url, config, lambda node: node.retry_outbox(row))
    say(f"Row {view.id} of call {view.call_id} is {view.state}.")
