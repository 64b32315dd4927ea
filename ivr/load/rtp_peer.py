"""The RTP peer: the media of all callers and agents of a load run, in a process of its own.

Each stream has its own UDP socket. Packets wait in the sockets and are fetched in batches, with the time that
the kernel gave each of them, so that nothing that this process does or is kept from doing changes a figure.
A stream that speaks is looked at promptly until its first packet has said where to speak to.

Run as `python -m ivr.load.rtp_peer`; `peer_messages` is what it is told and answers. It leaves when its stdin
ends.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import socket
import sys
from collections import defaultdict
from pathlib import Path
from typing import assert_never

import msgspec
import numpy as np

from ivr.clock import SystemClock
from ivr.load.g711 import Octets
from ivr.load.peer_messages import (
    Count,
    Counted,
    Judge,
    Judged,
    Open,
    Opened,
    PeerFigures,
    Reply,
    Request,
)
from ivr.load.recvmmsg import Receiver, stamped
from ivr.load.rtp import HEADER, PACKET, PACKET_SAMPLES, RATE, Packets, decode, parse
from ivr.load.rtp_sender import Sender, Voice
from ivr.load.stream_figures import steady_figures, stream_figures
from media import listen

SWEEP_S = 0.1
KEPT_STREAMS = 4
"""Streams whose audio is kept, so that it can be told what was heard."""
KEPT_PACKETS = 6000
WINDOW_PACKETS = 100
MOST_PACKETS = 30_000_000
"""One packet takes 30 octets until the run is judged."""
_STDIN = 0


class RtpPeer:
    """Sockets, what they have received, and what is said on them."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._sender = Sender(self._clock)
        self._receiver = Receiver()
        self._sockets: list[socket.socket] = []
        self._streams: dict[int, int] = {}
        self._voices: dict[int, Voice] = {}
        self._callers = 0
        self._prompt, self._lazy = select.epoll(), select.epoll()
        self._parsed: list[Packets] = []
        self._kept: defaultdict[int, list[bytes]] = defaultdict(list)
        self._received = 0
        self._sweep_s = self._clock.monotonic()

    def run(self) -> None:
        """Until stdin ends."""
        requests = _Requests()
        self._prompt.register(_STDIN, select.EPOLLIN)
        while requests.open:
            for fd, _ in self._prompt.poll(self._wait_s()):
                if fd == _STDIN:
                    for request in requests.read():
                        _answer(self._reply(request))
                else:
                    self._fetch(fd)
            self._take()
            if self._sender.busy:
                self._sender.tick()
            if self._clock.monotonic() >= self._sweep_s:
                self._sweep()

    def _wait_s(self) -> float:
        sweep_s = max(0.0, self._sweep_s - self._clock.monotonic())
        return min(sweep_s, self._sender.wait_s()) if self._sender.busy else sweep_s

    def _reply(self, request: Request) -> Reply:
        match request:
            case Open():
                return self._open(request)
            case Count():
                return Counted(received=self._received, sent=self._sender.sent, cpu_s=_cpu_s())
            case Judge():
                self._judge(request)
                return Judged()
            case _:
                assert_never(request)

    def _open(self, request: Open) -> Opened:
        first = len(self._sockets)
        ports = tuple(self._new(request, stream) for stream in range(first, first + request.count))
        return Opened(first=first, ports=ports)

    def _new(self, request: Open, stream: int) -> int:
        sock = stamped(socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
        sock.bind((request.host, 0))
        self._sockets.append(sock)
        self._streams[sock.fileno()] = stream
        if request.sends:
            voice = Voice(sock=sock, ssrc=0x4C000000 + stream)
            self._voices[stream] = voice
            self._sender.add(voice)
            self._prompt.register(sock.fileno(), select.EPOLLIN)
        else:
            self._lazy.register(sock.fileno(), select.EPOLLIN)
        return int(sock.getsockname()[1])

    def _sweep(self) -> None:
        """Fetch what has come since the last time."""
        for fd, _ in self._lazy.poll(0, max(1, len(self._sockets))):
            self._fetch(fd)
        self._take()
        self._sweep_s = self._clock.monotonic() + SWEEP_S

    def _fetch(self, fd: int) -> None:
        stream = self._streams[fd]
        if self._receiver.room == 0:
            self._take()
        if not self._receiver.receive(fd, stream):
            return
        voice = self._voices.get(stream)
        if voice is None:
            return
        if voice.to is None:
            self._prompt.unregister(fd)
            self._lazy.register(fd, select.EPOLLIN)
        voice.to = self._receiver.sender(self._receiver.used - 1)
        voice.heard_s = self._clock.monotonic()

    def _take(self) -> None:
        """Read the batch, and make room for the next."""
        if not self._receiver.used:
            return
        octets, sizes, streams, at_ns = self._receiver.batch()
        self._received += len(sizes)
        if self._received <= MOST_PACKETS:
            packets = parse(octets, sizes, streams, at_ns)
            self._parsed.append(packets)
        for row in np.flatnonzero(streams < KEPT_STREAMS):
            kept = self._kept[int(streams[row])]
            if len(kept) < KEPT_PACKETS:
                kept.append(octets[row, : HEADER + PACKET_SAMPLES].tobytes())
        self._receiver.clear()

    def _judge(self, request: Judge) -> None:
        self._sweep()
        packets = np.concatenate(self._parsed) if self._parsed else np.zeros(0, PACKET)
        packets = packets[np.lexsort((packets["at_ns"], packets["stream"]))]
        edges = np.searchsorted(packets["stream"], np.arange(len(self._sockets) + 1))
        figures = PeerFigures(
            streams=tuple(
                stream_figures(
                    stream,
                    packets[edges[stream] : edges[stream + 1]],
                    tuple(voice.bursts_ns) if (voice := self._voices.get(stream)) else (),
                    _kinds(self._kept[stream]) if stream in self._kept else (),
                )
                for stream in range(len(self._sockets))
            ),
            steady=steady_figures(
                packets[: edges[min(request.callers, len(self._sockets))]], request.from_ns, request.until_ns
            ),
            sent=self._sender.sent,
            late=self._sender.late,
            cpu_s=_cpu_s(),
        )
        Path(request.path).write_bytes(msgspec.json.encode(figures))


class _Requests:
    """Reads requests from stdin, without waiting."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(Request)
        self._left = b""
        self.open = True

    def read(self) -> list[Request]:
        """What has come; `open` is False at the end."""
        data = os.read(_STDIN, 65536)
        self.open = bool(data)
        *lines, self._left = (self._left + data).split(b"\n")
        return [self._decoder.decode(line) for line in lines]


def _answer(reply: Reply) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(reply) + b"\n")
    sys.stdout.buffer.flush()


def _kinds(kept: list[bytes]) -> tuple[str, ...]:
    """What was heard, two seconds by two seconds."""
    octets: Octets = np.frombuffer(b"".join(kept), np.uint8).reshape(-1, HEADER + PACKET_SAMPLES)
    samples = decode(octets[:, HEADER:], octets[:, 1] & np.uint8(0x7F))
    whole = len(kept) - len(kept) % WINDOW_PACKETS
    windows = samples[:whole].reshape(-1, WINDOW_PACKETS * PACKET_SAMPLES)
    return tuple(listen.classify(window, RATE).value for window in windows)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Serve one load run."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.suppress(BrokenPipeError):
        RtpPeer().run()


if __name__ == "__main__":
    main()
