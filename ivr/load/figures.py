"""Figures out of many measured values. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How values lie, in their own unit. `count` 0: nothing was measured, and all else is None."""

    count: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    least: float | None = None
    most: float | None = None


def percentile(values: list[float], share: float) -> float:
    """The smallest value that `share` (0..1) of the sorted values do not exceed: one that was measured."""
    if not values:
        raise ValueError("no values")
    rank = -(-len(values) * share // 1)
    return values[min(len(values), max(1, int(rank))) - 1]


def spread(values: Iterable[float | None]) -> Spread:
    """The spread of the values that are there."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return Spread(count=0)
    return Spread(
        count=len(known),
        p50=percentile(known, 0.5),
        p95=percentile(known, 0.95),
        p99=percentile(known, 0.99),
        least=known[0],
        most=known[-1],
    )
