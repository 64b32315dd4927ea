"""SIPp, the field's own load generator, as callers and agents of a load run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ivr.load.errors import LoadBroken, LoadImpossible
from media.process import lean_env

PROGRAM = "sipp"
LEAVE_S = 5.0
GOOD_EXITS = (0, 1)
"""1: at least one call failed, which the traces say better."""
_PLACE = re.compile(r"@([a-z_]+)@")


@dataclass(frozen=True, slots=True, kw_only=True)
class SippSpec:
    """One SIPp. `values` fill the scenario's @places@, each of `lines` is the injection file's for one call.

    `target` is None for a scenario that waits for calls. `calls` at `rate` a second, or all that come.
    """

    name: str
    folder: Path
    host: str
    port: int
    values: Mapping[str, str]
    lines: Sequence[Sequence[str]]
    timeout_s: float
    target: str | None = None
    calls: int | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SippTraces:
    """The files that a SIPp leaves: every message with its time, what the scenario logged, counts, errors."""

    messages: Path
    logs: Path
    counts: Path
    errors: Path


class Sipp:
    """A running SIPp."""

    def __init__(self, spec: SippSpec, process: asyncio.subprocess.Process, traces: SippTraces) -> None:
        self.spec = spec
        self.traces = traces
        self._process = process

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    async def wait(self) -> None:
        """Until all its calls are over. Raises LoadBroken when it gave up."""
        try:
            async with asyncio.timeout(self.spec.timeout_s + LEAVE_S):
                code = await self._process.wait()
        except TimeoutError as exc:
            raise LoadBroken(f"SIPp ({self.spec.name}) did not end in time") from exc
        if code not in GOOD_EXITS:
            raise LoadBroken(f"SIPp ({self.spec.name}) ended with {code}: {self._why()}")

    async def end(self) -> None:
        """Ask it to finish, then kill it; its files are complete afterwards."""
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGKILL):
            if self._process.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await self._process.wait()

    def _why(self) -> str:
        with contextlib.suppress(OSError):
            lines = self.traces.errors.read_text(errors="replace").strip().splitlines()
            return lines[-1] if lines else "it says nothing"
        return "it says nothing"


def sipp_program() -> str:
    """Where SIPp is. Raises LoadImpossible with the remedy."""
    found = shutil.which(PROGRAM)
    if found is None:
        raise LoadImpossible("SIPp is not installed: apt-get install sip-tester")
    return found


def scenario(name: str, values: Mapping[str, str]) -> str:
    """A scenario that comes with this package, its places filled."""
    text = (files("ivr.load") / "scenarios" / f"{name}.xml").read_text(encoding="ascii")
    return _PLACE.sub(lambda place: values[place[1]], text)


def injection(lines: Sequence[Sequence[str]]) -> str:
    """The injection file: one line a call, taken in turn."""
    return "SEQUENTIAL\n" + "".join(";".join(line) + "\n" for line in lines)


@asynccontextmanager
async def sipp(spec: SippSpec) -> AsyncIterator[Sipp]:
    """A SIPp that runs; it is ended with the block."""
    program, traces = sipp_program(), _traces(spec)
    await asyncio.to_thread(_write, spec)
    process = await asyncio.create_subprocess_exec(
        program,
        *_arguments(spec, traces),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=spec.folder,
        env=lean_env(TERM=os.environ.get("TERM", "dumb")),
        start_new_session=True,
    )
    running = Sipp(spec, process, traces)
    try:
        yield running
    finally:
        await running.end()


def _write(spec: SippSpec) -> None:
    spec.folder.mkdir(parents=True, exist_ok=True)
    (spec.folder / f"{spec.name}.xml").write_text(scenario(spec.name, spec.values), encoding="ascii")
    (spec.folder / f"{spec.name}.csv").write_text(injection(spec.lines), encoding="ascii")


def _traces(spec: SippSpec) -> SippTraces:
    at = spec.folder.absolute()
    return SippTraces(
        messages=at / f"{spec.name}-messages.csv",
        logs=at / f"{spec.name}-logs.txt",
        counts=at / f"{spec.name}-counts.csv",
        errors=at / f"{spec.name}-errors.txt",
    )


def _arguments(spec: SippSpec, traces: SippTraces) -> list[str]:
    arguments = ["-sf", f"{spec.name}.xml", "-inf", f"{spec.name}.csv", "-i", spec.host, "-p", str(spec.port)]
    arguments += ["-nostdin", "-timeout", f"{spec.timeout_s:.0f}s", "-timer_resol", "1"]
    # Call-IDs end in the number of the call, which says which line of the injection file it took.
    arguments += ["-cid_str", f"load-%p-%u@{spec.host}", "-watchdog_interval", "0"]
    arguments += ["-trace_shortmsg", "-shortmessage_file", str(traces.messages)]
    arguments += ["-trace_logs", "-log_file", str(traces.logs)]
    arguments += ["-trace_stat", "-stf", str(traces.counts), "-fd", "1"]
    arguments += ["-trace_err", "-error_file", str(traces.errors)]
    if spec.calls is not None and spec.rate is not None:
        arguments += ["-m", str(spec.calls), "-l", str(spec.calls)]
        arguments += [*_pace(spec.rate)]
    return [*arguments, spec.target] if spec.target else arguments


def _pace(rate: float) -> tuple[str, ...]:
    """Calls a second, which need not be whole: so many in a hundred seconds, evenly."""
    return ("-r", str(max(1, round(rate * 100))), "-rp", "100000")
