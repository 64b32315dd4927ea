"""Queries in SOQL: what is wrong with them, and the repairs."""

from __future__ import annotations

import re

from ivr.flow.escape import Context
from ivr.flow.webex.findings import Repair
from ivr.flow.webex.mapping.context import Work

_PROPERTY = "httpRequestPath"
_PHONE_LIKE = re.compile(r"((?:phone|mobile|fax)\w*\s+like\s*)'%?\{\{([^{}]*)\}\}%?'", re.IGNORECASE)
_LIKE_ANY = re.compile(r"like\s*'%", re.IGNORECASE)
_WHERE = re.compile(r"\bwhere\b", re.IGNORECASE)
_TAIL = re.compile(r"\b(?:order\s+by|limit|group\s+by|offset|for\s+(?:view|update))\b", re.IGNORECASE)
_CASES = re.compile(r"\bfrom\s+case\b", re.IGNORECASE)
_OPEN = re.compile(r"\b(?:isclosed|status)\b", re.IGNORECASE)


def soql(work: Work, query: str) -> str:
    """The query as our template, with the repairs that were asked for."""
    made = _phone(work, _order(work, _open_cases(work, query)))
    if _LIKE_ANY.search(query):
        work.defect("leading-wildcard", "LIKE '%...' reads every record, which large orgs refuse", _PROPERTY)
    if "{{" in query and re.search(r"=\s*\{\{|\(\s*\{\{", query):
        work.different("soql-value", "a value outside quotation marks must be a number or date", _PROPERTY)
    return work.text(made, Context.SOQL, _PROPERTY)


def _phone(work: Work, query: str) -> str:
    if not _PHONE_LIKE.search(query):
        return query
    repaired = work.repairing(Repair.PHONE_LIKE)
    work.defect(
        "phone-like",
        "LIKE with bare digits does not find numbers written as (415) 555-0100",
        _PROPERTY,
        Repair.PHONE_LIKE,
        repaired=repaired,
    )
    if not repaired:
        return query

    def spread(found: re.Match[str]) -> str:
        value = found[2].strip()
        parts = "%".join(f"{{{{ {value} | last_digits({start}, {end}) }}}}" for start, end in _GROUPS)
        return f"{found[1]}'%{parts}%'"

    return _PHONE_LIKE.sub(spread, query)


_GROUPS = ((10, 7), (7, 4), (4, 0))


def _open_cases(work: Work, query: str) -> str:
    where = _WHERE.search(query)
    if not _CASES.search(query) or where is None or _OPEN.search(query, where.end()):
        return query
    repaired = work.repairing(Repair.OPEN_CASES)
    work.defect(
        "closed-cases", "closed cases are found as well", _PROPERTY, Repair.OPEN_CASES, repaired=repaired
    )
    if not repaired:
        return query
    tail = _TAIL.search(query, where.end())
    at = tail.start() if tail else len(query)
    begin, conditions = query[: where.end()], query[where.end() : at].strip()
    return f"{begin} ({conditions}) AND IsClosed = false {query[at:]}".strip()


def _order(work: Work, query: str) -> str:
    if _TAIL.search(query):
        return query
    repaired = work.repairing(Repair.SOQL_ORDER)
    work.defect(
        "no-order",
        "there is neither ORDER BY nor LIMIT: which record comes first is chance, and all of them are sent",
        _PROPERTY,
        Repair.SOQL_ORDER,
        repaired=repaired,
    )
    return f"{query.rstrip()} ORDER BY LastModifiedDate DESC LIMIT 1" if repaired else query
