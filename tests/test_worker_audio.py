"""What is heard, judged by its content: prompts, music, mixes, echo and recordings over real RTP."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from media.errors import CommandFailed
from media.listen import find, first_sound_s, longest_silence_s, rms_dbfs, tone_share
from media.messages import Ended, Play, PlayEnded, PlayId, Record
from media.sound import SoundLibrary
from tests.phones import (
    RATE,
    Line,
    Phone,
    Samples,
    connect,
    heard_in,
    loudest_tone,
    order_of,
    phone,
    silence,
    talk,
    tone,
    within,
)

pytestmark = [pytest.mark.sip, pytest.mark.timeout(60)]

LOW, MIDDLE, HIGH = 440.0, 700.0, 1000.0
SOUNDS = Path(__file__).parent.parent / "media" / "sounds"


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default hold music as a worker plays it."""
    library = SoundLibrary([SOUNDS], tmp_path_factory.mktemp("sounds"))
    return library.load("defaultmusic_on_hold.wav").paths[RATE]


@asynccontextmanager
async def recorded(line: Line, path: Path) -> AsyncIterator[None]:
    """What the line hears meanwhile."""
    recording = await line.leg.record(str(path))
    yield
    await line.leg.stop_record(recording)


def share(samples: Samples, frequency_hz: float) -> float:
    """The share of a tone where there is sound, edges left out."""
    edge = RATE // 5
    return tone_share(samples[edge:-edge], RATE, frequency_hz)


# --- prompts ---------------------------------------------------------------------------------------------


def test_a_file_is_played_once_and_whole(tmp_path: Path) -> None:
    async def scene() -> None:
        async with talk() as (here, there, _, _):
            async with recorded(here, tmp_path / "heard.wav"):
                assert (await there.play(tone(tmp_path, LOW, 1.0))).outcome == "finished"
            samples = heard_in(tmp_path / "heard.wav")
            assert find(heard_in(tone(tmp_path, LOW, 1.0)), samples, RATE).score > 0.9
            assert loudest_tone(samples, (LOW,)).count(LOW) in (9, 10, 11)

    asyncio.run(scene())


def test_files_follow_each_other_in_order_without_a_gap(tmp_path: Path) -> None:
    async def scene() -> None:
        files = [tone(tmp_path, hz, 0.5) for hz in (LOW, HIGH, MIDDLE)]
        async with talk() as (here, there, _, _):
            async with recorded(here, tmp_path / "heard.wav"):
                assert (await there.play(*files)).outcome == "finished"
            samples = heard_in(tmp_path / "heard.wav")
            assert order_of(loudest_tone(samples, (LOW, MIDDLE, HIGH), 0.05)) == [LOW, HIGH, MIDDLE]
            begin = first_sound_s(samples, RATE)
            assert begin is not None
            sequence = samples[int(begin * RATE) : int((begin + 1.5) * RATE)]
            assert longest_silence_s(sequence, RATE) <= 0.2

    asyncio.run(scene())


async def begin(line: Line, *files: Path) -> PlayId:
    """Play; returns when it has begun."""
    worker, play = line.leg.worker, line.leg.worker.next_play()
    await worker.request(Play(id=worker.next_id(), leg=line.leg.id, play=play, files=tuple(map(str, files))))
    return play


def test_a_play_is_stopped_replaced_or_gone_and_each_is_told_once(tmp_path: Path) -> None:
    async def scene() -> None:
        long, short = tone(tmp_path, LOW, 5.0), tone(tmp_path, HIGH, 0.2)
        async with talk() as (here, there, _, _):
            stopped = asyncio.create_task(there.play(long))
            await asyncio.sleep(0)
            await there.leg.stop_play()
            assert (await within(stopped)).outcome == "stopped"
            replaced = asyncio.create_task(there.play(long))
            await asyncio.sleep(0)
            assert (await there.play(short)).outcome == "finished"
            assert (await within(replaced)).outcome == "replaced"
            play = await begin(there, long, long)
            await here.leg.hang_up()
            await there.ended()
            assert there.played(play) == ["gone"]
            told = there.heard.of(PlayEnded)
            assert [event.outcome for event in told] == ["stopped", "replaced", "finished", "gone"]
            assert len({event.play for event in told}) == 4
            assert isinstance(there.heard.events[-1], Ended)

    asyncio.run(scene())


def bad_files(folder: Path) -> list[Path]:
    """Files that cannot be played, each in a way of its own."""
    good = tone(folder, LOW, 0.2).read_bytes()
    contents = {
        "empty.wav": b"",
        "text.wav": b"this is no sound at all, " * 100,
        "half-header.wav": good[:30],
        "no-rate.wav": good[:24] + bytes(4) + good[28:],
        "no-channels.wav": good[:22] + bytes(2) + good[24:],
        "no-data.wav": good[:44],
        "lying.wav": good[:16] + b"\xff\xff\xff\x7f" + good[20:],
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / "missing.wav", folder, *(folder / name for name in contents)]


def test_what_cannot_be_played_fails_and_the_call_goes_on(tmp_path: Path) -> None:
    async def scene() -> None:
        async with talk() as (_, there, _, node):
            for file in bad_files(tmp_path):
                ended = await there.play(file)
                assert (file.name, ended.outcome) == (file.name, "failed")
                assert str(file) in ended.text
                with pytest.raises(CommandFailed, match="play"):
                    await there.leg.start_loop(str(file))
            assert (await within(there.leg.play(("nul\0.wav",)))).outcome == "failed"
            assert (await there.play(tone(tmp_path, LOW, 0.2), tmp_path / "missing.wav")).outcome == "failed"
            assert (await there.play(tone(tmp_path, LOW, 0.2))).outcome == "finished"
            assert node.restarts == []

    asyncio.run(scene())


def test_a_prompt_before_there_is_audio_waits_and_is_heard_whole(tmp_path: Path) -> None:
    async def scene() -> None:
        async with phone() as node, phone() as caller:
            here = await caller.dial(node.address)
            there = await node.rung()
            playing = asyncio.create_task(there.play(tone(tmp_path, LOW, 0.6)))
            await there.leg.answer(180)
            await here.progress(180)
            await caller_waits(caller, tmp_path)
            assert not playing.done()
            await there.leg.answer(200)
            await here.answered()
            async with recorded(here, tmp_path / "heard.wav"):
                assert (await within(playing)).outcome == "finished"
            assert loudest_tone(heard_in(tmp_path / "heard.wav"), (LOW,)).count(LOW) >= 5

    asyncio.run(scene())


async def caller_waits(caller: Phone, folder: Path, seconds: float = 1.0) -> None:
    """Let a time pass that a file lasts, in a call of the phone's own with a phone of its own."""
    async with phone() as other:
        here, _ = await connect(caller, other)
        await here.play(silence(folder, seconds))
        await here.leg.hang_up()


# --- music -----------------------------------------------------------------------------------------------


def test_hold_music_is_the_file_and_goes_round(tmp_path: Path, music: Path) -> None:
    async def scene() -> None:
        short = tone(tmp_path, LOW, 0.4)
        async with talk() as (here, there, _, _):
            await there.leg.start_loop(str(music))
            async with recorded(here, tmp_path / "heard.wav"):
                await here.play(silence(tmp_path, 2.5))
            await there.leg.start_loop(str(short))
            async with recorded(here, tmp_path / "round.wav"):
                await here.play(silence(tmp_path, 1.5))
            heard = heard_in(tmp_path / "heard.wav")
            assert find(heard, heard_in(music), RATE, loop=True).score > 0.9
            # Longer than the file, without a gap: it has gone round.
            again = heard_in(tmp_path / "round.wav")
            assert share(again, LOW) > 0.9
            assert longest_silence_s(again[RATE // 5 :], RATE) <= 0.1

    asyncio.run(scene())


def test_two_callers_share_one_player(tmp_path: Path, music: Path) -> None:
    async def scene() -> None:
        async with phone() as node, phone() as caller:
            first_here, first = await connect(caller, node)
            second_here, second = await connect(caller, node)
            await first.leg.start_loop(str(music))
            await first_here.play(silence(tmp_path, 0.7))
            await second.leg.start_loop(str(music))
            async with (
                recorded(first_here, tmp_path / "first.wav"),
                recorded(second_here, tmp_path / "second.wav"),
            ):
                await first_here.play(silence(tmp_path, 2.0))
            one, two = (heard_in(tmp_path / name) for name in ("first.wav", "second.wav"))
            assert find(two[RATE // 2 : -RATE // 2], one, RATE).score > 0.9
            # The second came in where the first was, not at the file's beginning.
            place = find(two[: RATE // 2], heard_in(music), RATE, loop=True)
            assert place.score > 0.9
            assert place.lag_s > 0.6

    asyncio.run(scene())


def test_more_looped_files_than_the_library_has_players(tmp_path: Path) -> None:
    async def scene() -> None:
        files = [tone(tmp_path, 300.0 + 10 * n, 0.2) for n in range(40)]
        async with talk() as (here, there, _, _):
            for file in files:
                await there.leg.start_loop(str(file))
            async with recorded(here, tmp_path / "heard.wav"):
                await here.play(silence(tmp_path, 0.6))
            assert share(heard_in(tmp_path / "heard.wav"), 690.0) > 0.9

    asyncio.run(scene())


# --- mixes -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def bridged(folder: Path, *tones: float) -> AsyncIterator[tuple[list[Line], list[Line], Line]]:
    """Calls, one for each tone, which its caller plays: their ends, the node's, and a line as a clock."""
    async with phone() as node, phone() as callers:
        pairs = [await connect(callers, node) for _ in tones]
        _, clock = await connect(callers, node)
        for (here, _), hz in zip(pairs, tones, strict=True):
            await here.leg.start_loop(str(tone(folder, hz, 1.0)))
        yield [here for here, _ in pairs], [there for _, there in pairs], clock


async def hears(lines: list[Line], clock: Line, folder: Path) -> list[Samples]:
    """What each hears in the next second."""
    recordings = [await line.leg.record(str(folder / f"hears-{i}.wav")) for i, line in enumerate(lines)]
    await clock.play(silence(folder, 1.2))
    for line, recording in zip(lines, recordings, strict=True):
        await line.leg.stop_record(recording)
    return [heard_in(folder / f"hears-{i}.wav") for i in range(len(lines))]


def test_two_legs_hear_each_other_and_no_longer_what_was_played(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bridged(tmp_path, LOW, HIGH) as (heres, theres, clock):
            await theres[0].leg.start_loop(str(tone(tmp_path, MIDDLE, 1.0)))
            a, b = (line.leg for line in theres)
            await a.worker.mix({a: (b,), b: (a,)})
            low, high = await hears(heres, clock, tmp_path)
            assert share(low, HIGH) > 0.9
            assert share(high, LOW) > 0.9
            await a.worker.mix({a: (), b: ()})
            low, high = await hears(heres, clock, tmp_path)
            assert rms_dbfs(low[RATE // 5 :]) < -60
            assert rms_dbfs(high[RATE // 5 :]) < -60

    asyncio.run(scene())


def test_a_conference_of_three_in_which_nobody_hears_himself(tmp_path: Path) -> None:
    async def scene() -> None:
        tones = (LOW, MIDDLE, HIGH)
        async with bridged(tmp_path, *tones) as (heres, theres, clock):
            legs = [line.leg for line in theres]
            everyone = {leg: tuple(other for other in legs if other is not leg) for leg in legs}
            await legs[0].worker.mix(everyone)
            for own, samples in zip(tones, await hears(heres, clock, tmp_path), strict=True):
                others = [hz for hz in tones if hz != own]
                assert all(share(samples, hz) > 0.3 for hz in others)
                assert share(samples, own) < 0.05
            # One leaves: the other two go on.
            await heres[2].leg.hang_up()
            await theres[2].ended()
            low, middle = await hears(heres[:2], clock, tmp_path)
            assert share(low, MIDDLE) > 0.9
            assert share(middle, LOW) > 0.9

    asyncio.run(scene())


def test_a_leg_may_hear_itself(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Echo. The delay, there and back, is reported; how long it is depends on the machine."""

    async def scene() -> None:
        async with talk() as (here, there, _, _):
            await there.leg.worker.mix({there.leg: (there.leg,)})
            async with recorded(here, tmp_path / "echo.wav"):
                await here.play(tone(tmp_path, LOW, 0.6), silence(tmp_path, 0.6))
            echo = heard_in(tmp_path / "echo.wav")
            begin = first_sound_s(echo, RATE)
            assert begin is not None
            record_property("echo_delay_ms", round(begin * 1000))
            assert share(echo[int(begin * RATE) :][: RATE // 2], LOW) > 0.9

    asyncio.run(scene())


def test_a_mix_with_a_leg_that_is_over_joins_the_others(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bridged(tmp_path, LOW, HIGH, MIDDLE) as (heres, theres, clock):
            await heres[2].leg.hang_up()
            await theres[2].ended()
            a, b, over = (line.leg for line in theres)
            await a.worker.mix({a: (b, over), b: (a, over), over: (a, b)})
            low, high = await hears(heres[:2], clock, tmp_path)
            assert share(low, HIGH) > 0.9
            assert share(high, LOW) > 0.9

    asyncio.run(scene())


# --- recordings ------------------------------------------------------------------------------------------


def test_a_recording_is_whole_when_it_is_stopped_and_when_its_leg_ends(tmp_path: Path) -> None:
    async def scene() -> None:
        async with talk() as (here, there, _, _):
            await here.leg.start_loop(str(tone(tmp_path, LOW, 1.0)))
            stopped = await there.leg.record(str(tmp_path / "stopped.wav"))
            await there.leg.record(str(tmp_path / "ended.wav"))
            await there.play(silence(tmp_path, 0.6))
            await there.leg.stop_record(stopped)
            frames(tmp_path / "stopped.wav")
            await here.leg.hang_up()
            await there.ended()
            frames(tmp_path / "ended.wav")

    def frames(path: Path) -> None:
        # Read at once: the header is right at this moment, not some time later.
        with wave.open(str(path), "rb") as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
            assert file.getnframes() > RATE // 2
        assert share(heard_in(path), LOW) > 0.9

    asyncio.run(scene())


def test_a_recording_that_is_asked_for_before_there_is_audio_begins_with_it(tmp_path: Path) -> None:
    """Nothing of what the peer says first is lost, and the time until then is not in the file."""

    async def scene() -> None:
        async with phone() as node, phone() as caller:
            here = await caller.dial(node.address)
            await here.leg.record(str(tmp_path / "early.wav"))
            there = await node.rung()
            playing = asyncio.create_task(there.play(tone(tmp_path, LOW, 0.6)))
            await there.leg.answer(180)
            await here.progress(180)
            await caller_waits(caller, tmp_path)
            await there.leg.answer(200)
            await here.answered()
            assert (await within(playing)).outcome == "finished"
            await here.leg.hang_up()
            await here.ended()
            samples = heard_in(tmp_path / "early.wav")
            assert loudest_tone(samples, (LOW,)).count(LOW) >= 5
            begin = first_sound_s(samples, RATE)
            assert begin is not None
            assert begin < 0.9  # the wait was longer

    asyncio.run(scene())


def test_a_recording_is_whole_when_the_pool_is_closed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with talk() as (here, there, _, _):
            await here.leg.start_loop(str(tone(tmp_path, LOW, 1.0)))
            await there.leg.record(str(tmp_path / "closed.wav"))
            await there.play(silence(tmp_path, 0.6))
        assert share(heard_in(tmp_path / "closed.wav"), LOW) > 0.9

    asyncio.run(scene())


def test_a_recording_of_two_legs_holds_both(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bridged(tmp_path, LOW, HIGH) as (_, theres, clock):
            first, second = theres
            worker = first.leg.worker
            recording, legs = worker.next_recording(), (first.leg.id, second.leg.id)
            path = str(tmp_path / "both.wav")
            await worker.request(Record(id=worker.next_id(), recording=recording, legs=legs, path=path))
            await clock.play(silence(tmp_path, 0.8))
            await first.leg.stop_record(recording)
            samples = heard_in(tmp_path / "both.wav")
            assert share(samples, LOW) > 0.3
            assert share(samples, HIGH) > 0.3

    asyncio.run(scene())
