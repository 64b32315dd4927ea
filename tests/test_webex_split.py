"""Delimiters of Java's String.split: what they split is what Java splits, or they are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.errors import TemplateError
from ivr.flow.webex.elements import split, split_by
from ivr.flow.webex.java_split import MAX_SLOW_TEXT, delimiter, literally, parts_of


@pytest.mark.parametrize(
    ("text", "pattern", "parts"),
    [
        ("a|b", r"\|", ["a", "b"]),
        ("a.b", r"\.", ["a", "b"]),
        ("a.b", ".", []),
        ("a;b, c", "[,;] ?", ["a", "b", "c"]),
        ("a  b\tc", r"\s+", ["a", "b", "c"]),
        (" a", r"\s+", ["", "a"]),
        ("a , b,c", r"\s*,\s*", ["a", "b", "c"]),
        ("a1b22c", r"\d", ["a", "b", "", "c"]),
        ("a1b,c", r",|\d+", ["a", "b", "c"]),
        ("a-b_c", "[-_]", ["a", "b", "c"]),
        ("abcxd", "[a-c]", ["", "", "", "xd"]),
        ("a1b", "[^a-z]", ["a", "b"]),
        ("a^b]c", r"[\^\]]", ["a", "b", "c"]),
        ("a[b&c", r"[\[&]", ["a", "b", "c"]),
        ("a\r\nb\nc", r"\r?\n", ["a", "b", "c"]),
        ("a--b", "--", ["a", "b"]),
        ("a\u00a0b", r"\s", ["a\u00a0b"]),
        ("a,b,,", ",", ["a", "b"]),
        (",,", ",", []),
        ("", ",", [""]),
        ("a}b", "}", ["a", "b"]),
    ],
)
def test_it_splits_as_java_does(text: str, pattern: str, parts: list[str]) -> None:
    assert split_by(text, pattern) == parts


@pytest.mark.parametrize(
    "pattern",
    ["|", "a|", "a*", "a?", r"\s*", "(a)", "a{2}", "^a", "a$", r"\b", r"\1", r"\p{Punct}", "a+?", "a++",
     "a**", "[a&&b]", "[z-a]", "[[a]b]", "[]", "\\", "[a", "*a", ".*,.*,", r"\s+a\s+b", "x" * 101],
)  # fmt: skip
def test_what_is_not_known_is_refused(pattern: str) -> None:
    with pytest.raises(TemplateError, match="not known here"):
        delimiter(pattern)


@pytest.mark.parametrize(
    ("limit", "parts"),
    [(0, ["a", "b"]), (1, ["a,b,,"]), (2, ["a", "b,,"]), (9, ["a", "b", "", ""]), (-1, ["a", "b", "", ""])],
)
def test_a_limit_keeps_empty_parts_and_none_drops_them(limit: int, parts: list[str]) -> None:
    assert split("a,b,,", ",", limit) == parts
    assert split_by("a,b,,", "[,]", limit) == parts


def test_nothing_between_the_parts_gives_the_characters() -> None:
    assert split("ab", "") == split_by("ab", "") == ["a", "b"]
    assert split("", "") == [""]


def test_a_text_is_told_from_a_pattern() -> None:
    assert delimiter(r"\|\|").literal == "||"
    assert delimiter("[|]").literal is None
    assert delimiter("a?b").literal is None


def test_the_work_is_bounded() -> None:
    assert delimiter(r"\s+").slow is False
    assert parts_of(" " * 30_000, delimiter(r"\s+")) == []
    with pytest.raises(TemplateError, match="cannot be split"):
        parts_of(" " * (MAX_SLOW_TEXT + 1), delimiter(r"\s*,"))
    assert parts_of(" " * MAX_SLOW_TEXT, delimiter(r"\s*,")) == [" " * MAX_SLOW_TEXT]


@given(st.text(max_size=30))
def test_any_delimiter_is_known_or_refused(pattern: str) -> None:
    try:
        between = delimiter(pattern)
    except TemplateError:
        return
    assert between.pattern.fullmatch("") is None or not pattern


@given(
    st.lists(st.text(alphabet="ab |.", min_size=1), min_size=1), st.sampled_from(["||", "+", "[x]", "\\E"])
)
def test_a_text_between_parts_is_found_again(parts: list[str], between: str) -> None:
    whole = between.join(parts)
    assert between.join(parts_of(whole, literally(between), -1)) == whole
