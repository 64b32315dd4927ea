"""The SIP library: it loads, and holds as many legs as the node is to have."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ivr.checks.model import CheckResult, failed, ok, skipped
from ivr.checks.subject import Subject
from ivr.clock import SystemClock
from media.errors import MediaError, WorkerStartError
from media.leg import Leg
from media.messages import Incoming, Registrar, Registration
from media.pool import Booking, Pool, PoolSettings

LOOPBACK = "127.0.0.1"
RTP_PORTS = 40
"""A worker wants a range; no call of a check ever uses it."""


@asynccontextmanager
async def worker(
    host: str,
    *,
    registrars: tuple[Registrar, ...] = (),
    on_registration: Callable[[Registration], None] = lambda _: None,
    user_agent: str = "salesforce-ivr",
) -> AsyncIterator[Pool]:
    """One worker on a free port that takes no calls. Raises WorkerStartError."""
    settings = PoolSettings(
        listen_host=host,
        listen_port=_free_port(host),
        rtp_first=20000,
        rtp_last=20000 + RTP_PORTS - 1,
        capacity=0,
        user_agent=user_agent,
        registrars=registrars,
    )
    pool = Pool(
        settings,
        on_call=_no_call,
        on_registration=on_registration,
        on_restart=lambda slot, reason: None,
        now=SystemClock().monotonic,
    )
    async with pool:
        yield pool


async def library(subject: Subject) -> CheckResult:
    """A worker starts, says how many calls it holds and what memory it takes."""
    try:
        async with worker(LOOPBACK) as pool:
            slot = pool.slots[0]
            subject.max_legs = slot.max_legs
            memory = slot.pss_bytes / 1_000_000
    except MediaError as exc:
        return failed(
            str(exc),
            "install pjsua2-python anew, with Python 3.11 or 3.12 on x86_64: there are no builds for others",
        )
    return ok(f"{subject.max_legs} legs a process, {memory:.1f} MB for one")


async def capacity(subject: Subject) -> CheckResult:
    """Without an edge one worker takes all calls, so it must hold them all."""
    sip = subject.config.sip
    if sip.edge != "none":
        return skipped("an edge spreads the calls over workers")
    if subject.max_legs is None:
        return skipped("needs the SIP library")
    wanted = sip.capacity * sip.legs_per_customer
    text = (
        f"{sip.capacity} customers of {sip.legs_per_customer} legs are {wanted};"
        f" this build of the library holds {subject.max_legs}"
    )
    if wanted <= subject.max_legs:
        return ok(text)
    fits = subject.max_legs // sip.legs_per_customer
    return failed(text, f"set sip.capacity to {fits}, or install a build of the library that holds more")


def _free_port(host: str) -> int:
    """A UDP port of the system's choice."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as exc:
            raise WorkerStartError(f"cannot listen on {host}: {exc.strerror}") from exc
        port: int = probe.getsockname()[1]
        return port


def _no_call(leg: Leg, event: Incoming, booking: Booking) -> None:
    """Never reached: the capacity is 0 and the pool refuses by itself."""
    booking.release()
