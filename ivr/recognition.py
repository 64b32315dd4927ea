"""Who the caller is where several connectors were asked: each tells its own ids, which mean nothing to the
others. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.salesforce.model import Match, MatchResult

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


def _weight(match: Match) -> int:
    return _WEIGHT.get(match.result, 0)
