"""The day's API requests: what is left out as they run short, so that live calls keep theirs. Pure.

Salesforce tells with each answer how many of the rolling 24 hours' requests are used. What can wait waits
first (a Task, then a comment: the outbox keeps them), then the cases of a caller are not read; the search
that gives the name is never left out by us.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ivr.salesforce.reply import ApiUsage


class Need(StrEnum):
    """What a request is for, the least urgent first. LIVE is never left out."""

    TASK = "task"
    COMMENT = "comment"
    CASES = "cases"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSettings:
    """The share of the day's requests up to which each kind is sent. `fresh_s`: how long an answer's word is
    believed; then one request is let through to learn how things stand."""

    tasks: float = 0.85
    comments: float = 0.9
    cases: float = 0.97
    fresh_s: float = 300.0


class QuotaGuard:
    """Knows the usage that the last answer told, and when."""

    def __init__(self, settings: QuotaSettings) -> None:
        self._fresh_s = settings.fresh_s
        self._until = {
            Need.TASK: settings.tasks,
            Need.COMMENT: settings.comments,
            Need.CASES: settings.cases,
            Need.LIVE: float("inf"),
        }
        self._usage: ApiUsage | None = None
        self._told_at = 0.0

    @property
    def usage(self) -> ApiUsage | None:
        """Requests of the rolling day as the last answer told them; None before the first."""
        return self._usage

    def note(self, usage: ApiUsage | None, now: float) -> None:
        """An answer came, with or without its usage."""
        if usage is not None:
            self._usage, self._told_at = usage, now

    def allows(self, need: Need, now: float) -> bool:
        """Whether a request may be sent; `now` is a monotonic reading in seconds."""
        if self._usage is None or self._usage.share < self._until[need]:
            return True
        if now - self._told_at < self._fresh_s:
            return False
        # One at a time: the next is asked about after this one's answer, or after as long again.
        self._told_at = now
        return True
