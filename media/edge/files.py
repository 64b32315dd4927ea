"""The files that Kamailio is started with, in a private folder, and the phones that outlive it."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from media.edge.config import TABLES

LOCATION = "location"


def make_folder() -> Path:
    """A folder that only we may read. Its name is short: a socket's path has 108 bytes at most."""
    return Path(tempfile.mkdtemp(prefix="ivr-edge-"))


def write_tables(folder: Path, kept: Path | None) -> None:
    """Empty tables, with the phones that a former edge knew when `kept` has them."""
    tables = folder / "tables"
    tables.mkdir(mode=0o700)
    for name, text in TABLES.items():
        write_private(tables / name, text)
    if kept is not None:
        with suppress(OSError):
            text = (kept / LOCATION).read_text(encoding="utf-8")
            if text.startswith(TABLES[LOCATION].rstrip()):
                write_private(tables / LOCATION, text)
    write_private(folder / "workers.list", "")


def keep_phones(folder: Path, kept: Path) -> None:
    """Copy the phones' table to where the next start finds it."""
    text = (folder / "tables" / LOCATION).read_text(encoding="utf-8")
    kept.mkdir(parents=True, exist_ok=True)
    write_private(kept / "location.new", text)
    (kept / "location.new").replace(kept / LOCATION)


def write_private(path: Path, text: str) -> None:
    """A file that only we may read."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def remove_folder(folder: Path) -> None:
    """Leave nothing behind."""
    shutil.rmtree(folder, ignore_errors=True)
