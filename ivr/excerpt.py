"""The rest of a sound from an offset on, as a file beside it. Blocks: run it in a thread."""

from __future__ import annotations

import os
import tempfile
import wave
from pathlib import Path


def excerpt(path: Path, offset_s: float) -> Path:
    """A WAV that begins `offset_s` seconds into `path`; an offset beyond its end begins anew from its start.
    Made once for each file and offset. Raises OSError, EOFError and ValueError (not a WAV)."""
    made = path.with_name(f"{path.stem}-from-{round(offset_s * 1000)}.wav")
    if made.is_file():
        return made
    try:
        with wave.open(str(path), "rb") as source:
            params = source.getparams()
            source.setpos(int(offset_s * params.framerate) % max(1, params.nframes))
            frames = source.readframes(params.nframes)
    except wave.Error as exc:
        raise ValueError(str(exc)) from exc
    _write(made, params, frames)
    return made


def _write(path: Path, params: wave._wave_params, frames: bytes) -> None:
    """It appears whole or not at all: another call may want it at the same moment."""
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=".new-", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file, wave.open(file, "wb") as target:
            target.setparams(params)
            target.writeframes(frames)
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
