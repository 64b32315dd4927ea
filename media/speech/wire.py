"""The lines between the speech client and the engine's process: one JSON object each way at a time."""

from __future__ import annotations

import msgspec


class Line(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of everything on the pipe."""


class Render(Line, frozen=True, kw_only=True):
    """Speak `text` into a WAV at `path`."""

    id: int
    text: str
    language: str
    words_per_minute: int
    path: str


class Hello(Line, frozen=True, kw_only=True):
    """First line of the process: what it is."""

    engine: str
    library: str
    languages: tuple[str, ...]


class Rendered(Line, frozen=True, kw_only=True):
    """The file is written."""

    id: int


class Refused(Line, frozen=True, kw_only=True):
    """It is not. `code` is "language" (no such voice) or "failed"; `reason` holds nothing of the text."""

    id: int
    code: str
    reason: str


FromEngine = Hello | Rendered | Refused

_reply: msgspec.json.Decoder[FromEngine] = msgspec.json.Decoder(FromEngine)


def encode(line: Line) -> bytes:
    """The object and a line end."""
    return msgspec.json.encode(line) + b"\n"


def decode_request(line: bytes) -> Render:
    """A line of the client."""
    return msgspec.json.decode(line, type=Render)


def decode_reply(line: bytes) -> FromEngine:
    """A line of the engine's process; raises `msgspec.DecodeError`."""
    return _reply.decode(line)
