"""Which open case comes first, and which of them are the caller's. Pure.

All open cases of the account are shown to the agent, but a colleague's is never taken for the caller's: it
is not spoken, does not move him up, and nothing is written on it. His are those of his contact, then those of
the account that name no contact. Where only the account is known they are all its own; where several people
of one account share the number, those that name nobody, since any other may be somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from ivr.salesforce.model import Case, Match, MatchResult
from ivr.salesforce.soql import same_id

_URGENCY = {"critical": 0, "urgent": 0, "high": 1, "medium": 2, "low": 4}
_UNKNOWN = 3
_HIS, _NOBODYS, _OTHERS = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """An open case and whose it is."""

    case: Case
    contact_id: str | None = None


class Side(StrEnum):
    """Who of an account calls, where it is no known contact."""

    ACCOUNT = "account"
    SOMEBODY = "somebody"


def whose(match: Match) -> str | Side:
    """Whose cases are the caller's own: a contact's, by its id; the account's; somebody's of several."""
    if match.contact is not None:
        return match.contact.id
    return Side.ACCOUNT if match.result is MatchResult.ONE else Side.SOMEBODY


def best_first(rows: Iterable[CaseRow], caller: str | Side) -> tuple[Case, ...]:
    """The caller's own cases (a comment on the call goes to the first), those of the account that name
    nobody, then those of others, each by priority; equal ones keep the order given: the latest change first.
    """

    def key(row: CaseRow) -> tuple[int, int]:
        return _distance(row, caller), _URGENCY.get((row.case.priority or "").strip().lower(), _UNKNOWN)

    return tuple(replace(row.case, own=_distance(row, caller) < _OTHERS) for row in sorted(rows, key=key))


def _distance(row: CaseRow, caller: str | Side) -> int:
    match caller:
        case Side.ACCOUNT:
            return _HIS
        case _ if row.contact_id is None:
            return _NOBODYS
        case Side.SOMEBODY:
            return _OTHERS
        case contact_id:
            return _HIS if same_id(row.contact_id, contact_id) else _OTHERS
