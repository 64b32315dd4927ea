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


@pytest.mark.parametrize(
    ("sla", "priority"),
    [(None, 2), ("Platinum", 1), (" PLATINUM ", 1), ("Gold", 2), ("Silver", 2), ("Bronze", 3), ("Tin", 2)],
)
def test_the_service_level_moves_the_ends_of_the_scale(sla: str | None, priority: int) -> None:
    """An urgent case of an important customer is not at the top yet."""
    assert score("High", "High", sla, table=ScoreTable()).priority == priority


def test_a_service_level_gives_its_reason_as_the_others_do() -> None:
    assert score(None, None, "Bronze", table=ScoreTable()).reasons == ("default 5", "SLA Bronze: +1")
    assert score(None, None, "Tin", table=ScoreTable()).reasons == (
        "default 5",
        "SLA 'Tin' is not in the table",
    )


def test_reasons_tell_what_counted() -> None:
    assert score("High", "Gold", table=ScoreTable()).reasons == (
        "default 5",
        "case priority High: -2",
        "customer priority 'Gold' is not in the table",
    )


def test_the_table_is_configurable() -> None:
    table = ScoreTable(default=7, case={"p1": -6}, customer={}, sla={"gold": -1})
    assert score(None, None, "Gold", table=table).priority == 6
    assert score("P1", "High", table=table).priority == 1
    assert score(None, "High", table=table).priority == 7


@given(st.text() | st.none(), st.text() | st.none(), st.integers(-50, 50), st.integers(-50, 50))
def test_always_within_1_to_9(case: str | None, customer: str | None, default: int, step: int) -> None:
    table = ScoreTable(default=default, case={(case or "").strip().casefold(): step})
    assert 1 <= score(case, customer, table=table).priority <= 9
