"""Entries of keys: the three times, terminators, and what each entry came to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.entry import KEYS, Collected, Digits, Entry, Invalid, KeyEntry, NoInput, Wrong

NUMBER = Entry(min_digits=2, max_digits=4, first_digit_s=5, inter_digit_s=2, terminators="#")
MENU = Entry(allowed=frozenset("12"))


def press(entry: Entry, keys: str, *, every_s: float = 0.5) -> tuple[Collected | None, KeyEntry]:
    """Listen at 0 and press the keys; what came of it when one of them completed it."""
    taking, now = KeyEntry(entry), 0.0
    taking.listen(now)
    for key in keys:
        now += every_s
        if (collected := taking.press(key, now)) is not None:
            return collected, taking
    return None, taking


@pytest.mark.parametrize(
    ("entry", "keys", "collected"),
    [
        (MENU, "1", Digits(digits="1")),
        (MENU, "3", Invalid(digits="3", why=Wrong.NOT_ALLOWED)),
        (MENU, "*", Invalid(digits="*", why=Wrong.NOT_ALLOWED)),
        (NUMBER, "1234", Digits(digits="1234")),
        (NUMBER, "12#", Digits(digits="12")),
        (NUMBER, "1#", Invalid(digits="1", why=Wrong.TOO_SHORT)),
        (NUMBER, "#", Invalid(digits="", why=Wrong.TOO_SHORT)),
        (NUMBER, "1*#", Digits(digits="1*")),
        (NUMBER, "12A3D4", Digits(digits="1234")),
        (NUMBER, "12", None),
    ],
)
def test_an_entry(entry: Entry, keys: str, collected: Collected | None) -> None:
    assert press(entry, keys)[0] == collected


@pytest.mark.parametrize(
    ("keys", "collected"),
    [
        ("", NoInput()),
        ("1", Invalid(digits="1", why=Wrong.TOO_SHORT)),
        ("12", Digits(digits="12")),
        ("123", Digits(digits="123")),
    ],
)
def test_the_time_is_over(keys: str, collected: Collected) -> None:
    assert press(NUMBER, keys)[1].expire() == collected


def test_each_time_is_its_own() -> None:
    taking = KeyEntry(NUMBER)
    assert taking.due() is None  # the prompts still play
    taking.listen(10)
    assert taking.due() == 15
    taking.press("1", 14)
    assert taking.due() == 16
    taking.press("2", 15.5)
    assert taking.due() == 17.5


def test_the_overall_time_cuts_the_others_short() -> None:
    taking = KeyEntry(Entry(max_digits=9, first_digit_s=5, inter_digit_s=4, overall_s=6))
    taking.listen(0)
    assert taking.due() == 5
    taking.press("1", 4)
    assert taking.due() == 6


def test_a_key_during_the_prompts_starts_the_times() -> None:
    taking = KeyEntry(NUMBER)
    taking.press("1", 3)
    assert taking.begun
    assert taking.due() == 5


def test_after_a_hold_the_times_begin_anew() -> None:
    taking = KeyEntry(NUMBER)
    taking.listen(0)
    taking.press("1", 1)
    taking.listen(100)
    assert taking.due() == 102


@given(keys=st.text(alphabet=sorted(KEYS | {"A", "D"}), max_size=12))
def test_whatever_is_pressed_an_entry_keeps_its_bounds(keys: str) -> None:
    collected, taking = press(NUMBER, keys)
    match collected or taking.expire():
        case Digits(digits=digits):
            assert 2 <= len(digits) <= 4
            assert set(digits) <= KEYS - {"#"}
        case NoInput():
            assert not set(keys) & KEYS
        case Invalid(digits=digits):
            assert len(digits) < 2
