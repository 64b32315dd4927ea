"""Priorities from case and customer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.acd.score import ScoreTable, score


@pytest.mark.parametrize(
    ("case", "customer", "priority"),
    [
        (None, None, 5),
        ("", "  ", 5),
        ("High", None, 3),
        ("Critical", None, 2),
        ("URGENT", "high", 1),
        ("Medium", "Medium", 5),
        ("Low", "Low", 7),
        ("High", "Low", 4),
        (None, "High", 4),
        ("Platinum", "High", 4),
    ],
)
def test_defaults(case: str | None, customer: str | None, priority: int) -> None:
    assert score(case, customer, table=ScoreTable()).priority == priority


def test_reasons_tell_what_counted() -> None:
    assert score("High", "Gold", table=ScoreTable()).reasons == (
        "default 5",
        "case priority High: -2",
        "customer priority 'Gold' is not in the table",
    )


def test_the_table_is_configurable() -> None:
    table = ScoreTable(default=7, case={"p1": -6}, customer={})
    assert score("P1", "High", table=table).priority == 1
    assert score(None, "High", table=table).priority == 7


@given(st.text() | st.none(), st.text() | st.none(), st.integers(-50, 50), st.integers(-50, 50))
def test_always_within_1_to_9(case: str | None, customer: str | None, default: int, step: int) -> None:
    table = ScoreTable(default=default, case={(case or "").strip().casefold(): step})
    assert 1 <= score(case, customer, table=table).priority <= 9
