"""Numbers: E.164, comparison, search and display."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.numbers import (
    E164,
    dialled_key,
    display_number,
    is_region,
    mask,
    same_number,
    search_variants,
    to_e164,
)

SHARED = Path(__file__).resolve().parent.parent.parent / "shared/cases/phone_match.json"

# stored, caller, region, expected, why
OWN: list[tuple[str, str, str, bool, str]] = [
    ("415.555.1212", "+14155551212", "US", True, "dots"),
    ("4155551212", "14155551212", "US", True, "country code without +"),
    ("(415) 555-1212 ext. 5", "+14155551212", "US", True, "written extension"),
    ("+1 415 555 1212 #5", "+14155551212", "US", True, "extension behind a hash"),
    ("+1 (415) 555-1213", "+14155551212", "US", False, "last digit"),
    ("555-1212", "+14155551212", "US", False, "no area code: never a suffix"),
    ("14155551212", "+4155551212", "US", False, "a Swiss-looking number is not the American one"),
    ("415-555-1212 / 650-555-1212", "+16505551212", "US", True, "the second of two"),
    ("415-555-1212, 650-555-1212", "+14155551212", "US", True, "the first of two"),
    ("415-555-1212 or 650-555-1212", "+14085551212", "US", False, "neither of two"),
    ("Mobile: 010-1234-5678", "+821012345678", "KR", True, "leading label"),
    ("010.1234.5678", "01012345678", "KR", True, "both national"),
    ("０１０－１２３４－５６７８", "+821012345678", "KR", True, "full-width digits in a record"),
    ("821012345678", "+821012345678", "KR", True, "stored without +"),
    ("+82 (0)10-1234-5678", "+821012345678", "KR", True, "trunk zero in brackets"),
    ("0082-10-1234-5678", "+821012345678", "KR", True, "stored with 00"),
    ("001 1 415 555 1212", "+14155551212", "KR", True, "stored with Korea's 001"),
    ("011-9-123-4567", "+821012345678", "KR", False, "another number"),
    ("02-123-4567", "+8221234567", "KR", True, "Seoul, seven digits"),
    ("2-123-4567", "+82311234567", "KR", False, "another area"),
    ("1588-1234", "+8215881234", "KR", True, "nationwide number without area"),
    ("020 7946 0958", "+442079460958", "GB", True, "national in Britain"),
    ("+44 (0) 20 7946 0958", "+442079460958", "US", True, "British habit in an American org"),
    ("06 1234 5678", "+390612345678", "IT", True, "the zero is part of the number"),
    ("6 1234 5678", "+390612345678", "IT", False, "without it, another one"),
    ("+52 55 1234 5678", "+5215512345678", "MX", True, "the carrier still sends the 1"),
    ("044 55 1234 5678", "+525512345678", "US", False, "Mexican national text is not American"),
    ("", "+14155551212", "US", False, "empty"),
    ("null", "+14155551212", "US", False, "a word"),
    ("0000000000", "+14155551212", "US", False, "zeros"),
    ("<script>4155551212</script>", "+16505551212", "US", False, "markup"),
    ("911", "911", "US", False, "emergency number"),
]


@pytest.mark.parametrize(("stored", "caller", "region", "expected", "why"), OWN)
def test_own_matches(stored: str, caller: str, region: str, expected: bool, why: str) -> None:
    assert _matches(stored, caller, region) is expected, why


@pytest.mark.skipif(not SHARED.exists(), reason="the shared table is not here")
def test_shared_matches() -> None:
    table: dict[str, Any] = json.loads(SHARED.read_text())
    wrong = [
        case["reason"]
        for case in table["cases"]
        if _matches(case["stored"], case["ani"], case["default_region"]) is not case["expected"]
    ]
    assert len(table["cases"]) >= 25
    assert wrong == []


def _matches(stored: str, caller: str, region: str) -> bool:
    ani = to_e164(caller, region)
    return ani is not None and same_number(stored, ani, region)


@pytest.mark.parametrize(
    ("number", "region", "expected"),
    [
        ("+14155550100", "KR", "+14155550100"),
        ("(415) 555-0100", "US", "+14155550100"),
        ("011821012345678", "US", "+821012345678"),
        ("0014155551212", "US", "+14155551212"),
        ("00442079460958", "KR", "+442079460958"),
        ("00700821012345678", "KR", "+821012345678"),
        ("+8201012345678", "KR", "+821012345678"),
        ("1001", "US", None),
        ("1001", "DE", None),
        ("1001", "AT", None),
        ("5551212", "US", None),
        ("+", "US", None),
        ("", "US", None),
        ("+1415555121A", "US", None),
        ("4155551212;phone-context=+1", "US", None),
        ("٤١٥٥٥٥١٢١٢", "US", None),
        ("+999123456789", "US", None),
        ("+1234567890123456", "US", None),
    ],
)
def test_e164(number: str, region: str, expected: str | None) -> None:
    assert to_e164(number, region) == expected


@given(
    st.text() | st.from_regex(r"\+?[0-9]{1,18}", fullmatch=True),
    st.sampled_from(["US", "KR", "DE", "IT", "MX"]),
)
def test_e164_is_stable(text: str, region: str) -> None:
    number = to_e164(text, region)
    if number is None:
        return
    assert number.startswith("+")
    assert number[1:].isascii()
    assert number[1:].isdigit()
    assert len(number) <= 16
    assert display_number(number).startswith("+")
    assert all(variant.isdigit() for variant in search_variants(number))


@given(st.text())
def test_any_stored_text_can_be_compared(stored: str) -> None:
    assert same_number(stored, E164("+14155551212"), "US") in {True, False}


@pytest.mark.parametrize(
    ("number", "variants"),
    [
        ("+14155551212", ("4155551212", "14155551212")),
        ("+821012345678", ("1012345678", "01012345678", "821012345678")),
        ("+390612345678", ("0612345678", "390612345678")),
    ],
)
def test_search_variants(number: str, variants: tuple[str, ...]) -> None:
    assert search_variants(E164(number)) == variants


def test_shown() -> None:
    assert display_number(E164("+821012345678")) == "+82 10-1234-5678"
    assert mask("+821012345678") == mask(None) == "withheld"


def test_dialled_key_joins_ways_to_write_one_destination() -> None:
    assert dialled_key("(415) 555-0100", "US") == dialled_key("+14155550100", "KR") == "+14155550100"
    assert dialled_key(" Support", "US") == "support"
    assert dialled_key("1001", "US") == "1001"


def test_regions() -> None:
    assert is_region("KR")
    assert not is_region("kr")
    assert not is_region("Korea")
