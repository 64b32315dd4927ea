"""media/speech: deadlines, single flight, cache and checks with a fake engine; then the real one."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from media.listen import Kind, classify, dominant_tone, find, first_sound_s, longest_silence_s, peak_dbfs
from media.process import StartError
from media.sound import active_level, read_mono
from media.speech.cache import SpeechCache, cache_key
from media.speech.client import ProcessEngine
from media.speech.engine import MAX_TEXT, clean_text
from media.speech.errors import (
    BadAudio,
    NotSpeakable,
    SpeechError,
    SpeechTimeout,
    SpeechUnavailable,
)
from media.speech.espeak import voice_for
from media.speech.speech import MAX_FLIGHTS, Speech
from media.speech.testing import FakeEngine, FakeSpeech, tone_of

GREETING = "Hello Jane Doe, thank you for calling Acme support. Your case is open, please hold the line."


def run_with(
    engine: FakeEngine, folder: Path, scene: Callable[[Speech], Awaitable[None]], cache_bytes: int = 10**9
) -> None:
    async def main() -> None:
        async with Speech(engine=engine, cache_dir=folder, cache_bytes=cache_bytes) as speech:
            await scene(speech)

    asyncio.run(main())


# --- text and keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Hello\r\n  Jane\x00\x1b", "Hello Jane"),
        ("abc\u202edef", "abc def"),
        ("안녕하세요", "안녕하세요"),
        ("lone \ud800 half", "lone half"),
    ],
)
def test_text_is_made_one_clean_line(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@pytest.mark.parametrize("text", ["", " \n", "...", "x" * (MAX_TEXT + 1), "\u202e"])
def test_what_cannot_be_said_is_refused(text: str) -> None:
    with pytest.raises(NotSpeakable) as caught:
        clean_text(text)
    assert "xx" not in str(caught.value)


@given(st.text())
def test_clean_text_is_clean_and_stays_so(text: str) -> None:
    try:
        clean = clean_text(text)
    except NotSpeakable:
        return
    assert clean_text(clean) == clean
    assert clean.isprintable() or "\u200c" in clean or "\u200d" in clean
    assert clean.encode()


def test_each_part_of_a_request_is_in_its_key() -> None:
    keys = {
        cache_key(engine=engine, language=language, rate=rate, text=text)
        for engine in ("a", "b")
        for language in ("en-US", "ko-KR")
        for rate in (8000, 16000)
        for text in ("one", "two")
    }
    assert len(keys) == 16


@pytest.mark.parametrize(
    ("tag", "voice"),
    [("en-US", "us"), ("en", "us"), ("en_GB", "gb"), ("ko-KR", "ko"), ("zh-Hant-TW", "zh"), ("xx-US", None)],
)
def test_a_language_tag_finds_its_voice(tag: str, voice: str | None) -> None:
    assert voice_for(tag, {"en-us": "us", "en-gb": "gb", "ko": "ko", "cmn": "zh"}) == voice


# --- the cache -------------------------------------------------------------------------------------------


def fill(cache: SpeechCache, key: str, size: int) -> Path:
    cache.path(key).write_bytes(b"x" * size)
    return cache.add(key)


def test_the_least_recently_used_file_goes_first(tmp_path: Path) -> None:
    cache = SpeechCache(tmp_path / "c", max_bytes=300)
    cache.open()
    first, second = fill(cache, "a", 100), fill(cache, "b", 100)
    assert cache.find("a") == first
    fill(cache, "c", 150)
    assert (first.exists(), second.exists()) == (True, False)
    assert cache.find("b") is None
    assert cache.total_bytes == 250


def test_a_file_larger_than_the_cache_still_stays_for_its_caller(tmp_path: Path) -> None:
    cache = SpeechCache(tmp_path / "c", max_bytes=10)
    cache.open()
    fill(cache, "a", 100)
    big = fill(cache, "b", 500)
    assert big.exists()
    assert cache.total_bytes == 500


def test_an_opened_cache_keeps_good_files_and_drops_halves(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir(mode=0o755)
    (folder / "good.wav").write_bytes(b"x" * 100)
    (folder / "empty.wav").write_bytes(b"")
    (folder / ".half.part").write_bytes(b"x")
    cache = SpeechCache(folder)
    cache.open()
    assert [path.name for path in folder.iterdir()] == ["good.wav"]
    assert cache.total_bytes == 100
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_that_someone_removed_is_a_miss(tmp_path: Path) -> None:
    cache = SpeechCache(tmp_path / "c")
    cache.open()
    fill(cache, "a", 100).unlink()
    assert cache.find("a") is None
    assert cache.total_bytes == 0


# --- Speech with a fake engine ---------------------------------------------------------------------------


def test_a_text_is_spoken_once_and_then_cached(tmp_path: Path) -> None:
    engine = FakeEngine()

    async def scene(speech: Speech) -> None:
        first = await speech.say("Hello  Jane", "en-US")
        assert await speech.say("Hello Jane\n", "en-US") == first
        assert await speech.say("Hello Jane", "en-GB") != first
        info = soundfile.info(str(first))
        assert (info.samplerate, info.channels, info.subtype) == (8000, 1, "PCM_16")
        samples = read_mono(first, 8000)
        assert dominant_tone(samples, 8000).frequency_hz == pytest.approx(tone_of("Hello Jane"), abs=2)
        assert 20 * np.log10(active_level(samples)) == pytest.approx(-20, abs=0.2)

    run_with(engine, tmp_path / "c", scene)
    assert engine.rendered == [("Hello Jane", "en-US"), ("Hello Jane", "en-GB")]


def test_files_are_private_and_tell_nothing(tmp_path: Path) -> None:
    async def scene(speech: Speech) -> None:
        await speech.say("Hello Jane", "en-US")

    run_with(FakeEngine(), tmp_path / "c", scene)
    files = list((tmp_path / "c").iterdir())
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600]
    assert "jane" not in files[0].name.lower()


def test_two_who_ask_at_once_share_one_flight(tmp_path: Path) -> None:
    engine = FakeEngine()

    async def scene(speech: Speech) -> None:
        one, two = await asyncio.gather(speech.say("Hello", "en-US"), speech.say("Hello", "en-US"))
        assert one == two

    run_with(engine, tmp_path / "c", scene)
    assert len(engine.rendered) == 1


def test_a_late_text_is_a_time_out_and_there_for_the_next(tmp_path: Path) -> None:
    engine = FakeEngine()

    async def scene(speech: Speech) -> None:
        engine.go.clear()
        with pytest.raises(SpeechTimeout, match="not spoken within"):
            await speech.say("Hello", "en-US", timeout_s=0.01)
        engine.go.set()
        assert (await speech.say("Hello", "en-US", timeout_s=20)).exists()

    run_with(engine, tmp_path / "c", scene)
    assert len(engine.rendered) == 1


def test_one_who_leaves_does_not_take_the_other_down(tmp_path: Path) -> None:
    engine = FakeEngine()

    async def scene(speech: Speech) -> None:
        engine.go.clear()
        leaving = asyncio.create_task(speech.say("Hello", "en-US", timeout_s=20))
        staying = asyncio.create_task(speech.say("Hello", "en-US", timeout_s=20))
        await engine.asked.get()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        engine.go.set()
        assert (await staying).exists()

    run_with(engine, tmp_path / "c", scene)


def header_that_lies() -> bytes:
    """A WAV of 10 ms whose header promises minutes."""
    head = b"RIFF\xff\xff\x7f\x00WAVEfmt \x10\0\0\0\x01\0\x01\0\x22\x56\0\0\x44\xac\0\0\x02\0\x10\0"
    return head + b"data\xd8\xff\x7f\x00" + b"\x10\x20" * 220


def wav(samples: int, value: int) -> bytes:
    data = value.to_bytes(2, "little", signed=True) * samples
    head = b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x22\x56\0\0\x44\xac\0\0\x02\0\x10\0data"
    size = len(data)
    return b"RIFF" + (36 + size).to_bytes(4, "little") + head + size.to_bytes(4, "little") + data


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (b"", "cannot be read"),
        (b"<html>502</html>", "cannot be read"),
        (header_that_lies(), "ends before its header says"),
        (wav(22050, 0), "silent"),
        (wav(100, 3000), "characters"),
        (wav(0, 0), "empty"),
    ],
)
def test_what_does_not_play_is_never_handed_out(tmp_path: Path, written: bytes, reason: str) -> None:
    engine = FakeEngine()
    engine.writes = written

    async def scene(speech: Speech) -> None:
        with pytest.raises(BadAudio, match=reason):
            await speech.say("Hello there", "en-US", timeout_s=20)
        # Not remembered as a failure either.
        engine.writes = None
        assert (await speech.say("Hello there", "en-US", timeout_s=20)).exists()

    run_with(engine, tmp_path / "c", scene)
    assert not list((tmp_path / "c").glob(".*"))


def test_too_many_texts_at_once_are_refused(tmp_path: Path) -> None:
    engine = FakeEngine()

    async def scene(speech: Speech) -> None:
        engine.go.clear()
        waiting = [asyncio.create_task(speech.say(f"Text {n}", "en")) for n in range(MAX_FLIGHTS)]
        for _ in waiting:
            await engine.asked.get()
        with pytest.raises(SpeechUnavailable, match="are waiting already"):
            await speech.say("One more", "en")
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    run_with(engine, tmp_path / "c", scene)


def test_a_stop_frees_those_who_wait(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.go.clear()

    async def main() -> None:
        speech = Speech(engine=engine, cache_dir=tmp_path / "c")
        await speech.start()
        waiting = asyncio.create_task(speech.say("Hello", "en", timeout_s=20))
        await engine.asked.get()
        await speech.stop()
        with pytest.raises(SpeechUnavailable, match="stopping"):
            await waiting
        with pytest.raises(SpeechUnavailable, match="stopped"):
            await speech.say("Other", "en")

    asyncio.run(main())


def test_warm_speaks_ahead_and_tells_what_cannot_be_spoken(tmp_path: Path) -> None:
    engine = FakeEngine()

    async def scene(speech: Speech) -> None:
        faults = await speech.warm([("One moment", "en"), ("", "en"), ("Goodbye", "en")])
        assert [type(fault) for fault in faults] == [NotSpeakable]
        engine.fail_with = SpeechUnavailable("down")
        assert (await speech.say("Goodbye", "en")).exists()
        with pytest.raises(SpeechUnavailable, match="down"):
            await speech.say("Never heard", "en")

    run_with(engine, tmp_path / "c", scene)


def test_a_cache_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file")

    async def main() -> None:
        async with Speech(engine=FakeEngine(), cache_dir=tmp_path / "c"):
            pass

    with pytest.raises(StartError, match="cannot use its cache"):
        asyncio.run(main())


@pytest.mark.parametrize("fault", [SpeechTimeout("late"), BadAudio("silent")])
def test_the_fake_fails_on_demand(tmp_path: Path, fault: SpeechError) -> None:
    fake = FakeSpeech(tmp_path)
    path = asyncio.run(fake.say("Hello", "en"))
    assert dominant_tone(read_mono(path, 8000), 8000).frequency_hz == pytest.approx(tone_of("Hello"), abs=3)
    fake.fail_with = fault
    with pytest.raises(type(fault)):
        asyncio.run(fake.say("Hello", "en"))
    fake.hangs = True
    with pytest.raises(SpeechTimeout):
        asyncio.run(fake.say("Hello", "en", timeout_s=0.001))
    assert len(fake.said) == 3


# --- the real engine -------------------------------------------------------------------------------------


@pytest.mark.process
def test_the_real_voice_speaks(tmp_path: Path) -> None:
    async def main() -> None:
        engine = ProcessEngine()
        async with Speech(engine=engine, cache_dir=tmp_path / "c") as speech:
            path = await speech.say(GREETING, "en-US", timeout_s=20)
            samples = read_mono(path, 8000)
            assert classify(samples, 8000) is Kind.SPEECH
            assert 4.0 < samples.size / 8000 < 8.0
            assert 20 * np.log10(active_level(samples)) == pytest.approx(-20, abs=1.0)
            assert peak_dbfs(samples) <= -0.9
            assert longest_silence_s(samples, 8000) < 0.6
            assert (first_sound_s(samples, 8000) or 0.0) < 0.1
            # The engine varies its voice a little, so the same words are alike and not the same.
            again = read_mono(await speech.say(GREETING + " Thanks.", "en-US", timeout_s=20), 8000)
            other = read_mono(await speech.say("Press one for billing, or two.", "en-US", timeout_s=20), 8000)
            assert find(samples, again, 8000).score > find(samples, other, 8000).score + 0.2
            british = await speech.say(GREETING, "en-GB", timeout_s=20)
            korean = await speech.say("안녕하세요, 잠시만 기다려 주세요.", "ko-KR", timeout_s=20)
            assert find(samples, read_mono(british, 8000), 8000).score < 0.6
            assert classify(read_mono(korean, 8000), 8000) is Kind.SPEECH
            with pytest.raises(NotSpeakable, match="no voice"):
                await speech.say("Hello", "xx-XX", timeout_s=20)
            assert engine.restarts == 0

    asyncio.run(main())


@pytest.mark.process
@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="looks at the process's libraries")
def test_no_system_speech_library_is_used(tmp_path: Path) -> None:
    async def main() -> None:
        engine = ProcessEngine()
        await engine.start()
        try:
            await engine.render("Hello", "en-US", tmp_path / "x.wav")
            maps = (tmp_path / f"/proc/{engine.pid}/maps").read_text()
        finally:
            await engine.stop()
        libraries = {line.split()[-1] for line in maps.splitlines() if "espeak" in line.rpartition("/")[2]}
        assert libraries
        assert all("espeakng_loader" in library for library in libraries)

    asyncio.run(main())


@pytest.mark.process
def test_one_process_speaks_hundreds_of_texts(tmp_path: Path) -> None:
    async def main() -> None:
        engine = ProcessEngine(hang_s=20)
        await engine.start()
        target = tmp_path / "x.wav"
        try:
            for n in range(200):
                await engine.render(f"Caller number {n}, please hold.", ("en-US", "de")[n % 2], target)
                assert target.stat().st_size > 20000
                target.unlink()
            assert engine.restarts == 0
        finally:
            await engine.stop()

    asyncio.run(main())


@pytest.mark.process
def test_a_file_that_cannot_be_written_is_told_and_the_engine_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        engine = ProcessEngine(hang_s=20)
        await engine.start()
        try:
            with pytest.raises(SpeechUnavailable, match="the engine failed"):
                await engine.render("Hello", "en-US", tmp_path / "no" / "folder.wav")
            await engine.render("Hello again", "en-US", tmp_path / "x.wav")
            assert read_mono(tmp_path / "x.wav", 8000).size > 2000
            assert engine.restarts == 0
        finally:
            await engine.stop()

    asyncio.run(main())


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_an_engine_that_hangs_or_dies_is_replaced(tmp_path: Path, number: signal.Signals) -> None:
    async def main() -> None:
        engine = ProcessEngine(hang_s=0.3 if number is signal.SIGSTOP else 20)
        async with Speech(engine=engine, cache_dir=tmp_path / "c") as speech:
            hurt = engine.pid
            assert hurt is not None
            os.kill(hurt, number)
            if number is signal.SIGSTOP:
                # A dead one may be replaced before it is missed; a hung one never.
                with pytest.raises(SpeechUnavailable, match="hangs"):
                    await speech.say("Hello", "en-US", timeout_s=20)
            path = await speak_until_up(speech)
            assert classify(read_mono(path, 8000), 8000) is Kind.SPEECH
            assert engine.pid != hurt
            assert engine.restarts == 1

    asyncio.run(main())


async def speak_until_up(speech: Speech) -> Path:
    """Ask as calls would: each is answered or refused in bounded time until the new process is up."""
    for _ in range(50):
        try:
            return await speech.say(GREETING, "en-US", timeout_s=20)
        except SpeechUnavailable:
            continue
    raise AssertionError("the engine did not come back")


@pytest.mark.process
def test_an_engine_that_does_not_start_tells_why() -> None:
    with pytest.raises(StartError, match="speech: "):
        asyncio.run(ProcessEngine(module="media.speech.no_such_engine").start())
