"""What may go wrong with the store.

StoreError
+-- StoreUnavailable   the database refuses (locked, full, gone) and the verb cannot be spooled
+-- NoteConflict       the note was changed meanwhile; `current` is what stands
+-- UnknownCall        no record of that call
+-- UnknownRow         no such outbox row
+-- RowDone            the outbox row has been delivered and is final
+-- Rejected           the database can never take this row; it is kept in `rejected.jsonl`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.store.values import Note


class StoreError(Exception):
    """Root of the tree."""


class StoreUnavailable(StoreError):
    """The database refuses for now; try again later."""


class NoteConflict(StoreError):
    """The revision to be replaced is not the one that stands."""

    def __init__(self, current: Note | None) -> None:
        super().__init__(f"revision {current.revision if current else 0} stands")
        self.current = current


class UnknownCall(StoreError):
    """No record of that call."""


class UnknownRow(StoreError):
    """No such outbox row."""


class RowDone(StoreError):
    """The outbox row is done; it is not sent again."""


class Rejected(StoreError):
    """The database can never take this row; it is set aside for people."""
