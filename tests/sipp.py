"""SIPp as many callers at once: a scenario of `tests/data/sipp`, run within limits, and what its calls tell.

The scenarios wait for events, never for a time: a call lasts as long as the test wants it to.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.phones import HOST, free_port

SCENARIOS = Path(__file__).parent / "data" / "sipp"
LIMIT_S = 60
_STAMP = re.compile(r"^[\d-]+T[\d:.]+\S*\s+")

needs_sipp = pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a run: SIPp's exit code (0: every call went as the scenario says) and its log."""

    code: int
    said: tuple[str, ...]
    errors: str

    def count(self, words: str) -> int:
        """How many lines of the log begin with these words."""
        return sum(line.startswith(words) for line in self.said)

    def calls(self, word: str) -> frozenset[str]:
        """The Call-IDs that are told of with this word."""
        pairs = (line.split() for line in self.said)
        return frozenset(pair[1] for pair in pairs if len(pair) == 2 and pair[0] == word)

    @property
    def tally(self) -> Counter[str]:
        """How often each word was said."""
        return Counter(line.split()[0] for line in self.said)


@dataclass(slots=True, kw_only=True)
class Sipp:
    """A running SIPp. Its callers come from `host`:`port`."""

    host: str
    port: int
    _process: asyncio.subprocess.Process
    _folder: Path

    async def finished(self, limit_s: float = LIMIT_S) -> Outcome:
        """Wait until all calls are over."""
        async with asyncio.timeout(limit_s):
            code = await self._process.wait()
        return await asyncio.to_thread(self._outcome, code)

    def _outcome(self, code: int) -> Outcome:
        said = _read(self._folder / "said.log")
        lines = tuple(_STAMP.sub("", line).strip() for line in said.splitlines() if line.strip())
        return Outcome(code=code, said=lines, errors=_read(self._folder / "errors.log")[:4000])


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


@asynccontextmanager
async def sipp(
    scenario: str,
    address: str,
    folder: Path,
    *,
    calls: int,
    rate: int,
    host: str = HOST,
    service: str = "service",
    inside: str | None = None,
    **keys: object,
) -> AsyncIterator[Sipp]:
    """Run a scenario: `calls` in all, begun at `rate` a second; `keys` are its keywords, `inside` the network
    namespace that it runs in. Ends with the block, however that is left."""
    place = folder / f"sipp-{scenario}-{free_port()}"
    await asyncio.to_thread(place.mkdir)
    port = free_port()
    command = ["ip", "netns", "exec", inside] if inside else []
    command += ["sipp", address, "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", host, "-p", str(port)]
    command += ["-bind_local", "-mi", host, "-ci", host, "-s", service, "-m", str(calls), "-l", str(calls)]
    command += [
        "-r",
        str(rate),
        "-nostdin",
        "-timeout",
        f"{LIMIT_S}s",
        "-timeout_error",
        "-deadcall_wait",
        "0",
    ]
    command += ["-trace_logs", "-log_file", str(place / "said.log")]
    command += ["-trace_err", "-error_file", str(place / "errors.log")]
    # A busy machine makes SIPp late, which is no reason to give up.
    for kind in ("minor", "major"):
        command += [f"-watchdog_{kind}_maxtriggers", "1000000"]
    for name, value in {"ani": "+12065550199", "rtp": 9, **keys}.items():
        command += ["-key", name, str(value)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, cwd=place
    )
    try:
        yield Sipp(host=host, port=port, _process=process, _folder=place)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
