"""`ivr agent`: what agents do, and setting it for one who cannot."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ivr.cli.node import ask_node
from ivr.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, UrlOption
from ivr.cli.output import print_models, print_table, say


class Wanted(StrEnum):
    """States that an operator may set."""

    READY = "ready"
    NOT_READY = "not_ready"


def create() -> typer.Typer:
    """The group."""
    app = typer.Typer(help="Agents of a running node.", no_args_is_help=True)
    app.command("list")(list_agents)
    app.command("set")(set_state)
    return app


def list_agents(
    url: UrlOption = None, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """All agents and what they are doing."""
    agents = ask_node(url, config, lambda node: node.agents())
    if as_json:
        print_models(agents)
        return
    print_table(
        ("Agent", "Name", "State", "Reason", "Since", "Queues", "Call"),
        [(a.id, a.name, a.status, a.reason, a.since, a.queues, a.call and a.call.call_id) for a in agents],
        empty="No agents are configured.",
    )


def set_state(
    agent: Annotated[str, typer.Argument(metavar="ID", help="As in `ivr agent list`.")],
    state: Annotated[Wanted, typer.Argument(metavar="STATE", help="ready or not_ready.")],
    reason: Annotated[str | None, typer.Option(help="Why the agent is not ready.")] = None,
    url: UrlOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make a signed-in agent ready or not ready."""
    from ivr.api.models import AgentStatus

    view = ask_node(url, config, lambda node: node.set_state(agent, AgentStatus(state.value), reason))
    say(f"{view.name} is {view.status}{f' ({view.reason})' if view.reason else ''}.")
