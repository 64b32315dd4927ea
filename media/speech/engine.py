"""What the rest of the package needs of a speech engine, and the text that may go into one."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Protocol

from media.speech.errors import NotSpeakable

MAX_TEXT = 1000
# Joiners that shape Indic and Arabic words; all other format characters, bidi marks too, say nothing.
_JOINERS = frozenset("\u200c\u200d")


class Engine(Protocol):
    """A synthesiser. `identity` names everything but the text that shapes the sound: name, version, rate."""

    @property
    def identity(self) -> str:
        """The same for the same sound; part of the cache's key. Known once started."""
        ...

    async def start(self) -> None:
        """Be ready to render; raises `media.process.StartError`."""
        ...

    async def stop(self) -> None:
        """Leave nothing behind."""
        ...

    async def render(self, text: str, language: str, target: Path) -> None:
        """Write the text as a sound file of any rate to `target`; raises `SpeechError`. Bounded in time."""
        ...


class Speaker(Protocol):
    """What a call needs of speech: `Speech`, or a fake."""

    async def say(self, text: str, language: str, *, timeout_s: float = 1.0) -> Path:
        """A WAV that a worker can play; raises `SpeechError`."""
        ...


def clean_text(text: str) -> str:
    """One line of what can be spoken, without control characters; `NotSpeakable` when empty or too long."""
    # Longer than any prompt even before blanks are folded: do not work on it.
    if len(text) > MAX_TEXT * 4:
        raise NotSpeakable(f"text of {len(text)} characters, at most {MAX_TEXT}")
    visible = "".join(char if _is_spoken(char) else " " for char in text)
    clean = " ".join(unicodedata.normalize("NFC", visible).split())
    if not any(char.isalnum() for char in clean):
        raise NotSpeakable("nothing to say")
    if len(clean) > MAX_TEXT:
        raise NotSpeakable(f"text of {len(clean)} characters, at most {MAX_TEXT}")
    return clean


def _is_spoken(char: str) -> bool:
    return char in _JOINERS or not unicodedata.category(char).startswith("C")
