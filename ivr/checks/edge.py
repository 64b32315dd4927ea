"""The edge: Kamailio is there, new enough, and takes the configuration that the node would write."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from pathlib import Path

from ivr.checks.model import CheckResult, failed, ok, skipped
from ivr.checks.subject import Subject
from ivr.edge import edge_settings
from ivr.errors import CannotStart
from ivr.peers import Unresolvable, resolve
from media.edge.addresses import LoopbackPorts
from media.edge.config import render
from media.edge.edge import check_file, find_program, refuse_taken
from media.edge.files import make_folder, remove_folder, write_private
from media.edge.model import EdgeSettings
from media.errors import EdgeError

OLDEST = (5, 6)
VERSION_S = 5.0
SIP_PORT = 5060


async def edge(subject: Subject) -> CheckResult:
    """Kamailio can be started as this configuration needs it."""
    if subject.max_legs is None:
        return skipped("needs the SIP library")
    try:
        program = find_program()
    except EdgeError as exc:
        return failed(str(exc), "install it, or set sip.edge to none on a trusted network")
    version = await _version(program)
    if version is None or version < OLDEST:
        return failed(f"{program} is version {_text(version)}", "install Kamailio 5.6 or later")
    try:
        settings = await _settings(subject)
        if taken := _taken(subject, settings):
            return failed(taken, "end what listens there, or set another address in sip.listen")
        await _try(program, settings)
    except (EdgeError, CannotStart, ValueError) as exc:
        return failed(str(exc), "correct sip, trunks and agents.*.phone, or report this as a fault")
    return ok(f"Kamailio {_text(version)} takes the configuration; {settings.workers} workers behind it")


async def _settings(subject: Subject) -> EdgeSettings:
    config = subject.config
    addresses = {name: await _address(name, subject) for name in config.trunks}
    with LoopbackPorts() as ports:
        return edge_settings(config, addresses, legs=subject.max_legs or 0, secret=b"of a check", ports=ports)


def _taken(subject: Subject, settings: EdgeSettings) -> str:
    """What keeps the edge from one of its addresses; nothing when a node runs, whose edge has them."""
    if subject.node is not None:
        return ""
    for listen in settings.listens:
        try:
            refuse_taken(listen)
        except EdgeError as exc:
            return str(exc)
    return ""


async def _try(program: str, settings: EdgeSettings) -> None:
    folder = await asyncio.to_thread(make_folder)
    try:
        file = folder / "kamailio.cfg"
        await asyncio.to_thread(write_private, file, render(settings, str(folder / "rpc")))
        await check_file(program, Path(file))
    finally:
        await asyncio.to_thread(remove_folder, folder)


async def _address(name: str, subject: Subject) -> str:
    target = subject.config.trunks[name].send_to
    with suppress(Unresolvable):  # its own check says so
        return f"{await resolve(target.host)}:{target.port or SIP_PORT}"
    return f"192.0.2.1:{SIP_PORT}"


async def _version(program: str) -> tuple[int, int] | None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        program, "-v", stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(VERSION_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    match = re.search(rb"kamailio (\d+)\.(\d+)", said)
    return (int(match.group(1)), int(match.group(2))) if match else None


def _text(version: tuple[int, int] | None) -> str:
    return ".".join(map(str, version)) if version else "unknown"
