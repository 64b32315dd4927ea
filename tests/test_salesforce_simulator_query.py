"""The simulated queries beyond one object's fields: children, counts, days, picklists, batches, positions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ivr.salesforce.simulator.api import Api, ApiAnswer, ApiRequest
from ivr.salesforce.simulator.data import build_org
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.schema import OBJECTS

ROOT = "/services/data/v62.0"
NOW = datetime(2025, 11, 20, 9, 30, tzinfo=UTC)


def stamps(day: str) -> dict[str, str]:
    return {"CreatedDate": f"{day}T08:00:00.000+0000", "LastModifiedDate": f"{day}T08:00:00.000+0000"}


DATA = {
    "org": {"name": "Small", "client_id": "id", "client_secret": "secret"},
    "users": ["Dana", "Tom"],
    "accounts": [
        {
            "fields": {"Name": "Ann", "SLA__c": "Bronze"},
            "contacts": [
                {
                    "fields": {"LastName": "Fa"},
                    "cases": [
                        {"fields": {"Subject": "old", "Priority": "Low", **stamps("2025-11-01")}},
                        {"fields": {"Subject": "yesterday", "Priority": "High", **stamps("2025-11-19")}},
                        {
                            "fields": {"Subject": "today", "Priority": "Medium", **stamps("2025-11-20")},
                            "owner": "Dana",
                            "comments": ["first", "second"],
                        },
                    ],
                },
                {"fields": {"LastName": "So"}},
            ],
        },
        {"fields": {"Name": "Bob", "SLA__c": "Gold"}, "contacts": [{"fields": {"LastName": "La"}}]},
        {"fields": {"Name": "Cy"}},
    ],
}


@pytest.fixture
def org() -> Org:
    return build_org(DATA, lambda: NOW)


@pytest.fixture
def api(org: Org) -> Api:
    return Api(org)


def ask(api: Api, soql: str, **headers: str) -> ApiAnswer:
    return api.answer(
        ApiRequest(method="GET", path=f"{ROOT}/query", query=(("q", soql),), headers=dict(headers))
    )


def page(api: Api, soql: str) -> dict[str, Any]:
    answer = ask(api, soql)
    assert answer.status == 200, answer.body
    assert isinstance(answer.body, dict)
    return answer.body


def rows(api: Api, soql: str) -> list[dict[str, Any]]:
    return list(page(api, soql)["records"])


def failure(api: Api, soql: str) -> tuple[str, str]:
    answer = ask(api, soql)
    assert answer.status == 400
    assert isinstance(answer.body, list)
    return answer.body[0]["errorCode"], answer.body[0]["message"]


def test_children_of_each_record(api: Api) -> None:
    ann, bob, cy = rows(
        api, "SELECT Name, (SELECT LastName FROM contacts ORDER BY LastName DESC) FROM Account"
    )
    assert ann["Contacts"]["totalSize"] == 2
    assert ann["Contacts"]["done"] is True
    assert [row["LastName"] for row in ann["Contacts"]["records"]] == ["So", "Fa"]
    assert [row["LastName"] for row in bob["Contacts"]["records"]] == ["La"]
    assert cy["Contacts"] is None


def test_children_have_conditions_and_limits_of_their_own(api: Api) -> None:
    child = "SELECT Subject, Owner.Name FROM Cases WHERE IsClosed = false AND Priority = 'Medium' LIMIT 1"
    first = rows(api, f"SELECT ({child}) FROM Contact WHERE LastName = 'Fa'")[0]
    assert [(row["Subject"], row["Owner"]["Name"]) for row in first["Cases"]["records"]] == [
        ("today", "Dana")
    ]


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        ("ContactId IN (SELECT Id FROM Contact WHERE LastName = 'Fa')", ["old", "yesterday", "today"]),
        ("Id IN (SELECT ParentId FROM CaseComment)", ["today"]),
        ("Id NOT IN (SELECT ParentId FROM CaseComment WHERE CommentBody LIKE 'f%')", ["old", "yesterday"]),
        ("CreatedDate = TODAY", ["today"]),
        ("CreatedDate = YESTERDAY", ["yesterday"]),
        ("CreatedDate < TODAY", ["old", "yesterday"]),
        ("CreatedDate >= YESTERDAY", ["yesterday", "today"]),
        ("CreatedDate > YESTERDAY", ["today"]),
        ("CreatedDate <= YESTERDAY", ["old", "yesterday"]),
        ("CreatedDate != TODAY", ["old", "yesterday"]),
        ("CreatedDate = LAST_N_DAYS:5", ["yesterday", "today"]),
        ("CreatedDate IN (TODAY, YESTERDAY)", ["yesterday", "today"]),
        ("CreatedDate = NEXT_N_DAYS:5", []),
        ("CreatedDate > 2025-11-20T16:59:59+09:00", ["today"]),
        ("CreatedDate > 2025-11-20T17:00:00+09:00", []),
        ("Account.SLA__c = 'bronze' AND c.Contact.LastName = 'FA'", ["old", "yesterday", "today"]),
        ("NOT (Priority = 'High' OR Priority = 'Low')", ["today"]),
        ("(Priority = 'High' OR Priority = 'Low') AND Subject != 'old'", ["yesterday"]),
        ("Owner.Name = null", ["old", "yesterday"]),
    ],
)
def test_conditions(api: Api, query: str, subjects: list[str]) -> None:
    assert [row["Subject"] for row in rows(api, f"SELECT c.Subject FROM Case c WHERE {query}")] == subjects


def test_picklists_sort_in_their_own_order_and_nulls_come_first(api: Api) -> None:
    def names(order: str) -> list[str]:
        return [row["Name"] for row in rows(api, f"SELECT Name FROM Account ORDER BY SLA__c {order}")]

    assert names("") == ["Cy", "Bob", "Ann"]
    assert names("NULLS LAST") == ["Bob", "Ann", "Cy"]
    assert names("DESC") == ["Cy", "Ann", "Bob"]
    assert [row["Priority"] for row in rows(api, "SELECT Priority FROM Case ORDER BY Priority")] == [
        "High",
        "Medium",
        "Low",
    ]


def test_count(api: Api) -> None:
    assert page(api, "SELECT COUNT() FROM Case WHERE Priority != 'Low'") == {
        "totalSize": 2,
        "done": True,
        "records": [],
    }
    assert page(api, "select count() from Case limit 1")["totalSize"] == 1


def test_polymorphic_parents(api: Api, org: Org) -> None:
    case, contact = (rows(api, f"SELECT Id FROM {name}")[0]["Id"] for name in ("Case", "Contact"))
    org.create(OBJECTS["task"], {"WhatId": case, "WhoId": contact, "Subject": "Call"})
    (task,) = rows(api, f"SELECT Who.Name FROM Task WHERE WhoId = '{contact}' AND WhatId = '{case[:15]}'")
    assert task["Who"]["Name"] == "Fa"
    assert task["Who"]["attributes"]["type"] == "Contact"


@pytest.mark.parametrize(
    ("soql", "code", "said"),
    [
        ("SELECT Id\nFROM Case\nWHERE Nope = 1", "INVALID_FIELD", "ERROR at Row:3:Column:7\nNo such column"),
        ("SELECT Id FROM Case ORDER BY Nope", "INVALID_FIELD", "Row:1:Column:30"),
        ("SELECT (SELECT Nope FROM Cases) FROM Contact", "INVALID_FIELD", "Row:1:Column:16"),
        ("SELECT (SELECT Id FROM Robots) FROM Contact", "INVALID_TYPE", "in FROM part of query call"),
        ("SELECT Id FROM Case WHERE Id IN (SELECT Name FROM Account)", "MALFORMED_QUERY", "of the Id type"),
        ("SELECT Id FROM Case WHERE Subject IN (SELECT Id FROM Case)", "MALFORMED_QUERY", "of the Id type"),
        ("SELECT (SELECT Id, (SELECT Id FROM Tasks) FROM Cases) FROM Contact", "NOT_SIMULATED", "one level"),
        ("SELECT Id FROM Case WHERE CreatedDate > 2025-11-20", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Case WHERE CreatedDate > '2025-11-20T00:00:00Z'", "INVALID_FIELD", "should not be"),
        ("SELECT Id FROM Case WHERE CreatedDate > 2025-13-20T00:00:00Z", "MALFORMED_QUERY", "Column:27"),
        ("SELECT Id FROM Task WHERE ActivityDate = 2025-11-20T00:00:00Z", "INVALID_FIELD", "of type date"),
        ("SELECT Id FROM Case WHERE ContactId LIKE '003%'", "INVALID_QUERY_FILTER_OPERATOR", "id field"),
        ("SELECT Id FROM Case ORDER BY Description", "MALFORMED_QUERY", "can not be sorted"),
        ("SELECT Id FROM Case LIMIT -1", "MALFORMED_QUERY", "unexpected token: '-1'"),
        ("SELECT Id FROM Case LIMIT 1 LIMIT 2", "MALFORMED_QUERY", "unexpected token: 'LIMIT'"),
        ("SELECT Id FROM Case OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
        ("SELECT Id FROM Case GROUP BY Status", "NOT_SIMULATED", "GROUP"),
        ("SELECT Id FROM Case WITH SECURITY_ENFORCED", "NOT_SIMULATED", "WITH"),
        ("SELECT toLabel(Status) FROM Case", "NOT_SIMULATED", "toLabel"),
        ("SELECT Id FROM Case WHERE Status IS NULL", "MALFORMED_QUERY", "unexpected token: 'IS'"),
        ("SELECT Id FROM Case WHERE Status LIKE 7", "MALFORMED_QUERY", "unexpected token: '7'"),
        ('SELECT Id FROM Case WHERE Status = "New"', "MALFORMED_QUERY", "unexpected token: '\"'"),
        ("SELECT * FROM Case", "MALFORMED_QUERY", "Row:1:Column:8"),
        ("UPDATE Case SET Status = 'x'", "MALFORMED_QUERY", "Row:1:Column:1"),
        ("SELECT Id FROM Case; DELETE", "MALFORMED_QUERY", "unexpected token: ';'"),
        ("SELECT Id FROM Case " + "x" * 100_000, "MALFORMED_QUERY", "100000 characters"),
    ],
)
def test_refusals(api: Api, soql: str, code: str, said: str) -> None:
    found, message = failure(api, soql)
    assert found == code, message
    assert said in message


def test_the_words_for_an_unknown_field_are_salesforce_s(api: Api) -> None:
    assert failure(api, "SELECT Phone_E164__c FROM Contact") == (
        "INVALID_FIELD",
        "\nSELECT Phone_E164__c FROM Contact\n       ^\nERROR at Row:1:Column:8\n"
        "No such column 'Phone_E164__c' on entity 'Contact'. If you are attempting to use a custom field, be "
        "sure to append the '__c' after the custom field name. Please reference your WSDL or the describe "
        "call for the appropriate names.",
    )


def test_what_does_not_fit_one_batch_is_fetched_by_its_address(api: Api, org: Org) -> None:
    for number in range(450):
        org.create(OBJECTS["lead"], {"LastName": f"L{number:03}", "Company": "C"})
    query, size = "SELECT LastName FROM Lead ORDER BY LastName", {"sforce-query-options": "batchSize=200"}
    answer = ask(api, query, **size)
    names: list[str] = []
    seen: list[tuple[int, bool]] = []
    while True:
        body = answer.body
        assert isinstance(body, dict)
        names += [row["LastName"] for row in body["records"]]
        seen.append((len(body["records"]), body["done"]))
        assert body["totalSize"] == 450
        if body["done"]:
            break
        answer = api.answer(ApiRequest(method="GET", path=body["nextRecordsUrl"], headers=size))
    assert seen == [(200, False), (200, False), (50, True)]
    assert names == [f"L{number:03}" for number in range(450)]
    assert "nextRecordsUrl" not in page(api, query)  # 2,000 fit by default


@pytest.mark.parametrize("locator", ["01gnone-200", "01ggK000000000001AAA-200", "x"])
def test_an_unknown_batch(api: Api, locator: str) -> None:
    answer = api.answer(ApiRequest(method="GET", path=f"{ROOT}/query/{locator}"))
    assert answer.status == 400
    assert isinstance(answer.body, list)
    assert answer.body[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


@pytest.mark.parametrize(
    ("sosl", "found"),
    [
        ("FIND {today OR yesterday} RETURNING Case(Subject ORDER BY Subject)", ["today", "yesterday"]),
        ("FIND {to*} IN NAME FIELDS RETURNING Case(Subject)", ["today"]),
        ("FIND {today AND NOT High} RETURNING Case(Subject)", ["today"]),
        ("FIND {yesterday AND NOT High} RETURNING Case(Subject)", []),
        ("FIND {(today OR yesterday) High} RETURNING Case(Subject)", ["yesterday"]),
        ("FIND {today} RETURNING Contact(Id), Case(Subject WHERE IsClosed = true)", []),
    ],
)
def test_search_expressions(api: Api, sosl: str, found: list[str]) -> None:
    answer = api.answer(ApiRequest(method="GET", path=f"{ROOT}/search", query=(("q", sosl),)))
    assert isinstance(answer.body, dict), answer.body
    assert [row["Subject"] for row in answer.body["searchRecords"]] == found


def test_a_search_lags_behind_what_is_written_and_a_query_does_not(api: Api, org: Org) -> None:
    org.policy = replace(org.policy, search_lag_s=60.0)
    org.create(OBJECTS["contact"], {"LastName": "Newcomer"})
    sosl = (("q", "FIND {Newcomer OR yesterday} RETURNING Contact(Id), Case(Id)"),)
    answer = api.answer(ApiRequest(method="GET", path=f"{ROOT}/search", query=sosl))
    assert isinstance(answer.body, dict)
    assert [row["attributes"]["type"] for row in answer.body["searchRecords"]] == ["Case"]
    assert len(rows(api, "SELECT Id FROM Contact WHERE LastName = 'Newcomer'")) == 1


@pytest.mark.parametrize(
    ("sosl", "code", "said"),
    [
        ("FIND 'x' IN ALL FIELDS", "MALFORMED_SEARCH", "must be enclosed in braces"),
        ("FIND {ab OR} RETURNING Case", "MALFORMED_SEARCH", "No search term"),
        ("FIND {(ab} RETURNING Case", "MALFORMED_SEARCH", "<EOF>"),
        ('FIND {ab "} RETURNING Case', "MALFORMED_SEARCH", "unexpected token"),
        ("FIND {ab)} RETURNING Case", "MALFORMED_SEARCH", "unexpected token: )"),
        ("FIND {ab} RETURNING Robot", "INVALID_TYPE", "'Robot' is not supported"),
        ("FIND {ab} RETURNING CaseComment", "INVALID_TYPE", "does not support search"),
        ("FIND {ab} RETURNING Case(Nope)", "INVALID_FIELD", "No such column 'Nope'"),
        ("FIND {ab} RETURNING Case(Id) WITH DIVISION = 'x'", "NOT_SIMULATED", "WITH"),
    ],
)
def test_searches_refused(api: Api, sosl: str, code: str, said: str) -> None:
    answer = api.answer(ApiRequest(method="GET", path=f"{ROOT}/search", query=(("q", sosl),)))
    assert answer.status == 400
    assert isinstance(answer.body, list)
    assert answer.body[0]["errorCode"] == code, answer.body
    assert said in answer.body[0]["message"]
