"""What a recording contains, in numbers: level, pauses, tones, whether it is a given file, and its kind.

For tests and the demo: audio is proved by its content. Takes mono float samples in -1..1 at any rate; made
for what comes out of a telephone call, so 8 kHz mu-law, an unknown start and lost packets do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

FRAME_S = 0.02
SILENCE_DBFS = -50.0
NEVER_DBFS = -120.0
_TONE_SHARE = 0.9
_TONE_WIDTH_HZ = 25.0
_SPEECH_QUIET_DB = 15.0
_SPEECH_QUIET_SHARE = 0.1
_SPEECH_ONSETS_PER_S = 1.0


class Kind(StrEnum):
    """What a stretch of audio sounds like."""

    SILENCE = "silence"
    TONE = "tone"
    SPEECH = "speech"
    MUSIC = "music"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """The strongest tone, and its share of the energy above 50 Hz (0..1)."""

    frequency_hz: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How well one sound is found in another: `score` 0..1, `lag_s` where its start lies in the other."""

    score: float
    lag_s: float


def rms_dbfs(samples: Floats) -> float:
    """The level; a full-scale sine is -3. `NEVER_DBFS` for digital silence."""
    if samples.size == 0:
        return NEVER_DBFS
    return _dbfs(float(np.mean(np.square(samples, dtype=np.float64))))


def peak_dbfs(samples: Floats) -> float:
    """The largest sample; full scale is 0."""
    return _dbfs(float(np.max(np.abs(samples), initial=0.0)) ** 2)


def frame_levels_dbfs(samples: Floats, rate: int) -> NDArray[np.float64]:
    """The level of each 20 ms."""
    size = int(rate * FRAME_S)
    frames = samples[: samples.size - samples.size % size].reshape(-1, size)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (NEVER_DBFS / 10))), np.float64)


def longest_silence_s(samples: Floats, rate: int, threshold_dbfs: float = SILENCE_DBFS) -> float:
    """The longest stretch whose 20 ms frames are all below the threshold."""
    longest = run = 0
    for quiet in frame_levels_dbfs(samples, rate) < threshold_dbfs:
        run = run + 1 if quiet else 0
        longest = max(longest, run)
    return longest * FRAME_S


def first_sound_s(samples: Floats, rate: int, threshold_dbfs: float = SILENCE_DBFS) -> float | None:
    """When the first frame above the threshold begins, None when there is none."""
    loud = np.flatnonzero(frame_levels_dbfs(samples, rate) >= threshold_dbfs)
    return float(loud[0] * FRAME_S) if loud.size else None


def dominant_tone(samples: Floats, rate: int) -> Tone:
    """The strongest tone and its share of the energy; a clear sine through mu-law has a share above 0.95."""
    spectrum, frequencies = _power_spectrum(samples, rate)
    total = float(spectrum.sum())
    if total <= 0.0:
        return Tone(frequency_hz=0.0, share=0.0)
    peak = int(np.argmax(spectrum))
    share = float(spectrum[np.abs(frequencies - frequencies[peak]) <= _TONE_WIDTH_HZ].sum()) / total
    return Tone(frequency_hz=_refined(spectrum, frequencies, peak), share=share)


def tone_share(samples: Floats, rate: int, frequency_hz: float) -> float:
    """The share of the energy that lies within 25 Hz of a frequency."""
    spectrum, frequencies = _power_spectrum(samples, rate)
    total = float(spectrum.sum())
    near = np.abs(frequencies - frequency_hz) <= _TONE_WIDTH_HZ
    return float(spectrum[near].sum()) / total if total > 0.0 else 0.0


def find(
    needle: Floats, haystack: Floats, rate: int, *, loop: bool = False, window_s: float = 0.5
) -> Likeness:
    """How much of `needle` is in `haystack`, both at `rate`. `loop`: the haystack repeats.

    The needle is looked for in windows, each with a lag of its own, so that a jitter buffer that adds or
    drops a frame costs one window and not the match. The score is the median of the windows' normalised
    cross-correlations: above 0.9 for the same sound through mu-law, below 0.5 for another; another part of
    the same tune may come to 0.7.
    """
    turn = haystack.size
    if loop and turn:
        # Repeated as far as needed for any window to lie in one piece.
        haystack = np.resize(haystack, turn + int(window_s * rate))
    windows = _windows(needle, rate, window_s)
    if not windows or haystack.size < windows[0][1].size:
        return Likeness(score=0.0, lag_s=0.0)
    search = _Search(haystack, windows[0][1].size)
    found = [(search.best(window), start) for start, window in windows]
    scores = [score for (score, _), _ in found]
    (_, place), start = max(found, key=lambda item: item[0][0])
    lag = (place - start) % turn if loop else place - start
    return Likeness(score=float(np.median(scores)), lag_s=lag / rate)


def classify(samples: Floats, rate: int) -> Kind:
    """Silence, one or two steady tones, speech or music; needs two seconds to tell speech from music.

    Speech comes in syllables: many frames are far below the average, and it rises from there more than once
    a second. Music that is fit for holding flows; music that is interrupted now and then is still music.
    """
    if rms_dbfs(samples) < SILENCE_DBFS:
        return Kind.SILENCE
    if _tonal_share(samples, rate) >= _TONE_SHARE:
        return Kind.TONE
    levels = _between_ends(frame_levels_dbfs(samples, rate))
    quiet = levels < rms_dbfs(samples) - _SPEECH_QUIET_DB
    onsets_per_s = np.count_nonzero(quiet[:-1] & ~quiet[1:]) / (levels.size * FRAME_S)
    speech = np.mean(quiet) >= _SPEECH_QUIET_SHARE and onsets_per_s >= _SPEECH_ONSETS_PER_S
    return Kind.SPEECH if speech else Kind.MUSIC


class _Search:
    """Normalised cross-correlation of windows of one size with one long sound."""

    def __init__(self, haystack: Floats, window: int) -> None:
        hay = np.asarray(haystack, np.float64)
        self._places = hay.size - window + 1
        self._size = 1 << int(hay.size + window - 1).bit_length()
        self._spectrum = np.fft.rfft(hay, self._size)
        sums = np.concatenate([[0.0], np.cumsum(np.square(hay))])
        energy = np.maximum(sums[window:] - sums[:-window], 0.0)
        # What is quieter than -60 dBFS matches nothing, or rounding noise would match everything.
        self._norm = np.sqrt(np.maximum(energy, window * 1e-6))

    def best(self, window: Floats) -> tuple[float, int]:
        """The best score and its place. The sign counts: a telephone network does not turn the phase."""
        wanted = np.asarray(window, np.float64)
        cross = np.fft.irfft(self._spectrum * np.conj(np.fft.rfft(wanted, self._size)), self._size)
        scores = cross[: self._places] / (self._norm * np.sqrt(np.sum(np.square(wanted))))
        place = int(np.argmax(scores))
        return float(np.clip(scores[place], 0.0, 1.0)), place


def _windows(needle: Floats, rate: int, window_s: float, most: int = 24) -> list[tuple[int, Floats]]:
    """Up to `most` windows of the needle that are not silence, spread evenly, with their starts."""
    size = min(int(window_s * rate), needle.size)
    if size == 0:
        return []
    cut = [(start, needle[start : start + size]) for start in range(0, needle.size - size + 1, size)]
    loud = [(start, window) for start, window in cut if rms_dbfs(window) > SILENCE_DBFS]
    return loud[:: max(1, -(-len(loud) // most))]


def _power_spectrum(samples: Floats, rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Energy by frequency from 50 Hz: below lies nothing that a telephone carries."""
    if samples.size == 0:
        return np.zeros(1), np.zeros(1)
    window = np.hanning(samples.size)
    spectrum = np.square(np.abs(np.fft.rfft(np.asarray(samples, np.float64) * window)))
    frequencies = np.fft.rfftfreq(samples.size, 1 / rate)
    spectrum[frequencies < 50] = 0.0
    return np.asarray(spectrum, np.float64), np.asarray(frequencies, np.float64)


def _tonal_share(samples: Floats, rate: int) -> float:
    """The share of the energy in the two strongest tones: signalling uses pairs (ringing, DTMF)."""
    spectrum, frequencies = _power_spectrum(samples, rate)
    total = float(spectrum.sum())
    left = spectrum.copy()
    for _ in range(2):
        left[np.abs(frequencies - frequencies[int(np.argmax(left))]) <= _TONE_WIDTH_HZ] = 0.0
    return 1.0 - float(left.sum()) / total if total > 0.0 else 0.0


def _refined(spectrum: NDArray[np.float64], frequencies: NDArray[np.float64], peak: int) -> float:
    """The frequency between bins: the centre of gravity of the peak and its neighbours."""
    near = slice(max(0, peak - 2), peak + 3)
    return float(np.average(frequencies[near], weights=spectrum[near]))


def _between_ends(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without silence before the first and after the last sound, which is how recordings begin and end."""
    loud = np.flatnonzero(levels >= SILENCE_DBFS)
    return levels[loud[0] : loud[-1] + 1] if loud.size else levels


def _dbfs(power: float) -> float:
    return max(NEVER_DBFS, 10 * float(np.log10(max(power, 1e-12))))
