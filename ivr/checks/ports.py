"""Ports and limits of this machine against what the node needs."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
from functools import partial

from ivr.checks.model import CheckResult, failed, ok
from ivr.checks.subject import Subject
from ivr.config import Config, HostPort, rtp_ports_needed

RUNNING = "in use by the running node"
_CONTROL_FILES = 256
"""Files of an idle node: databases, workers, Salesforce connections, logs."""
_FILES_PER_LEG = 4
"""RTP, RTCP, and room for players and recordings."""
_FILES_PER_AGENT = 4
"""Event stream and requests of the desktop, and of a second tab."""


async def sip_port(subject: Subject) -> CheckResult:
    """The SIP port can be had."""
    listen = subject.config.sip.listen[0]
    rtp = subject.config.sip.rtp_ports
    if rtp.first <= listen.port <= rtp.last:
        return failed(
            f"{listen} lies within the RTP ports {rtp}", "move sip.listen or sip.rtp_ports so that they part"
        )
    place = HostPort(host=listen.host, port=listen.port)
    fault = await asyncio.to_thread(_udp_fault, place)
    return _judged(subject, place, fault, key="sip.listen", show="ss -lunp", kind="udp")


async def tcp_port(key: str, listen: HostPort, subject: Subject) -> CheckResult:
    """A listener of the node can have its port."""
    fault = await asyncio.to_thread(_tcp_fault, listen)
    return _judged(subject, listen, fault, key=key, show="ss -ltnp", kind="tcp")


def _judged(
    subject: Subject, place: HostPort, fault: OSError | None, *, key: str, show: str, kind: str
) -> CheckResult:
    if fault is None:
        return ok(f"{place} ({kind}) is free" if place.port else f"a free port of {place.host} ({kind})")
    match fault.errno:
        case errno.EADDRINUSE if subject.node is not None:
            return ok(f"{place} ({kind}) is {RUNNING} {subject.node.name}")
        case errno.EADDRINUSE:
            return failed(
                f"{place} ({kind}) is in use by another program",
                f"stop that program (`{show}` names it), or set another port in {key}",
            )
        case errno.EADDRNOTAVAIL:
            return failed(
                f"{place.host} is no address of this machine",
                f"set {key} to one that `ip address` lists",
            )
        case errno.EACCES:
            return failed(
                f"{place} ({kind}) is not allowed to this user", f"set a port from 1024 up in {key}"
            )
        case _:
            return failed(f"{place} ({kind}): {fault.strerror or fault}", f"correct {key}")


def _udp_fault(place: HostPort) -> OSError | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        return _bind_fault(probe, place)


def _tcp_fault(place: HostPort) -> OSError | None:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the servers do: connections that linger after a stop do not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return _bind_fault(probe, place)


def _bind_fault(probe: socket.socket, place: HostPort) -> OSError | None:
    try:
        probe.bind((place.host, place.port))
    except OSError as exc:
        return exc
    return None


async def rtp_ports(subject: Subject) -> CheckResult:
    """Enough RTP ports are free for as many customers as `capacity` says."""
    sip = subject.config.sip
    needed = rtp_ports_needed(sip)
    taken = await asyncio.to_thread(
        _taken, sip.listen[0].host, range(sip.rtp_ports.first, sip.rtp_ports.last + 1)
    )
    free = sip.rtp_ports.count - taken
    text = f"{sip.rtp_ports}: {free} ports free, {needed} needed for {sip.capacity} customers"
    if free >= needed:
        return ok(text)
    return failed(text, "widen sip.rtp_ports, or stop what holds them (`ss -lunp` names it)")


def _taken(host: str, ports: range) -> int:
    return sum(1 for port in ports if _udp_fault(HostPort(host=host, port=port)) is not None)


def files_needed(config: Config) -> int:
    """Open files of the process that needs most, when the node is full."""
    legs = config.sip.capacity * config.sip.legs_per_customer
    return _CONTROL_FILES + legs * _FILES_PER_LEG + len(config.agents) * _FILES_PER_AGENT


async def open_files(subject: Subject) -> CheckResult:
    """This user may open as many files as a full node does."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = files_needed(subject.config)
    if allowed == resource.RLIM_INFINITY or allowed >= needed:
        return ok(
            f"{'any number' if allowed == resource.RLIM_INFINITY else allowed} allowed, {needed} needed"
        )
    return failed(
        f"{allowed} open files allowed, {needed} needed",
        f"raise the limit: `ulimit -n {needed}`, or LimitNOFILE in the service's unit",
    )


http_port = partial(tcp_port, "http.listen")
desktop_port = partial(tcp_port, "desktop.listen")
