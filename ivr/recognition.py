"""Who the caller is where several connectors were asked: each tells its own ids, which mean nothing to the
others. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.salesforce.model import Account, Candidate, Contact, Match, MatchResult

_WEIGHT = {MatchResult.ONE: 2, MatchResult.MANY: 1}


def best_known(matches: Mapping[str, Match], news: Match) -> Match:
    """The match that says most: one caller before several, of equal ones the connector's that told first. The
    latest word, `news`, where nobody is recognised. `matches` is by connector, in the order of their first
    answers."""
    best = max(matches.values(), key=_weight, default=news)
    return best if _weight(best) else news


def connector_with(matches: Mapping[str, Match], id_: str) -> str | None:
    """The connector that told of this record; None when none did."""
    return next((name for name, match in matches.items() if match.has(id_)), None)


def chosen_match(several: Match, candidate: Candidate) -> Match:
    """The caller as this one of several; his cases are still to be read. A lead has no account."""
    account = _account_of(several, candidate)
    contact = None
    if candidate.object != "Account":
        contact = Contact(
            id=candidate.id, name=candidate.name, account_id=candidate.account_id, object=candidate.object
        )
    return Match(
        result=MatchResult.ONE,
        account=account,
        contact=contact,
        candidates=several.candidates,
        connector=several.connector,
    )


def _account_of(several: Match, candidate: Candidate) -> Account | None:
    if candidate.account_id is None:
        return None
    if several.account is not None and several.account.id == candidate.account_id:
        return several.account
    return Account(id=candidate.account_id, name=candidate.account_name)


def _weight(match: Match) -> int:
    return _WEIGHT.get(match.result, 0)
