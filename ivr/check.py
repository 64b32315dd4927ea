"""`ivr check`: everything that a node needs, tried one after the other before a caller does.

The list is data. Each check is bounded in time, changes nothing that outlasts it, and says what to do; those
that follow from one that failed are skipped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from ivr.checks import database, edge, files, media, peers, ports
from ivr.checks.model import Check, CheckResult, Line, Status, failed, ok, run_check, skipped
from ivr.checks.running import running_node
from ivr.checks.salesforce import SalesforceChecks, open_connector
from ivr.checks.subject import Subject
from ivr.config import Config, ConfigError, load_config

Report = Callable[[Line], None]

CONVERSION_LIMIT_S = 60.0
"""The first start converts all sounds."""
START_LIMIT_S = 30.0
READING_LIMIT_S = 60.0


async def check_all(path: Path, env: Mapping[str, str], report: Report) -> bool:
    """Run every check and tell `report` each line as it is known; whether none failed."""
    try:
        config = load_config(path, env=env)
    except ConfigError as exc:
        text = "; ".join(map(str, exc.problems))
        report(Line(name="configuration", result=failed(text, "correct the file")))
        report(Line(name="everything else", result=skipped("needs the configuration")))
        return False
    subject = Subject(config=config, node=await running_node(config))
    report(Line(name="configuration", result=ok(_said(path, subject))))
    good = True
    async with AsyncExitStack() as stack:
        for check in await plan(subject, stack):
            line = await run_check(check)
            report(line)
            good = good and line.result.status is not Status.FAILED
    return good


def _said(path: Path, subject: Subject) -> str:
    running = f"; the node {subject.node.name} runs with it" if subject.node else ""
    return f"{path}{running}"


async def plan(subject: Subject, stack: AsyncExitStack) -> list[Check]:
    """The checks of a configuration, in an order in which each finds what it needs. `stack` closes what
    they share."""
    config = subject.config
    checks = [
        _check("flows and sounds", files.definitions, subject, CONVERSION_LIMIT_S),
        _check("speech", files.speech, subject, START_LIMIT_S),
        _check("SIP port", ports.sip_port, subject),
        _check("API port", partial(ports.http_port, config.http.listen), subject),
        _check("desktop port", partial(ports.desktop_port, config.desktop.listen), subject),
        _check("RTP ports", ports.rtp_ports, subject),
        _check("open files", ports.open_files, subject),
        _check("SIP library", media.library, subject, START_LIMIT_S),
        _check("capacity", media.capacity, subject),
    ]
    if config.sip.edge != "none":
        checks.append(_check("edge", edge.edge, subject, START_LIMIT_S))
    for name in config.trunks:
        checks.append(_check(f"trunk {name}: address", partial(peers.trunk_address, name), subject))
        checks.append(
            _check(
                f"trunk {name}: registration", partial(peers.trunk_registration, name), subject, START_LIMIT_S
            )
        )
    checks.append(_check("agents' endpoints", peers.endpoints, subject))
    for name in config.connectors:
        checks += await _connector_checks(name, config, stack)
    checks.append(_check("database", database.database, subject))
    return checks


async def _connector_checks(name: str, config: Config, stack: AsyncExitStack) -> list[Check]:
    connector = await stack.enter_async_context(open_connector(name, config))
    checks = SalesforceChecks(name, config, connector)
    return [
        Check(name=f"{name}: login", run=checks.login),
        Check(name=f"{name}: permissions", run=checks.objects, limit_s=READING_LIMIT_S),
        Check(name=f"{name}: API usage", run=checks.usage),
    ]


def _check(
    name: str,
    run: Callable[[Subject], Awaitable[CheckResult]],
    subject: Subject,
    limit_s: float | None = None,
) -> Check:
    bound = partial(run, subject)
    return Check(name=name, run=bound) if limit_s is None else Check(name=name, run=bound, limit_s=limit_s)
