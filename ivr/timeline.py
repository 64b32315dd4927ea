"""What happened in one call, in order: for the record, the API and whoever asks why at night."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ivr.clock import Clock

Detail = str | int | float | bool | None | list[str]


class Source(StrEnum):
    """Who reports an entry."""

    SIP = "sip"
    MEDIA = "media"
    FLOW = "flow"
    SALESFORCE = "salesforce"
    QUEUE = "queue"
    AGENT = "agent"
    RECORD = "record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened. `offset_s` counts from the INVITE."""

    at: datetime
    offset_s: float
    source: Source
    event: str
    detail: dict[str, Detail]


class Timeline:
    """The entries of a running call. Each goes to `keep` at once; nothing here waits."""

    def __init__(self, clock: Clock, keep: Callable[[Entry], None]) -> None:
        self._clock = clock
        self._keep = keep
        self._began = clock.monotonic()
        self.entries: list[Entry] = []

    @property
    def offset_s(self) -> float:
        """Seconds since the INVITE."""
        return self._clock.monotonic() - self._began

    def add(self, source: Source, event: str, /, **detail: Detail) -> None:
        """Something happened now."""
        entry = Entry(
            at=self._clock.now(),
            offset_s=round(self.offset_s, 3),
            source=source,
            event=event,
            detail=detail,
        )
        self.entries.append(entry)
        self._keep(entry)
