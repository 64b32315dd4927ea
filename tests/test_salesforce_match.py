"""Who is calling, decided from rows alone."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.numbers import E164
from ivr.salesforce.cases import CaseRow, Side, best_first, whose
from ivr.salesforce.match import Row, decide
from ivr.salesforce.model import Account, Case, Contact, Match, MatchResult

NUMBER = E164("+14155550123")
BLUE_HARBOR = Account(id="001A", name="Blue Harbor")
STORED = "(415) 555-0123"


def contact(id_: str, name: str = "Alice Morgan", account: str | None = None, **phones: str) -> Row:
    return Row(
        object="Contact",
        id=id_.ljust(18, "0"),
        name=name,
        account_id=account and account.ljust(18, "0"),
        account_name="Blue Harbor" if account else None,
        phones=tuple(phones.items()) or (("Phone", STORED),),
    )


def account(id_: str, name: str = "Blue Harbor", phone: str = STORED) -> Row:
    return Row(object="Account", id=id_.ljust(18, "0"), name=name, phones=(("Phone", phone),))


def lead(id_: str, name: str) -> Row:
    return Row(object="Lead", id=id_.ljust(18, "0"), name=name, phones=(("Phone", STORED),))


def match(*rows: Row) -> Match:
    return decide(rows, NUMBER, "US")


def test_nobody() -> None:
    assert match() == Match(result=MatchResult.NONE)


def test_what_the_search_found_by_chance_is_dropped() -> None:
    assert (
        match(contact("003A", Phone="+49 415 5550123"), account("001A", phone="x")).result is MatchResult.NONE
    )


def test_a_contact_brings_its_account() -> None:
    found = match(contact("003A", account="001A"))
    assert found.result is MatchResult.ONE
    assert found.name == "Alice Morgan"
    assert found.account is not None
    assert found.account.name == "Blue Harbor"


def test_a_contact_and_its_own_account_are_one() -> None:
    found = match(account("001A", name="Whole Name"), contact("003A", account="001A"))
    assert found.result is MatchResult.ONE
    assert found.contact is not None
    assert found.account is not None
    assert found.account.name == "Whole Name"
    assert [c.object for c in found.candidates] == ["Contact", "Account"]


def test_an_account_alone_greets_nobody_by_name() -> None:
    found = match(account("001A"))
    assert (found.result, found.name) == (MatchResult.ONE, None)


def test_several_contacts_of_one_account_leave_the_account() -> None:
    found = match(contact("003A", account="001A"), contact("003B", name="Ben", account="001A"))
    assert found.result is MatchResult.MANY
    assert found.contact is None
    assert found.account is not None


def test_two_accounts_are_many() -> None:
    found = match(contact("003A", account="001A"), contact("003B", account="001B"))
    assert (found.result, found.account, found.contact) == (MatchResult.MANY, None, None)
    assert len(found.candidates) == 2


def test_a_contact_and_the_account_of_another_are_many() -> None:
    assert match(contact("003A"), account("001A")).result is MatchResult.MANY


def test_one_record_found_twice_is_one() -> None:
    twice = contact("003A")
    assert len(match(twice, twice).candidates) == 1


def test_any_phone_field_confirms_and_the_best_is_named() -> None:
    found = match(contact("003A", HomePhone=STORED, MobilePhone="+1 415 555 0123", Phone="555"))
    assert [c.reason for c in found.candidates] == ["contact's mobile phone"]


def test_an_assistant_is_not_greeted_by_the_name_of_the_superior() -> None:
    found = match(contact("003A", account="001A", AssistantPhone=STORED))
    assert (found.result, found.name) == (MatchResult.ONE, None)
    assert match(contact("003A", AssistantPhone=STORED)).result is MatchResult.MANY


def test_a_contact_without_a_name_is_not_spoken() -> None:
    found = match(contact("003A", name="", account="001A"))
    assert (found.result, found.contact) == (MatchResult.ONE, None)


def test_a_lead_alone_is_the_person() -> None:
    found = match(lead("00QA", "Elena Fischer"))
    assert found.result is MatchResult.ONE
    assert found.contact is not None
    assert found.contact.object == "Lead"


def test_a_lead_of_the_same_name_is_the_contact_once_more() -> None:
    found = match(lead("00QA", "alice morgan"), contact("003A", account="001A"))
    assert found.result is MatchResult.ONE
    assert found.contact is not None
    assert found.contact.object == "Contact"


def test_a_lead_of_another_name_makes_it_many() -> None:
    assert match(lead("00QA", "Peter"), contact("003A", account="001A")).result is MatchResult.MANY


_ROWS = st.lists(
    st.sampled_from(
        [
            contact("003A", account="001A"),
            contact("003B", name="Ben", account="001A", MobilePhone=STORED),
            contact("003C", name="Cy", account="001B"),
            contact("003D", name="Di"),
            contact("003E", name="Ed", account="001B", AssistantPhone=STORED),
            account("001A"),
            account("001B", name="Other"),
            account("001C", phone="(415) 555-0199"),
            lead("00QA", "Alice Morgan"),
            lead("00QB", "Peter"),
        ]
    ),
    max_size=5,
)


@given(_ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(rows: list[Row], random: Random) -> None:
    shuffled = rows[:]
    random.shuffle(shuffled)
    assert match(*rows) == match(*shuffled)


@given(_ROWS)
def test_one_means_somebody_and_many_means_no_contact(rows: list[Row]) -> None:
    found = match(*rows)
    match found.result:
        case MatchResult.ONE:
            assert found.account is not None or found.contact is not None
        case MatchResult.MANY:
            assert found.contact is None
            assert found.candidates
        case _:
            assert (found.account, found.contact, found.candidates) == (None, None, ())


def case(number: str, priority: str | None, contact_id: str | None = None) -> CaseRow:
    return CaseRow(case=Case(id=number, number=number, subject="", priority=priority), contact_id=contact_id)


def test_cases_go_by_owner_then_priority_then_as_given() -> None:
    rows = [
        case("1", "Low", "003A"),
        case("2", "High", "003B"),
        case("3", None),
        case("4", "high", "003B"),
        case("5", "Medium"),
        case("6", "Low"),
        case("7", "High", "003A"),
    ]
    assert [(c.number, c.own) for c in best_first(rows, "003A")] == [
        ("7", True), ("1", True), ("5", True), ("3", True), ("6", True), ("2", False), ("4", False),
    ]  # fmt: skip
    assert [(c.number, c.own) for c in best_first(rows, Side.SOMEBODY)] == [
        ("5", True), ("3", True), ("6", True), ("2", False), ("4", False), ("7", False), ("1", False),
    ]  # fmt: skip
    whole = best_first(rows, Side.ACCOUNT)
    assert [c.number for c in whole] == ["2", "4", "7", "5", "3", "1", "6"]
    assert all(c.own for c in whole)


@pytest.mark.parametrize(
    ("found", "caller"),
    [
        (Match(result=MatchResult.ONE, contact=Contact(id="003A", name="A"), account=BLUE_HARBOR), "003A"),
        (Match(result=MatchResult.ONE, account=BLUE_HARBOR), Side.ACCOUNT),
        (Match(result=MatchResult.MANY, account=BLUE_HARBOR), Side.SOMEBODY),
    ],
)
def test_whose_cases_are_the_callers(found: Match, caller: str) -> None:
    assert whose(found) == caller


def test_every_order_given_keeps_priorities_descending() -> None:
    rows = [case("1", "Low"), case("2", "High"), case("3", "Medium")]
    for order in itertools.permutations(rows):
        assert [c.priority for c in best_first(order, Side.ACCOUNT)] == ["High", "Medium", "Low"]
