"""Text in, a WAV that plays out, in time or an error: the cache, one flight a text, and a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import structlog

from media.process import StartError
from media.sound import SoundError, active_level, normalise, read_mono, without_tail, write_wav16
from media.speech.cache import MAX_BYTES, SpeechCache, cache_key
from media.speech.engine import Engine, clean_text
from media.speech.errors import BadAudio, SpeechError, SpeechTimeout, SpeechUnavailable

MAX_FLIGHTS = 64
# No language is spoken faster than this; a shorter file is not the whole text.
MIN_S_PER_CHARACTER = 0.008
MAX_S_PER_CHARACTER = 2.0
SILENT_LEVEL = 0.001

_log = structlog.get_logger()


class Speech:
    """Speaks through one engine into files at one sample rate. `async with speech:` starts and stops it."""

    def __init__(
        self, *, engine: Engine, cache_dir: Path, rate: int = 8000, cache_bytes: int = MAX_BYTES
    ) -> None:
        self._engine = engine
        self._cache = SpeechCache(cache_dir, max_bytes=cache_bytes)
        self._rate = rate
        self._flights: dict[str, asyncio.Task[Path]] = {}
        # Its own threads: name look-ups that hang fill the event loop's pool and must not stop speech.
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="speech")
        self._closed = False

    async def start(self) -> None:
        """Open the cache and start the engine; `media.process.StartError` with the reason."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._cache.open)
        except (OSError, SoundError) as exc:
            raise StartError("speech", f"cannot use its cache: {exc}") from exc
        await self._engine.start()

    async def stop(self) -> None:
        """Give up what is in flight and end the engine."""
        self._closed = True
        flights = tuple(self._flights.values())
        for flight in flights:
            flight.cancel()
        if flights:
            await asyncio.wait(flights, timeout=5.0)
        await self._engine.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def say(self, text: str, language: str, *, timeout_s: float = 1.0) -> Path:
        """The text as a 16-bit mono WAV at our rate, level normalised; raises `SpeechError`.

        What is too late for this caller goes on for the next: it will be in the cache.
        """
        text = clean_text(text)
        key = cache_key(engine=self._engine.identity, language=language, rate=self._rate, text=text)
        if (known := self._cache.find(key)) is not None:
            return known
        flight = self._flights.get(key) or self._launch(key, text, language)
        # wait(), unlike wait_for(), leaves the flight alone when we are cancelled or late.
        await asyncio.wait({flight}, timeout=timeout_s)
        if not flight.done():
            raise SpeechTimeout(f"not spoken within {timeout_s:g} s")
        if flight.cancelled():
            raise SpeechUnavailable("speech is stopping")
        return flight.result()

    async def warm(
        self, prompts: Iterable[tuple[str, str]], *, timeout_s: float = 10.0
    ) -> tuple[SpeechError, ...]:
        """Speak (text, language) pairs ahead of need; returns the faults of those that cannot be spoken."""
        faults: list[SpeechError] = []
        for text, language in prompts:
            try:
                await self.say(text, language, timeout_s=timeout_s)
            except SpeechError as exc:
                faults.append(exc)
        return tuple(faults)

    def _launch(self, key: str, text: str, language: str) -> asyncio.Task[Path]:
        if self._closed:
            raise SpeechUnavailable("speech is stopped")
        if len(self._flights) >= MAX_FLIGHTS:
            raise SpeechUnavailable(f"{MAX_FLIGHTS} prompts are waiting already")
        flight = asyncio.create_task(self._speak(key, text, language), name="speak")
        self._flights[key] = flight
        flight.add_done_callback(lambda done: self._landed(key, done))
        return flight

    def _landed(self, key: str, flight: asyncio.Task[Path]) -> None:
        """Forget the flight; its fault is told here too, for there may be nobody left who waits."""
        del self._flights[key]
        if not flight.cancelled() and (fault := flight.exception()) is not None:
            _log.warning("speech_failed", key=key, fault=type(fault).__name__, reason=str(fault))

    async def _speak(self, key: str, text: str, language: str) -> Path:
        run = asyncio.get_running_loop().run_in_executor
        raw: Path | None = None
        try:
            raw = self._cache.scratch()
            await self._engine.render(text, language, raw)
            await run(self._threads, _finish, raw, self._cache.path(key), self._rate, len(text))
            return self._cache.add(key)
        except OSError as exc:
            # A full disk, most of all.
            raise SpeechUnavailable(f"the cache cannot be written: {exc.strerror}") from exc
        finally:
            if raw is not None:
                raw.unlink(missing_ok=True)


def _finish(raw: Path, target: Path, rate: int, characters: int) -> None:
    """What an engine wrote, checked and made ready to play."""
    try:
        samples = read_mono(raw, rate)
    except SoundError as exc:
        raise BadAudio(exc.reason) from exc
    duration_s = samples.size / rate
    # A few characters ("911", "$5m") may be long words.
    if not MIN_S_PER_CHARACTER * characters <= duration_s <= MAX_S_PER_CHARACTER * characters + 10:
        raise BadAudio(f"{duration_s:.2f} s for {characters} characters")
    if active_level(samples) < SILENT_LEVEL:
        raise BadAudio("silent")
    write_wav16(target, normalise(without_tail(samples, rate)), rate)
