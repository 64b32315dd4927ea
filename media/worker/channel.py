"""The worker's end of the socketpair: frames in and out, never blocking the SIP loop."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from media.messages import ContractError, FrameReader, Message, ToWorker, decode_command, encode

MAX_BACKLOG = 4 << 20
"""Bytes of unread events after which control counts as gone (about an hour of beats)."""


class ControlGone(Exception):
    """End-of-file from the control process, or it stopped reading."""


class Channel:
    """Commands in, events out, over one non-blocking socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._reader = FrameReader()
        self._backlog = bytearray()

    def send(self, message: Message) -> None:
        """Queue a message and send what the socket takes. Errors show at the next `commands`."""
        self._backlog += encode(message)
        self._flush()

    def commands(self) -> Iterator[ToWorker]:
        """All commands that have arrived; raises `ControlGone` at end-of-file, or at what is no command."""
        self._flush()
        if len(self._backlog) > MAX_BACKLOG:
            raise ControlGone("control does not read")
        while True:
            try:
                data = self._sock.recv(65536)
            except BlockingIOError:
                return
            except OSError as exc:
                raise ControlGone(str(exc)) from exc
            if not data:
                raise ControlGone("end of file")
            try:
                yield from [decode_command(body) for body in self._reader.feed(data)]
            except ContractError as exc:
                raise ControlGone(str(exc)) from exc

    def fileno(self) -> int:
        """The socket's descriptor, for waiting before the SIP loop runs."""
        return self._sock.fileno()

    def _flush(self) -> None:
        try:
            while self._backlog:
                sent = self._sock.send(self._backlog)
                del self._backlog[:sent]
        except BlockingIOError:
            return
        except OSError:
            self._backlog.clear()
