"""Objects and fields by configuration: the normalised field first, other phones, greetings, priorities."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.acd.score import score
from ivr.cli.caller import caller_lines
from ivr.config import load_config
from ivr.connectors import org_settings, score_table
from ivr.numbers import E164
from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.fields import DEFAULT_FIELDS, OrgFields
from ivr.salesforce.match import Row, decide
from ivr.salesforce.model import Account, Case, Match, MatchResult
from ivr.salesforce.queries import by_normalised, open_cases, phone_search
from ivr.salesforce.settings import SalesforceSettings
from ivr.salesforce.soql import record_id
from ivr.salesforce.testing import ManualClock
from ivr.treatment import score_of
from tests.cli_support import write_config

ORG = "https://a.my.salesforce.com"
ALICE = E164("+14155550123")
ID = "003gK0000000001QAA"
FIELDS = OrgFields(
    normalised={"Contact": "Phone_E164__c", "Lead": "Phone_E164__c"}, greeting={"Contact": "FirstName"}
)


def person(object_: str, **fields: object) -> dict[str, object]:
    return {"attributes": {"type": object_}, "Id": ID, "Name": "Alice Morgan", **fields}


class Org:
    """Answers the composite of normalised fields and the search, and keeps what was asked."""

    def __init__(
        self, exact: dict[str, tuple[int, object]], found: list[dict[str, object]] | None = None
    ) -> None:
        self.exact = exact
        self.found = found or []
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth2/token"):
            return httpx.Response(200, json={"access_token": "t", "instance_url": ORG})
        if request.url.path.endswith("/search/"):
            self.asked.append("search")
            return httpx.Response(200, json={"searchRecords": self.found})
        parts = json.loads(request.content)["compositeRequest"]
        self.asked += [parse_qs(urlsplit(part["url"]).query)["q"][0] for part in parts]
        names = [part["referenceId"] for part in parts]
        answers = [
            {"httpStatusCode": self.exact[name][0], "referenceId": name, "body": self.exact[name][1]}
            for name in names
        ]
        return httpx.Response(200, json={"compositeResponse": answers})


async def found_by(org: Org, fields: OrgFields = FIELDS) -> Match:
    settings = SalesforceSettings(name="x", login_url=ORG, client_id="a", client_secret="b", fields=fields)
    async with httpx.AsyncClient(transport=httpx.MockTransport(org)) as http:
        return await SalesforceConnector(settings, http, ManualClock(), lambda seen: None).find(ALICE)


NOBODY: dict[str, tuple[int, object]] = {"Contact": (200, {"records": []}), "Lead": (200, {"records": []})}


def test_the_normalised_field_is_asked_first_and_is_enough() -> None:
    row = person("Contact", FirstName="Ali", Phone_E164__c="+14155550123")
    org = Org({**NOBODY, "Contact": (200, {"records": [row]})})
    match = asyncio.run(found_by(org))
    assert (match.result, match.name) == (MatchResult.ONE, "Ali")
    assert match.candidates[0].reason == "contact's Phone_E164__c"
    assert org.asked == [
        "SELECT Id, Name, FirstName, AccountId, Account.Name, Phone_E164__c FROM Contact"
        " WHERE Phone_E164__c = '+14155550123' LIMIT 25",
        "SELECT Id, Name, Phone_E164__c FROM Lead"
        " WHERE Phone_E164__c = '+14155550123' AND IsConverted = false LIMIT 25",
    ]


def test_who_is_not_in_it_is_searched_for() -> None:
    org = Org(NOBODY, [person("Contact", MobilePhone="(415) 555-0123")])
    match = asyncio.run(found_by(org))
    assert (match.name, match.candidates[0].reason) == ("Alice Morgan", "contact's mobile phone")
    assert org.asked[-1] == "search"


def test_a_field_that_the_org_does_not_have_costs_nobody_his_name() -> None:
    refused = (400, [{"errorCode": "INVALID_FIELD", "message": "No such column"}])
    org = Org({"Contact": refused, "Lead": refused}, [person("Contact", Phone="4155550123")])
    assert asyncio.run(found_by(org)).name == "Alice Morgan"


def test_the_field_s_word_is_checked_too() -> None:
    row = person("Contact", Phone_E164__c="+14155550199")
    org = Org({**NOBODY, "Contact": (200, {"records": [row]})})
    assert asyncio.run(found_by(org)).result is MatchResult.NONE


def test_without_phone_fields_there_is_no_search() -> None:
    org = Org(NOBODY)
    only = OrgFields(phones={}, normalised={"Contact": "P__c", "Lead": "P__c"})
    assert asyncio.run(found_by(org, only)).result is MatchResult.NONE
    assert "search" not in org.asked


def test_other_fields_are_searched_compared_and_ranked() -> None:
    fields = OrgFields(phones={"Contact": ("Work__c", "MobilePhone"), "Account": ("Hotline__c",)})
    query = phone_search(["4155550123"], fields)
    assert query == (
        'FIND {"4155550123"} IN PHONE FIELDS RETURNING '
        "Contact(Id, Name, AccountId, Account.Name, Work__c, MobilePhone LIMIT 25), "
        "Account(Id, Name, Hotline__c LIMIT 25)"
    )
    rows = [
        Row(object="Contact", id="003A", name="B", account_id="001A", phones=(("MobilePhone", ALICE),)),
        Row(object="Contact", id="003B", name="A", account_id="001A", phones=(("Work__c", ALICE),)),
        Row(object="Account", id="001A", name="Co", phones=(("Hotline__c", ALICE), ("Phone", ALICE))),
        Row(object="Lead", id="00QA", name="L", phones=(("Phone", ALICE),)),
    ]
    match = decide(rows, ALICE, "US", fields)
    assert [c.reason for c in match.candidates] == [
        "contact's Work__c",
        "contact's mobile phone",
        "account's Hotline__c",
    ]
    assert (match.result, match.account and match.account.name) == (MatchResult.MANY, "Co")


def test_another_priority_field_is_read() -> None:
    query = open_cases(record_id(ID), None, OrgFields(case_priority="Urgency__c"))
    assert "Subject, Urgency__c, Status" in query
    assert "Priority" not in query


@pytest.mark.parametrize(
    "wrong", [{"phones": {"Case": ("Phone",)}}, {"normalised": {"Contact": "a b"}}, {"case_priority": "x'"},
              {"greeting": {"Contact": "Name FROM User"}}, {"phones": {"Contact": ("",)}}],
)  # fmt: skip
def test_names_that_are_none_never_reach_a_query(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"Salesforce field name|looked for"):
        OrgFields(**wrong)  # type: ignore[arg-type]  # the fields' own names


@given(st.text(max_size=40))
def test_no_number_s_text_changes_a_query(text: str) -> None:
    query = by_normalised("Contact", E164(text), OrgFields(normalised={"Contact": "P__c"}))
    head, _, rest = query.partition("WHERE P__c = '")
    assert head.endswith("FROM Contact ")
    inside = rest.removesuffix("' LIMIT 25")
    assert inside != rest
    at = 0
    while at < len(inside):
        assert inside[at] != "'", "the literal ends where it should"
        at += 2 if inside[at] == "\\" else 1
    assert at == len(inside)


# --- scores ----------------------------------------------------------------------------------------------

PRIORITIES = """\
    priorities:
      customer_field: Tier__c
      case_field: Urgency__c
      default: 6
      case: {P1: -4, P2: -1}
      customer: {Platinum: -2}
      sla: {24x7: -2}
"""


def test_scores_come_from_the_configuration(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    text = path.read_text()
    path.write_text(text.replace("http: {listen", f"{PRIORITIES}http: {{listen"))
    config = load_config(path, env={})
    settings = config.connectors["Salesforce"]
    org = org_settings("Salesforce", settings, config)
    assert (org.priority_field, org.fields.case_priority) == ("Tier__c", "Urgency__c")
    table = score_table(settings)
    match = Match(
        result=MatchResult.ONE,
        account=Account(id="001", name="Co", priority="PLATINUM"),
        cases=(Case(id="1", number="1", subject="", priority="p2"), Case(id="2", number="2", subject="")),
    )
    assert score_of(match, table).priority == 3
    assert score("P1", None, table=table).priority == 2
    with_sla = replace(match, account=Account(id="001", name="Co", priority="PLATINUM", sla="24X7"))
    assert score_of(with_sla, table).priority == 1
    assert "SLA 24X7: -2" in score_of(with_sla, table).reasons
    assert score_of(None, score_table(None)).priority == 5


def test_a_colleagues_case_is_listed_and_moves_nobody_up() -> None:
    case = Case(id="500", number="00001026", subject="Broken", priority="Critical", own=False)
    match = Match(result=MatchResult.ONE, cases=(case,), cases_known=True)
    assert score_of(match) == score_of(Match(result=MatchResult.ONE))
    (line,) = (line for line in caller_lines("+14155550123", match) if "00001026" in line)
    assert line.endswith(", a colleague's)")


def test_the_defaults_are_those_of_a_new_org(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path), env={})
    org = org_settings("Salesforce", config.connectors["Salesforce"], config)
    assert org.fields == DEFAULT_FIELDS
    assert org.task_external_id is None
    assert score_table(config.connectors["Salesforce"]) == score_table(None)
