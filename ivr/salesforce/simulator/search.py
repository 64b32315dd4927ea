"""Full-text search over the org's records.

Phone fields match by digits, whatever stands between them: a stored number is found by all of its digits or
by its last seven or more; letters end a number, and so may a comma, a semicolon, a slash or a bar. A real
index finds about as much and does not promise how; whoever searches must confirm what is found. Other fields
match by whole words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from typing import assert_never

from ivr.salesforce.simulator.errors import ApiError, no_type
from ivr.salesforce.simulator.fields import Kind, SObject
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.query import Json, Runner
from ivr.salesforce.simulator.sosl import (
    AllOf,
    AnyOf,
    Search,
    Term,
    Wanted,
    Without,
    parse_parameters,
    parse_sosl,
    terms_of,
)
from ivr.salesforce.simulator.values import Record, stamp

__all__ = ["parse_parameters", "parse_sosl", "run_search"]

_LETTERS = re.compile(r"[^\W\d_]+")
_SEVERAL = re.compile(r"[,;/|#]")
_NOT_DIGITS = re.compile(r"[^0-9]")
_WORDS = re.compile(r"\w+")
_SUFFIX_DIGITS = 7
_KINDS = {
    "ALL": frozenset({Kind.STRING, Kind.EMAIL, Kind.PHONE, Kind.PICKLIST, Kind.LONG_TEXT}),
    "PHONE": frozenset({Kind.PHONE}),
    "EMAIL": frozenset({Kind.EMAIL}),
    "NAME": frozenset({Kind.STRING}),
}
_NAMES = frozenset({"Name", "FirstName", "LastName", "Subject", "Company"})


def run_search(search: Search, runner: Runner, org: Org) -> Json:
    """The answer of a search. Raises ApiError."""
    if any(len(term.text.strip()) < 2 for term in terms_of(search.wanted)):
        raise ApiError(400, "MALFORMED_SEARCH", "search term must be longer than one character")
    found: list[Json] = []
    for query in search.returning:
        sobject = org.schema.find(query.object)
        if sobject is None:
            raise ApiError(400, "INVALID_TYPE", no_type(query.object))
        if not sobject.searchable:
            raise ApiError(400, "INVALID_TYPE", f"entity type {sobject.name} does not support search")
        matches = _matcher(sobject, search.group)
        indexed = [record for record in org.records(sobject) if _is_indexed(record, org)]
        hits = [record for record in indexed if _holds(search.wanted, record, matches)]
        found += runner.run(query, hits)
    return {"searchRecords": found[: search.limit]}


def _is_indexed(record: Record, org: Org) -> bool:
    """The index follows what is written, some time later."""
    lag_s = org.policy.search_lag_s
    return lag_s <= 0 or str(record["CreatedDate"]) <= stamp(org.now() - timedelta(seconds=lag_s))


_Matches = Callable[[Record, Term], bool]


def _matcher(sobject: SObject, group: str) -> _Matches:
    kinds = _KINDS[group]
    fields = [f for f in sobject.fields.values() if f.kind in kinds and (group != "NAME" or f.name in _NAMES)]

    def matches(record: Record, term: Term) -> bool:
        return any(_matches(f.kind, record.get(f.name), term) for f in fields)

    return matches


def _holds(wanted: Wanted, record: Record, matches: _Matches) -> bool:
    match wanted:
        case Term():
            return matches(record, wanted)
        case AllOf(parts=parts):
            return all(_holds(part, record, matches) for part in parts)
        case AnyOf(parts=parts):
            return any(_holds(part, record, matches) for part in parts)
        case Without(part=part):
            return not _holds(part, record, matches)
        case _:
            assert_never(wanted)


def _matches(kind: Kind, stored: object, term: Term) -> bool:
    if not isinstance(stored, str):
        return False
    if kind is Kind.PHONE:
        return _phone_matches(stored, term)
    words, wanted = _WORDS.findall(stored.casefold()), _WORDS.findall(term.text.casefold())
    if not wanted:
        return False
    places = range(len(words) - len(wanted) + 1)
    return any(_same_words(words[at : at + len(wanted)], wanted, prefix=term.prefix) for at in places)


def _same_words(words: list[str], wanted: list[str], *, prefix: bool) -> bool:
    *head, last = words
    return head == wanted[:-1] and (last.startswith(wanted[-1]) if prefix else last == wanted[-1])


def _phone_matches(stored: str, term: Term) -> bool:
    wanted = _NOT_DIGITS.sub("", term.text)
    if not wanted:
        return False
    return any(_number_matches(digits, wanted, prefix=term.prefix) for digits in _numbers(stored))


def _number_matches(digits: str, wanted: str, *, prefix: bool) -> bool:
    if digits == wanted or (prefix and digits.startswith(wanted)):
        return True
    return len(wanted) >= _SUFFIX_DIGITS and digits.endswith(wanted)


def _numbers(stored: str) -> set[str]:
    """The digits of each number that may be meant; full-width digits are digits too."""
    plain = unicodedata.normalize("NFKC", stored)
    runs = [run for run in _LETTERS.split(plain) if run]
    parts = [part for run in runs for part in (run, *_SEVERAL.split(run))]
    return {digits for part in parts if (digits := _NOT_DIGITS.sub("", part))}
