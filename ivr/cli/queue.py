"""`ivr queue`: who waits, and how long."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.node import ask_node
from ivr.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, UrlOption
from ivr.cli.output import plain, print_json, print_models, print_table, say


def create() -> typer.Typer:
    """The group."""
    app = typer.Typer(help="Queues of a running node.", no_args_is_help=True)
    app.command("list")(list_queues)
    app.command("show")(show_queue)
    return app


def list_queues(
    url: UrlOption = None, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """All queues."""
    queues = ask_node(url, config, lambda node: node.queues())
    if as_json:
        print_models(queues)
        return
    print_table(
        ("Queue", "Waiting", "Oldest (s)", "Agents ready", "Agents signed in"),
        [(q.name, q.waiting, round(q.oldest_s), q.agents_ready, q.agents_signed_in) for q in queues],
        empty="No queues are configured.",
    )


def show_queue(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in `ivr queue list`.")],
    url: UrlOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """The calls that wait in a queue, and why in this order."""
    queue = ask_node(url, config, lambda node: node.queue(name))
    if as_json:
        print_json(plain(queue))
        return
    say(
        f"{queue.name}: {queue.waiting} waiting, the longest {queue.oldest_s:.0f} s;"
        f" {queue.agents_ready} of {queue.agents_signed_in} agents signed in are ready."
    )
    print_table(
        ("Place", "Call", "Waiting (s)", "Priority", "Why"),
        [(c.position, c.call_id, round(c.waiting_s), c.priority, c.reasons) for c in queue.calls],
        empty="Nobody waits.",
    )
