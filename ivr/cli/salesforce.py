"""`ivr salesforce`: the login, a caller's look-up, and the simulator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from ivr.cli.options import DEFAULT_CONFIG, ConfigOption, ConnectorOption, JsonOption
from ivr.cli.output import ExitCode, fail, print_json, say
from ivr.cli.settings import read_config

if TYPE_CHECKING:
    from ivr.acd.score import ScoreTable
    from ivr.config import Config
    from ivr.salesforce.connector import SalesforceConnector
    from ivr.salesforce.model import Match

T = TypeVar("T")


def create() -> typer.Typer:
    """The group."""
    app = typer.Typer(help="Salesforce: login, look-up, simulator.", no_args_is_help=True)
    app.command("token")(token)
    app.command("lookup")(lookup)
    app.command("simulator")(simulator)
    return app


def token(
    config: ConfigOption = DEFAULT_CONFIG,
    connector: ConnectorOption = None,
    print_token: Annotated[
        bool, typer.Option("--print-token", help="Print the session's token, a secret, and nothing else.")
    ] = False,
) -> None:
    """Log in, and say what is wrong when Salesforce refuses."""
    settings = read_config(config)
    name = _connector(settings, connector)
    grant = settings.connectors[name].grant
    if grant == "password" and not print_token:
        say(f"{name}: orgs created since Summer '23 block grant password; client_credentials is the way on.")
    session = _with(name, settings, lambda org: org.login())
    if print_token:
        typer.echo(session.access_token)
    else:
        say(f"{name}: logged in at {session.instance_url}")


def lookup(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="As a caller's number would come.")],
    config: ConfigOption = DEFAULT_CONFIG,
    connector: ConnectorOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a caller with this number would be: who, why, with which open cases and priority."""
    from ivr.connectors import score_table
    from ivr.numbers import to_e164
    from ivr.salesforce.model import MatchResult

    settings = read_config(config)
    e164 = to_e164(number, settings.region)
    if e164 is None:
        fail(
            ExitCode.WRONG,
            f"{number} is no whole public number in region {settings.region}: write + and the country code.",
        )

    async def search(org: SalesforceConnector) -> Match:
        found = await org.find(e164)
        return await org.open_cases(found) if found.result in (MatchResult.ONE, MatchResult.MANY) else found

    name = _connector(settings, connector)
    match = _with(name, settings, search)
    if match.result is MatchResult.ERROR:
        fail(ExitCode.FAILED, f"The look-up failed: {match.detail}")
    _print(e164, match, score_table(settings.connectors[name]), as_json=as_json)


def _print(number: str, match: Match, table: ScoreTable, *, as_json: bool) -> None:
    from ivr.cli.caller import caller_document, caller_lines

    if as_json:
        print_json(caller_document(number, match, table))
        return
    for line in caller_lines(number, match, table):
        say(line)


def simulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8090,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The org's first records; the demo's without it.")
    ] = None,
) -> None:
    """Serve a simulated Salesforce org until Ctrl-C."""
    import asyncio

    from ivr.salesforce.simulator.app import create_app
    from ivr.salesforce.simulator.data import DataError, load_org
    from ivr.salesforce.simulator.server import serve_app
    from ivr.shipped import demo_org

    try:
        org = load_org(data or demo_org())
    except DataError as exc:
        fail(ExitCode.WRONG, str(exc))

    def ready(url: str) -> None:
        say(f"ready url={url} client_id={org.identity.client_id}")

    try:
        asyncio.run(_until_signal(serve_app(create_app(org), host, port, ready)))
    except OSError as exc:
        fail(
            ExitCode.FAILED,
            f"Cannot listen on {host}:{port} ({exc.strerror}): stop what does, or give --host and --port.",
        )


async def _until_signal(work: Awaitable[None]) -> None:
    """Run until it ends, or until Ctrl-C or SIGTERM."""
    import asyncio
    import signal

    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def _connector(config: Config, wanted: str | None) -> str:
    """The connector meant; leaves with code 2 when that is not clear."""
    names = tuple(config.connectors)
    if wanted is not None and wanted not in names:
        fail(ExitCode.WRONG, f"There is no connector {wanted}; there are {', '.join(names) or 'none'}.")
    if wanted is None and len(names) != 1:
        known = f"name one of {', '.join(names)} by --connector" if names else "the configuration has none"
        fail(ExitCode.WRONG, f"It is not clear which connector: {known}.")
    return wanted or names[0]


def _with(name: str, config: Config, work: Callable[[SalesforceConnector], Awaitable[T]]) -> T:
    """The connector's answer; leaves with code 1, what is wrong and what to do."""
    import asyncio

    from ivr.checks.salesforce import open_connector, remedy_of
    from ivr.salesforce.errors import SalesforceError

    async def ask() -> T:
        async with open_connector(name, config) as org:
            return await work(org)

    try:
        return asyncio.run(ask())
    except SalesforceError as exc:
        fail(
            ExitCode.FAILED,
            f"{name}: {exc.detail}",
            f"What to do: {remedy_of(exc, config.connectors[name].grant)}.",
        )
