"""`ivr demo`: a node, a simulated Salesforce and one whole call that is proved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.options import JsonOption


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("demo")(demo)


def demo(
    as_json: JsonOption = False,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where caller.wav, agent.wav and call.json go.")
    ] = Path("demo-out"),
    stay: Annotated[bool, typer.Option("--stay", help="Keep the node up, for real softphones.")] = False,
    lan: Annotated[bool, typer.Option("--lan", help="Open it to the local network.")] = False,
    agent: Annotated[
        str | None, typer.Option(metavar="URI", help="Ring this SIP URI instead of the scripted agent.")
    ] = None,
) -> None:
    """Place one call over real SIP and RTP on this machine, and prove every step of it."""
    from ivr.demo import DemoOptions, run_demo

    options = DemoOptions(json=as_json, out=out, stay=stay, lan=lan, agent=agent)
    raise typer.Exit(run_demo(options))
