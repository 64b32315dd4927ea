"""Control's side of one worker: awaitable commands, and a mirror of each leg fed by events.

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
from typing import Any, assert_never
from urllib.parse import quote

import structlog

from media.errors import CommandFailed, WorkerLost, WorkerStartError
from media.messages import (
    VERSION,
    Answer,
    Answered,
    Beat,
    Bye,
    Command,
    Configure,
    ContractError,
    Dial,
    Digit,
    Done,
    Ended,
    Failed,
    FrameReader,
    FromWorker,
    GetStats,
    Hangup,
    Hello,
    Hold,
    Incoming,
    LegEvent,
    LegId,
    Log,
    MediaChanged,
    Mix,
    Play,
    PlayEnded,
    PlayId,
    Progress,
    Ready,
    Record,
    RecordingId,
    Refer,
    Referred,
    Registration,
    RequestId,
    SendDigits,
    Stats,
    StopPlay,
    StopRecord,
    decode_event,
    encode,
)

COMMAND_TIMEOUT_S = 3.0
START_TIMEOUT_S = 15.0

log = structlog.get_logger()
Listener = Callable[[LegEvent], None]


class Leg:
    """One SIP leg as control sees it. Verbs go to the worker; events arrive at `listeners`."""

    def __init__(self, worker: WorkerClient, leg_id: LegId) -> None:
        loop = asyncio.get_running_loop()
        self.worker = worker
        self.id = leg_id
        self.answered: asyncio.Future[Answered] = loop.create_future()
        self.ended: asyncio.Future[Ended] = loop.create_future()
        self.media: MediaChanged | None = None
        self.stats: Stats | None = None
        self.listeners: list[Listener] = []
        self._plays: dict[PlayId, asyncio.Future[PlayEnded]] = {}

    async def answer(self, code: int = 200) -> None:
        """Send a provisional or a 2xx response."""
        await self.worker.request(Answer(id=self.worker.next_id(), leg=self.id, code=code))

    async def hang_up(
        self, code: int = 0, reason: str = "", headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Refuse, cancel or end; a leg that is over already is fine."""
        if self.ended.done():
            return
        command = Hangup(id=self.worker.next_id(), leg=self.id, code=code, reason=reason, headers=headers)
        try:
            await self.worker.request(command)
        except (CommandFailed, WorkerLost) as exc:
            log.debug("leg.hangup_late", leg=self.id, error=str(exc))

    async def play(self, files: tuple[str, ...], *, loop: bool = False) -> PlayEnded:
        """Play files; returns how it ended. A cancelled wait leaves what plays to be replaced or stopped."""
        play = self.worker.next_play()
        done: asyncio.Future[PlayEnded] = asyncio.get_running_loop().create_future()
        self._plays[play] = done
        try:
            await self.worker.request(
                Play(id=self.worker.next_id(), leg=self.id, play=play, files=files, loop=loop)
            )
            return await done
        finally:
            self._plays.pop(play, None)

    async def start_loop(self, file: str) -> None:
        """Loop a file until something else plays; returns when it has begun, `CommandFailed` if it cannot."""
        play = self.worker.next_play()
        over: asyncio.Future[PlayEnded] = asyncio.get_running_loop().create_future()
        self._plays[play] = over
        try:
            await self.worker.request(
                Play(id=self.worker.next_id(), leg=self.id, play=play, files=(file,), loop=True)
            )
        finally:
            self._plays.pop(play, None)
        # What cannot be opened is told before the command's own answer.
        if over.done() and over.result().outcome == "failed":
            raise CommandFailed("play", over.result().text)

    async def stop_play(self) -> None:
        """Stop what plays."""
        await self.worker.request(StopPlay(id=self.worker.next_id(), leg=self.id))

    async def hold(self, on: bool) -> None:
        """Put the peer on hold, or take it back."""
        await self.worker.request(Hold(id=self.worker.next_id(), leg=self.id, on=on))

    async def refer(self, uri: str) -> None:
        """Ask the peer to call `uri` instead of us; what becomes of it comes as `Referred`."""
        await self.worker.request(Refer(id=self.worker.next_id(), leg=self.id, uri=uri))

    async def digits(self, digits: str, method: str = "rfc4733") -> None:
        """Send DTMF."""
        await self.worker.request(
            SendDigits(id=self.worker.next_id(), leg=self.id, digits=digits, method=method)
        )

    async def record(self, path: str) -> RecordingId:
        """Write what the peer says to a WAV file, until the leg ends or `stop_record`."""
        recording = self.worker.next_recording()
        await self.worker.request(
            Record(id=self.worker.next_id(), recording=recording, legs=(self.id,), path=path)
        )
        return recording

    async def stop_record(self, recording: RecordingId) -> None:
        """Close a recording's file."""
        await self.worker.request(StopRecord(id=self.worker.next_id(), recording=recording))

    async def read_stats(self) -> Stats | None:
        """RTP counters now."""
        await self.worker.request(GetStats(id=self.worker.next_id(), leg=self.id))
        return self.stats

    def take(self, event: LegEvent) -> None:
        """Update the mirror and tell listeners."""
        match event:
            case Answered():
                _resolve(self.answered, event)
            case Ended():
                self.stats = event.stats or self.stats
                _resolve(self.ended, event)
                for play, waiting in list(self._plays.items()):
                    _resolve(waiting, PlayEnded(leg=self.id, play=play, outcome="gone"))
            case PlayEnded():
                done = self._plays.get(event.play)
                if done is not None:
                    _resolve(done, event)
            case MediaChanged():
                self.media = event
            case Stats():
                self.stats = event
            case Progress() | Digit() | Referred() | Incoming():
                pass
            case _:
                assert_never(event)
        for listener in list(self.listeners):
            try:
                listener(event)
            except Exception:  # a root: what one listener does wrong must not keep the event from the others
                log.exception("leg.listener_fault", leg=self.id, event_type=type(event).__name__)

    def refused(self, reason: str) -> None:
        """The worker did not dial it: nobody was called, and whoever waits for its end has it."""
        self.take(Ended(leg=self.id, by="us", code=0, reason=reason))

    def lost(self, reason: str) -> None:
        """The worker is gone: end what was open."""
        if not self.ended.done():
            self.take(Ended(leg=self.id, by="worker", code=0, reason=reason, stats=self.stats))


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
        `on_room` is told when the library holds fewer legs than before."""
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
                _resolve(self._hello, event)
            case Ready():
                _resolve(self._ready, event)
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
            case Progress() | Answered() | MediaChanged() | PlayEnded() | Digit():
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
        for leg in list(self._legs.values()):
            leg.lost("worker_lost")
        self._legs.clear()
        if self._wake is not None:
            self._wake[0].close()
            self._wake = None


def _resolve(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)
