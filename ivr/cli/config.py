"""`ivr config`: the configuration in effect."""

from __future__ import annotations

import typer

from ivr.cli.options import DEFAULT_CONFIG, ConfigOption
from ivr.cli.settings import read_config


def create() -> typer.Typer:
    """The group."""
    app = typer.Typer(help="The configuration.", no_args_is_help=True)
    app.command("show")(show_config)
    app.command("password")(password)
    app.callback()(_group)
    return app


def _group() -> None:
    """The configuration."""


def show_config(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """The effective configuration: defaults filled in, secrets masked."""
    from ivr.config import show

    typer.echo(show(read_config(config)), nl=False)


def password() -> None:
    """Ask for an agent's password and print its hash, for `sign_in.password_hash`."""
    from ivr.config import hash_password

    typer.echo(hash_password(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)))
