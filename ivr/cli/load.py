"""`ivr load`: many calls through a node, measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.options import JsonOption


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("load")(load)


def load(
    calls: Annotated[int, typer.Option(metavar="N", help="How many calls are made.")] = 10,
    rate: Annotated[float, typer.Option(metavar="R", help="New calls a second.")] = 5.0,
    hold: Annotated[float, typer.Option(metavar="S", help="Seconds that each call stays.")] = 20.0,
    rtp: Annotated[bool, typer.Option("--rtp/--no-rtp", help="Callers speak, too.")] = False,
    target: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Load this node instead of one of its own.")
    ] = None,
    user: Annotated[str, typer.Option(metavar="USER", help="What callers dial.")] = "support",
    agents: Annotated[int, typer.Option(metavar="K", help="Agents who take calls.")] = 0,
    talk: Annotated[float, typer.Option(metavar="S", help="Seconds that an agent talks.")] = 5.0,
    salesforce_delay: Annotated[
        float, typer.Option(metavar="S", help="What each Salesforce request takes longer.")
    ] = 0.0,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the report goes.")] = Path("load-out"),
    as_json: JsonOption = False,
) -> None:
    """Make many calls, and report what callers heard, how long it took and what it cost."""
    from ivr.load import LoadOptions, run_load

    options = LoadOptions(
        calls=calls,
        rate=rate,
        hold_s=hold,
        rtp=rtp,
        target=target,
        user=user,
        agents=agents,
        talk_s=talk,
        out=out,
        json=as_json,
        salesforce_delay_s=salesforce_delay,
    )
    raise typer.Exit(run_load(options))
