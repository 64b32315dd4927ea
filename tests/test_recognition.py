"""Who the caller is where several connectors were asked."""

from __future__ import annotations

from ivr.recognition import best_known, chosen_match, connector_with
from ivr.salesforce.model import Account, Candidate, Case, Contact, Match, MatchResult

ALICE = Contact(id="003gK0000000001QAA", name="Alice")


def match(connector: str, result: MatchResult) -> Match:
    return Match(result=result, connector=connector)


NONE_A = match("A", MatchResult.NONE)
ONE_A, ONE_B = match("A", MatchResult.ONE), match("B", MatchResult.ONE)
MANY_A, ERROR_B = match("A", MatchResult.MANY), match("B", MatchResult.ERROR)


def test_who_recognises_is_not_outdone_by_who_does_not() -> None:
    assert best_known({"A": ONE_A, "B": ERROR_B}, ERROR_B) is ONE_A
    assert best_known({"A": NONE_A, "B": ONE_B}, NONE_A) is ONE_B


def test_one_before_several_and_the_first_of_equals() -> None:
    assert best_known({"A": MANY_A, "B": ONE_B}, MANY_A) is ONE_B
    assert best_known({"A": ONE_A, "B": ONE_B}, ONE_B) is ONE_A


def test_the_latest_word_of_those_who_know_nobody() -> None:
    assert best_known({"A": NONE_A, "B": ERROR_B}, NONE_A) is NONE_A
    assert best_known({"A": NONE_A, "B": ERROR_B}, ERROR_B) is ERROR_B
    withheld = Match(result=MatchResult.WITHHELD)
    assert best_known({}, withheld) is withheld


def test_a_record_belongs_to_the_connector_that_told_of_it() -> None:
    matches = {
        "A": Match(result=MatchResult.ONE, contact=ALICE, account=Account(id="001A", name="x")),
        "B": Match(
            result=MatchResult.MANY,
            cases=(Case(id="500B", number="1", subject=""),),
            candidates=(Candidate(object="Lead", id="00QB", name="x"),),
        ),
    }
    ids = (ALICE.id, ALICE.id[:15], "001A", "500B", "00QB", "001Z")
    assert [connector_with(matches, id_) for id_ in ids] == ["A", "A", "A", "B", "B", None]


def test_who_was_chosen_of_several_is_one_with_his_account() -> None:
    jo = Candidate(object="Contact", id="003gK0000000002QAA", name="Jo", account_id="001B", account_name="B")
    firm = Candidate(object="Account", id="001C", name="C", account_id="001C", account_name="C")
    lead = Candidate(object="Lead", id="00QD", name="Dee")
    several = Match(result=MatchResult.MANY, candidates=(jo, firm, lead), connector="A")
    person, account, stranger = (chosen_match(several, candidate) for candidate in several.candidates)
    assert (person.result, person.connector, person.cases_known) == (MatchResult.ONE, "A", False)
    assert (person.contact and person.contact.id, person.account) == (jo.id, Account(id="001B", name="B"))
    assert (account.contact, account.account) == (None, Account(id="001C", name="C"))
    assert (stranger.contact and stranger.contact.object, stranger.account) == ("Lead", None)


def test_the_account_that_is_known_stays_whole() -> None:
    known = Account(id="001B", name="B", priority="High")
    jo = Candidate(object="Contact", id="003gK0000000002QAA", name="Jo", account_id="001B", account_name="B")
    several = Match(result=MatchResult.MANY, account=known, candidates=(jo,))
    assert chosen_match(several, jo).account is known
