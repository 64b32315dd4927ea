"""The priority of a caller, from what Salesforce says about case and customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ivr.acd.model import HIGHEST_PRIORITY, LOWEST_PRIORITY

_CASE: Mapping[str, int] = MappingProxyType({"critical": -3, "urgent": -3, "high": -2, "medium": 0, "low": 1})
_CUSTOMER: Mapping[str, int] = MappingProxyType({"high": -1, "medium": 0, "low": 1})
# Only the ends of the scale count: an urgent case of an important customer still has room above it.
_SLA: Mapping[str, int] = MappingProxyType({"platinum": -1, "gold": 0, "silver": 0, "bronze": 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTable:
    """Where a score starts and what moves it. Keys are lower case; less than zero means sooner."""

    default: int = 5
    case: Mapping[str, int] = field(default_factory=lambda: _CASE)
    customer: Mapping[str, int] = field(default_factory=lambda: _CUSTOMER)
    sla: Mapping[str, int] = field(default_factory=lambda: _SLA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A priority, 1 (highest) to 9, and why."""

    priority: int
    reasons: tuple[str, ...]


def score(
    case_priority: str | None, customer_priority: str | None, sla: str | None = None, *, table: ScoreTable
) -> Score:
    """The table's default, moved by case, customer and the customer's service level, within 1 to 9. Unknown
    values move nothing."""
    steps = (
        _step("case priority", case_priority, table.case),
        _step("customer priority", customer_priority, table.customer),
        _step("SLA", sla, table.sla),
    )
    moved = table.default + sum(by for by, _ in steps)
    priority = min(max(moved, HIGHEST_PRIORITY), LOWEST_PRIORITY)
    return Score(priority=priority, reasons=(f"default {table.default}", *(why for _, why in steps if why)))


def _step(what: str, value: str | None, table: Mapping[str, int]) -> tuple[int, str]:
    key = (value or "").strip()
    if not key:
        return 0, ""
    by = table.get(key.casefold())
    if by is None:
        return 0, f"{what} {key[:40]!r} is not in the table"
    return by, f"{what} {key}: {by:+d}"
