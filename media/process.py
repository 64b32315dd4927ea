"""One supervised child process: started, watched, restarted with back-off and ended by its node.

Theory of operation. A child's stdin is its lifeline: the node keeps it open, so however the node dies the
child reads end-of-file and leaves (`lifeline()` is the child's half). A child runs in a session of its own:
Ctrl-C reaches the node only, and a kill reaches whatever the child has started. Failed at first start is
`StartError`; dead later is a restart after `RestartPolicy`'s delay; hung (`alive` missed) is killed first.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

import structlog

from media.lines import LineBudget, LineSplitter

TAIL_LINES = 40
REAP_TIMEOUT_S = 5.0
DRAIN_TIMEOUT_S = 1.0
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

_log = structlog.get_logger()


class ChildState(StrEnum):
    """Where a child is in its life."""

    NEW = "new"
    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    STOPPED = "stopped"


class StartError(Exception):
    """The child could not be started. `output` holds its last lines."""

    def __init__(self, name: str, reason: str, output: tuple[str, ...] = ()) -> None:
        self.name = name
        self.reason = reason
        self.output = output
        last = f"; it said: {output[-1]}" if output else ""
        super().__init__(f"{name}: {reason}{last}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How long to wait before a dead child is started again. Pure."""

    first_s: float = 0.1
    factor: float = 2.0
    cap_s: float = 30.0
    stable_s: float = 30.0

    def after(self, failures: int, lived_s: float) -> tuple[int, float]:
        """Failures in a row, this one counted, and the delay in seconds. A life of `stable_s` starts anew."""
        row = 1 if lived_s >= self.stable_s else failures + 1
        # The exponent is bounded, or a float overflows after a thousand failures.
        return row, min(self.cap_s, self.first_s * self.factor ** min(row - 1, 64))


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashReport:
    """What is known of a death that nobody asked for."""

    name: str
    pid: int | None
    reason: str
    lived_s: float
    restart_in_s: float
    output: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """The pipes of one incarnation. `stdout` is None when it goes to the log."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """How to start a child and how to know that it is well.

    `ready` is awaited once an incarnation, and fails by raising. `alive` returns whether the child answers;
    `alive_misses` failures in a row are a hung child. With `pipe_stdout` the pipe is a request pipe, read by
    whoever `ready` hands it to. Lines of output go to `on_line`, at most about 50 a second.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=lambda: lean_env())
    ready: Callable[[Streams], Awaitable[None]] | None = None
    ready_timeout_s: float = 10.0
    alive: Callable[[], Awaitable[bool]] | None = None
    alive_every_s: float = 1.0
    alive_timeout_s: float = 1.0
    alive_misses: int = 3
    pipe_stdout: bool = False
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    on_line: Callable[[str], None] | None = None
    on_crash: Callable[[CrashReport], None] | None = None


def lean_env(**extra: str) -> dict[str, str]:
    """An environment for a child: what programs need to run, none of the node's secrets, and `extra`."""
    kept = {key: os.environ[key] for key in KEPT_VARIABLES if key in os.environ}
    return kept | extra


def python_child(module: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The argv and environment that run a module of this installation with this interpreter."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    # -P: what lies in the working directory is not importable.
    argv = (sys.executable, "-P", "-m", module)
    return argv, lean_env(PYTHONPATH=root, PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")


def lifeline() -> None:
    """In a child that does not read stdin: leave the moment that stdin ends, whatever else is going on."""

    def hold() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=hold, name="lifeline", daemon=True).start()


class Child:
    """A child process and its keeper. `async with child:` starts and stops it."""

    def __init__(self, spec: ChildSpec, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._spec = spec
        self._monotonic = monotonic
        self._state = ChildState.NEW
        self._run: _Run | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._failures = 0
        self._restarts = 0

    @property
    def state(self) -> ChildState:
        """Where it is in its life."""
        return self._state

    @property
    def pid(self) -> int | None:
        """The process id of the incarnation that runs, None between two."""
        return self._run.pid if self._run else None

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return self._restarts

    async def start(self) -> None:
        """Start it and wait until it is ready; `StartError` with the reason when it is not."""
        self._state = ChildState.STARTING
        try:
            run = await self._launch()
        except BaseException:
            self._state = ChildState.STOPPED
            raise
        self._keeper = asyncio.create_task(self._keep(run), name=f"keep {self._spec.name}")

    async def stop(self, grace_s: float = 5.0) -> None:
        """End it: lifeline closed and SIGTERM, SIGKILL after `grace_s`. Never restarted after this."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait({keeper}, timeout=REAP_TIMEOUT_S * 2)
        self._state = ChildState.STOPPED
        run, self._run = self._run, None
        if run is not None:
            await run.end(grace_s)

    def kill(self) -> None:
        """Kill the incarnation that runs, at once; it is replaced like any that died."""
        if self._run is not None:
            self._run.kill()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _launch(self) -> _Run:
        run = await _Run.spawn(self._spec, self._monotonic)
        self._run = run
        try:
            await run.become_ready()
        except BaseException:
            self._run = None
            await run.end(0.0)
            raise
        self._state = ChildState.READY
        return run

    async def _keep(self, run: _Run) -> None:
        """The keeper: for as long as the child is wanted, one incarnation after the other."""
        try:
            while True:
                reason = await run.death()
                self._run = None
                await run.end(0.0)
                run = await self._replace(self._report(reason, run))
        except Exception:
            # A fault of ours; nobody would notice a keeper that fell.
            _log.exception("child_keeper_failed", child=self._spec.name)
            raise

    async def _replace(self, report: CrashReport) -> _Run:
        while True:
            self._state = ChildState.WAITING
            await asyncio.sleep(report.restart_in_s)
            self._state = ChildState.STARTING
            self._restarts += 1
            try:
                return await self._launch()
            except StartError as exc:
                report = self._report(exc.reason, None, exc.output)

    def _report(self, reason: str, run: _Run | None, output: tuple[str, ...] = ()) -> CrashReport:
        lived_s = self._monotonic() - run.started if run else 0.0
        self._failures, delay_s = self._spec.policy.after(self._failures, lived_s)
        report = CrashReport(
            name=self._spec.name,
            pid=run.pid if run else None,
            reason=reason,
            lived_s=lived_s,
            restart_in_s=delay_s,
            output=run.tail if run else output,
        )
        _log.warning("child_died", child=report.name, reason=reason, restart_in_s=delay_s)
        if self._spec.on_crash is not None:
            self._spec.on_crash(report)
        return report


class _Run:
    """One incarnation of a child."""

    def __init__(
        self, spec: ChildSpec, process: asyncio.subprocess.Process, monotonic: Callable[[], float]
    ) -> None:
        self._spec = spec
        self._process = process
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._budget = LineBudget(monotonic)
        self.started = monotonic()
        self._exited = asyncio.create_task(process.wait(), name=f"exit of {spec.name}")
        read = [process.stderr] if spec.pipe_stdout else [process.stdout, process.stderr]
        self._drains = {
            asyncio.create_task(self._drain(stream), name=f"output of {spec.name}")
            for stream in read
            if stream is not None
        }

    @classmethod
    async def spawn(cls, spec: ChildSpec, monotonic: Callable[[], float]) -> _Run:
        """Start the process; `StartError` when the system refuses."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *spec.argv, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(spec.env), start_new_session=True
            )
        except OSError as exc:
            raise StartError(spec.name, f"cannot run {spec.argv[0]}: {exc.strerror}") from exc
        return cls(spec, process, monotonic)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines that it wrote."""
        return tuple(self._tail)

    async def become_ready(self) -> None:
        """Wait for the ready check, the end of the process or the time-out, whichever is first."""
        if self._spec.ready is None:
            return
        check = asyncio.ensure_future(self._spec.ready(self._streams()))
        try:
            timeout_s = self._spec.ready_timeout_s
            await asyncio.wait({check, self._exited}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if self._exited.done():
                raise await self._start_error(self._exit_reason())
            if not check.done():
                raise await self._start_error(f"not ready after {timeout_s:g} s")
            if (fault := check.exception()) is not None:
                raise await self._start_error(f"not ready: {fault}") from fault
        finally:
            check.cancel()
            await asyncio.gather(check, return_exceptions=True)

    async def death(self) -> str:
        """Wait until it is dead, killing it when it hangs; returns why."""
        misses = 0
        every_s = self._spec.alive_every_s if self._spec.alive else None
        while not (await asyncio.wait({self._exited}, timeout=every_s))[0]:
            misses = 0 if await self._answers() else misses + 1
            if misses >= self._spec.alive_misses:
                self.kill()
                return f"hung: {misses} checks in a row without an answer"
        return self._exit_reason()

    async def end(self, grace_s: float) -> None:
        """Close the lifeline, ask, then kill; returns when the process is reaped and its output read."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if grace_s > 0 and not self._exited.done():
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            await asyncio.wait({self._exited}, timeout=grace_s)
        self.kill()
        _, late = await asyncio.wait({self._exited}, timeout=REAP_TIMEOUT_S)
        if late:
            _log.error("child_not_reaped", child=self._spec.name, pid=self.pid)
        await self._close()

    def kill(self) -> None:
        """SIGKILL to the child and to all that it started in its group."""
        # A group's number is not given away while it has members; an empty one is no such process.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def _close(self) -> None:
        if self._drains:
            await asyncio.wait(self._drains, timeout=DRAIN_TIMEOUT_S)
        for task in (*self._drains, self._exited):
            task.cancel()
        await asyncio.gather(*self._drains, self._exited, return_exceptions=True)

    def _streams(self) -> Streams:
        stdin = self._process.stdin
        if stdin is None:
            raise StartError(self._spec.name, "has no stdin")
        return Streams(stdin=stdin, stdout=self._process.stdout if self._spec.pipe_stdout else None)

    async def _start_error(self, reason: str) -> StartError:
        """The error with the last output, for which a dead child's pipes are read to their end."""
        if self._exited.done() and self._drains:
            await asyncio.wait(self._drains, timeout=DRAIN_TIMEOUT_S)
        return StartError(self._spec.name, reason, self.tail)

    def _exit_reason(self) -> str:
        code = self._exited.result()
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"

    async def _answers(self) -> bool:
        if self._spec.alive is None:
            return True
        try:
            async with asyncio.timeout(self._spec.alive_timeout_s):
                return await self._spec.alive()
        except Exception as exc:  # noqa: BLE001 - a check that raises is a check that failed
            _log.debug("child_alive_check", child=self._spec.name, fault=type(exc).__name__)
            return False

    async def _drain(self, stream: asyncio.StreamReader) -> None:
        """Read output to its end: the tail keeps it, the log gets what its budget allows."""
        splitter = LineSplitter()
        while data := await stream.read(8192):
            for line in splitter.feed(data):
                self._line(line)
        for line in splitter.close():
            self._line(line)

    def _line(self, line: str) -> None:
        self._tail.append(line)
        if self._spec.on_line is not None:
            for allowed in self._budget.allow(line):
                self._spec.on_line(allowed)
