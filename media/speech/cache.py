"""Spoken prompts on disk: named by a hash, readable by us alone, bounded in size. Blocks, but briefly."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import OrderedDict
from pathlib import Path

import msgspec

from media.sound import private_dir

MAX_BYTES = 256 * 1024 * 1024
# Raised when the sound of the same request changes, so that older files are not used.
_FORMAT = 2
_WAV_HEADER = 44


def cache_key(*, engine: str, language: str, rate: int, text: str) -> str:
    """The name of a request: everything that shapes the sound is in it, and nothing can be read from it."""
    whole = msgspec.json.encode([_FORMAT, engine, language.lower(), rate, text])
    return hashlib.sha256(whole).hexdigest()[:40]


class SpeechCache:
    """Files by key; what was used least recently goes first when there are more than `max_bytes`.

    A file that was handed out may be removed while it plays: the player has it open.
    """

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._total = 0

    @property
    def total_bytes(self) -> int:
        """What the files hold together."""
        return self._total

    def open(self) -> None:
        """Make the folder, take over what an earlier run left, throw its unfinished files away."""
        private_dir(self._folder)
        found = []
        for path in self._folder.iterdir():
            status = path.lstat()
            if path.suffix == ".wav" and status.st_size > _WAV_HEADER:
                found.append((status.st_mtime_ns, path.stem, status.st_size))
            elif path.suffix in {".wav", ".tmp", ".part"}:
                path.unlink(missing_ok=True)
        self._sizes = OrderedDict((key, size) for _, key, size in sorted(found))
        self._total = sum(self._sizes.values())
        self._shrink()

    def find(self, key: str) -> Path | None:
        """The file of a key, which counts as used now; None when there is none."""
        if key not in self._sizes:
            return None
        path = self.path(key)
        try:
            os.utime(path)
        except OSError:
            # Someone tidied up under us.
            self._forget(key)
            return None
        self._sizes.move_to_end(key)
        return path

    def path(self, key: str) -> Path:
        """Where the file of a key is or will be."""
        return self._folder / f"{key}.wav"

    def scratch(self) -> Path:
        """A new empty file for an engine to write to, private and on the same disk."""
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=".", suffix=".part")
        os.close(descriptor)
        return Path(name)

    def add(self, key: str) -> Path:
        """Count a file that was put in its place; others may go for it, it stays."""
        path = self.path(key)
        size = path.stat().st_size
        self._forget(key)
        self._sizes[key] = size
        self._total += size
        self._shrink()
        return path

    def _shrink(self) -> None:
        while self._total > self._max_bytes and len(self._sizes) > 1:
            key = next(iter(self._sizes))
            self._forget(key)
            self.path(key).unlink(missing_ok=True)

    def _forget(self, key: str) -> None:
        self._total -= self._sizes.pop(key, 0)
