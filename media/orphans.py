"""A BYE to each peer of a worker that has died, from the address that the worker had.

Nobody else can end those calls: a peer takes a request of the dialog from its own route and Contact alone.
The BYE goes the way that the worker's own would have gone, straight or through the edge, so nothing depends
on what an edge remembers. It is said between a worker's death and the start of its successor, which needs the
port.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Iterable
from contextlib import suppress

import structlog

from media.sip.bye import Dialog, answered_branch, bye, next_hop

ANSWER_S = 0.2
"""How long a try waits for answers. A caller in silence waits for it, and so does the next worker."""
TRIES = 2
NAME_S = 0.5
_MAX_ANSWER = 8000

Address = tuple[str, int]
Waiting = dict[str, tuple[bytes, Address]]

log = structlog.get_logger()


async def say_bye(dialogs: Iterable[Dialog], host: str, port: int) -> None:
    """End these dialogs at their peers; says it again to those who do not answer, and gives up."""
    made = await asyncio.gather(*(_made(dialog, host, port) for dialog in dialogs))
    waiting: Waiting = dict(one for one in made if one is not None)
    if not waiting:
        return
    told = len(waiting)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        try:
            sock.bind((host, port))
        except OSError as exc:
            log.warning("worker.peers_not_told", peers=told, error=str(exc))
            return
        for _ in range(TRIES):
            if waiting:
                await _say(sock, waiting)
    log.info("worker.peers_told", peers=told, silent=len(waiting))


async def _say(sock: socket.socket, waiting: Waiting) -> None:
    """One try; who answers waits no more."""
    loop = asyncio.get_running_loop()
    for data, address in waiting.values():
        with suppress(OSError):  # no way to this one: there is to the others
            await loop.sock_sendto(sock, data, address)
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(ANSWER_S):
            while waiting:
                answer = await loop.sock_recv(sock, _MAX_ANSWER)
                waiting.pop(answered_branch(answer) or "", None)


async def _made(dialog: Dialog, host: str, port: int) -> tuple[str, tuple[bytes, Address]] | None:
    """A BYE by its branch, and where it goes; None when there is no way there."""
    hop = next_hop(dialog)
    if hop is None or hop.transport != "udp":
        return None
    try:
        address = await _resolved(hop.host, hop.port)
        own = _own_address_towards(address) if host == "0.0.0.0" else host
    except (TimeoutError, OSError):
        return None
    branch = f"z9hG4bK{secrets.token_hex(12)}"
    return branch, (bye(dialog, sent_by=f"{own}:{port}", branch=branch), address)


async def _resolved(host: str, port: int) -> Address:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(NAME_S):
        found = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    name, number = found[0][4][:2]
    return str(name), int(number)


def _own_address_towards(address: Address) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(address)
        own: str = probe.getsockname()[0]
        return own
