"""What the caller's telephone hears: sentences are recognised by their sound.

The node plays the very samples that the rig has put into its cache, so a sentence is known by correlating
the recording with it. The recording grows while the call lasts, and tells nobody: a listener looks at it
again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media import listen
from media.sound import read_mono
from media.speech.speech import Speech

RATE = 8000
SURE = 0.8
"""Likeness above which a sentence is that sentence; another one stays below 0.5."""
MUSIC = 0.75
"""The same for music; another part of the same tune comes to 0.7 at most."""
TONE = 0.8
"""Share of a tone above which it is that tone."""
BEGINNING_S = 0.8
"""How much of a sentence is enough to know it while it is spoken."""
LISTEN_EVERY_S = 0.2
LATE_S = 0.25
"""How much of the first sentence, and of a last one that is short, the recording may miss."""
WAV_HEADER = 44
SPEAK_TIMEOUT_S = 10.0
Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A sentence or a recording in the caller's ear, in seconds from the start of the recording."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of the recording."""

    from_s: float
    until_s: float


class Ear:
    """One caller's recording. `voice` speaks as the node does; `sounds` are files by their name."""

    def __init__(self, recording: Path, voice: Speech, language: str, sounds: dict[str, Path]) -> None:
        self._recording = recording
        self._voice = voice
        self.language = language
        self.sounds = sounds
        self._waves: dict[str, Samples] = {}

    async def wave(self, text: str) -> Samples:
        """How a text or a file sounds."""
        if text not in self._waves:
            path = self.sounds.get(text)
            if path is None:
                path = await self._voice.say(text, self.language, timeout_s=SPEAK_TIMEOUT_S)
            self._waves[text] = np.asarray(await asyncio.to_thread(read_mono, path, RATE), np.float64)
        return self._waves[text]

    async def hear(self, texts: Iterable[str], *, music: Iterable[str] = (), after_s: float = 0.0) -> float:
        """Wait until one of these begins; where in the recording listening goes on. Waits for as long as the
        scenario lasts, which the run bounds."""
        beginnings = [(await self.wave(text))[: int(BEGINNING_S * RATE)] for text in texts]
        tunes = [await self.wave(name) for name in music]
        while True:
            heard = self.so_far()[int(after_s * RATE) :]
            for wave in beginnings:
                found = await asyncio.to_thread(listen.find, wave, heard, RATE)
                if found.score >= SURE:
                    return after_s + found.lag_s + wave.size / RATE
            last = heard[-int(BEGINNING_S * RATE) :]
            for tune in tunes:
                found = await asyncio.to_thread(listen.find, last, tune, RATE, loop=True)
                if last.size >= int(BEGINNING_S * RATE) and found.score >= MUSIC:
                    return after_s + heard.size / RATE
            await asyncio.sleep(LISTEN_EVERY_S)

    def so_far(self) -> Samples:
        """The recording up to now; its header is right only at the end."""
        data = self._recording.read_bytes() if self._recording.exists() else b""
        pcm = np.frombuffer(data[WAV_HEADER : len(data) - len(data) % 2], dtype="<i2")
        return pcm.astype(np.float64) / 32768.0

    async def sentences(self, texts: Iterable[str], until_s: float) -> list[Heard]:
        """All of these that were said before `until_s`, in order; the last may have been cut off there."""
        whole = self.so_far()[: int(until_s * RATE)]
        found: list[Heard] = []
        for text in dict.fromkeys(texts):
            wave = await self.wave(text)
            places = await asyncio.to_thread(_places, wave, whole, 0)
            for partly in (_cut_on, _cut_off):
                if not places and (place := await asyncio.to_thread(partly, wave, whole)) is not None:
                    places = [place]
            found += [Heard(at_s=place / RATE, text=text) for place in places]
        return sorted(found, key=lambda heard: heard.at_s)

    async def heard_music(self, name: str, from_s: float, until_s: float) -> bool:
        """Whether a stretch of the recording is this music."""
        part = self.so_far()[int(from_s * RATE) : int(until_s * RATE)]
        found = await asyncio.to_thread(listen.find, part, await self.wave(name), RATE, loop=True)
        return found.score >= MUSIC

    def heard_tone(self, frequency_hz: float, from_s: float, until_s: float) -> bool:
        """Whether a stretch of the recording is this tone."""
        part = self.so_far()[int(from_s * RATE) : int(until_s * RATE)]
        return part.size > 0 and listen.tone_share(part, RATE, frequency_hz) >= TONE

    def longest_silence_s(self, until_s: float, without: Iterable[Stretch] = ()) -> float:
        """The longest stretch without a sound; the silence between two rings is none."""
        heard, longest, begins_s = self.so_far(), 0.0, 0.0
        for stretch in (*without, Stretch(from_s=until_s, until_s=until_s)):
            part = heard[int(begins_s * RATE) : int(stretch.from_s * RATE)]
            longest = max(longest, listen.longest_silence_s(part, RATE))
            begins_s = stretch.until_s
        return longest


def _places(wave: Samples, heard: Samples, offset: int) -> list[int]:
    """Where the whole sentence is, however often."""
    if heard.size < wave.size:
        return []
    found = listen.find(wave, heard, RATE)
    if found.score < SURE:
        return []
    place = max(0, int(found.lag_s * RATE))
    before = _places(wave, heard[:place], offset)
    after = _places(wave, heard[place + wave.size :], offset + place + wave.size)
    return [*before, offset + place, *after]


def _cut_on(wave: Samples, heard: Samples) -> int | None:
    """0 when the recording began within the sentence: a telephone that answers is recorded a moment later."""
    begun = heard[: wave.size]
    rest, last = wave[int(LATE_S * RATE) :], wave[-int(BEGINNING_S * RATE) :]
    sure = all(listen.find(part, begun, RATE).score >= SURE for part in (rest, last))
    return 0 if sure else None


def _cut_off(wave: Samples, heard: Samples) -> int | None:
    """Where a sentence begins that the end of the recording cuts off. Of a short one, less must do: a hang-up
    takes what is on its way with it."""
    tail = max(0, heard.size - wave.size)
    beginning = wave[: min(int(BEGINNING_S * RATE), max(wave.size - int(LATE_S * RATE), wave.size // 2))]
    found = listen.find(beginning, heard[tail:], RATE)
    place = tail + int(found.lag_s * RATE)
    return place if found.score >= SURE and place + wave.size > heard.size else None
