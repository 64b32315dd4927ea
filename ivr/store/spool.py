"""Writes that the database refused: JSON lines in a file, each append forced to the disk.

A line that is torn by a crash was never acknowledged and is skipped. Nothing here knows the database.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import structlog

from ivr.store.operations import Operation, decode, encode

_log = structlog.get_logger()


class Spool:
    """The spool of a node, in its `data_dir`. One task uses it at a time."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "spool.jsonl"
        self.rejected_path = data_dir / "rejected.jsonl"
        self._filled = self.path.exists() and self.path.stat().st_size > 0

    @property
    def filled(self) -> bool:
        """Whether anything waits to be replayed."""
        return self._filled

    async def append(self, operations: Sequence[Operation]) -> None:
        """Keep operations; they are on the disk when this returns. Raises `OSError`."""
        await asyncio.to_thread(_append, self.path, [encode(op) for op in operations])
        self._filled = True

    async def read(self) -> list[Operation]:
        """All that was kept, in order. Lines that cannot be read are set aside. Raises `OSError`."""
        operations = []
        for line in await asyncio.to_thread(_read, self.path):
            try:
                operations.append(decode(line))
            except ValueError as exc:
                await self.reject(line, str(exc))
        return operations

    async def clear(self) -> None:
        """All has been replayed. Raises `OSError`."""
        await asyncio.to_thread(self.path.unlink, missing_ok=True)
        self._filled = False

    async def reject(self, line: str, error: str) -> None:
        """Keep a line that the database will never take where people find it."""
        _log.error("store_rejected", error=error, kept_in=self.rejected_path.name)
        try:
            await asyncio.to_thread(_append, self.rejected_path, [line])
        except OSError as exc:
            _log.error("store_rejected_lost", error=type(exc).__name__)


def _append(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        data = ("\n" if torn else "") + "".join(f"{line}\n" for line in lines)
        try:
            _write_all(descriptor, data.encode("ascii"))
            os.fsync(file.fileno())
        except OSError:
            os.ftruncate(descriptor, size)
            raise


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _read(path: Path) -> list[str]:
    if not path.exists():
        return []
    return [line for line in path.read_text("ascii", "replace").splitlines() if line.strip()]
