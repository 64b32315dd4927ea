"""What a load run and its RTP peer say to each other: a JSON object a line, over stdin and stdout."""

from __future__ import annotations

import msgspec


class Open(msgspec.Struct, frozen=True, kw_only=True, tag="open"):
    """Open UDP sockets at an address, a stream each. With `sends` each speaks the marker while it hears."""

    host: str
    count: int
    sends: bool


class Count(msgspec.Struct, frozen=True, kw_only=True, tag="count"):
    """How much there was so far."""


class Judge(msgspec.Struct, frozen=True, kw_only=True, tag="judge"):
    """Write the figures of all streams to a file; `from_ns` to `until_ns` is the steady phase, for which the
    first `callers` streams count."""

    path: str
    callers: int
    from_ns: int
    until_ns: int


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    """The ports of the new streams; `first` is the number of the first one."""

    first: int
    ports: tuple[int, ...]


class Counted(msgspec.Struct, frozen=True, kw_only=True, tag="counted"):
    """Packets since the start, and what the peer itself has used of a core (seconds)."""

    received: int
    sent: int
    cpu_s: float


class Judged(msgspec.Struct, frozen=True, kw_only=True, tag="judged"):
    """The file is written."""


class StreamFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What one socket has heard. Times are wall clock in ns; `gap` is the time between two packets.

    `heard` names what was in each two seconds, for the few streams whose audio is kept. `bursts_ns` are the
    marker's bursts that were sent, `onsets_ns` those that were heard, to the sample.
    """

    stream: int
    packets: int
    first_ns: int | None = None
    last_ns: int | None = None
    packets_per_s: float | None = None
    lost: int = 0
    reordered: int = 0
    sources: int = 0
    gap_p50_s: float | None = None
    gap_p99_s: float | None = None
    gap_max_s: float | None = None
    first_audio_ns: int | None = None
    audio_share: float = 0.0
    longest_silence_s: float = 0.0
    first_marker_ns: int | None = None
    bursts_ns: tuple[int, ...] = ()
    onsets_ns: tuple[int, ...] = ()
    heard: tuple[str, ...] = ()


class SteadyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """All that callers heard in the steady phase; `streams` were there before, in and after it."""

    streams: int
    packets: int
    seconds: float
    gap_p50_s: float | None = None
    gap_p99_s: float | None = None
    gap_max_s: float | None = None


class PeerFigures(msgspec.Struct, frozen=True, kw_only=True):
    """All that the peer knows. `late`: packets of its own that left more than 5 ms after their time."""

    streams: tuple[StreamFigures, ...]
    steady: SteadyFigures
    sent: int
    late: int
    cpu_s: float


Request = Open | Count | Judge
Reply = Opened | Counted | Judged
