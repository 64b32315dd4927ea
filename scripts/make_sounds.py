"""Make the sounds that ship in media/sounds: hold music, a chime, and the recorded fallback prompts.

    scripts/make_sounds.py [FOLDER]

The music is composed here and rendered with numpy alone: no recording, sample or tune of anyone else is in
it. It is deterministic, and it is a ring: notes and reverb that run past the end come back at the start, so
it loops without a seam. It is mixed for the telephone (300 to 3,400 Hz, 8 kHz mu-law): no deep bass to lose,
no noise to grind, never silent.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
# Run from anywhere, installed or not.
sys.path.insert(0, str(ROOT))

from media.sound import normalise, read_mono, write_wav16  # noqa: E402
from media.speech.client import ProcessEngine  # noqa: E402

Wave = NDArray[np.float64]

RATE = 16000
BEAT_S = 2 / 3  # 90 to the minute
BARS = 24
TOTAL = round(BARS * 4 * BEAT_S * RATE)  # 64 s
LEVEL_DBFS = -20.0
PEAK_DBFS = -3.5

PROMPTS = {
    "one_moment.wav": "One moment, please.",
    "technical_problem.wav": ("We are sorry. A technical problem has ended this call. Please call again."),
    "thanks_for_calling.wav": "Thank you for calling. Please hold the line.",
}

# One chord a bar (notes as MIDI numbers, low to high), in C: a first part that wanders home by fifths,
# a middle part that opens on the subdominant and dims to minor, and the first part again, varied.
C9 = (48, 64, 67, 71, 74)
AM9 = (45, 60, 64, 67, 71)
DM9 = (50, 65, 69, 72, 76)
G13 = (43, 65, 69, 71, 76)
EM7 = (52, 62, 67, 71, 74)
A7 = (45, 61, 67, 69, 76)
FMAJ9 = (53, 64, 67, 69, 72)
G9SUS = (43, 60, 65, 69, 74)
FM6 = (53, 62, 65, 68, 72)
C6 = (48, 64, 67, 69, 76)
CHORDS = (
    *(C9, AM9, DM9, G13, EM7, AM9, FMAJ9, G9SUS),
    *(FMAJ9, EM7, DM9, C9, FMAJ9, FM6, EM7, A7),
    *(DM9, G13, C9, AM9, FMAJ9, FM6, C6, G9SUS),
)

# The melody: (bar, beat, note, beats). It breathes, answers itself, climbs in the middle and comes home.
MELODY = (
    *((0, 1, 76, 1.5), (0, 3, 79, 1), (1, 0, 76, 2.5), (1, 3, 74, 1)),
    *((2, 0, 72, 1), (2, 1, 74, 1), (2, 2, 77, 1.5), (3, 0, 76, 3)),
    *((4, 1, 74, 1), (4, 2, 76, 1), (4, 3, 79, 1), (5, 0, 81, 2.5), (5, 3, 79, 1)),
    *((6, 0, 76, 1.5), (6, 2, 72, 1.5), (7, 0, 74, 3)),
    *((8, 0, 81, 2), (8, 2, 84, 1.5), (9, 0, 83, 2), (9, 2, 79, 1.5)),
    *((10, 0, 77, 1), (10, 1, 79, 1), (10, 2, 81, 1.5), (11, 0, 79, 3)),
    *((12, 0, 84, 2), (12, 2, 81, 1.5), (13, 0, 80, 2), (13, 2, 77, 1.5)),
    *((14, 0, 79, 1), (14, 1, 78, 1), (14, 2, 79, 1.5), (15, 0, 76, 2), (15, 2.5, 73, 1)),
    *((16, 0, 74, 1.5), (16, 2, 77, 1.5), (17, 0, 76, 1), (17, 1, 74, 1), (17, 2, 71, 1.5)),
    *((18, 0, 72, 2), (18, 2, 76, 1), (18, 3, 79, 1), (19, 0, 76, 3)),
    *((20, 1, 72, 1), (20, 2, 76, 1), (20, 3, 81, 1), (21, 0, 80, 2.5), (21, 3, 77, 1)),
    *((22, 0, 76, 1.5), (22, 2, 74, 1), (22, 3, 72, 1), (23, 0, 74, 3)),
)

# Which chord notes the arpeggio takes on the eighths of a bar, by part.
PATTERNS = (
    (1, 2, 3, 4, 3, 2, 3, 2),
    (4, 3, 2, 1, 2, 3, 4, 3),
    (1, 3, 2, 4, 2, 3, 1, 3),
)
# Loudness of arpeggio, pad and melody, by part: the middle opens up, the last part settles.
MIX = ((0.85, 0.9, 0.9), (1.0, 1.15, 1.05), (0.8, 1.0, 0.95))


def compose() -> Wave:
    """The hold music: mono at `RATE`, exactly `TOTAL` samples, a ring."""
    ring = np.zeros(TOTAL)
    for bar, chord in enumerate(CHORDS):
        arpeggio, pad, _ = MIX[bar // 8]
        _add_pad(ring, bar, chord, 0.11 * pad)
        _add_arpeggio(ring, bar, chord, 0.36 * arpeggio)
        _place(ring, bar * 4, electric(chord[0] + 12, 3.2), 0.22)
        _place(ring, bar * 4 + 2.5, electric(chord[0] + 12, 1.4), 0.12)
    for bar, beat, note, beats in MELODY:
        _place(ring, bar * 4 + beat, bell(note, beats * BEAT_S), 0.34 * MIX[bar // 8][2])
    return _mastered(_reverb(ring))


def chime() -> Wave:
    """Two soft notes, a falling third, 1.6 s."""
    samples = np.zeros(round(1.6 * RATE))
    for start_s, note in ((0.02, 79), (0.38, 76)):
        tone = bell(note, 0.5)[: samples.size - round(start_s * RATE)]
        samples[round(start_s * RATE) :][: tone.size] += tone
    fade = np.minimum(1.0, np.arange(samples.size)[::-1] / (0.3 * RATE))
    return np.asarray(samples * fade * (10 ** (-9 / 20) / np.abs(samples).max()))


# --- instruments: a note as samples from its start, ending in nothing ------------------------------------


def _hertz(note: float) -> float:
    return float(440.0 * 2 ** ((note - 69) / 12))


def _time(duration_s: float) -> Wave:
    return np.arange(round(duration_s * RATE)) / RATE


def _edges(samples: Wave, attack_s: float, release_s: float) -> Wave:
    """Raised-cosine ends, so that no note clicks."""
    shaped = samples.copy()
    attack, release = round(attack_s * RATE), round(release_s * RATE)
    shaped[:attack] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(attack) / attack)
    shaped[-release:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(release) / release)
    return shaped


@lru_cache(maxsize=256)
def pluck(note: int, duration_s: float = 1.6) -> Wave:
    """A nylon string: harmonics that die the faster the higher they are."""
    time_s = _time(duration_s)
    samples = np.zeros(time_s.size)
    for harmonic in range(1, 9):
        if (frequency := _hertz(note) * harmonic) > 3800:
            break
        # Plucked near a third of its length: that harmonic is weak.
        strength = abs(np.sin(np.pi * harmonic * 0.31)) / harmonic**1.3
        decay = np.exp(-time_s * (2.0 + 1.1 * harmonic))
        samples += strength * decay * np.sin(2 * np.pi * frequency * (1 + 0.0002 * harmonic**2) * time_s)
    return _edges(samples, 0.004, 0.15)


@lru_cache(maxsize=256)
def electric(note: int, beats: float) -> Wave:
    """An electric piano by frequency modulation: a warm body and a soft tine."""
    time_s = _time(beats * BEAT_S + 0.3)
    phase = 2 * np.pi * _hertz(note) * time_s
    body = np.sin(phase + 1.4 * np.exp(-2.5 * time_s) * np.sin(phase))
    overtone = 0.5 * np.exp(-1.5 * time_s) * np.sin(2 * phase) + 0.25 * np.exp(-2.5 * time_s) * np.sin(
        3 * phase
    )
    return _edges((body + overtone) * np.exp(-1.1 * time_s), 0.006, 0.3)


@lru_cache(maxsize=256)
def bell(note: int, duration_s: float) -> Wave:
    """The melody's voice: a vibraphone with a slow tremolo that rings on after its length."""
    time_s = _time(duration_s + 1.0)
    phase = 2 * np.pi * _hertz(note) * time_s
    tremolo = 1 - 0.16 * (0.5 - 0.5 * np.cos(2 * np.pi * 4.6 * time_s))
    samples = np.sin(phase) + 0.3 * np.exp(-3 * time_s) * np.sin(2 * phase)
    samples += 0.22 * np.exp(-9 * time_s) * np.sin(4 * phase + 0.4 * np.sin(phase))
    return _edges(samples * tremolo * np.exp(-1.3 * time_s), 0.008, 0.9)


def _pad(note: int, duration_s: float) -> Wave:
    """Strings far away: three voices a few cents apart, few harmonics, a slow swell."""
    time_s = _time(duration_s)
    samples = np.zeros(time_s.size)
    for voice, cents in enumerate((-5.0, 0.0, 6.0)):
        frequency = _hertz(note + cents / 100)
        for harmonic in range(1, 6):
            phase = 2 * np.pi * (frequency * harmonic * time_s + 0.37 * voice + 0.11 * harmonic)
            samples += np.sin(phase) / harmonic**1.6 / 3
    return _edges(samples, 0.7, 1.1)


def _add_pad(ring: Wave, bar: int, chord: tuple[int, ...], gain: float) -> None:
    """The upper notes of the chord, swelling a little early and into the next bar."""
    for note in chord[1:]:
        _place(ring, bar * 4 - 0.5, _pad(note, 5.6 * BEAT_S), gain)


def _add_arpeggio(ring: Wave, bar: int, chord: tuple[int, ...], gain: float) -> None:
    """Eighths, with an accent on each beat; the last bars of a part thin out."""
    for eighth, index in enumerate(PATTERNS[bar // 8]):
        if bar % 8 == 7 and eighth in (5, 7):
            continue
        accent = (1.0, 0.62, 0.8, 0.62)[eighth % 4]
        _place(
            ring, bar * 4 + eighth / 2, pluck(chord[index] + 12 * (eighth == 4 and bar % 2)), gain * accent
        )


# --- the ring --------------------------------------------------------------------------------------------


def _place(ring: Wave, beat: float, samples: Wave, gain: float) -> None:
    """Add a note at a beat; what runs past the end goes on at the start."""
    start = round(beat * BEAT_S * RATE) % ring.size
    first = min(samples.size, ring.size - start)
    ring[start : start + first] += gain * samples[:first]
    ring[: samples.size - first] += gain * samples[first:]


def _reverb(ring: Wave) -> Wave:
    """A small hall, convolved around the ring so that its tail wraps too."""
    time_s = _time(1.8)
    noise = np.random.Generator(np.random.PCG64(1960)).standard_normal(time_s.size)
    tail = noise * np.exp(-time_s * 4.2) * np.minimum(1.0, time_s / 0.02)
    tail /= np.sqrt(np.sum(np.square(tail)))
    response = np.zeros(ring.size)
    response[round(0.018 * RATE) :][: tail.size] = 0.3 * tail
    response[0] = 1.0
    return np.asarray(np.fft.irfft(np.fft.rfft(ring) * np.fft.rfft(response), ring.size))


def _mastered(ring: Wave) -> Wave:
    """The band of a telephone with soft shoulders, then the level; peaks are rounded, not cut."""
    frequency = np.fft.rfftfreq(ring.size, 1 / RATE)
    low = 1 / (1 + (190 / np.maximum(frequency, 1e-3)) ** 4)
    high = 1 / (1 + (frequency / 3600) ** 8)
    presence = 1 + 1.5 * np.exp(-(((frequency - 1700) / 800) ** 2))
    shaped = np.fft.irfft(np.fft.rfft(ring) * low * high * presence, ring.size)
    ceiling = 10 ** (PEAK_DBFS / 20)
    for _ in range(4):
        shaped *= 10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(np.square(shaped)))
        shaped = ceiling * np.tanh(shaped / ceiling)
    return np.asarray(shaped)


def ringback() -> NDArray[np.float64]:
    """What a caller hears while a telephone rings: 440 and 480 Hz, two seconds of every six."""
    time = np.arange(6 * RATE) / RATE
    wave = 0.1 * (np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 480 * time))
    return np.asarray(wave * (time < 2))


# --- files -----------------------------------------------------------------------------------------------


async def speak(folder: Path) -> None:
    """The fallback prompts, by the product's own engine."""
    engine = ProcessEngine(hang_s=20.0)
    await engine.start()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            raw = Path(scratch, "raw.wav")
            for name, text in PROMPTS.items():
                await engine.render(text, "en-US", raw)
                save(folder / name, normalise(read_mono(raw, RATE)))
    finally:
        await engine.stop()


def save(path: Path, samples: NDArray[np.floating]) -> None:
    """A file that everyone may read: these ship."""
    write_wav16(path, samples.astype(np.float32), RATE)
    path.chmod(0o644)
    print(f"{path.name}: {samples.size / RATE:.1f} s")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "media" / "sounds"
    folder.mkdir(parents=True, exist_ok=True)
    save(folder / "defaultmusic_on_hold.wav", compose())
    save(folder / "chime.wav", chime())
    save(folder / "ringback.wav", ringback())
    asyncio.run(speak(folder))


if __name__ == "__main__":
    main()
