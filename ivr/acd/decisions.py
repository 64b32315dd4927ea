"""What one step of the core decides, in order, until it is handed over. Pure."""

from __future__ import annotations

from ivr.acd.changes import Change, QueueChanged
from ivr.ids import QueueName


class Decisions:
    """The changes of a step, and the queues that they touch."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._touched: dict[QueueName, None] = {}

    def add(self, change: Change) -> None:
        """Something was decided."""
        self._changes.append(change)

    def touch(self, queue: QueueName) -> None:
        """A queue's calls or agents changed; it is told of once a step, after all else."""
        self._touched[queue] = None

    def take(self) -> tuple[Change, ...]:
        """All that was decided since the last time."""
        touched = (QueueChanged(queue=name, reasons=("calls or agents changed",)) for name in self._touched)
        taken = (*self._changes, *touched)
        self._changes, self._touched = [], {}
        return taken
