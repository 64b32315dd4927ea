"""Kamailio's life: checked, started, filled, watched, started again, ended with the node.

Theory of operation. What Kamailio is told comes in two ways. The configuration file holds what does not
change while it runs: addresses, trunks, the screen. What changes, and what is secret, is said over RPC:
workers and their room (`EdgeWorkers`), registrations and passwords. A Kamailio that was started again knows
nothing of the latter: `ready` says it all again before the child counts as ready.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self, assert_never

import structlog

from media.edge.config import render
from media.edge.files import keep_phones, make_folder, remove_folder, write_private, write_tables
from media.edge.gate import TcpGate
from media.edge.lines import EdgeIsReady, Other, PhoneRegistered, Refused, RegistrarSaid, read_line
from media.edge.model import EdgeListen, EdgeSettings, EdgeTrunk
from media.edge.rpc import Rpc
from media.errors import EdgeError
from media.process import (
    Child,
    ChildSpec,
    ChildState,
    CrashReport,
    RestartPolicy,
    StartError,
    Streams,
    python_child,
)

PROGRAM = "kamailio"
PACKAGE = "kamailio"
MORE_PLACES = "/usr/sbin:/usr/local/sbin:/sbin"
READY_S = 10.0
CHECK_S = 10.0
KEEP_AFTER_S = 0.2
LOOK_S = 0.25
QUIET = -2
SHARED_MB, PRIVATE_MB = "64", "8"
SERVICE_HINT = (
    "Debian's package starts a service on port 5060 when it is installed: "
    "`systemctl disable --now kamailio` ends it"
)

log = structlog.get_logger()


class Edge:
    """One Kamailio. `async with Edge(...)` runs it; `on_started` is awaited whenever it is up and empty."""

    def __init__(
        self,
        settings: EdgeSettings,
        *,
        on_started: Callable[[Rpc], Awaitable[None]],
        on_registrar: Callable[[RegistrarSaid], None] = lambda _: None,
        on_refused: Callable[[str], None] = lambda _: None,
        trunks: Callable[[], Iterable[EdgeTrunk]] | None = None,
        kept: Path | None = None,
    ) -> None:
        self.settings = settings
        self._on_started = on_started
        self._on_registrar = on_registrar
        self._on_refused = on_refused
        self._gate = TcpGate(settings.tcp, trunks or (lambda: settings.trunks), self._tcp_refused)
        self._kept = kept
        self._folder: Path | None = None
        self._rpc: Rpc | None = None
        self._child: Child | None = None
        self._is_ready = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        program = find_program()
        for listen in self.settings.listens:
            refuse_taken(listen)
        self._folder = await asyncio.to_thread(make_folder)
        try:
            await self._start(program, self._folder)
            await self._gate.__aenter__()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    @property
    def rpc(self) -> Rpc:
        """How to speak to it; EdgeError before it was started."""
        if self._rpc is None:
            raise EdgeError("the edge was not started")
        return self._rpc

    @property
    def pid(self) -> int | None:
        """The process that the node started: Kamailio's guard."""
        return self._child.pid if self._child else None

    @property
    def is_ready(self) -> bool:
        """Whether it takes calls now."""
        return self._child is not None and self._child.state is ChildState.READY

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return self._child.restarts if self._child else 0

    async def _start(self, program: str, folder: Path) -> None:
        await asyncio.to_thread(write_tables, folder, self._kept)
        self._rpc = Rpc(folder)
        file = folder / "kamailio.cfg"
        try:
            text = render(replace(self.settings, folder=folder), str(self._rpc.path))
        except ValueError as exc:
            raise EdgeError(str(exc)) from exc
        await asyncio.to_thread(write_private, file, text)
        await check_file(program, file)
        argv, env = python_child("media.edge.guard")
        arguments = ("-DD", "-E", "-m", SHARED_MB, "-M", PRIVATE_MB, "-Y", str(folder), "-w", str(folder))
        self._child = Child(
            ChildSpec(
                name="edge",
                argv=(*argv, program, "-f", str(file), *arguments),
                env=env,
                ready=self._ready,
                ready_timeout_s=READY_S,
                alive=self._answers,
                alive_misses=2,
                policy=RestartPolicy(cap_s=5.0),
                on_line=self._on_line,
                on_crash=self._on_crash,
            )
        )
        try:
            await self._child.start()
        except StartError as exc:
            raise EdgeError(f"the edge does not start: {exc}") from exc

    async def _end(self) -> None:
        await self._gate.__aexit__(None, None, None)
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._child is not None:
            await self._child.stop(grace_s=0.0)
        if self._folder is not None:
            await asyncio.to_thread(remove_folder, self._folder)

    async def _ready(self, _: Streams) -> None:
        await self._until_it_answers()
        await self._on_started(self.rpc)
        # From here on a malformed datagram is no news, and its text would be in the log.
        await self.rpc.call("corex.debug", QUIET)

    async def _until_it_answers(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._is_ready.wait()
            try:
                await self.rpc.call("core.version")
            except EdgeError:
                self._is_ready.clear()  # it may have said so before its socket was there: look again soon
            else:
                return

    async def _answers(self) -> bool:
        # A guard that was killed leaves Kamailio's processes behind, which would go on answering: they are to
        # be killed with the rest of the group, or nobody would end them with the node.
        if self.pid is None or not _exists(self.pid):
            return False
        await self.rpc.call("core.uptime")
        return True

    def _on_crash(self, report: CrashReport) -> None:
        self._is_ready.clear()
        log.error(
            "edge.crashed", reason=report.reason, restart_in_s=report.restart_in_s, output=report.output
        )

    def _on_line(self, line: str) -> None:
        said = read_line(line)
        match said:
            case EdgeIsReady():
                self._is_ready.set()
            case Refused():
                log.warning("edge.refused", source=said.source, reason=said.reason)
                self._on_refused(said.reason)
            case PhoneRegistered():
                self._keep_phones()
            case RegistrarSaid():
                self._on_registrar(said)
            case Other() if self.is_ready:
                # Without the words: they may be those of a message.
                log.warning("edge.says", where=said.where)
            case Other():
                log.info("edge.says", line=said.text)
            case _:
                assert_never(said)

    def _tcp_refused(self, source: str) -> None:
        log.warning("edge.refused", source=source, reason="tcp")
        self._on_refused("tcp")

    def _keep_phones(self) -> None:
        """Soon, for all that register until then."""
        if self._kept is not None and (self._keeping is None or self._keeping.done()):
            self._keeping = asyncio.create_task(self._write_phones(self._kept), name="edge keeps phones")

    async def _write_phones(self, kept: Path) -> None:
        await asyncio.sleep(KEEP_AFTER_S)
        try:
            await self.rpc.call("db_text.dump")
            if self._folder is not None:
                await asyncio.to_thread(keep_phones, self._folder, kept)
        except (EdgeError, OSError) as exc:
            log.warning("edge.phones_not_kept", error=str(exc))


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def find_program() -> str:
    """Kamailio's path; EdgeError with the remedy when it is not installed."""
    found = shutil.which(PROGRAM, path=f"{os.environ.get('PATH', '')}:{MORE_PLACES}")
    if found is None:
        raise EdgeError(
            f"sip.edge is kamailio, and there is no program {PROGRAM}: `apt-get install {PACKAGE}` (5.6 or"
            f" later). {SERVICE_HINT}"
        )
    return found


def refuse_taken(listen: EdgeListen) -> None:
    """EdgeError when the address cannot be had. Kamailio itself would share a port with whoever has it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((listen.host, listen.port))
        except OSError as exc:
            raise EdgeError(f"cannot listen on udp:{listen}: {_reason(exc, listen)}") from exc


def _reason(fault: OSError, listen: EdgeListen) -> str:
    match fault.errno:
        case errno.EADDRINUSE:
            return f"another program listens there (`ss -lunp` names it). {SERVICE_HINT}"
        case errno.EADDRNOTAVAIL:
            return f"{listen.host} is no address of this machine (`ip address` lists them)"
        case errno.EACCES:
            return "this user may not; ports from 1024 up are free to all"
        case _:
            return fault.strerror or str(fault)


async def check_file(program: str, file: Path) -> None:
    """`kamailio -c`; EdgeError with what it says about the file."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            program, "-c", "-f", str(file), stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
    except OSError as exc:
        raise EdgeError(f"cannot run {program}: {exc.strerror}") from exc
    try:
        async with asyncio.timeout(CHECK_S):
            _, said = await process.communicate()
    except TimeoutError as exc:
        raise EdgeError(f"{program} -c does not end within {CHECK_S:g} s") from exc
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = said.decode("utf-8", "replace").strip().splitlines()
        raise EdgeError(f"Kamailio refuses its configuration: {'; '.join(lines[-3:])}")
