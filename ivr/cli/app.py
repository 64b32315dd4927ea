"""The tree of commands. Command modules import what is heavy inside their commands: help must be quick."""

from __future__ import annotations

import io
import sys

import typer

from ivr.cli import agent, call, check, config, demo, desktop, flow, load, outbox, queue, salesforce, serve

SETTINGS = {"help_option_names": ["-h", "--help"]}


def create_app() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="ivr",
        help="A softswitch IVR for contact centres that work in Salesforce.",
        epilog="Exit codes: 0 done, 1 a check or step failed, 2 wrong use or configuration,"
        " 3 node not reachable.",
        no_args_is_help=True,
        add_completion=False,
        context_settings=SETTINGS,
        # Its tracebacks would print local variables, secrets among them.
        pretty_exceptions_enable=False,
    )
    for module in (serve, demo, check, desktop, load):
        module.add_to(app)
    for name, group in (
        ("config", config),
        ("flow", flow),
        ("salesforce", salesforce),
        ("call", call),
        ("queue", queue),
        ("agent", agent),
        ("outbox", outbox),
    ):
        app.add_typer(group.create(), name=name)
    return app


def run() -> None:
    """Run the command that the arguments name; leaves by SystemExit with its code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a name must not end the program.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    create_app()(prog_name="ivr")
