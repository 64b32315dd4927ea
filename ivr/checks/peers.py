"""Trunks and agents' phones: whether they can be found, and whether registrars know us."""

from __future__ import annotations

import asyncio

from ivr.checks.media import worker
from ivr.checks.model import CheckResult, failed, ok, skipped
from ivr.checks.subject import Subject
from ivr.config import Trunk
from ivr.config.model import PHONES_HOST
from ivr.peers import Unresolvable, resolve
from ivr.trunks import registrars
from media.errors import MediaError
from media.messages import Registration

REGISTER_TIMEOUT_S = 5.0
SIP_PORT = 5060


async def trunk_address(name: str, subject: Subject) -> CheckResult:
    """The trunk's name has an address."""
    target = subject.config.trunks[name].send_to
    try:
        address = await resolve(target.host)
    except Unresolvable as exc:
        return failed(str(exc), f"correct trunks.{name}.uri or its address, or this machine's name servers")
    found = address if address == target.host else f"{target.host} is {address}"
    return ok(f"{found}, port {target.port or SIP_PORT}")


async def trunk_registration(name: str, subject: Subject) -> CheckResult:
    """The registrar knows us: as the running node says, or by registering once."""
    trunk = subject.config.trunks[name]
    if not trunk.register_:
        return skipped("register is false")
    if subject.node is not None:
        return _told_by_node(name, subject)
    try:
        address = f"{await resolve(trunk.send_to.host)}:{trunk.send_to.port or SIP_PORT}"
    except Unresolvable:
        return skipped("needs the trunk's address")
    try:
        last = await _register(name, trunk, address, subject)
    except MediaError as exc:
        return failed(str(exc), "correct sip.listen: it must be an address of this machine")
    return _judged(name, last, address)


def _told_by_node(name: str, subject: Subject) -> CheckResult:
    trunks = {view.name: view for view in subject.node.trunks} if subject.node else {}
    view = trunks.get(name)
    if view is None:
        return failed(
            "the running node does not know this trunk", "restart the node: its configuration is older"
        )
    if view.state == "registered":
        return ok("registered, says the running node")
    said = f"{view.code} {view.reason}".strip() if view.code else "no answer yet"
    return failed(f"{view.state}, says the running node: {said}", _remedy(name, view.code))


async def _register(name: str, trunk: Trunk, address: str, subject: Subject) -> Registration | None:
    """The registrar's answer to one registration, which is taken back at once; None when there is none."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Registration] = loop.create_future()

    def on_registration(event: Registration) -> None:
        if not answer.done():
            answer.set_result(event)

    sip = subject.config.sip
    accounts = registrars({name: trunk}, {name: address})
    async with worker(
        sip.listen[0].host, registrars=accounts, on_registration=on_registration, user_agent=sip.user_agent
    ):
        try:
            async with asyncio.timeout(REGISTER_TIMEOUT_S):
                return await answer
        except TimeoutError:
            return None


def _judged(name: str, last: Registration | None, address: str) -> CheckResult:
    if last is None:
        return failed(f"no answer from {address} within {REGISTER_TIMEOUT_S:g} s", _remedy(name, 0))
    if last.code == 200 and last.expires_s > 0:
        return ok(f"registered at {address} for {last.expires_s} s, and taken back")
    return failed(f"{address} answered {last.code} {last.reason}".rstrip(), _remedy(name, last.code))


def _remedy(name: str, code: int) -> str:
    match code:
        case 401 | 403 | 407:
            return f"correct trunks.{name}.user and password as the carrier gave them"
        case 404:
            return f"correct trunks.{name}.uri and user: the registrar does not know them"
        case 0 | 408 | 503:
            return "see whether a firewall lets UDP through, and whether sip.listen is reached from there"
        case _:
            return "ask the carrier what this answer means"


async def endpoints(subject: Subject) -> CheckResult:
    """Every agent's phone has an address."""
    agents = subject.config.agents
    if not agents:
        return skipped("no agents are configured")
    faults = await asyncio.gather(*(_fault(agent.destination.host) for agent in agents.values()))
    wrong = [f"{name}: {fault}" for name, fault in zip(agents, faults, strict=True) if fault]
    if wrong:
        return failed("; ".join(wrong), "correct agents.NAME.endpoint")
    return ok(f"{len(agents)} endpoints have addresses")


async def _fault(host: str) -> str | None:
    if host == PHONES_HOST:
        return None  # it registers at the edge
    try:
        await resolve(host)
    except Unresolvable as exc:
        return str(exc)
    return None
