"""The control process dies, or is lean: what its workers do then, and what they are made of."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from media.listen import find
from media.sound import SoundLibrary
from tests.phones import HOST, RATE, Phone, free_port, free_rtp, gone, heard_in, phone, within
from tests.raw_sip import RawCall, raw_peer

pytestmark = [pytest.mark.sip, pytest.mark.process, pytest.mark.timeout(60)]

ROOT = Path(__file__).parent.parent
LEAN_BYTES = 16 << 20
HEAVY = {
    "asyncio",
    "concurrent",
    "ivr",
    "numpy",
    "pydantic",
    "pytest",
    "soundfile",
    "sqlalchemy",
    "ssl",
    "structlog",
}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> SoundLibrary:
    """The shipped sounds as a worker plays them."""
    library = SoundLibrary([ROOT / "media" / "sounds"], tmp_path_factory.mktemp("sounds"), (RATE,))
    for name in ("chime.wav", "defaultmusic_on_hold.wav"):
        library.load(name)
    return library


class LeanPool:
    """A program that runs a pool and tells of it, one line of JSON each."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    @property
    def address(self) -> str:
        """Where its worker listens."""
        return f"{HOST}:{self.port}"

    async def said(self) -> dict[str, Any]:
        """The next line; what it logs is passed over."""
        assert self.process.stdout is not None
        while line := await within(self.process.stdout.readline()):
            if line.startswith(b"{"):
                said: dict[str, Any] = json.loads(line)
                return said
        raise AssertionError("it has left")

    async def kill(self) -> None:
        """As the kernel does it when memory is short."""
        self.process.kill()
        await gone(self.process.pid)  # its pipe is open as long as its workers


@asynccontextmanager
async def lean_pool(what: str = "answer", **settings: Any) -> AsyncIterator[LeanPool]:
    """Run it, and see that it is over at the end."""
    port = free_port()
    if what == "answer":
        first = free_rtp()
        ports = {"listen_port": port, "rtp_first": first, "rtp_last": first + 39}
        settings = {"capacity": 4, "legs_per_customer": 1, **ports, **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "tests" / "lean_pool.py"),
        what,
        json.dumps(settings),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        limit=1 << 20,
    )
    try:
        yield LeanPool(process, port)
    finally:
        if process.returncode is None:
            process.kill()
        await within(process.communicate())


# --- the control process dies ----------------------------------------------------------------------------


def test_callers_hear_the_farewell_and_are_hung_up_and_nothing_is_left(
    tmp_path: Path, sounds: SoundLibrary
) -> None:
    async def scene() -> None:
        farewell = sounds.get("chime.wav").paths[RATE]
        music = str(sounds.get("defaultmusic_on_hold.wav").paths[RATE])
        async with (
            lean_pool(farewell=str(farewell), music=music) as control,
            phone() as caller,
            raw_peer() as peer,
        ):
            born = await control.said()
            here = await caller.dial(control.address)
            await here.answered()
            await control.said()
            recording = await here.leg.record(str(tmp_path / "heard.wav"))
            await control.kill()
            late = RawCall(peer, control.port)
            late.invite()
            refusal = await peer.final()
            assert refusal.code == 503
            ended = await here.ended()
            assert (ended.by, ended.code) == ("peer", 200)
            await here.leg.stop_record(recording)
            heard = heard_in(tmp_path / "heard.wav")
            assert find(heard_in(farewell), heard, RATE).score > 0.9
            for pid in (born["worker"], *born["children"]):
                await gone(pid)

    asyncio.run(scene())


@pytest.mark.parametrize("farewell", [None, "/nowhere/farewell.wav"])
def test_without_a_farewell_to_play_callers_are_hung_up_at_once(farewell: str | None) -> None:
    async def scene() -> None:
        async with lean_pool(farewell=farewell) as control, phone() as caller:
            born = await control.said()
            here, second = await caller.dial(control.address), await caller.dial(control.address)
            for line in (here, second):
                await line.answered()
            await control.kill()
            for line in (here, second):
                assert (await line.ended()).by == "peer"
            await gone(born["worker"])

    asyncio.run(scene())


def test_a_caller_who_hangs_up_during_the_farewell(sounds: SoundLibrary) -> None:
    async def scene() -> None:
        farewell = str(sounds.get("defaultmusic_on_hold.wav").paths[RATE])  # longer than a worker's limit
        async with lean_pool(farewell=farewell) as control, phone() as caller:
            born = await control.said()
            here = await caller.dial(control.address)
            await here.answered()
            await control.said()
            await control.kill()
            await here.leg.hang_up()
            assert (await here.ended()).by == "us"
            await gone(born["worker"])

    asyncio.run(scene())


def test_ctrl_c_reaches_the_control_process_alone() -> None:
    """Who runs it sends SIGINT to the whole group: workers and fork server wait for their control."""

    async def scene() -> None:
        async with lean_pool() as control, phone() as caller:
            born = await control.said()
            here = await caller.dial(control.address)
            await here.answered()
            await control.said()
            for pid in (*born["children"], born["worker"]):
                os.kill(pid, signal.SIGINT)
            await answers_still(caller, control)
            os.kill(control.process.pid, signal.SIGINT)
            assert (await here.ended()).by == "peer"
            for pid in (control.process.pid, born["worker"], *born["children"]):
                await gone(pid)

    asyncio.run(scene())


async def answers_still(caller: Phone, control: LeanPool) -> None:
    """A further call is taken."""
    await (await caller.dial(control.address)).answered()


# --- what a worker is made of ----------------------------------------------------------------------------


def test_a_worker_imports_nothing_of_the_control_process() -> None:
    async def scene() -> None:
        async with lean_pool("modules") as program:
            said = await program.said()
            worker = {name.partition(".")[0] for name in said["modules"]}
            control = {name.partition(".")[0] for name in said["control"]}
            assert {"pjsua2", "msgspec"} <= worker
            assert worker & HEAVY == set()
            assert {"asyncio", "structlog"} <= control  # the names are the right ones
            assert {name for name in said["modules"] if name.startswith("media.")} == {
                "media.messages",
                "media.worker",
                "media.worker.audio",
                "media.worker.channel",
                "media.worker.endpoint",
                "media.worker.entry",
                "media.worker.leg",
                "media.worker.loop",
                "media.worker.repeats",
                "media.worker.sip_text",
            }

    asyncio.run(scene())


def test_a_worker_of_a_lean_program_is_small() -> None:
    async def scene() -> None:
        async with lean_pool() as control:
            born = await control.said()
            assert 0 < born["pss_bytes"] <= LEAN_BYTES
            maps = await asyncio.to_thread(Path(f"/proc/{born['worker']}/maps").read_text)
            assert "_pjsua2" in maps
            assert not [name for name in ("numpy", "pydantic_core", "_asyncio", "_ssl") if name in maps]

    asyncio.run(scene())


def test_the_program_ivr_imports_nothing_at_its_top() -> None:
    """Each worker imports the program's main module again."""

    async def scene() -> None:
        code = (
            "import sys; before = set(sys.modules); import ivr.cli.entry; print(*set(sys.modules) - before)"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        output, _ = await within(process.communicate())
        assert set(output.decode().split()) == {"ivr", "ivr.cli", "ivr.cli.entry"}

    asyncio.run(scene())
