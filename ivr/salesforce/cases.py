"""Which open case comes first. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ivr.salesforce.model import Case
from ivr.salesforce.soql import same_id

_URGENCY = {"critical": 0, "urgent": 0, "high": 1, "medium": 2, "low": 4}
_UNKNOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """An open case and whose it is."""

    case: Case
    contact_id: str | None = None


def best_first(rows: Iterable[CaseRow], contact_id: str | None) -> tuple[Case, ...]:
    """The caller's own cases before others of the account (a comment on the call goes to the first), then by
    priority; equal ones keep the order given, which is the latest change first."""

    def key(row: CaseRow) -> tuple[bool, int]:
        own = contact_id is not None and row.contact_id is not None and same_id(row.contact_id, contact_id)
        return not own, _URGENCY.get((row.case.priority or "").strip().lower(), _UNKNOWN)

    return tuple(row.case for row in sorted(rows, key=key))
