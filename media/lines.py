"""Output of a child as log lines, bounded in length and in number. Pure."""

from __future__ import annotations

from collections.abc import Callable

MAX_LINE = 1000


class LineSplitter:
    """Bytes in, lines out; a line is cut at `MAX_LINE` characters and control characters are made visible."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[str]:
        """Add bytes; returns the lines that are complete."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        lines = [self._clean(line) for line in whole if not self._skip()]
        if len(self._rest) > MAX_LINE:
            # The head is given now, the tail of the same line is thrown away as it comes.
            if not self._skipping:
                lines.append(self._clean(self._rest))
            self._rest, self._skipping = b"", True
        return [line for line in lines if line]

    def close(self) -> list[str]:
        """The last line, if it had no line end."""
        rest, self._rest = self._rest, b""
        line = "" if self._skipping else self._clean(rest)
        return [line] if line else []

    def _skip(self) -> bool:
        """Whether the line that just ended is the remainder of one that was cut."""
        was, self._skipping = self._skipping, False
        return was

    @staticmethod
    def _clean(line: bytes) -> str:
        text = line[:MAX_LINE].decode("utf-8", "replace").rstrip()
        return "".join(char if char.isprintable() else "?" for char in text.replace("\t", " "))


class LineBudget:
    """A bucket of lines: `burst` at once, refilled by `per_s`; says how many were dropped."""

    def __init__(self, monotonic: Callable[[], float], *, burst: int = 200, per_s: float = 50.0) -> None:
        self._monotonic = monotonic
        self._burst = burst
        self._per_s = per_s
        self._left = float(burst)
        self._filled = monotonic()
        self._dropped = 0

    def allow(self, line: str) -> list[str]:
        """The lines to log now: this one, after a note of what was dropped before it, or none."""
        now = self._monotonic()
        self._left = min(self._burst, self._left + (now - self._filled) * self._per_s)
        self._filled = now
        if self._left < 1:
            self._dropped += 1
            return []
        self._left -= 1
        note = [f"({self._dropped} lines dropped)"] if self._dropped else []
        self._dropped = 0
        return [*note, line]
