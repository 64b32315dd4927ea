"""`ivr call`: calls of a running node."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.node import ask_node
from ivr.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, UrlOption
from ivr.cli.output import plain, print_json, print_models, print_table, say

CallId = Annotated[str, typer.Argument(metavar="ID", help="As in `ivr call list`.")]


def create() -> typer.Typer:
    """The group."""
    app = typer.Typer(help="Calls of a running node.", no_args_is_help=True)
    app.command("list")(list_calls)
    app.command("show")(show_call)
    app.command("hangup")(hang_up)
    return app


def list_calls(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    text: Annotated[
        str, typer.Option(help="Only those with this in number, queue, entry point, agent or id.")
    ] = "",
    ending: Annotated[
        str | None, typer.Option(metavar="ENDING", help="Only those that ended so, e.g. agent_hung_up.")
    ] = None,
    before: Annotated[
        str | None, typer.Option(metavar="ID", help="Only those older than this call: the next page.")
    ] = None,
    url: UrlOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Calls in progress and over, newest first."""
    calls = ask_node(url, config, lambda node: node.calls(limit, before=before, text=text, ending=ending))
    if as_json:
        print_models(calls)
        return
    print_table(
        ("Call", "Started", "Stage", "Entry point", "Number", "Match", "Queue", "Agent", "Ending"),
        [
            (c.call_id, c.started_at, c.stage, c.entry_point, c.number, c.match, c.queue, c.agent, c.ending)
            for c in calls
        ],
        empty="No such calls." if text or ending or before else "No calls yet.",
    )


def show_call(
    call_id: CallId,
    url: UrlOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """A call's record, notes and timeline."""
    from ivr.cli.story import call_story

    call = ask_node(url, config, lambda node: node.call(call_id))
    if as_json:
        print_json(plain(call))
        return
    for line in call_story(call):
        say(line)


def hang_up(call_id: CallId, url: UrlOption = None, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """End a call in progress."""
    ask_node(url, config, lambda node: node.hang_up(call_id))
    say(f"Call {call_id} is ended.")
