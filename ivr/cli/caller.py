"""A caller as the look-up sees one, for people and for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ivr.acd.score import ScoreTable
from ivr.cli.output import shown
from ivr.salesforce.model import Match
from ivr.treatment import score_of

_WIDTH = 12


def caller_lines(number: str, match: Match, table: ScoreTable | None = None) -> Iterator[str]:
    """One fact a line."""
    score = score_of(match, table)
    yield _pair("number", number)
    yield _pair("match", match.result)
    yield _pair("reason", "; ".join(reasons(match)) or match.detail)
    if match.account is not None:
        kept = [f"priority {match.account.priority}", f"SLA {match.account.sla}"]
        yield _pair("account", f"{match.account.name} ({match.account.id}; {', '.join(kept)})")
    if match.contact is not None:
        yield _pair(match.contact.object.lower(), f"{match.contact.name} ({match.contact.id})")
    yield _pair("greeting", match.name or "without a name")
    yield _pair("priority", f"{score.priority} ({'; '.join(score.reasons)})")
    yield from _cases(match)


def reasons(match: Match) -> list[str]:
    """The records that have this number, and in which field."""
    return [f"{found.object} {found.name} ({found.reason})" for found in match.candidates]


def caller_document(number: str, match: Match, table: ScoreTable | None = None) -> dict[str, Any]:
    """The same as JSON values."""
    score = score_of(match, table)
    return {
        "number": number,
        **asdict(match),
        "greeting_name": match.name,
        "priority": score.priority,
        "priority_reasons": list(score.reasons),
    }


def _cases(match: Match) -> Iterator[str]:
    if not match.cases:
        yield _pair("open cases", "none" if match.cases_known else match.detail or "not looked up")
    for n, case in enumerate(match.cases):
        facts = f"priority {case.priority}, {case.status}, owner {case.owner}"
        whose = "" if case.own else ", a colleague's"
        yield _pair("open cases" if n == 0 else "", f"{case.number} {case.subject} ({facts}{whose})")


def _pair(name: str, value: object) -> str:
    return f"{name:<{_WIDTH}}{shown(value)}"
