"""`ivr serve`: a node until SIGTERM."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.options import DEFAULT_CONFIG, ConfigOption
from ivr.cli.output import ExitCode, fail, say
from ivr.cli.settings import read_config

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ivr.config import Config
    from ivr.serving import Running


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("serve")(serve)


def serve(
    config: ConfigOption = DEFAULT_CONFIG,
    until_stdin_closes: Annotated[
        bool,
        typer.Option("--until-stdin-closes", help="Stop, as on SIGTERM, when standard input ends."),
    ] = False,
    no_desktop: Annotated[bool, typer.Option("--no-desktop", help="Without the agents' pages.")] = False,
) -> None:
    """Run a node until SIGTERM or Ctrl-C, then let its calls end."""
    import asyncio

    from ivr.config import load_config
    from ivr.errors import CannotStart
    from ivr.telemetry.logs import configure_logs

    settings = read_config(config)
    configure_logs(settings.node.log_format)
    reasons: list[str] = []
    try:
        asyncio.run(
            _serve(
                settings,
                desktop=not no_desktop,
                lifeline=until_stdin_closes,
                read=lambda: load_config(config, env=os.environ),
            )
        )
    except* (CannotStart, OSError) as group:
        reasons = _reasons(group)
    if reasons:
        fail(ExitCode.FAILED, *reasons)


async def _serve(config: Config, *, desktop: bool, lifeline: bool, read: Callable[[], Config]) -> None:
    import asyncio

    from ivr import serving

    parent = _Parent(asyncio.get_running_loop())
    if lifeline:
        parent.watch()

    def on_ready(running: Running) -> None:
        say(f"ready sip={running.sip} api={running.api_url} desktop={running.desktop_url or 'none'}")
        parent.node_runs(running)

    await serving.serve(config, on_ready=on_ready, desktop=desktop, read=read)


class _Parent:
    """Whoever started us and holds our standard input: when it ends, the node is to stop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: Running | None = None
        self._gone = False

    def watch(self) -> None:
        """Read standard input in a thread: it may be a file or a terminal, which a loop cannot wait for."""
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    def node_runs(self, running: Running) -> None:
        """From now on there is something to stop."""
        self._running = running
        if self._gone:
            running.stop()

    def _read(self) -> None:
        with suppress(OSError):  # closed for us from the start is an end, too
            while os.read(0, 4096):
                pass
        with suppress(RuntimeError):  # the loop is closed: the node has left already
            self._loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        self._gone = True
        if self._running is not None:
            self._running.stop()


def _reasons(group: BaseExceptionGroup[BaseException]) -> list[str]:
    """Every reason in the group, however deep."""
    from ivr.errors import CannotStart

    found: list[str] = []
    for error in group.exceptions:
        match error:
            case BaseExceptionGroup():
                found += _reasons(error)
            case CannotStart():
                found += error.reasons
            case _:
                found.append(str(error))
    return found
