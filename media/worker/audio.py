"""What is heard: prompts, hold music, mixes and recordings on the library's conference bridge.

Nothing here is told that a prompt has ended: the library says so from its own thread. The loop asks instead
(`poll`), at the time when the file should be over, so that no code of ours ever runs outside the one loop.
Likewise a recording's file is whole a frame after its recorder was let go; `pause` lets that frame pass.
"""

from __future__ import annotations

import wave
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pjsua2 as pj

from media.messages import LegId, PlayEnded, PlayId, RecordingId
from media.worker.leg import Leg

_MOST_LOOPS = 8
_REST_S = 3.0
"""How long a player lives on unheard. The library tells of a file's end in a thread of its own, late on a
busy machine; a player that is destroyed before that takes the process with it."""
_MOST_RESTING = 16
_CLOSE_LIMIT_S = 0.2
_TAIL_S = 0.06
"""Added to a file's length: the bridge's clock and one frame in flight."""


@dataclass(slots=True)
class _Playing:
    play: PlayId
    rest: list[str]
    loop: bool
    player: pj.AudioMediaPlayer | None = None
    looped: bool = False
    length_s: float = 0.0
    ends_at: float | None = None


@dataclass(slots=True)
class _Recording:
    recorder: pj.AudioMediaRecorder | None
    path: str
    legs: set[LegId] = field(default_factory=set)


def duration_of(path: str) -> float:
    """Length of a WAV in seconds; raises OSError, EOFError or wave.Error when it cannot be played."""
    try:
        with wave.open(path, "rb") as file:
            return file.getnframes() / file.getframerate()
    except (ArithmeticError, RuntimeError, ValueError) as exc:  # what `wave` says of some broken headers
        raise wave.Error(f"not a WAV file: {exc}") from exc


class Studio:
    """All audio of one worker.

    `now` is a monotonic reading, `emit` takes what control is to know, `pause` lets a few milliseconds pass.
    """

    def __init__(
        self, emit: Callable[[PlayEnded], None], now: Callable[[], float], pause: Callable[[], object]
    ) -> None:
        self._emit = emit
        self._now = now
        self._pause = pause
        self._legs: dict[LegId, Leg] = {}
        self._plays: dict[LegId, _Playing] = {}
        self._hears: dict[LegId, tuple[LegId, ...]] = {}
        self._connected: set[tuple[LegId, LegId]] = set()
        self._loops: dict[str, pj.AudioMediaPlayer] = {}
        self._resting: deque[tuple[float, pj.AudioMediaPlayer]] = deque()
        self._recordings: dict[RecordingId, _Recording] = {}

    def add(self, leg: Leg) -> None:
        """A leg exists; it is silent until something is played or mixed."""
        self._legs[leg.id] = leg

    def remove(self, leg: Leg) -> None:
        """A leg is over: end what played to it and forget its mixes and recordings."""
        self.stop(leg.id, "gone")
        self._legs.pop(leg.id, None)
        self._hears.pop(leg.id, None)
        self._connected = {pair for pair in self._connected if leg.id not in pair}
        for recording_id, recording in list(self._recordings.items()):
            recording.legs.discard(leg.id)
            if not recording.legs:
                self.stop_recording(recording_id)

    def reconnect(self, leg: Leg) -> None:
        """The port is new (answer, re-INVITE): connect again what it plays, hears and is heard by."""
        self._connected = {pair for pair in self._connected if leg.id not in pair}
        playing = self._plays.get(leg.id)
        audio = leg.audio()
        if audio is None:
            return
        if playing is not None:
            self._begin(playing, audio)
        for recording in self._recordings.values():
            if leg.id in recording.legs and recording.recorder is not None:
                audio.startTransmit(recording.recorder)
        self._apply_mixes()

    def play(self, leg_id: LegId, play: PlayId, files: tuple[str, ...], loop: bool) -> None:
        """Begin a `Play`; what played before ends as "replaced"."""
        self.stop(leg_id, "replaced")
        self._plays[leg_id] = _Playing(play, list(files), loop)
        self._next_file(leg_id)

    def stop(self, leg_id: LegId, outcome: str = "stopped", text: str = "") -> None:
        """End what plays to a leg, if anything does."""
        playing = self._plays.pop(leg_id, None)
        if playing is None:
            return
        self._silence(leg_id, playing)
        self._emit(PlayEnded(leg=leg_id, play=playing.play, outcome=outcome, text=text))

    def mix(self, hears: tuple[tuple[LegId, tuple[LegId, ...]], ...]) -> None:
        """Set who hears whom for the listeners named; a listener with sources hears them alone."""
        for listener, sources in hears:
            if listener not in self._legs:
                continue  # over meanwhile: the others' mix is as good without it
            if sources:
                self.stop(listener, "replaced")
            self._hears[listener] = sources
        self._apply_mixes()

    def record(self, recording: RecordingId, legs: tuple[LegId, ...], path: str) -> None:
        """Write what the peers of these legs say to a file."""
        recorder = pj.AudioMediaRecorder()
        recorder.createRecorder(path)
        self._recordings[recording] = _Recording(recorder, path, set(legs))
        for leg_id in legs:
            audio = self._audio(leg_id)
            if audio is not None:
                audio.startTransmit(recorder)

    def stop_recording(self, recording: RecordingId) -> None:
        """Close a recording's file; it is whole when this returns."""
        stopped = self._recordings.pop(recording, None)
        if stopped is None:
            return
        stopped.recorder = None  # the last reference: a frame later the library closes the file
        limit = self._now() + _CLOSE_LIMIT_S
        while not _has_length(stopped.path) and self._now() < limit:
            self._pause()

    def close(self) -> None:
        """Close every recording's file."""
        for recording in list(self._recordings):
            self.stop_recording(recording)

    def due_in(self) -> float | None:
        """Seconds until `poll` has something to do; None when nothing finite plays."""
        ends = [p.ends_at for p in self._plays.values() if p.ends_at is not None]
        return max(0.0, min(ends) - self._now()) if ends else None

    def poll(self) -> None:
        """Go on where a file is over, and destroy players that have rested."""
        while self._resting and (self._resting[0][0] <= self._now() or len(self._resting) > _MOST_RESTING):
            self._resting.popleft()
        for leg_id, playing in list(self._plays.items()):
            if playing.ends_at is not None and playing.ends_at <= self._now():
                self._silence(leg_id, playing)
                self._next_file(leg_id)

    def _next_file(self, leg_id: LegId) -> None:
        playing = self._plays[leg_id]
        if not playing.rest:
            self.stop(leg_id, "finished")
            return
        path = playing.rest.pop(0)
        playing.looped = playing.loop and not playing.rest
        try:
            playing.length_s = duration_of(path)
            playing.player = self._loop(path) if playing.looped else _player(path, pj.PJMEDIA_FILE_NO_LOOP)
        except (OSError, EOFError, wave.Error, pj.Error) as exc:
            text = exc.reason if isinstance(exc, pj.Error) else str(exc)
            self.stop(leg_id, "failed", f"{path}: {text}")
            return
        audio = self._audio(leg_id)
        if audio is not None:
            self._begin(playing, audio)

    def _begin(self, playing: _Playing, audio: pj.AudioMedia) -> None:
        """Connect what plays to the leg's port. A file's time runs from the first time that there is one."""
        if playing.player is None:
            return
        playing.player.startTransmit(audio)
        if not playing.looped and playing.ends_at is None:
            playing.ends_at = self._now() + playing.length_s + _TAIL_S

    def _loop(self, path: str) -> pj.AudioMediaPlayer:
        """The shared player of a file; the library has room for few, so those that nobody hears make way."""
        if path not in self._loops:
            if len(self._loops) >= _MOST_LOOPS:
                heard = {id(playing.player) for playing in self._plays.values()}
                for key in [key for key, player in self._loops.items() if id(player) not in heard]:
                    self._rest(self._loops.pop(key))
            self._loops[path] = _player(path, 0)
        return self._loops[path]

    def _rest(self, player: pj.AudioMediaPlayer) -> None:
        self._resting.append((self._now() + _REST_S, player))

    def _silence(self, leg_id: LegId, playing: _Playing) -> None:
        audio = self._audio(leg_id)
        if playing.player is not None and audio is not None:
            _disconnect(playing.player, audio)
        if playing.player is not None and not playing.looped:
            self._rest(playing.player)
        playing.player = None
        playing.ends_at = None

    def _audio(self, leg_id: LegId) -> pj.AudioMedia | None:
        leg = self._legs.get(leg_id)
        return leg.audio() if leg else None

    def _apply_mixes(self) -> None:
        wanted = {(source, listener) for listener, sources in self._hears.items() for source in sources}
        for source, listener in self._connected - wanted:
            a, b = self._audio(source), self._audio(listener)
            if a is not None and b is not None:
                _disconnect(a, b)
        now = set()
        for source, listener in wanted:
            a, b = self._audio(source), self._audio(listener)
            if a is not None and b is not None:
                if (source, listener) not in self._connected:
                    a.startTransmit(b)
                now.add((source, listener))
        self._connected = now


def _player(path: str, options: int) -> pj.AudioMediaPlayer:
    player = pj.AudioMediaPlayer()
    player.createPlayer(path, options)
    return player


def _has_length(path: str) -> bool:
    """Whether the library has closed a recording: only then its header says how long it is."""
    try:
        with open(path, "rb") as file:
            return any(file.read(8)[4:])
    except OSError:
        return True


def _disconnect(source: pj.AudioMedia, sink: pj.AudioMedia) -> None:
    try:
        source.stopTransmit(sink)
    except pj.Error:
        return  # the port went with its stream: there is nothing left to disconnect
