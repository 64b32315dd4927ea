"""One SIP leg as control sees it: verbs that become commands, and a mirror that its worker's events feed.

Whoever makes a leg registers it before its first event can arrive, and sees to it that `ended` resolves: by
the worker's `Ended`, by `refused`, or by `lost`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, assert_never

import structlog

from media.errors import CommandFailed, WorkerLost
from media.messages import (
    Answer,
    Answered,
    DialogState,
    Digit,
    Ended,
    GetStats,
    Hangup,
    Hold,
    Incoming,
    LegEvent,
    LegId,
    MediaChanged,
    Play,
    PlayEnded,
    PlayId,
    Progress,
    Record,
    RecordingId,
    Refer,
    Referred,
    SendDigits,
    Stats,
    StopPlay,
    StopRecord,
)
from media.sip.bye import Dialog, route_set

if TYPE_CHECKING:
    from media.client import WorkerClient

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
        self.dialog: Dialog | None = None
        """What a BYE to the peer takes; None before an answer."""
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
            case DialogState():
                self.dialog = _dialog(event)
            case Answered():
                resolve(self.answered, event)
            case Ended():
                self.stats = event.stats or self.stats
                resolve(self.ended, event)
                for play, waiting in list(self._plays.items()):
                    resolve(waiting, PlayEnded(leg=self.id, play=play, outcome="gone"))
            case PlayEnded():
                done = self._plays.get(event.play)
                if done is not None:
                    resolve(done, event)
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


def _dialog(state: DialogState) -> Dialog:
    # RFC 3261 12.1: who has called goes the route back to front; our own calls have negative numbers.
    return Dialog(
        call_id=state.call_id,
        local=state.local,
        remote=state.remote,
        target=state.target,
        routes=route_set(state.record_routes, reverse=state.leg < 0),
    )


def resolve(future: asyncio.Future[Any], value: object) -> None:
    """Give a future its value, unless it has one."""
    if not future.done():
        future.set_result(value)
