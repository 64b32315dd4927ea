"""One entry of keys by a caller: when it is complete, and what it came to. Pure: time is passed in.

Three times are kept apart. The *first digit* must come within `first_digit_s` of the end of the prompts; each
further one within `inter_digit_s` of the one before; and the whole within `overall_s`, counted from the end
of the prompts or from the first key, whichever is earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

KEYS = frozenset("0123456789*#")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is asked for.

    `terminators` end an entry and are no part of it. `allowed` are the keys that count; one that does not is
    an invalid entry at once. Without `barge_in` keys pressed during the prompts are thrown away; `flush`
    throws away what was typed before, as after a wrong entry.
    """

    min_digits: int = 1
    max_digits: int = 1
    first_digit_s: float = 3.0
    inter_digit_s: float = 3.0
    overall_s: float | None = None
    terminators: str = ""
    allowed: frozenset[str] = KEYS
    barge_in: bool = True
    flush: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """A whole entry, without its terminator."""

    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoInput:
    """No key was pressed in time."""


class Wrong(StrEnum):
    """Why an entry is none."""

    NOT_ALLOWED = "not_allowed"
    TOO_SHORT = "too_short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    """Keys were pressed, but they are not what was asked for."""

    digits: str
    why: Wrong


Collected = Digits | NoInput | Invalid


class KeyEntry:
    """An entry under way: `press`, `listen` and `expire` tell it what happens, `due` when it is over."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._digits = ""
        self._began: float | None = None
        self._last: float | None = None

    @property
    def begun(self) -> bool:
        """A key was pressed."""
        return self._last is not None

    def listen(self, now: float) -> None:
        """The prompts are over, or the time begins anew: the caller was on hold meanwhile."""
        self._began = now
        if self._last is not None:
            self._last = now

    def press(self, key: str, now: float) -> Collected | None:
        """A key; what the entry came to when that completes it."""
        if key not in KEYS:
            return None  # A to D are on no telephone that a caller has
        self._began = now if self._began is None else self._began
        self._last = now
        if key in self._entry.terminators:
            return self._whole()
        self._digits += key
        if key not in self._entry.allowed:
            return Invalid(digits=self._digits, why=Wrong.NOT_ALLOWED)
        return self._whole() if len(self._digits) >= self._entry.max_digits else None

    def due(self) -> float | None:
        """When it is over without a further key; None while the prompts play and no key was pressed."""
        if self._began is None:
            return None
        wait_s = self._entry.first_digit_s if self._last is None else self._entry.inter_digit_s
        due = (self._began if self._last is None else self._last) + wait_s
        return due if self._entry.overall_s is None else min(due, self._began + self._entry.overall_s)

    def expire(self) -> Collected:
        """The time is over."""
        return NoInput() if self._last is None else self._whole()

    def _whole(self) -> Collected:
        if len(self._digits) < self._entry.min_digits:
            return Invalid(digits=self._digits, why=Wrong.TOO_SHORT)
        return Digits(digits=self._digits)
