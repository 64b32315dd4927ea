"""What keys must hold together: references, numbers, ports, and what this version can do."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace

from ivr.config.errors import KeyPath
from ivr.config.model import Config, Sip
from ivr.numbers import dialled_key

_PLAIN = re.compile(r"[A-Za-z0-9._~%:/+ -]*")
PORTS_PER_LEG = 2
"""RTP and RTCP."""

FULL_CODE = 503
"""What everybody is told without an edge."""

_REST = 2  # A released port rests before it is used again, so twice as many are needed.

Finding = tuple[KeyPath, str, str]
"""Key, found, expected."""


def rtp_ports_needed(sip: Sip) -> int:
    """How many RTP ports the node needs when full."""
    return sip.capacity * sip.legs_per_customer * PORTS_PER_LEG * _REST


def check(config: Config) -> list[Finding]:
    """All that does not fit together."""
    checks: tuple[Callable[[Config], Iterator[Finding]], ...] = (
        _edge,
        _listen,
        _rtp,
        _trunks,
        _flows,
        _numbers,
        _queues,
        _teams,
        _emails,
        _phones,
        _logins,
        _quotas,
        _listeners,
    )
    return [finding for one in checks for finding in one(config)]


def _edge(config: Config) -> Iterator[Finding]:
    """What stands in the edge's own configuration, in quotes."""
    if config.sip.edge == "kamailio" and not _PLAIN.fullmatch(config.sip.user_agent):
        yield ("sip", "user_agent"), repr(config.sip.user_agent), "letters, digits and ._~%:/+- with sip.edge"


def _listen(config: Config) -> Iterator[Finding]:
    yield from _tcp(config)
    if config.sip.edge != "none":
        return
    if len(config.sip.listen) > 1:
        yield ("sip", "listen"), f"{len(config.sip.listen)} addresses", "one, with sip.edge none"
    for index, listen in enumerate(config.sip.listen):
        if ipaddress.ip_address(listen.host).is_global:
            yield (
                ("sip", "listen", index),
                repr(str(listen)),
                "an address of this machine or a private network: with sip.edge none the SIP library meets "
                "every packet unscreened, and one crafted packet can end it",
            )


def _tcp(config: Config) -> Iterator[Finding]:
    """TCP is for trunks and stands beside UDP: what speaks to workers and phones is UDP."""
    listens = config.sip.listen
    for index, listen in enumerate(listens):
        if listen.transport != "tcp":
            continue
        udp = replace(listen, transport="udp")
        if config.sip.edge == "none":
            yield ("sip", "listen", index), repr(str(listen)), "udp: with sip.edge none there is no TCP"
        elif udp not in listens[:index]:
            yield ("sip", "listen", index), repr(str(listen)), f"{udp} before it"


def _rtp(config: Config) -> Iterator[Finding]:
    sip, needed = config.sip, rtp_ports_needed(config.sip)
    if sip.rtp_ports.count < needed:
        yield (
            ("sip", "rtp_ports"),
            f"{sip.rtp_ports} ({sip.rtp_ports.count} ports)",
            f"at least {needed} ports: capacity {sip.capacity} x {sip.legs_per_customer} legs a customer x "
            f"{PORTS_PER_LEG} ports a leg (RTP, RTCP) x {_REST} (a released port rests)",
        )


def _trunks(config: Config) -> Iterator[Finding]:
    for name, trunk in config.trunks.items():
        if trunk.register_ and (trunk.user is None or trunk.password is None):
            yield ("trunks", name, "register"), "true", "user and password beside it"
        if trunk.full_code != FULL_CODE and config.sip.edge == "none":
            yield ("trunks", name, "full_code"), f"{trunk.full_code}", f"{FULL_CODE} with sip.edge none"


def _flows(config: Config) -> Iterator[Finding]:
    for name, entry_point in config.entry_points.items():
        path = config.flow_path(entry_point.flow)
        if not path.is_file():
            yield ("entry_points", name, "flow"), repr(entry_point.flow), f"a flow in {path}"


def _numbers(config: Config) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for name, entry_point in config.entry_points.items():
        for index, number in enumerate(entry_point.numbers):
            key = dialled_key(number, config.region)
            if key in owners:
                yield (
                    ("entry_points", name, "numbers", index),
                    repr(number),
                    f"a number of its own: entry point {owners[key]} has {key}",
                )
            owners.setdefault(key, name)


def _queues(config: Config) -> Iterator[Finding]:
    for name, queue in config.queues.items():
        for index, team in enumerate(queue.teams):
            if team not in config.teams:
                yield ("queues", name, "teams", index), repr(team), _one_of("team", config.teams)


def _teams(config: Config) -> Iterator[Finding]:
    for name, team in config.teams.items():
        for index, agent in enumerate(team.agents):
            if agent not in config.agents:
                yield ("teams", name, "agents", index), repr(agent), _one_of("agent", config.agents)


def _emails(config: Config) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for name, agent in config.agents.items():
        if agent.email is None:
            continue
        address = agent.email.casefold()
        if address in owners:
            expected = f"an address of his own: agent {owners[address]} has it"
            yield ("agents", name, "email"), repr(agent.email), expected
        owners.setdefault(address, name)


def _phones(config: Config) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for name, agent in config.agents.items():
        if agent.phone is None:
            continue
        if config.sip.edge == "none":
            yield ("agents", name, "phone"), "an account", "null: phones register at an edge only"
        user = agent.phone.user
        if user in owners:
            expected = f"a user of its own: agent {owners[user]} has it"
            yield ("agents", name, "phone", "user"), repr(user), expected
        owners.setdefault(user, name)


# What each grant needs beside client_id.
_GRANT_KEYS: Mapping[str, tuple[str, ...]] = {
    "client_credentials": ("client_secret",),
    "jwt_bearer": ("username", "private_key"),
    "refresh_token": ("refresh_token",),
    "password": ("client_secret", "username", "password"),
}


def _logins(config: Config) -> Iterator[Finding]:
    for name, connector in config.connectors.items():
        at = ("connectors", name)
        for key in _GRANT_KEYS[connector.grant]:
            if getattr(connector, key) is None:
                yield (*at, key), "nothing", f"a value: grant {connector.grant} needs it"
        if connector.grant == "password" and not connector.allow_password_grant:
            yield (
                (*at, "grant"),
                "'password'",
                "client_credentials or jwt_bearer: Salesforce blocks username-password logins in every org "
                "created since Summer '23 and in External Client Apps; for an older org that still allows "
                "them set allow_password_grant: true",
            )
        if connector.grant == "jwt_bearer" and connector.private_key is not None:
            from ivr.salesforce.grants import private_key_problem  # loads a cryptographic library

            problem = private_key_problem(connector.private_key.get_secret_value())
            if problem is not None:
                yield (*at, "private_key"), "something else (not shown)", problem


def _quotas(config: Config) -> Iterator[Finding]:
    for name, connector in config.connectors.items():
        quota = connector.quota
        if not quota.tasks <= quota.comments <= quota.cases:
            yield (
                ("connectors", name, "quota"),
                f"tasks {quota.tasks:g}, comments {quota.comments:g}, cases {quota.cases:g}",
                "tasks at most comments, comments at most cases: what can wait is left out first",
            )


def _listeners(config: Config) -> Iterator[Finding]:
    listen = config.desktop.listen
    if listen.port and listen == config.http.listen:
        yield ("desktop", "listen"), repr(str(listen)), "another address than http.listen"


def _one_of(what: str, known: Collection[str]) -> str:
    return f"one of the {what}s ({', '.join(known) or 'none is defined'})"
