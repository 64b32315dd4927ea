"""The caller's ear and keys without audio: what is played takes as long as it would, and is written down."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import assert_never

from ivr.clock import Clock
from ivr.flow.entry import Collected, Entry, KeyEntry
from ivr.flow.ports import AudioFile, Prompt, Say
from ivr.flow.rig.story import Kind, Story

CHARACTERS_A_SECOND = 15.0
"""How fast the voice speaks: about 150 English words a minute."""
FILE_S = 2.0
"""A recording's length; music has its own."""
TYPED_AHEAD = 64
"""Keys that are kept for an activity that asks for them later."""


class RigVoice:
    """Implements the flow's `Voice`."""

    def __init__(self, story: Story, clock: Clock, hang_up: Callable[[], Awaitable[None]]) -> None:
        self._story = story
        self._clock = clock
        self._hang_up = hang_up
        self._open = asyncio.Event()
        self._open.set()
        self._keys: deque[str] = deque(maxlen=TYPED_AHEAD)
        self._pressed = asyncio.Event()

    def close(self) -> None:
        """An agent has answered: what the flow still wants to play waits."""
        self._open.clear()

    def reopen(self) -> None:
        """The agent is gone."""
        self._open.set()

    def press(self, key: str) -> None:
        """The caller presses a key; what nobody asks for yet is kept."""
        self._keys.append(key)
        self._pressed.set()

    async def play(self, prompts: Sequence[Prompt]) -> None:
        """Each prompt for its time."""
        try:
            for prompt in prompts:
                await self._open.wait()
                text, seconds = _heard(prompt)
                self._story.add(Kind.SAID, text)
                await asyncio.sleep(seconds)
        finally:
            self._story.add(Kind.QUIET)

    async def collect(self, prompts: Sequence[Prompt], entry: Entry) -> Collected:
        """Play and take keys; with barge-in a key stops the prompts."""
        if entry.flush:
            self._keys.clear()
        taking = KeyEntry(entry)
        if entry.barge_in:
            await self._play_until_key(prompts)
        else:
            await self.play(prompts)
            self._keys.clear()
        taking.listen(self._clock.monotonic())
        self._story.add(Kind.LISTENS)
        try:
            return await self._take(taking)
        finally:
            self._story.add(Kind.QUIET)

    async def _take(self, taking: KeyEntry) -> Collected:
        while True:
            while self._keys:
                collected = taking.press(self._keys.popleft(), self._clock.monotonic())
                if collected is not None:
                    return collected
            due = taking.due()
            assert due is not None, "it was told to listen"
            if not await self._key_within(due - self._clock.monotonic()):
                return taking.expire()

    async def music(self, name: str, *, duration_s: float | None, offset_s: float = 0.0) -> None:
        """The file, for its time or until cancelled."""
        await self._open.wait()
        self._story.add(Kind.MUSIC, name)
        try:
            if duration_s is None:
                await asyncio.get_running_loop().create_future()
            else:
                await asyncio.sleep(duration_s)
        finally:
            self._story.add(Kind.QUIET)

    async def hang_up(self) -> None:
        """The flow ends the call."""
        await self._hang_up()

    async def _play_until_key(self, prompts: Sequence[Prompt]) -> None:
        if self._keys:
            return  # typed ahead: he knows what would be said
        playing = asyncio.ensure_future(self.play(prompts))
        key = asyncio.ensure_future(self._key_within(None))
        try:
            await asyncio.wait({playing, key}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            playing.cancel()
            key.cancel()
            await asyncio.gather(playing, key, return_exceptions=True)

    async def _key_within(self, limit_s: float | None) -> bool:
        if not self._keys:
            self._pressed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await self._pressed.wait()
        return bool(self._keys)


def _heard(prompt: Prompt) -> tuple[str, float]:
    match prompt:
        case Say(text=text):
            return text, len(text) / CHARACTERS_A_SECOND
        case AudioFile(name=name):
            return name, FILE_S
        case _:
            assert_never(prompt)
