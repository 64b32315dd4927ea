"""Who is calling, decided from the records that a search offers. Pure.

A search finds more than it should (other fields, other countries, suffixes), so each record is confirmed
here: one of its phone fields must be the caller's whole number. Then the confirmed records are gathered into
parties: an account with its contacts is one party, a contact without account another, a lead a third (unless
it bears the name of a confirmed contact: the same person twice). One party is a match, several are never
reduced to the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ivr.numbers import E164, same_number
from ivr.salesforce.fields import ASSISTANT, DEFAULT_FIELDS, OrgFields
from ivr.salesforce.model import Account, Candidate, Contact, Match, MatchResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A record that the search offers; `phones` are (field, text as stored). `greeting` is what is spoken
    where that is another field than the name."""

    object: str
    id: str
    name: str
    greeting: str = ""
    account_id: str | None = None
    account_name: str | None = None
    phones: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Confirmed:
    row: Row
    field: str
    order: tuple[tuple[int, int], str, str]


def decide(rows: Iterable[Row], number: E164, region: str, fields: OrgFields = DEFAULT_FIELDS) -> Match:
    """The match among `rows` for the caller's `number`: none, one or many."""
    confirmed = _confirm(rows, number, region, fields)
    if not confirmed:
        return Match(result=MatchResult.NONE)
    candidates = tuple(_candidate(found, fields) for found in confirmed)
    parties = _parties(confirmed)
    if len(parties) > 1:
        return Match(result=MatchResult.MANY, candidates=candidates)
    return _of_one_party(confirmed, candidates)


def _confirm(rows: Iterable[Row], number: E164, region: str, fields: OrgFields) -> list[_Confirmed]:
    by_id: dict[str, _Confirmed] = {}
    for row in rows:
        name = _field_with(row, number, region, fields)
        if name is not None:
            order = (fields.order(row.object, name), row.name, row.id)
            by_id.setdefault(row.id[:15], _Confirmed(row=row, field=name, order=order))
    return sorted(by_id.values(), key=lambda found: found.order)


def _field_with(row: Row, number: E164, region: str, fields: OrgFields) -> str | None:
    stored = dict(row.phones)
    for name in fields.compared(row.object):
        if name in stored and same_number(stored[name], number, region):
            return name
    return None


def _candidate(found: _Confirmed, fields: OrgFields) -> Candidate:
    row = found.row
    return Candidate(
        object=row.object,
        id=row.id,
        name=row.name or row.id,
        account_id=row.id if row.object == "Account" else row.account_id,
        account_name=row.name if row.object == "Account" else row.account_name or "",
        reason=fields.reason(row.object, found.field),
    )


def _parties(confirmed: Sequence[_Confirmed]) -> set[str]:
    contact_names = {f.row.name.casefold() for f in confirmed if f.row.object == "Contact" and f.row.name}
    return {
        _party(found.row)
        for found in confirmed
        if not (found.row.object == "Lead" and found.row.name.casefold() in contact_names)
    }


def _party(row: Row) -> str:
    return (row.account_id or row.id)[:15]


def _of_one_party(confirmed: Sequence[_Confirmed], candidates: tuple[Candidate, ...]) -> Match:
    account = _account(confirmed)
    people = [f.row for f in confirmed if f.row.object == "Contact"] or [
        f.row for f in confirmed if f.row.object == "Lead"
    ]
    # A greeting speaks the name: an assistant must not be called by the superior's.
    spoken = [f.row for f in confirmed if f.row in people and f.row.name and f.field != ASSISTANT]
    several = len(spoken) > 1
    if several or (not spoken and account is None):
        return Match(result=MatchResult.MANY, account=account, candidates=candidates)
    contact = _contact(spoken[0]) if spoken else None
    return Match(result=MatchResult.ONE, account=account, contact=contact, candidates=candidates)


def _contact(row: Row) -> Contact:
    return Contact(
        id=row.id, name=row.name, account_id=row.account_id, object=row.object, greeting=row.greeting
    )


def _account(confirmed: Sequence[_Confirmed]) -> Account | None:
    for found in confirmed:
        if found.row.object == "Account":
            return Account(id=found.row.id, name=found.row.name)
    for found in confirmed:
        if found.row.account_id is not None:
            return Account(id=found.row.account_id, name=found.row.account_name or "")
    return None
