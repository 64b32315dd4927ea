"""The caller's ear, as the flow has it: prompts, hold music, and never silence.

A prompt that cannot be spoken in time is replaced by a recorded one. While the peer holds the call nothing
is started and music is not counted. Once an agent has answered, whatever the flow still asks for waits for
the flow's cancellation: nothing plays over a conversation, and keys pressed in it are nobody's answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, assert_never

from ivr.clock import Clock
from ivr.ending import Ending
from ivr.excerpt import excerpt
from ivr.flow.entry import Collected, Digits, Entry, KeyEntry
from ivr.flow.ports import AudioFile, PortError, Prompt, Say
from ivr.keys import KeyBuffer
from ivr.timeline import Source, Timeline
from media.errors import CommandFailed, WorkerLost
from media.leg import Leg
from media.messages import Digit, LegEvent, MediaChanged
from media.sound import SoundError, SoundLibrary
from media.speech.engine import Speaker
from media.speech.errors import SpeechError

FALLBACK = "one_moment.wav"
SPEAK_TIMEOUT_S = 1.0


class HangsUp(Protocol):
    """The call's own verb."""

    async def __call__(self, why: Ending) -> None: ...


class CallVoice:
    """Implements the flow's `Voice` on one leg."""

    def __init__(
        self,
        leg: Leg,
        *,
        speech: Speaker,
        sounds: SoundLibrary,
        rate: int,
        timeline: Timeline,
        clock: Clock,
        hang_up: HangsUp,
    ) -> None:
        self._leg = leg
        self._speech = speech
        self._sounds = sounds
        self._rate = rate
        self._timeline = timeline
        self._clock = clock
        self._hang_up = hang_up
        self._open = asyncio.Event()
        self._open.set()
        self._talking = asyncio.Event()
        self._talking.set()
        self._keys = KeyBuffer(clock)
        self.on(leg)

    def on(self, leg: Leg) -> None:
        """The caller is to be heard on this leg from now on."""
        self._leg = leg
        leg.listeners.append(self._on_event)

    def close(self) -> None:
        """An agent has answered: the flow is not to be heard any more."""
        self._open.clear()
        self._keys.clear()

    def reopen(self) -> None:
        """The agent is gone and the caller is still there: what waited to be heard goes on."""
        self._open.set()

    async def play(self, prompts: Sequence[Prompt]) -> None:
        """Play in order; the next prompt is prepared while one plays."""
        upcoming = [asyncio.ensure_future(self._prepare(prompt)) for prompt in prompts]
        try:
            for ready in upcoming:
                path = await ready
                await self._audible()
                await self._play_one(path)
        finally:
            for ready in upcoming:
                ready.cancel()
            await asyncio.gather(*upcoming, return_exceptions=True)

    async def collect(self, prompts: Sequence[Prompt], entry: Entry) -> Collected:
        """Play, and take keys by the entry's times; time on the caller's own hold does not count."""
        if entry.flush:
            self._keys.clear()
        taking = KeyEntry(entry)
        if not entry.barge_in:
            await self.play(prompts)
            self._keys.clear()
        elif not self._keys.waiting and await self._until_key(prompts):
            self._timeline.add(Source.MEDIA, "barge_in")
        collected = await self._entered(taking)
        if isinstance(collected, Digits) and len(collected.digits) == entry.max_digits:
            self._keys.expect_terminator(entry.terminators)
        return collected

    async def _until_key(self, prompts: Sequence[Prompt]) -> bool:
        """Play until the end or until a key is pressed; whether a key cut it short."""
        playing = asyncio.ensure_future(self.play(prompts))
        pressed = asyncio.ensure_future(self._keys.arrived(None))
        try:
            await asyncio.wait({playing, pressed}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                playing.result()
                return False
        finally:
            for task in (playing, pressed):
                task.cancel()
            await asyncio.gather(playing, pressed, return_exceptions=True)
        # Only now: what is stopped while its player waits for it would be followed by the next prompt.
        await self._command(self._leg.stop_play())
        return True

    async def _entered(self, taking: KeyEntry) -> Collected:
        await self._audible()
        taking.listen(self._clock.monotonic())
        while True:
            while (key := self._keys.take()) is not None:
                if (collected := taking.press(key, self._clock.monotonic())) is not None:
                    return collected
            due = taking.due()
            assert due is not None
            if not await self._keys.arrived(max(0.0, due - self._clock.monotonic())):
                if self._heard_throughout():
                    return taking.expire()
                await self._audible()
                taking.listen(self._clock.monotonic())

    def _heard_throughout(self) -> bool:
        """Neither held by the caller, nor in a conversation, nor gone."""
        return self._talking.is_set() and self._open.is_set() and not self._leg.ended.done()

    async def music(self, name: str, *, duration_s: float | None, offset_s: float = 0.0) -> None:
        """Loop a file for a time; time on the caller's own hold does not count, and keys neither."""
        path, left = self._file(name), duration_s
        if offset_s:
            self._timeline.add(Source.MEDIA, "music", file=name, offset_s=offset_s)
            left = await self._play_from(path, offset_s, left)
        await self._audible()
        if left is None or left > 0:
            await self._command(self._leg.start_loop(str(path)))
            self._timeline.add(Source.MEDIA, "music", file=name)
        while left is None or left > 0:
            began = self._clock.monotonic()
            await self._held_within(left)
            if left is not None:
                left -= self._clock.monotonic() - began
            await self._audible()
        self._keys.clear()  # nobody asks anything while music plays

    async def _play_from(self, path: Path, offset_s: float, limit_s: float | None) -> float | None:
        """The rest of a file from an offset on, once; what is left of the time then."""
        try:
            rest = await asyncio.to_thread(excerpt, path, offset_s)
        except (OSError, EOFError, ValueError) as exc:
            raise PortError(f"{path.name} from {offset_s:g} s: {exc}") from exc
        await self._audible()
        began = self._clock.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._play_one(rest)
        return None if limit_s is None else limit_s - (self._clock.monotonic() - began)

    async def hang_up(self) -> None:
        """The flow ends the call."""
        await self._hang_up(Ending.ENDED_BY_FLOW)

    async def _prepare(self, prompt: Prompt) -> Path:
        match prompt:
            case AudioFile():
                return self._file(prompt.name)
            case Say():
                try:
                    return await self._speech.say(prompt.text, prompt.language, timeout_s=SPEAK_TIMEOUT_S)
                except SpeechError as exc:
                    self._timeline.add(
                        Source.MEDIA, "speech_failed", error=type(exc).__name__, plays=FALLBACK
                    )
                    return self._file(FALLBACK)
            case _:
                assert_never(prompt)

    def _file(self, name: str) -> Path:
        try:
            return self._sounds.get(name).paths[self._rate]
        except SoundError as exc:
            raise PortError(str(exc)) from exc

    async def _play_one(self, path: Path) -> None:
        try:
            ended = await self._leg.play((str(path),))
        except (CommandFailed, WorkerLost) as exc:
            raise PortError(str(exc)) from exc
        if ended.outcome == "failed":
            raise PortError(ended.text)
        if ended.outcome == "gone":
            # Told just before the leg's own end: the flow must not walk on for a caller who has left.
            await asyncio.get_running_loop().create_future()
        await self._audible()

    async def _audible(self) -> None:
        """Wait out the caller's hold, and a conversation; for ever once the caller is gone."""
        if self._leg.ended.done():
            await asyncio.get_running_loop().create_future()
        await self._open.wait()
        await self._talking.wait()

    async def _held_within(self, limit_s: float | None) -> None:
        """Until the caller puts us on hold, or until the time is over."""
        held = asyncio.get_running_loop().create_future()

        def listen(event: LegEvent) -> None:
            if not self._talking.is_set() and not held.done():
                held.set_result(None)

        self._leg.listeners.append(listen)
        try:
            await asyncio.wait({held}, timeout=limit_s)
        finally:
            self._leg.listeners.remove(listen)

    async def _command(self, command: Awaitable[None]) -> None:
        try:
            await command
        except (CommandFailed, WorkerLost) as exc:
            raise PortError(str(exc)) from exc

    def _on_event(self, event: LegEvent) -> None:
        match event:
            case Digit() if self._open.is_set():
                self._keys.press(event.digit, event.method)
            case MediaChanged(held=True):
                self._talking.clear()
                self._timeline.add(Source.SIP, "caller_holds")
            case MediaChanged(held=False, active=True) if not self._talking.is_set():
                self._talking.set()
                self._timeline.add(Source.SIP, "caller_resumes")
            case _:
                pass
