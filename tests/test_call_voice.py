"""The caller's ear on a fake leg: keys, barge-in, type-ahead, holds and offsets, in virtual time."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, cast

import pytest

from ivr.ending import Ending
from ivr.excerpt import excerpt
from ivr.flow.entry import Collected, Digits, Entry, Invalid, NoInput, Wrong
from ivr.flow.ports import AudioFile, PortError, Prompt, Say
from ivr.keys import MAX_AHEAD, KeyBuffer
from ivr.testing.clock import ManualClock
from ivr.testing.virtual_time import LoopClock, run_virtual
from ivr.timeline import Timeline
from ivr.voice import CallVoice
from media.errors import CommandFailed
from media.leg import Leg
from media.messages import Digit, Ended, LegEvent, LegId, MediaChanged, PlayEnded, PlayId
from media.sound import Sound, SoundError, SoundLibrary
from media.speech.engine import Speaker

LEG = LegId(1)
MENU = Entry(allowed=frozenset("12"), first_digit_s=3)
NUMBER = Entry(min_digits=1, max_digits=4, first_digit_s=5, inter_digit_s=2, terminators="#")
ASK: list[Prompt] = [Say(text="One or two?", language="en-US"), AudioFile(name="more.wav")]


class FakeLeg:
    """Each file plays ten seconds."""

    PLAYS_S = 10.0

    def __init__(self) -> None:
        self.listeners: list[Any] = []
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.did: list[str] = []
        self.fails = ""

    async def play(self, files: tuple[str, ...]) -> PlayEnded:
        self._do("play", files[0])
        await asyncio.sleep(self.PLAYS_S)
        return PlayEnded(leg=LEG, play=PlayId(1), outcome="finished")

    async def start_loop(self, file: str) -> None:
        self._do("loop", file)

    async def stop_play(self) -> None:
        self._do("stop", "")

    def _do(self, verb: str, file: str) -> None:
        if verb == self.fails:
            raise CommandFailed("sip", "no")
        at = asyncio.get_running_loop().time()
        self.did.append(f"{at:g} {verb} {Path(file).name}".rstrip())

    def event(self, event: LegEvent) -> None:
        for listener in list(self.listeners):
            listener(event)

    def press(self, keys: str, method: str = "rfc4733") -> None:
        for key in keys:
            self.event(Digit(leg=LEG, digit=key, method=method))

    def hold(self, on: bool) -> None:
        self.event(MediaChanged(leg=LEG, active=True, held=on, codec="", remote_rtp=""))


class FakeSpeaker:
    async def say(self, text: str, language: str, *, timeout_s: float) -> Path:
        return Path("spoken.wav")


class FakeSounds:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> Sound:
        if name == "gone.wav":
            raise SoundError(name, "is not loaded")
        return Sound(name=name, paths={8000: self._folder / name}, duration_s=10)


class Ear:
    """A voice on a fake leg."""

    def __init__(self, folder: Path = Path()) -> None:
        self.leg = FakeLeg()
        self.clock = LoopClock()
        self.timeline = Timeline(self.clock, lambda entry: None)
        self.hung_up: list[Ending] = []
        self.voice = CallVoice(
            cast("Leg", self.leg),
            speech=cast("Speaker", FakeSpeaker()),
            sounds=cast("SoundLibrary", FakeSounds(folder)),
            rate=8000,
            timeline=self.timeline,
            clock=self.clock,
            hang_up=self._hang_up,
        )

    async def _hang_up(self, why: Ending) -> None:
        self.hung_up.append(why)

    async def collect(self, entry: Entry, *presses: tuple[float, str]) -> Collected:
        """Collect while keys are pressed, each so many seconds from now."""
        loop = asyncio.get_running_loop()
        for after_s, keys in presses:
            loop.call_later(after_s, self.leg.press, keys)
        return await self.voice.collect(ASK, entry)


def scene(work: Coroutine[Any, Any, None]) -> None:
    run_virtual(work)


def test_the_first_key_stops_the_prompt_at_once() -> None:
    async def scenario() -> None:
        ear = Ear()
        assert await ear.collect(MENU, (4, "2")) == Digits(digits="2")
        assert ear.leg.did == ["0 play spoken.wav", "4 stop"]
        assert [entry.event for entry in ear.timeline.entries] == ["barge_in"]

    scene(scenario())


def test_no_further_prompt_follows_one_that_was_stopped() -> None:
    async def scenario() -> None:
        ear = Ear()
        await ear.collect(NUMBER, (4, "2"))
        assert ear.leg.did == ["0 play spoken.wav", "4 stop"]
        assert ear.clock.monotonic() == 6  # and two seconds for a second digit

    scene(scenario())


def test_without_a_key_all_is_heard_and_then_the_time_runs() -> None:
    async def scenario() -> None:
        ear = Ear()
        assert await ear.collect(MENU) == NoInput()
        assert ear.leg.did == ["0 play spoken.wav", "10 play more.wav"]
        assert ear.clock.monotonic() == 23

    scene(scenario())


def test_keys_typed_ahead_answer_at_once() -> None:
    async def scenario() -> None:
        ear = Ear()
        ear.leg.press("12")
        assert await ear.collect(MENU) == Digits(digits="1")
        assert await ear.collect(MENU) == Digits(digits="2")
        assert ear.leg.did == []

    scene(scenario())


def test_without_barge_in_keys_during_the_prompt_do_not_count() -> None:
    async def scenario() -> None:
        ear = Ear()
        entry = Entry(allowed=frozenset("12"), barge_in=False)
        assert await ear.collect(entry, (4, "1"), (21, "2")) == Digits(digits="2")
        assert ear.clock.monotonic() == 21

    scene(scenario())


def test_a_flush_throws_away_what_was_typed() -> None:
    async def scenario() -> None:
        ear = Ear()
        ear.leg.press("1")
        assert await ear.collect(Entry(allowed=frozenset("12"), flush=True)) == NoInput()

    scene(scenario())


def test_a_terminator_behind_a_full_entry_is_no_answer_to_the_next_question() -> None:
    async def scenario() -> None:
        ear = Ear()
        pound = Entry(allowed=frozenset("1#"))
        assert await ear.collect(NUMBER, (1, "1234"), (2, "#")) == Digits(digits="1234")
        assert await ear.collect(pound, (4, "1")) == Digits(digits="1")
        ear.leg.press("5678#")
        assert await ear.collect(NUMBER) == Digits(digits="5678")
        assert await ear.collect(pound, (30, "#")) == NoInput()
        assert await ear.collect(NUMBER, (1, "1234")) == Digits(digits="1234")
        assert await ear.collect(pound, (9, "#")) == Digits(digits="#")  # much later: it is meant

    scene(scenario())


def test_keys_pressed_during_music_answer_nothing() -> None:
    async def scenario() -> None:
        ear = Ear()
        asyncio.get_running_loop().call_later(5, ear.leg.press, "1")
        await ear.voice.music("hold.wav", duration_s=10)
        assert await ear.collect(MENU) == NoInput()

    scene(scenario())


def test_a_wrong_key() -> None:
    async def scenario() -> None:
        ear = Ear()
        assert await ear.collect(MENU, (1, "7")) == Invalid(digits="7", why=Wrong.NOT_ALLOWED)

    scene(scenario())


def test_the_callers_own_hold_stops_the_times() -> None:
    async def scenario() -> None:
        ear, loop = Ear(), asyncio.get_running_loop()
        loop.call_later(21, ear.leg.hold, True)
        loop.call_later(100, ear.leg.hold, False)
        assert await ear.collect(MENU, (102, "1")) == Digits(digits="1")

    scene(scenario())


def test_keys_of_a_conversation_answer_nothing() -> None:
    async def scenario() -> None:
        ear, loop = Ear(), asyncio.get_running_loop()
        ear.leg.press("1")
        ear.voice.close()
        loop.call_later(50, ear.voice.reopen)
        assert await ear.collect(MENU, (10, "1"), (55, "2")) == Digits(digits="2")
        assert ear.leg.did[0] == "50 play spoken.wav"

    scene(scenario())


def test_a_leg_that_is_gone_answers_nothing() -> None:
    async def scenario() -> None:
        ear = Ear()
        task = asyncio.create_task(ear.collect(MENU))
        await asyncio.sleep(21)
        ear.leg.ended.set_result(Ended(leg=LEG, by="peer", code=200, reason=""))
        await asyncio.sleep(100)
        assert not task.done()  # the call's own end cancels it
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    scene(scenario())


@pytest.mark.parametrize("fails", ["play", "stop"])
def test_a_fault_of_the_worker_is_the_flows_to_handle(fails: str) -> None:
    async def scenario() -> None:
        ear = Ear()
        ear.leg.fails = fails
        with pytest.raises(PortError):
            await ear.collect(MENU, (4, "1"))

    scene(scenario())


def test_a_missing_file_is_an_error_before_anything_plays() -> None:
    async def scenario() -> None:
        ear = Ear()
        with pytest.raises(PortError):
            await ear.voice.collect([AudioFile(name="gone.wav")], MENU)
        assert ear.leg.did == []

    scene(scenario())


def test_a_key_sent_by_both_methods_counts_once() -> None:
    clock = ManualClock()
    keys = KeyBuffer(clock)
    for key in "11":
        keys.press(key, "rfc4733")
        keys.press(key, "info")
        clock.advance(0.2)
    keys.press("1", "info")
    clock.advance(0.6)
    keys.press("1", "rfc4733")
    assert [keys.take() for _ in range(5)] == ["1", "1", "1", "1", None]


def test_type_ahead_is_bounded() -> None:
    keys = KeyBuffer(ManualClock())
    for _ in range(MAX_AHEAD + 20):
        keys.press("5", "rfc4733")
    taken = 0
    while keys.take() is not None:
        taken += 1
    assert taken == MAX_AHEAD


def write_count(path: Path, seconds: int) -> None:
    """A WAV whose samples say in which second they are."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        for second in range(seconds):
            file.writeframes(second.to_bytes(2, "little") * 8000)


def seconds_in(path: Path) -> list[int]:
    with wave.open(str(path), "rb") as file:
        data = file.readframes(file.getnframes())
    return list(dict.fromkeys(int.from_bytes(data[i : i + 2], "little") for i in range(0, len(data), 2)))


@pytest.mark.parametrize(("offset_s", "heard"), [(0, [0, 1, 2, 3]), (2, [2, 3]), (5, [1, 2, 3]), (3.5, [3])])
def test_an_excerpt(tmp_path: Path, offset_s: float, heard: list[int]) -> None:
    path = tmp_path / "music.wav"
    write_count(path, 4)
    made = excerpt(path, offset_s)
    assert seconds_in(made) == heard
    assert excerpt(path, offset_s) == made
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted({path.name, made.name})


def test_what_is_no_wav_has_no_excerpt(tmp_path: Path) -> None:
    path = tmp_path / "music.wav"
    path.write_bytes(b"not a wav at all")
    with pytest.raises((ValueError, EOFError)):
        excerpt(path, 1)


def test_music_from_an_offset_goes_on_as_a_loop(tmp_path: Path) -> None:
    write_count(tmp_path / "music.wav", 4)
    made = excerpt(tmp_path / "music.wav", 2)  # no thread under virtual time

    async def scenario() -> None:
        ear = Ear(tmp_path)
        loop = asyncio.get_running_loop()
        loop.run_in_executor = lambda _, work, *args: _done(work(*args))  # type: ignore[method-assign,assignment]
        await ear.voice.music("music.wav", duration_s=25, offset_s=2)
        assert ear.leg.did == [f"0 play {made.name}", "10 loop music.wav"]
        assert ear.clock.monotonic() == 25
        await ear.voice.music("music.wav", duration_s=5, offset_s=2)
        assert ear.leg.did[2:] == [f"25 play {made.name}"]
        assert ear.clock.monotonic() == 30

    scene(scenario())


def _done(value: object) -> asyncio.Future[object]:
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future
