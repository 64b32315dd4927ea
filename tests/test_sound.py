"""media/sound.py and media/listen.py, and the sounds that ship: measured, not trusted."""

from __future__ import annotations

import importlib.util
import os
import stat
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from media.listen import (
    NEVER_DBFS,
    Floats,
    Kind,
    classify,
    dominant_tone,
    find,
    first_sound_s,
    frame_levels_dbfs,
    longest_silence_s,
    peak_dbfs,
    rms_dbfs,
    tone_share,
)
from media.sound import (
    SoundError,
    SoundLibrary,
    active_level,
    normalise,
    private_dir,
    read_mono,
    without_tail,
    write_wav16,
)
from media.speech.testing import tone

ROOT = Path(__file__).parent.parent
SOUNDS = ROOT / "media" / "sounds"
MUSIC = SOUNDS / "defaultmusic_on_hold.wav"
PROMPTS = ("one_moment.wav", "technical_problem.wav", "thanks_for_calling.wav")


def mu_law(samples: Floats) -> Floats:
    """Through the telephone: 8-bit mu-law and back."""
    pressed = np.sign(samples) * np.log1p(255 * np.abs(samples)) / np.log(256)
    coarse = np.round(pressed * 127) / 127
    return np.asarray(np.sign(coarse) * np.expm1(np.abs(coarse) * np.log(256)) / 255, np.float64)


def lossy(samples: Floats, *, every: int) -> Floats:
    """With each so-manieth 20 ms packet lost."""
    packets = samples[: samples.size - samples.size % 160].reshape(-1, 160).copy()
    packets[::every] = 0.0
    return packets.reshape(-1)


@pytest.fixture(scope="module")
def music() -> Floats:
    return read_mono(MUSIC, 8000)


@pytest.fixture(scope="module")
def speech() -> Floats:
    return read_mono(SOUNDS / "technical_problem.wav", 8000)


@pytest.fixture(scope="module")
def composer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sounds", ROOT / "scripts" / "make_sounds.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- the library -----------------------------------------------------------------------------------------


def library(folder: Path) -> SoundLibrary:
    (folder / "in").mkdir(exist_ok=True)
    return SoundLibrary([folder / "in"], folder / "work")


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [
        ("a.wav", 44100, 2, "PCM_24"),
        ("a.wav", 8000, 1, "ULAW"),
        ("a.flac", 48000, 2, "PCM_16"),
        ("a.ogg", 22050, 1, "VORBIS"),
        ("a.WAV", 11025, 6, "FLOAT"),
    ],
)
def test_sounds_of_any_kind_become_what_a_worker_plays(
    tmp_path: Path, name: str, rate: int, channels: int, subtype: str
) -> None:
    sounds = library(tmp_path)
    data = np.tile(tone(1000, 1.5, rate)[:, None], (1, channels))
    soundfile.write(tmp_path / "in" / name, data, rate, subtype=subtype)
    sound = sounds.load(name)
    assert sounds.get(name) is sound
    assert sound.duration_s == pytest.approx(1.5, abs=0.01)
    for wanted in (8000, 16000):
        path = sound.paths[wanted]
        info = soundfile.info(str(path))
        assert (info.samplerate, info.channels, info.subtype) == (wanted, 1, "PCM_16")
        samples = read_mono(path, wanted)
        assert dominant_tone(samples, wanted).frequency_hz == pytest.approx(1000, abs=2)
        assert dominant_tone(samples, wanted).share > 0.95
        assert rms_dbfs(samples) == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=0.3)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "work").stat().st_mode) == 0o700


def test_a_content_is_converted_once_and_a_new_one_again(tmp_path: Path) -> None:
    sounds = library(tmp_path)
    source = tmp_path / "in" / "a.wav"
    write_wav16(source, tone(500, 1, 16000), 16000)
    first = sounds.load("a.wav").paths[8000]
    made = first.stat().st_mtime_ns
    assert library(tmp_path).load("a.wav").paths[8000].stat().st_mtime_ns == made
    first.write_bytes(b"half a")
    assert read_mono(sounds.load("a.wav").paths[8000], 8000).size == 8000
    write_wav16(source, tone(700, 2, 16000), 16000)
    second = sounds.load("a.wav")
    assert second.paths[8000] != first
    assert second.duration_s == 2.0


def test_a_folder_named_earlier_wins(tmp_path: Path) -> None:
    for folder, duration_s in (("own", 1.0), ("shipped", 2.0)):
        (tmp_path / folder).mkdir()
        write_wav16(tmp_path / folder / "a.wav", tone(500, duration_s, 8000), 8000)
    sounds = SoundLibrary([tmp_path / "own", tmp_path / "shipped"], tmp_path / "work")
    assert sounds.load("a.wav").duration_s == 1.0
    assert sounds.names() == ("a.wav",)


@pytest.mark.parametrize("name", ["", "..", "../a.wav", "/etc/a.wav", "x/a.wav", "x\\a.wav", "a\0.wav"])
def test_a_name_is_a_bare_name(tmp_path: Path, name: str) -> None:
    write_wav16(tmp_path / "a.wav", tone(500, 1, 8000), 8000)
    with pytest.raises(SoundError, match="is not a bare file name"):
        library(tmp_path).load(name)


def _write(samples: Floats) -> Callable[[Path], None]:
    return lambda path: soundfile.write(path, samples, 16000, subtype="FLOAT")


def _cut(path: Path) -> None:
    write_wav16(path, tone(500, 1, 16000), 16000)
    path.write_bytes(path.read_bytes()[:9000])


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda path: path.write_bytes(b""), "cannot be read"),
    "no sound": (lambda path: path.write_text("<html>"), "cannot be read"),
    "no samples": (_write(np.zeros(0)), "is empty"),
    "two samples": (_write(np.full(2, 0.5)), "is empty"),
    "silence": (_write(np.zeros(16000)), "is silent"),
    "whisper": (_write(np.full(16000, 1e-5)), "is silent"),
    "not numbers": (_write(np.full(16000, np.nan)), "not numbers"),
    "infinite": (_write(np.full(16000, np.inf)), "not numbers"),
    "cut": (_cut, "ends before its header says"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_an_error_at_load(tmp_path: Path, fault: str) -> None:
    write, reason = BAD[fault]
    sounds = library(tmp_path)
    write(tmp_path / "in" / "bad.wav")
    with pytest.raises(SoundError, match=f"bad.wav: .*{reason}"):
        sounds.load("bad.wav")
    with pytest.raises(SoundError, match=reason):
        sounds.check("bad.wav")
    with pytest.raises(SoundError, match="is not loaded"):
        sounds.get("bad.wav")
    assert not list((tmp_path / "work").glob("*"))


def test_a_file_of_hours_is_refused_before_it_is_read(tmp_path: Path) -> None:
    sounds = library(tmp_path)
    # Sparse: a header that is true about an hour of nothing.
    frames = 3600 * 8000
    write_wav16(tmp_path / "in" / "long.wav", tone(500, 1, 8000), 8000)
    head = (tmp_path / "in" / "long.wav").read_bytes()[:44]
    size = frames * 2
    head = head[:4] + (36 + size).to_bytes(4, "little") + head[8:40] + size.to_bytes(4, "little")
    with (tmp_path / "in" / "long.wav").open("wb") as file:
        file.write(head)
        file.truncate(44 + size)
    with pytest.raises(SoundError, match="lasts 3600 s, at most 1800 s"):
        sounds.load("long.wav")


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    sounds = library(tmp_path)
    with pytest.raises(SoundError, match=r"gone\.wav: is in none of"):
        sounds.load("gone.wav")
    with pytest.raises(SoundError, match=r"notes\.txt: is not a \.wav"):
        sounds.load("notes.txt")


def test_load_all_tells_every_fault_and_loads_the_rest(tmp_path: Path) -> None:
    sounds = library(tmp_path)
    write_wav16(tmp_path / "in" / "good.wav", tone(500, 1, 8000), 8000)
    write_wav16(tmp_path / "in" / "quiet.wav", tone(500, 1, 8000, amplitude=0.0), 8000)
    (tmp_path / "in" / "empty.ogg").touch()
    (tmp_path / "in" / "README").touch()
    assert sorted(fault.name for fault in sounds.load_all()) == ["empty.ogg", "quiet.wav"]
    assert sounds.get("good.wav").duration_s == 1.0


def test_a_work_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "work").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SoundError, match="is not a folder of ours"):
        private_dir(tmp_path / "work")


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken.wav").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_wav16(tmp_path / "taken.wav", tone(500, 1, 8000), 8000)
    assert os.listdir(tmp_path) == ["taken.wav"]


# --- level -----------------------------------------------------------------------------------------------


def test_speech_comes_to_one_level_whatever_its_pauses(speech: Floats) -> None:
    wanted = 20 * np.log10(active_level(normalise(speech.astype(np.float32))))
    spaced = np.concatenate([speech * 0.01, np.zeros(40000)]).astype(np.float32)
    assert 20 * np.log10(active_level(normalise(spaced))) == pytest.approx(wanted, abs=0.3)
    assert wanted == pytest.approx(-20, abs=0.5)


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=400))
def test_no_level_breaks_the_peak_limit(values: list[float]) -> None:
    samples = normalise(np.asarray(values, np.float32))
    assert np.isfinite(samples).all()
    assert peak_dbfs(samples) <= -0.99


# --- measuring -------------------------------------------------------------------------------------------


def test_levels_are_in_dbfs() -> None:
    assert rms_dbfs(tone(1000, 1, 8000, amplitude=1.0)) == pytest.approx(-3.01, abs=0.01)
    assert peak_dbfs(tone(1000, 1, 8000, amplitude=0.5)) == pytest.approx(-6.02, abs=0.05)
    assert rms_dbfs(np.zeros(100)) == NEVER_DBFS
    assert rms_dbfs(np.zeros(0)) == NEVER_DBFS


def test_the_longest_silence_is_found() -> None:
    beep = tone(1000, 0.5, 8000)
    samples = np.concatenate([np.zeros(1600), beep, np.zeros(8000), beep, np.zeros(4000)])
    assert longest_silence_s(samples, 8000) == pytest.approx(1.0, abs=0.021)
    assert first_sound_s(samples, 8000) == pytest.approx(0.2, abs=0.021)
    assert longest_silence_s(beep, 8000) == 0.0
    assert first_sound_s(np.zeros(8000), 8000) is None


@given(st.floats(300, 3300))
def test_a_tone_is_recognised_through_mu_law(frequency_hz: float) -> None:
    heard = lossy(mu_law(tone(frequency_hz, 1.0, 8000)), every=50)
    found = dominant_tone(heard, 8000)
    assert found.frequency_hz == pytest.approx(frequency_hz, abs=3)
    assert found.share > 0.9
    assert tone_share(heard, 8000, frequency_hz) > 0.9
    # The mirror of a tone in the middle of the band is the tone.
    away = frequency_hz + 500 if frequency_hz < 1800 else frequency_hz - 500
    assert tone_share(heard, 8000, away) < 0.1


def test_two_tones_have_their_shares() -> None:
    both = tone(700, 1, 8000, amplitude=0.3) + tone(1900, 1, 8000, amplitude=0.15)
    assert dominant_tone(both, 8000).frequency_hz == pytest.approx(700, abs=1)
    assert tone_share(both, 8000, 700) == pytest.approx(0.8, abs=0.02)
    assert tone_share(both, 8000, 1900) == pytest.approx(0.2, abs=0.02)
    assert dominant_tone(np.zeros(8000), 8000).share == 0.0


@pytest.mark.parametrize("start_s", [0.0, 3.0123, 61.5])
def test_a_recording_of_looped_music_is_found_where_it_began(music: Floats, start_s: float) -> None:
    looped = np.concatenate([music, music])[round(start_s * 8000) :][: 8000 * 8]
    heard = lossy(mu_law(looped * 0.7), every=40)
    found = find(heard, music, 8000, loop=True)
    assert found.score > 0.9
    assert found.lag_s == pytest.approx(start_s, abs=0.001)


def test_a_prompt_is_found_in_a_call_that_lost_frames(speech: Floats) -> None:
    rng = np.random.default_rng(7)
    call = np.concatenate([np.zeros(12345), speech[:16000], speech[16160:], np.zeros(8000)])
    heard = mu_law(call + rng.normal(0, 0.002, call.size))
    found = find(speech, heard, 8000)
    assert found.score > 0.9
    assert found.lag_s == pytest.approx(12345 / 8000, abs=0.021)


def test_what_is_not_there_is_not_found(music: Floats, speech: Floats) -> None:
    rng = np.random.default_rng(7)
    other = read_mono(SOUNDS / "thanks_for_calling.wav", 8000)
    assert find(speech, music, 8000).score < 0.3
    assert find(other, speech, 8000).score < 0.5
    assert find(rng.normal(0, 0.1, 40000), speech, 8000).score < 0.3
    assert find(speech, rng.normal(0, 0.1, 80000), 8000).score < 0.3
    assert find(speech, np.zeros(80000), 8000).score < 0.1
    assert find(-speech, speech, 8000).score < 0.9
    assert find(np.zeros(8000), speech, 8000).score == 0.0
    assert find(speech, np.zeros(0), 8000, loop=True).score == 0.0


def test_speech_music_and_tones_are_told_apart(music: Floats, speech: Floats) -> None:
    time_s = np.arange(80000) / 8000
    ringing = (tone(440, 10, 8000) + tone(480, 10, 8000)) * (time_s % 6 < 2)
    kinds = {
        "music": classify(mu_law(music[80000:160000]), 8000),
        "music with a gap": classify(np.concatenate([music[:40000], np.zeros(40000), music[:40000]]), 8000),
        "speech": classify(mu_law(speech), 8000),
        "late speech in noise": classify(
            np.concatenate([np.zeros(20000), speech])
            + np.random.default_rng(7).normal(0, 0.001, speech.size + 20000),
            8000,
        ),
        "ringing": classify(mu_law(ringing), 8000),
        "tone": classify(mu_law(tone(1000, 3, 8000)), 8000),
        "silence": classify(mu_law(np.random.default_rng(7).normal(0, 0.0005, 24000)), 8000),
    }
    assert kinds == {
        "music": Kind.MUSIC,
        "music with a gap": Kind.MUSIC,
        "speech": Kind.SPEECH,
        "late speech in noise": Kind.SPEECH,
        "ringing": Kind.TONE,
        "tone": Kind.TONE,
        "silence": Kind.SILENCE,
    }


# --- the sounds that ship --------------------------------------------------------------------------------


def test_every_shipped_sound_plays(tmp_path: Path) -> None:
    sounds = SoundLibrary([SOUNDS], tmp_path / "work")
    assert sounds.load_all() == ()
    assert {"defaultmusic_on_hold.wav", "chime.wav", *PROMPTS} <= set(sounds.names())
    for name in sounds.names():
        info = soundfile.info(str(SOUNDS / name))
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")


@pytest.mark.parametrize("name", PROMPTS)
def test_a_recorded_prompt_speaks_at_once_and_at_level(name: str) -> None:
    samples = read_mono(SOUNDS / name, 8000)
    assert (first_sound_s(samples, 8000) or 0.0) < 0.1
    assert 20 * np.log10(active_level(samples)) == pytest.approx(-20, abs=1)
    assert peak_dbfs(samples) <= -0.9
    if samples.size > 16000:
        assert classify(mu_law(samples), 8000) is Kind.SPEECH


def test_the_chime_is_short_and_soft() -> None:
    samples = read_mono(SOUNDS / "chime.wav", 16000)
    assert 1.0 < samples.size / 16000 < 2.0
    assert peak_dbfs(samples) <= -8
    assert abs(samples[0]) < 0.001
    assert abs(samples[-1]) < 0.001


def test_the_silence_at_the_end_of_speech_is_cut_to_a_breath() -> None:
    spoken = 0.3 * np.sin(np.arange(8000) / 8).astype(np.float32)
    pause, tail = np.zeros(4000, np.float32), np.full(3200, 1e-4, np.float32)
    kept = without_tail(np.concatenate([spoken, pause, spoken, tail]), 8000, keep_s=0.1)
    assert kept.size == pytest.approx(20_000 + 800, abs=8)
    assert np.array_equal(kept[: 8000 + 4000], np.concatenate([spoken, pause]))
    short = np.concatenate([spoken, tail[:80]])
    assert np.array_equal(without_tail(short, 8000, keep_s=0.1), short)
    assert without_tail(pause, 8000).size == pause.size


def test_hold_music_is_long_level_and_small() -> None:
    samples = read_mono(MUSIC, 16000)
    assert 60 <= samples.size / 16000 <= 90
    assert rms_dbfs(samples) == pytest.approx(-20, abs=1)
    assert peak_dbfs(samples) <= -3
    assert MUSIC.stat().st_size < 2_200_000


def test_hold_music_is_never_silent(music: Floats) -> None:
    heard = mu_law(np.concatenate([music, music[:8000]]))
    assert longest_silence_s(heard, 8000, threshold_dbfs=-40) == 0.0
    assert classify(heard, 8000) is Kind.MUSIC


def test_hold_music_fits_through_a_telephone() -> None:
    samples = read_mono(MUSIC, 16000)
    power = np.square(np.abs(np.fft.rfft(samples)))
    frequency = np.fft.rfftfreq(samples.size, 1 / 16000)
    share = [
        float(power[(frequency >= low) & (frequency < high)].sum() / power.sum())
        for low, high in ((300, 3000), (1000, 3000), (3400, 8001))
    ]
    assert share[0] > 0.9
    assert share[1] > 0.1
    assert share[2] < 0.02


def test_hold_music_has_life(music: Floats) -> None:
    levels = frame_levels_dbfs(music, 8000)
    assert np.percentile(levels, 95) - np.percentile(levels, 5) > 6
    sections = [rms_dbfs(part) for part in np.split(music, 8)]
    assert 1.0 < max(sections) - min(sections) < 6.0
    # No section repeats another note for note.
    thirds = np.split(music[: music.size - music.size % 3], 3)
    assert find(thirds[0], thirds[2], 8000).score < 0.8
    assert dominant_tone(music, 8000).share < 0.3


def test_hold_music_loops_without_a_seam() -> None:
    samples = read_mono(MUSIC, 16000).astype(np.float64)
    steps = np.abs(np.diff(samples))
    bends = np.abs(np.diff(samples, 2))
    seam = np.concatenate([samples[-4:], samples[:4]])
    assert np.abs(np.diff(seam)).max() <= np.percentile(steps, 95)
    assert np.abs(np.diff(seam, 2)).max() <= np.percentile(bends, 95)
    # Nor does the level jump.
    around = frame_levels_dbfs(np.concatenate([samples[-3200:], samples[:3200]]), 16000)
    assert np.ptp(around) < 12


def test_the_music_is_what_the_script_composes(composer: ModuleType) -> None:
    shipped, _ = soundfile.read(str(MUSIC), dtype="int16")
    composed = np.round(composer.compose() * 32767)
    # Libraries of arithmetic differ in the last bit.
    assert np.abs(composed - shipped).max() <= 2


def test_the_chime_is_what_the_script_makes(composer: ModuleType) -> None:
    shipped, _ = soundfile.read(str(SOUNDS / "chime.wav"), dtype="int16")
    assert np.abs(np.round(composer.chime() * 32767) - shipped).max() <= 2
