"""`ivr desktop`: the pages' process alone."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.options import DEFAULT_CONFIG, ConfigOption
from ivr.cli.output import ExitCode, fail
from ivr.cli.settings import read_outline


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("desktop")(desktop)


def desktop(
    api: Annotated[
        str | None, typer.Option(metavar="URL", help="The node's API; default: from the configuration.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Where to listen; default: desktop.listen.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="0 takes a free one; default: desktop.listen.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Serve the agents' pages until Ctrl-C, as a client of a node's API."""
    if api is None or host is None or port is None:
        from ivr.checks.running import api_url

        outline = read_outline(config)
        if api is None and outline.http.port == 0:
            fail(ExitCode.WRONG, f"http.listen of {config} has port 0: name the node's address with --api.")
        api = api or api_url(outline.http)
        host = outline.desktop.host if host is None else host
        port = outline.desktop.port if port is None else port
    from ivr.desktop.app import run_desktop

    try:
        run_desktop(api, host, port)
    except OSError as exc:
        fail(
            ExitCode.FAILED,
            f"Cannot listen on {host}:{port} ({exc.strerror}): stop what does (`ss -ltnp` names it),"
            " or give --host and --port.",
        )
