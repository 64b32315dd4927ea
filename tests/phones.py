"""Real telephones and nodes for tests: pools on free ports of the loopback, tones, and waiting for events."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from media.leg import Leg
from media.messages import (
    Digit,
    Ended,
    Incoming,
    LegEvent,
    MediaChanged,
    PlayEnded,
    PlayId,
    Progress,
    Registration,
)
from media.pool import Booking, Pool, PoolSettings
from media.sound import read_mono, write_wav16

HOST = "127.0.0.1"
RATE = 8000
LIMIT_S = 30.0
"""A bound on waiting, for a machine that is busy; no test says anything about time with it."""

T = TypeVar("T")
Samples = NDArray[np.float32]
_ports = random.Random(os.getpid())


# --- ports and waiting -----------------------------------------------------------------------------------


def free_port(first: int = 10_000, last: int = 19_999) -> int:
    """A UDP port that nobody has, below the range that the system gives out by itself."""
    while True:
        port = _ports.randrange(first, last)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                sock.bind((HOST, port))
            except OSError:
                continue
            return port


def free_rtp() -> int:
    """The first of 40 ports for RTP; the library goes on to the next where one is taken."""
    return _ports.randrange(20_000, 32_000, 40)


async def within(awaited: Awaitable[T], limit_s: float = LIMIT_S) -> T:
    """What it gives, in time."""
    async with asyncio.timeout(limit_s):
        return await awaited


async def gone(pid: int) -> None:
    """Until a process is over, ours or not."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def ended() -> None:
        loop.remove_reader(handle)
        over.set_result(None)

    loop.add_reader(handle, ended)
    try:
        await within(over)
    finally:
        loop.remove_reader(handle)
        os.close(handle)


class Waiting:
    """A list that can be waited on."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def tell(self) -> None:
        """Something has changed."""
        self._news.set()

    async def until(self, reached: Callable[[], T | None], limit_s: float = LIMIT_S) -> T:
        """The first value that is not None; asked again after each change."""
        async with asyncio.timeout(limit_s):
            while (value := reached()) is None:
                self._news.clear()
                await self._news.wait()
            return value


class Heard(Waiting):
    """Everything that a leg has reported, from its first event."""

    def __init__(self, leg: Leg) -> None:
        super().__init__()
        self.events: list[LegEvent] = []
        leg.listeners.append(self._take)

    def _take(self, event: LegEvent) -> None:
        self.events.append(event)
        self.tell()

    def of(self, kind: type[T]) -> list[T]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    async def until_event(
        self, kind: type[T], wanted: Callable[[T], bool] = lambda _: True, *, past: int = 0
    ) -> T:
        """The first event of a kind that is wanted, after the `past` first events of all kinds."""

        def found() -> T | None:
            later = self.events[past:]
            return next((event for event in later if isinstance(event, kind) and wanted(event)), None)

        return await self.until(found)

    async def digits(self, count: int) -> list[Digit]:
        """That many keys."""
        return await self.until(lambda: self.of(Digit) if len(self.of(Digit)) >= count else None)


@dataclass(slots=True, kw_only=True)
class Line:
    """One end of a call."""

    leg: Leg
    heard: Heard
    incoming: Incoming | None = None
    booking: Booking | None = None

    async def answered(self) -> None:
        """Until the call is established here."""
        await within(self.leg.answered)

    async def ended(self) -> Ended:
        """How the leg ended."""
        return await within(self.leg.ended)

    async def media(self, *, held: bool, past: int = 0) -> MediaChanged:
        """Until audio flows, or until the peer holds it."""
        return await self.heard.until_event(
            MediaChanged, lambda event: event.held == held and event.active, past=past
        )

    async def progress(self, code: int) -> Progress:
        """That provisional response."""
        return await self.heard.until_event(Progress, lambda event: event.code == code)

    async def play(self, *files: Path, loop: bool = False) -> PlayEnded:
        """Play to the end; also the way to let a known time pass."""
        return await within(self.leg.play(tuple(map(str, files)), loop=loop))

    def played(self, play: PlayId) -> list[str]:
        """The outcomes told of one play."""
        return [event.outcome for event in self.heard.of(PlayEnded) if event.play == play]


# --- a pool as a telephone or as a node ------------------------------------------------------------------


@dataclass(slots=True)
class Phone(Waiting):
    """A pool with what it has reported."""

    pool: Pool
    port: int
    _lines: asyncio.Queue[Line]
    registrations: list[Registration] = field(default_factory=list)
    restarts: list[tuple[int, str]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> str:
        """Where it listens, host:port."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The process of its first worker."""
        process = self.pool.slots[0].process
        assert process is not None
        assert process.pid is not None
        return process.pid

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Its worker does nothing meanwhile: what arrives is there at once when it goes on."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def kill_worker(self) -> None:
        """The worker dies without a word."""
        os.kill(self.pid, signal.SIGKILL)

    async def dial(self, address: str, **options: Any) -> Line:
        """Call an address; `options` are those of `WorkerClient.dial`."""
        lines: list[Line] = []
        uri = options.pop("uri", f"sip:service@{address}")
        await self.pool.dialler().dial(
            uri,
            address,
            prepare=lambda leg: lines.append(Line(leg=leg, heard=Heard(leg))),
            **options,
        )
        return lines[0]

    async def rung(self) -> Line:
        """The next call to this pool."""
        return await within(self._lines.get())

    def no_call(self) -> bool:
        """Whether nobody has called that was not taken by `rung`."""
        return self._lines.empty()

    async def restarted(self, times: int = 1) -> None:
        """Until a worker was replaced and the new one is ready."""
        await self.until(lambda: True if len(self.restarts) >= times and self._ready() else None)

    def _ready(self) -> bool:
        return all(slot.client is not None for slot in self.pool.slots)


_SETTINGS = PoolSettings(
    listen_host=HOST,
    listen_port=0,
    rtp_first=0,
    rtp_last=0,
    capacity=4,
    legs_per_customer=1,
    user_agent="test-phone",
)


@asynccontextmanager
async def phone(**changes: Any) -> AsyncIterator[Phone]:
    """A pool of one worker on free ports; `changes` to its `PoolSettings`, `now` for its clock, `on_call`."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[Line] = asyncio.Queue(16)
    first = free_rtp()
    now = changes.pop("now", loop.time)
    told = changes.pop("on_call", None)
    settings = replace(_SETTINGS, listen_port=free_port(), rtp_first=first, rtp_last=first + 39)
    settings = replace(settings, **changes)

    def on_call(leg: Leg, event: Incoming, booking: Booking) -> None:
        leg.listeners.append(lambda event: booking.release() if isinstance(event, Ended) else None)
        lines.put_nowait(Line(leg=leg, heard=Heard(leg), incoming=event, booking=booking))

    def on_registration(event: Registration) -> None:
        made.registrations.append(event)
        made.tell()

    def on_restart(slot: int, reason: str) -> None:
        made.restarts.append((slot, reason))
        made.tell()

    pool = Pool(
        settings,
        on_call=told or on_call,
        on_registration=on_registration,
        on_restart=on_restart,
        on_slot=lambda _: made.tell(),
        now=now,
    )
    made = Phone(pool, settings.listen_port, lines)
    async with pool:
        yield made


@asynccontextmanager
async def talk(**node_settings: Any) -> AsyncIterator[tuple[Line, Line, Phone, Phone]]:
    """A caller and a node in an answered call: the caller's end, the node's end, and both pools."""
    async with phone(**node_settings) as node, phone() as caller:
        here, there = await connect(caller, node)
        yield here, there, caller, node


async def connect(caller: Phone, node: Phone, **options: Any) -> tuple[Line, Line]:
    """Call and answer: the caller's end and the node's."""
    here = await caller.dial(node.address, **options)
    there = await node.rung()
    await there.leg.answer(200)
    await here.answered()
    await there.answered()
    return here, there


# --- sounds ----------------------------------------------------------------------------------------------


def tone(folder: Path, frequency_hz: float, seconds: float, level: float = 0.25) -> Path:
    """A WAV of one tone; a whole number of periods, so that it loops without a click."""
    path = folder / f"tone-{frequency_hz:.0f}-{seconds:g}.wav"
    periods = round(frequency_hz * seconds)
    time = np.arange(int(seconds * RATE)) / RATE
    wave = level * np.sin(2 * np.pi * (periods / seconds) * time)
    write_wav16(path, wave.astype(np.float32), RATE)
    return path


def silence(folder: Path, seconds: float) -> Path:
    """A WAV of digital silence: to let a time pass."""
    path = folder / f"silence-{seconds:g}.wav"
    write_wav16(path, np.zeros(int(seconds * RATE), np.float32), RATE)
    return path


def heard_in(path: Path) -> Samples:
    """A recording's samples."""
    return read_mono(path, RATE)


def loudest_tone(samples: Samples, frequencies_hz: tuple[float, ...], frame_s: float = 0.1) -> list[float]:
    """Which of the tones each frame holds, 0 for none: how a recording goes on in time."""
    size = int(frame_s * RATE)
    time = np.arange(size) / RATE
    probes = {hz: np.exp(-2j * np.pi * hz * time) for hz in frequencies_hz}
    found: list[float] = []
    for start in range(0, samples.size - size + 1, size):
        frame = samples[start : start + size]
        levels = {hz: 2 * abs(np.dot(frame, probe)) / size for hz, probe in probes.items()}
        best = max(levels, key=lambda hz: levels[hz])
        found.append(best if levels[best] > 0.05 else 0.0)
    return found


def order_of(tones: list[float]) -> list[float]:
    """The tones in order, each named once in a row, silence left out."""
    loud = [hz for hz in tones if hz]
    return [hz for i, hz in enumerate(loud) if i == 0 or loud[i - 1] != hz]
