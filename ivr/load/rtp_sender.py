"""The peer's own voice: the marker, one packet every 20 ms for each stream that is heard."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from ivr.clock import Clock
from ivr.load.rtp import PACKET_S, PACKET_SAMPLES, header, marker_frames

PHASES = 10
TICK_S = PACKET_S / PHASES
MOST_LATE = 3
"""Packets that are sent late after a pause of ours; what is older is left out, as a telephone would."""
LATE_S = 0.005
QUIET_S = 0.3
"""Who has not been heard for so long is not spoken to: its port may be another call's soon."""


@dataclass(slots=True)
class Voice:
    """What one stream says, and to whom."""

    sock: socket.socket
    ssrc: int
    to: tuple[str, int] | None = None
    heard_s: float = 0.0
    said: int = 0
    bursts_ns: list[int] = field(default_factory=list)


class Sender:
    """Speaks for many streams in ten phases of 2 ms, so that no packet waits behind all others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._frames = marker_frames()
        self._phases: list[list[Voice]] = [[] for _ in range(PHASES)]
        self._next_s = clock.monotonic()
        self._phase = 0
        self._voices = 0
        self.sent = 0
        self.late = 0
        """Packets that left more than 5 ms after their time: jitter that is ours."""

    @property
    def busy(self) -> bool:
        """Whether anybody speaks."""
        return self._voices > 0

    def add(self, voice: Voice) -> None:
        """Speak for a stream from now on."""
        if not self._voices:
            self._next_s = self._clock.monotonic()
        self._phases[self._voices % PHASES].append(voice)
        self._voices += 1

    def wait_s(self) -> float:
        """Seconds until there is something to say."""
        return max(0.0, self._next_s - self._clock.monotonic())

    def tick(self) -> None:
        """Say what is due."""
        now = self._clock.monotonic()
        if now - self._next_s > MOST_LATE * PACKET_S:
            self._next_s = now
        while self._next_s <= now:
            before = self.sent
            for voice in self._phases[self._phase]:
                if voice.to is not None and now - voice.heard_s < QUIET_S:
                    self._say(voice, voice.to)
            if now - self._next_s > LATE_S:
                self.late += self.sent - before
            self._phase = (self._phase + 1) % PHASES
            self._next_s += TICK_S

    def _say(self, voice: Voice, to: tuple[str, int]) -> None:
        frame = voice.said % len(self._frames)
        packet = header(voice.said, voice.said * PACKET_SAMPLES, voice.ssrc) + self._frames[frame]
        if frame == 0:
            voice.bursts_ns.append(int(self._clock.now().timestamp() * 1e9))
        try:
            voice.sock.sendto(packet, to)
        except (BlockingIOError, ConnectionRefusedError):
            return  # lost on the way, as any datagram may be
        finally:
            voice.said += 1
        self.sent += 1
