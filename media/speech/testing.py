"""Speech without an engine: tones instead of words, and faults on demand."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import numpy as np

from media.sound import Samples, write_wav16
from media.speech.engine import clean_text
from media.speech.errors import SpeechError, SpeechTimeout


def tone(frequency_hz: float, duration_s: float, rate: int, amplitude: float = 0.3) -> Samples:
    """A sine."""
    time_s = np.arange(round(duration_s * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


def tone_of(text: str) -> float:
    """The frequency in Hz that the fakes speak a text with: each text its own, on a grid of 50 Hz."""
    return 400.0 + 50.0 * (int(hashlib.sha256(text.encode()).hexdigest(), 16) % 40)


class FakeSpeech:
    """A `Speaker`: each text becomes a tone of its own. `fail_with` is raised, `hangs` takes all the time."""

    def __init__(self, folder: Path, *, rate: int = 8000, duration_s: float = 0.5) -> None:
        self._folder = folder
        self._rate = rate
        self._duration_s = duration_s
        self.said: list[tuple[str, str]] = []
        self.fail_with: SpeechError | None = None
        self.hangs = False

    async def say(self, text: str, language: str, *, timeout_s: float = 1.0) -> Path:
        """A tone WAV, or the fault that was asked for."""
        text = clean_text(text)
        self.said.append((text, language))
        if self.hangs:
            await asyncio.sleep(timeout_s)
            raise SpeechTimeout(f"not spoken within {timeout_s:g} s")
        if self.fail_with is not None:
            raise self.fail_with
        path = self._folder / f"{hashlib.sha256(f'{language} {text}'.encode()).hexdigest()[:40]}.wav"
        write_wav16(path, tone(tone_of(text), self._duration_s, self._rate), self._rate)
        return path


class FakeEngine:
    """An `Engine` whose answers can be held (`go`), be faults, or be any bytes; `asked` tells of each."""

    def __init__(self, *, rate: int = 22050, s_per_character: float = 0.06) -> None:
        self._rate = rate
        self._s_per_character = s_per_character
        self.identity = "fake"
        self.rendered: list[tuple[str, str]] = []
        self.fail_with: SpeechError | None = None
        self.writes: bytes | None = None
        self.asked: asyncio.Queue[str] = asyncio.Queue(10_000)
        self.go = asyncio.Event()
        self.go.set()

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""

    async def render(self, text: str, language: str, target: Path) -> None:
        """A tone as long as the text, once `go` is set."""
        self.rendered.append((text, language))
        self.asked.put_nowait(text)
        await self.go.wait()
        if self.fail_with is not None:
            raise self.fail_with
        self._write(text, target)

    def _write(self, text: str, target: Path) -> None:
        if self.writes is not None:
            target.write_bytes(self.writes)
            return
        samples = tone(tone_of(text), len(text) * self._s_per_character, self._rate, amplitude=0.02)
        write_wav16(target, samples, self._rate)
