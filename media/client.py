"""Control's side of one worker: awaitable commands, and events handed to the legs (`media/leg.py`).

A leg is registered before its first event can arrive (`Incoming` creates it, `dial` creates it before the
command is sent), and its `ended` future always resolves: by the worker's `Ended`, or by one made here, with
`by="worker"` when the worker dies and `by="us"` when it refuses to dial.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import assert_never
from urllib.parse import quote

import structlog

from media.errors import CommandFailed, WorkerLost, WorkerStartError
from media.leg import Leg, resolve
from media.messages import (
    VERSION,
    Answered,
    Beat,
    Bye,
    Command,
    Configure,
    ContractError,
    Dial,
    DialogState,
    Digit,
    Done,
    Ended,
    Failed,
    FrameReader,
    FromWorker,
    Hangup,
    Hello,
    Incoming,
    LegEvent,
    LegId,
    Log,
    MediaChanged,
    Mix,
    PlayEnded,
    PlayId,
    Progress,
    Ready,
    RecordingId,
    Referred,
    Registration,
    RequestId,
    Stats,
    decode_event,
    encode,
)
from media.sip.bye import Dialog

COMMAND_TIMEOUT_S = 3.0
START_TIMEOUT_S = 15.0

log = structlog.get_logger()


class WorkerClient:
    """Requests to and events from one worker, over one socket. `serve` runs for the worker's life."""

    def __init__(
        self,
        sock: socket.socket,
        *,
        on_incoming: Callable[[Leg, Incoming], None],
        on_registration: Callable[[Registration], None],
        now: Callable[[], float],
        side_for: Callable[[str], str] | None = None,
        on_room: Callable[[], None] = lambda: None,
    ) -> None:
        """`side_for` gives the side (`Configure.sides`) towards an address, host:port, behind an edge.
        `on_room` is told when the library holds fewer legs than before. Once the worker is gone, `orphans`
        are the dialogs whose peers do not know it yet."""
        self._sock = sock
        self._on_incoming = on_incoming
        self._on_registration = on_registration
        self._now = now
        self._side_for = side_for
        self._on_room = on_room
        self._ids = itertools.count(1)
        self._dialled = itertools.count(-1, -1)
        self._plays = itertools.count(1)
        self._recordings = itertools.count(1)
        self._pending: dict[RequestId, asyncio.Future[None]] = {}
        self._legs: dict[LegId, Leg] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._wake: tuple[socket.socket, tuple[str, int]] | None = None
        self._hello: asyncio.Future[Hello] = asyncio.get_running_loop().create_future()
        self._ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self.last_beat = now()
        self.library_legs = 0
        self._dialling = 0
        self.gone = False
        self.orphans: tuple[Dialog, ...] = ()

    def next_id(self) -> RequestId:
        """A fresh request id."""
        return RequestId(next(self._ids))

    def next_play(self) -> PlayId:
        """A fresh play id."""
        return PlayId(next(self._plays))

    def next_recording(self) -> RecordingId:
        """A fresh recording id."""
        return RecordingId(next(self._recordings))

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Legs that have not ended."""
        return tuple(self._legs.values())

    @property
    def lingering(self) -> int:
        """Legs that are over here and that the library still holds; one being dialled is not there yet."""
        return max(0, self.library_legs - (len(self._legs) - self._dialling))

    async def start(self, config: Configure) -> tuple[Hello, Ready]:
        """Shake hands and configure; `WorkerStartError` names what failed. `serve` must be running."""
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                hello = await self._hello
                if hello.version != VERSION:
                    raise WorkerStartError(f"worker speaks contract {hello.version}, we speak {VERSION}")
                self._write(encode(config))
                ready = await self._ready
        except TimeoutError:
            raise WorkerStartError(f"worker not ready within {START_TIMEOUT_S:.0f} s") from None
        except WorkerLost as exc:
            raise WorkerStartError(f"worker died at start: {exc}") from exc
        host = "127.0.0.1" if config.listen_host == "0.0.0.0" else config.listen_host
        wake = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        wake.setblocking(False)
        self._wake = (wake, (host, config.listen_port))
        self.last_beat = self._now()
        return hello, ready

    async def serve(self) -> None:
        """Read until end-of-file; then every open request and leg ends as lost."""
        reader, self._writer = await asyncio.open_connection(sock=self._sock)
        frames = FrameReader()
        reason = "end of file"
        try:
            while data := await reader.read(65536):
                for body in frames.feed(data):
                    self._dispatch(decode_event(body))
        except (OSError, ContractError) as exc:
            reason = str(exc)
        finally:
            self._lost(reason)
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()

    async def request(self, command: Command) -> None:
        """Send a command and wait for its answer; `CommandFailed` or `WorkerLost` when there is none."""
        if self.gone:
            raise WorkerLost("worker is gone")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending[command.id] = done
        try:
            self._write(encode(command))
            async with asyncio.timeout(COMMAND_TIMEOUT_S):
                await done
        except TimeoutError:
            raise WorkerLost(f"no answer to {type(command).__name__} in {COMMAND_TIMEOUT_S:.0f} s") from None
        finally:
            self._pending.pop(command.id, None)

    async def dial(
        self,
        uri: str,
        address: str,
        *,
        from_uri: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        trunk: str | None = None,
        side: str | None = None,
        prepare: Callable[[Leg], None] | None = None,
    ) -> Leg:
        """Call `uri` at `address`; `prepare` gets the leg before the command goes out, to add listeners."""
        if self._side_for is not None:
            side = side or self._side_for(address)
            headers += (("X-IVR-Trunk", quote(trunk, safe="")),) if trunk else ()
        leg = Leg(self, LegId(next(self._dialled)))
        self._legs[leg.id] = leg
        if prepare is not None:
            prepare(leg)
        command = Dial(
            id=self.next_id(),
            leg=leg.id,
            uri=uri,
            address=address,
            from_uri=from_uri,
            headers=headers,
            trunk=trunk,
            side=side,
        )
        self._dialling += 1
        try:
            await self.request(command)
        except CommandFailed as exc:
            self._legs.pop(leg.id, None)
            leg.refused(exc.text)
            raise
        except (asyncio.CancelledError, WorkerLost):
            self._send_hangup(leg)
            raise
        finally:
            self._dialling -= 1
        return leg

    async def mix(self, hears: dict[Leg, tuple[Leg, ...]]) -> None:
        """Set who hears whom, in one step."""
        pairs = tuple((leg.id, tuple(source.id for source in sources)) for leg, sources in hears.items())
        await self.request(Mix(id=self.next_id(), hears=pairs))

    async def bye(self) -> None:
        """Ask the worker to end its calls and leave."""
        with suppress(WorkerLost, CommandFailed):
            await self.request(Bye(id=self.next_id()))

    def _send_hangup(self, leg: Leg) -> None:
        # Nobody waits any more, but the command is on its way: the leg must not outlive it.
        if not self.gone:
            self._write(encode(Hangup(id=self.next_id(), leg=leg.id)))

    def _write(self, frame: bytes) -> None:
        if self._writer is None:
            raise WorkerLost("not connected")
        self._writer.write(frame)
        if self._wake is not None:
            sock, address = self._wake
            with suppress(OSError):  # only a hint: the worker looks once a second anyway
                sock.sendto(b"\r\n\r\n", address)

    def _dispatch(self, event: FromWorker) -> None:
        try:
            self._take(event)
        except Exception:  # a root: a fault in handling one event must not end the worker's other calls
            log.exception("worker.event_fault", event_type=type(event).__name__)

    def _take(self, event: FromWorker) -> None:
        match event:
            case Hello():
                resolve(self._hello, event)
            case Ready():
                resolve(self._ready, event)
            case Beat():
                self.last_beat = self._now()
                before, self.library_legs = self.library_legs, event.legs
                if event.legs < before:
                    self._on_room()
            case Done():
                self._answer(event.id, None)
            case Failed():
                self._failed(event)
            case Registration():
                self._on_registration(event)
            case Log():
                log.info("worker.says", level=event.level, text=event.text)
            case Incoming():
                leg = Leg(self, event.leg)
                self._legs[leg.id] = leg
                self._on_incoming(leg, event)
            case Progress() | DialogState() | Answered() | MediaChanged() | PlayEnded() | Digit():
                self._leg_event(event)
            case Referred() | Stats() | Ended():
                self._leg_event(event)
            case _:
                assert_never(event)

    def _leg_event(self, event: LegEvent) -> None:
        leg = self._legs.get(event.leg)
        if leg is None:
            return
        leg.take(event)
        match event:
            case Ended():
                self._legs.pop(event.leg, None)
            case _:
                pass

    def _failed(self, event: Failed) -> None:
        if event.id == 0:
            error = WorkerStartError(event.text)
            for waiting in (self._hello, self._ready):
                if not waiting.done():
                    waiting.set_exception(error)
                    waiting.exception()  # looked at: `start` waits for one of the two
            return
        self._answer(event.id, CommandFailed(event.code, event.text))

    def _answer(self, request: RequestId, error: Exception | None) -> None:
        done = self._pending.get(request)
        if done is None or done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def _lost(self, reason: str) -> None:
        self.gone = True
        lost = WorkerLost(reason)
        for request in list(self._pending):
            self._answer(request, lost)
        for waiting in (self._hello, self._ready):
            if not waiting.done():
                waiting.set_exception(lost)
                waiting.exception()  # looked at: nobody may be waiting for it any more
        self.orphans = tuple(leg.dialog for leg in self.legs if leg.dialog is not None)
        for leg in self.legs:
            leg.lost("worker_lost")
        self._legs.clear()
        if self._wake is not None:
            self._wake[0].close()
            self._wake = None
