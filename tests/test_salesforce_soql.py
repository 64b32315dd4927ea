"""No text leaves its literal: what we quote is read back by a parser written apart from it."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.salesforce.errors import BadRequest
from ivr.salesforce.simulator.ids import is_id, make_id
from ivr.salesforce.simulator.search import parse_sosl
from ivr.salesforce.simulator.soql import Compare, Is, like_pattern, parse_query, unescape
from ivr.salesforce.soql import contains, literal, object_name, phrase, record_id, same_id

TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


@given(TEXT)
@example("' OR Name LIKE '%")
@example("\\")
@example("\\'")
@example("a\nb\x00\ud800")
def test_a_literal_is_one_string_whatever_it_holds(text: str) -> None:
    query = parse_query(f"SELECT Id FROM Account WHERE Name = {literal(text)}")
    where = query.where
    assert isinstance(where, Compare)
    (constant,) = where.values
    assert constant.kind is Is.STRING
    assert unescape(constant.text) == text


@given(TEXT, TEXT, TEXT)
@example("%", "x", "y")
@example("_", "", "")
def test_contains_finds_its_text_and_takes_wildcards_literally(text: str, before: str, after: str) -> None:
    query = parse_query(f"SELECT Id FROM CaseComment WHERE CommentBody LIKE {contains(text)}")
    where = query.where
    assert isinstance(where, Compare)
    pattern = like_pattern(where.values[0].text)
    assert pattern.fullmatch(before + text + after)


@pytest.mark.parametrize("text", ["%", "_", "100%", "a_b"])
def test_contains_does_not_match_more_than_its_text(text: str) -> None:
    where = parse_query(f"SELECT Id FROM CaseComment WHERE CommentBody LIKE {contains(text)}").where
    assert isinstance(where, Compare)
    assert not like_pattern(where.values[0].text).fullmatch("zzz zzz")


@given(TEXT.filter(lambda text: text.strip() != ""))
@example('"} RETURNING User(Id')
@example("\\")
@example("{*}")
def test_a_phrase_stays_within_its_quotes_and_braces(text: str) -> None:
    search = parse_sosl(f"FIND {{{phrase(text)}}} IN PHONE FIELDS RETURNING Contact(Id)")
    assert len(search.terms) == 1
    assert [query.object for query in search.returning] == ["Contact"]


@given(st.text(max_size=20))
def test_only_letters_and_digits_pass_as_an_id(text: str) -> None:
    if re.fullmatch(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?", text, re.ASCII):
        assert record_id(text) == text
    else:
        with pytest.raises(BadRequest):
            record_id(text)


@pytest.mark.parametrize(
    "text", ["001gK0000000001QAA\n", "null", "", "001gK0000000001' O", "001gK0000000001١٢٣"]
)
def test_an_id_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        record_id(text)


@pytest.mark.parametrize("text", ["", "Case/", "../x", "1Case", "Ca se", "Case\n"])
def test_an_object_name_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        object_name(text)


def test_ids_of_one_record_are_the_same_in_both_lengths() -> None:
    assert same_id("001gK0000000001", "001gK0000000001QAA")
    assert not same_id("001gK0000000001", "001gK000000000a")


@given(st.integers(min_value=1, max_value=62**9 - 1))
def test_made_ids_are_ids_and_the_checksum_sees_a_change_of_case(serial: int) -> None:
    made = make_id("003", serial)
    assert is_id(made)
    assert record_id(made) == made
    assert is_id(made[:15])
    assert not is_id(made[:15].swapcase() + made[15:])


def test_the_checksum_is_that_of_salesforce() -> None:
    # The example of Salesforce's own documentation of parameterized search.
    assert is_id("001D000000IqhSLIAZ")
    assert is_id("001D000000IomazIAB")
