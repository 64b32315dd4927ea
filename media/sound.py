"""Sound files: found, checked and converted before a call needs them.

A worker plays 16-bit mono WAV at its own rate and nothing else. A file that cannot become that is a
`SoundError` when it is loaded, never silence in a call. All of this blocks: run it in a thread.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SUFFIXES = frozenset({".wav", ".flac", ".ogg"})
MAX_DURATION_S = 30 * 60.0
MIN_DURATION_S = 0.02
SILENCE_DBFS = -60.0
SPEECH_DBFS = -20.0
PEAK_DBFS = -1.0
_BLOCK_FRAMES = 1 << 16
# Frames this far below the loudest are pauses, not speech.
_ACTIVE_RANGE_DB = 25.0
_TAIL_RANGE_DB = 46.0
TAIL_S = 0.15
"""A pause between sentences: what comes next may be more speech, and somebody waits for it."""


class SoundError(Exception):
    """A sound that cannot be played: which and why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A file ready to play: `paths` by sample rate."""

    name: str
    paths: Mapping[int, Path]
    duration_s: float


class SoundLibrary:
    """The sounds of some folders by bare name; a folder named earlier wins."""

    def __init__(self, folders: Sequence[Path], work_dir: Path, rates: Sequence[int] = (8000, 16000)) -> None:
        self._folders = tuple(folders)
        self._work_dir = work_dir
        self._rates = tuple(rates)
        self._sounds: dict[str, Sound] = {}

    def names(self) -> tuple[str, ...]:
        """Every sound file in the folders, loaded or not."""
        return tuple(sorted({path.name for folder in self._folders for path in _sound_files(folder)}))

    def find(self, name: str) -> Path:
        """The file of a bare name; `SoundError` when the name is none or no folder has it."""
        if not name or name in {".", ".."} or any(char in name for char in "/\\\0"):
            raise SoundError(repr(name), "is not a bare file name")
        if Path(name).suffix.lower() not in SUFFIXES:
            raise SoundError(name, "is not a .wav, .flac or .ogg file")
        for folder in self._folders:
            if (folder / name).is_file():
                return folder / name
        raise SoundError(name, f"is in none of {', '.join(str(folder) for folder in self._folders)}")

    def check(self, name: str) -> float:
        """Whether the file can be played: its duration in seconds, or `SoundError`."""
        path = self.find(name)
        samples, rate = _read_checked(path, self._rates[-1])
        return samples.size / rate

    def load(self, name: str) -> Sound:
        """Check a file and convert it to every rate, once for each content."""
        path = self.find(name)
        try:
            key = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
        except OSError as exc:
            raise SoundError(name, f"cannot be read: {exc.strerror}") from exc
        private_dir(self._work_dir)
        paths = {rate: self._work_dir / f"{key}-{rate}.wav" for rate in self._rates}
        durations = [self._convert(path, paths[rate], rate) for rate in self._rates]
        sound = Sound(name=name, paths=paths, duration_s=durations[0])
        self._sounds[name] = sound
        return sound

    def load_all(self) -> tuple[SoundError, ...]:
        """Load every file of the folders; returns the faults of those that cannot be played."""
        faults: list[SoundError] = []
        for name in self.names():
            try:
                self.load(name)
            except SoundError as exc:
                faults.append(exc)
        return tuple(faults)

    def get(self, name: str) -> Sound:
        """A loaded sound; does not touch the disk. `SoundError` when it was not loaded."""
        sound = self._sounds.get(name)
        if sound is None:
            raise SoundError(name, "is not loaded")
        return sound

    @staticmethod
    def _convert(source: Path, target: Path, rate: int) -> float:
        if (done := _duration_s(target, rate)) is not None:
            return done
        samples, _ = _read_checked(source, rate)
        write_wav16(target, samples, rate)
        return samples.size / rate


def read_mono(path: Path, rate: int) -> Samples:
    """The file as float32 in -1..1, mixed down and resampled; `SoundError` when that is not possible."""
    try:
        _check_wav_size(path)
        with soundfile.SoundFile(str(path)) as file:
            _check_duration(path, file)
            blocks = list(_resampled(file, rate))
    except (soundfile.SoundFileError, OSError, RuntimeError) as exc:
        raise SoundError(path.name, f"cannot be read: {exc}") from exc
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if not np.isfinite(samples).all():
        raise SoundError(path.name, "holds values that are not numbers")
    return samples


def write_wav16(path: Path, samples: Samples, rate: int) -> None:
    """Write a 16-bit mono WAV for its owner only; it appears whole or not at all."""
    pcm = np.clip(np.round(np.asarray(samples, np.float64) * 32767), -32768, 32767).astype(np.int16)
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=".new-", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            soundfile.write(file, pcm, rate, format="WAV", subtype="PCM_16")
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def normalise(samples: Samples, target_dbfs: float = SPEECH_DBFS, peak_dbfs: float = PEAK_DBFS) -> Samples:
    """Speech brought to one level: RMS of its active part at `target_dbfs`, no peak above `peak_dbfs`."""
    level = active_level(samples)
    peak = float(np.max(np.abs(samples), initial=0.0))
    if level <= 0.0 or peak <= 0.0:
        return samples
    gain = min(_amplitude(target_dbfs) / level, _amplitude(peak_dbfs) / peak)
    return (samples * gain).astype(np.float32)


def active_level(samples: Samples, frame: int = 160) -> float:
    """RMS, as an amplitude, of the frames that are not pauses; 0 for silence."""
    if samples.size == 0:
        return 0.0
    frame = min(frame, samples.size)
    whole = samples[: samples.size - samples.size % frame].reshape(-1, frame)
    power = np.mean(np.square(whole, dtype=np.float64), axis=1)
    active = power[power >= power.max() * 10 ** (-_ACTIVE_RANGE_DB / 10)]
    return float(np.sqrt(active.mean()))


def without_tail(samples: Samples, rate: int, keep_s: float = TAIL_S) -> Samples:
    """The sound without the silence that an engine leaves at its end, save for a breath of `keep_s`."""
    floor = float(np.max(np.abs(samples), initial=0.0)) * _amplitude(-_TAIL_RANGE_DB)
    loud = np.flatnonzero(np.abs(samples) > floor)
    return samples if loud.size == 0 else samples[: loud[-1] + 1 + int(keep_s * rate)]


def private_dir(path: Path) -> None:
    """Make a folder that only we can look into; `SoundError` when it is someone else's."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if path.is_symlink() or status.st_uid != os.geteuid():
        raise SoundError(str(path), "is not a folder of ours")
    path.chmod(0o700)


def _amplitude(dbfs: float) -> float:
    return float(10 ** (dbfs / 20))


def _sound_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())


def _check_wav_size(path: Path) -> None:
    """Refuse a WAV whose header promises more than the file holds: libsndfile would play what there is."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return
        end = file.seek(0, os.SEEK_END)
        place = 12
        while place + 8 <= end:
            file.seek(place)
            kind, size = struct.unpack("<4sI", file.read(8))
            if kind == b"data":
                # A writer into a pipe cannot know the size and says the largest.
                if size != 0xFFFFFFFF and place + 8 + size > end:
                    raise SoundError(path.name, "ends before its header says")
                return
            place += 8 + size + size % 2


def _check_duration(path: Path, file: soundfile.SoundFile) -> None:
    duration_s = file.frames / file.samplerate
    if file.frames == 0:
        raise SoundError(path.name, "is empty")
    if not 0 < duration_s <= MAX_DURATION_S:
        raise SoundError(path.name, f"lasts {duration_s:.0f} s, at most {MAX_DURATION_S:.0f} s can be played")


def _resampled(file: soundfile.SoundFile, rate: int) -> Iterator[Samples]:
    """Blocks of the file, mono, at `rate`: a long stereo file is never in memory at its full size."""
    resampler = soxr.ResampleStream(file.samplerate, rate, 1, dtype="float32")
    while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
        yield resampler.resample_chunk(block.mean(axis=1))
    yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _read_checked(path: Path, rate: int) -> tuple[Samples, int]:
    """The samples of a file that is worth playing: long enough, and not silent."""
    samples = read_mono(path, rate)
    if samples.size < MIN_DURATION_S * rate:
        raise SoundError(path.name, "is empty")
    if active_level(samples) < _amplitude(SILENCE_DBFS):
        raise SoundError(path.name, "is silent")
    peak = float(np.max(np.abs(samples)))
    # Resampling can overshoot a file that is mastered to the last bit.
    return (samples / peak if peak > 1.0 else samples), rate


def _duration_s(path: Path, rate: int) -> float | None:
    """The duration of a copy made earlier, None when there is none that is good."""
    try:
        info = soundfile.info(str(path))
    except (soundfile.SoundFileError, OSError, RuntimeError):
        return None
    good = info.samplerate == rate and info.channels == 1 and info.subtype == "PCM_16" and info.frames > 0
    return float(info.frames / rate) if good else None
