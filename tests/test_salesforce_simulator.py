"""The simulator's own honesty: it answers as Salesforce does, or says that it does not know."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.salesforce.simulator.api import Api, ApiAnswer, ApiRequest
from ivr.salesforce.simulator.data import DataError, build_org, load_org
from ivr.salesforce.simulator.errors import ApiError
from ivr.salesforce.simulator.search import parse_sosl
from ivr.salesforce.simulator.server import serve
from ivr.salesforce.simulator.soql import parse_query
from ivr.salesforce.testing import DEMO_DATA, SimulatedOrg, simulated

ROOT = "/services/data/v62.0"
SMALL = {
    "org": {"name": "Small", "client_id": "id", "client_secret": "secret", "daily_requests": 100},
    "users": ["Dana"],
    "accounts": [
        {
            "fields": {"Name": "Ann's", "Phone": "(415) 555-0123", "CustomerPriority__c": "High"},
            "contacts": [
                {
                    "fields": {"FirstName": "Al", "LastName": "Fa", "Phone": "4155550124 x7"},
                    "cases": [
                        {"fields": {"Subject": "One", "Priority": "High"}, "owner": "Dana"},
                        {"fields": {"Subject": "Two", "Priority": "Low", "Status": "Closed"}},
                        {"fields": {"Subject": "Three_%"}},
                    ],
                }
            ],
        },
        {"fields": {"Name": "Bob 100%", "Phone": "+44 20 7946 0123"}},
    ],
}


@pytest.fixture
def api() -> Api:
    return Api(build_org(SMALL, lambda: datetime(2025, 11, 20, tzinfo=UTC)))


def ask(api: Api, method: str, path: str, body: object = None, **query: str) -> ApiAnswer:
    return api.answer(ApiRequest(method=method, path=f"{ROOT}/{path}", query=tuple(query.items()), body=body))


def rows(api: Api, soql: str) -> list[dict[str, Any]]:
    answer = ask(api, "GET", "query/", q=soql)
    assert answer.status == 200, answer.body
    assert isinstance(answer.body, dict)
    assert answer.body["totalSize"] == len(answer.body["records"])
    return list(answer.body["records"])


def code(answer: ApiAnswer) -> str:
    assert isinstance(answer.body, list)
    return str(answer.body[0]["errorCode"])


@pytest.mark.parametrize(
    ("where", "subjects"),
    [
        ("IsClosed = false", ["One", "Three_%"]),
        ("IsClosed = true", ["Two"]),
        ("NOT IsClosed = true", ["One", "Three_%"]),
        ("Priority = 'HIGH'", ["One"]),
        ("Priority != 'High'", ["Two", "Three_%"]),
        ("Priority <> null", ["One", "Two"]),
        ("Priority = null", ["Three_%"]),
        ("Priority IN ('High', 'Low')", ["One", "Two"]),
        ("Priority NOT IN ('High', 'Low')", ["Three_%"]),
        ("Owner.Name = 'dana'", ["One"]),
        ("Contact.Account.Name = 'Ann\\'s' AND (Subject = 'One' OR Subject = 'Two')", ["One", "Two"]),
        ("Subject LIKE 't%'", ["Two", "Three_%"]),
        ("Subject LIKE '%\\_\\%'", ["Three_%"]),
        ("Subject LIKE '_w_'", ["Two"]),
        ("CreatedDate >= 2025-11-20T00:00:00Z", ["One", "Two", "Three_%"]),
        ("CreatedDate < 2025-11-20T00:00:00Z", []),
    ],
)
def test_conditions(api: Api, where: str, subjects: list[str]) -> None:
    assert [row["Subject"] for row in rows(api, f"SELECT Subject FROM Case WHERE {where}")] == subjects


def test_fields_come_back_in_schema_case_with_parents_nested(api: Api) -> None:
    (row, *_) = rows(api, "select id, subject, owner.name, contact.account.name from case limit 1")
    assert row["Subject"] == "One"
    assert row["Owner"]["Name"] == "Dana"
    assert row["Contact"]["Account"]["Name"] == "Ann's"
    assert row["attributes"] == {"type": "Case", "url": f"{ROOT}/sobjects/Case/{row['Id']}"}
    assert rows(api, "SELECT Owner.Name FROM Case WHERE Subject = 'Two'")[0]["Owner"] is None


@pytest.mark.parametrize(
    ("tail", "subjects"),
    [
        ("ORDER BY Subject", ["One", "Three_%", "Two"]),
        ("ORDER BY Subject DESC LIMIT 2", ["Two", "Three_%"]),
        ("ORDER BY Priority, Subject", ["Three_%", "One", "Two"]),
        ("ORDER BY Priority NULLS LAST", ["One", "Two", "Three_%"]),
        ("ORDER BY Priority DESC", ["Three_%", "Two", "One"]),
        ("ORDER BY Priority DESC NULLS LAST", ["Two", "One", "Three_%"]),
        ("ORDER BY Subject LIMIT 1 OFFSET 1", ["Three_%"]),
    ],
)
def test_order_and_limit(api: Api, tail: str, subjects: list[str]) -> None:
    assert [row["Subject"] for row in rows(api, f"SELECT Subject FROM Case {tail}")] == subjects


@pytest.mark.parametrize(
    ("soql", "error", "where"),
    [
        ("SELECT Id FORM Account", "MALFORMED_QUERY", "Column:11"),
        ("SELECT FROM Account", "MALFORMED_QUERY", "Column:13"),
        ("SELECT Id FROM Account WHERE Name = 'O'Brien'", "MALFORMED_QUERY", "Column:"),
        ("SELECT Id FROM Account WHERE Name = 'x' AND Id = null OR Id = null", "MALFORMED_QUERY", "'OR'"),
        ("SELECT Id FROM Account WHERE Name = 'a\\q'", "MALFORMED_QUERY", "Column:39"),
        ("SELECT Id FROM Account WHERE Name LIKE '%{{[phone}}%", "MALFORMED_QUERY", "Column:40"),
        ("SELECT COUNT(Id) FROM Account", "NOT_SIMULATED", "knows no functions"),
        ("SELECT Foo__c FROM Account", "INVALID_FIELD", "No such column 'Foo__c'"),
        ("SELECT Boss.Name FROM Account", "INVALID_FIELD", "relationship 'Boss'"),
        ("SELECT Id FROM Robot", "INVALID_TYPE", "'Robot'"),
        ("SELECT Id FROM Case WHERE IsClosed = 'false'", "INVALID_FIELD", "boolean"),
        ("SELECT Id FROM Case WHERE Subject = 7", "INVALID_FIELD", "enclosed in quotes"),
        ("SELECT Id FROM Case WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Case WHERE ContactId = 'null'", "INVALID_QUERY_FILTER_OPERATOR", "null"),
        ("", "MALFORMED_QUERY", "has to be specified"),
        ("SELECT Id FROM Case LIMIT " + "9" * 5_000, "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Case WHERE " + "(" * 500, "MALFORMED_QUERY", "nested"),
        ("SELECT Id FROM Case WHERE " + "NOT " * 500, "MALFORMED_QUERY", "nested"),
    ],
)
def test_bad_queries_say_what_and_where(api: Api, soql: str, error: str, where: str) -> None:
    answer = ask(api, "GET", "query", q=soql)
    assert (answer.status, code(answer)) == (400, error)
    assert isinstance(answer.body, list)
    assert where in str(answer.body[0]["message"])


@pytest.mark.parametrize("read", [parse_query, parse_sosl])
@given(
    text=st.lists(
        st.sampled_from(
            ["SELECT ", "Id", " FROM ", "Case", " WHERE ", "(", ")", "'x'", "=", " AND ", "FIND {ab} ", ","]
        )
        | st.text(max_size=4),
        max_size=12,
    ).map("".join)
)
def test_any_text_is_parsed_or_refused(read: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(ApiError):  # and nothing else may come out
        read(text)


def test_like_sees_phones_as_typed_and_search_sees_digits(api: Api) -> None:
    assert rows(api, "SELECT Id FROM Account WHERE Phone LIKE '%4155550123%'") == []
    assert rows(api, "SELECT Id FROM Account WHERE Phone = '4155550123'") == []
    assert len(rows(api, "SELECT Id FROM Account WHERE Phone LIKE '%415%555%0123'")) == 1
    for term in ("4155550123", "(415) 555-0123", "5550123"):
        body = {"q": term, "in": "PHONE", "fields": ["Id", "Name"], "sobjects": [{"name": "Account"}]}
        assert names(ask(api, "POST", "parameterizedSearch", body)) == ["Ann's"]


def names(answer: ApiAnswer) -> list[str]:
    assert answer.status == 200, answer.body
    assert isinstance(answer.body, dict)
    return [record["Name"] for record in answer.body["searchRecords"]]


@pytest.mark.parametrize(
    ("sosl", "found"),
    [
        (
            'FIND {"4155550123" OR "14155550123"} IN PHONE FIELDS RETURNING Account(Name), Contact(Name)',
            ["Ann's"],
        ),
        (
            "FIND {4155550124} IN PHONE FIELDS RETURNING Contact(Name WHERE AccountId != null LIMIT 1)",
            ["Al Fa"],
        ),
        ("FIND {41555*} IN PHONE FIELDS RETURNING Account(Name), Contact(Name) LIMIT 1", ["Ann's"]),
        ("FIND {02079460123} IN PHONE FIELDS RETURNING Account(Name)", []),
        ("FIND {bob} IN NAME FIELDS RETURNING Account(Name)", ["Bob 100%"]),
        ("FIND {4155550123} IN NAME FIELDS RETURNING Account(Name)", []),
    ],
)
def test_sosl(api: Api, sosl: str, found: list[str]) -> None:
    assert names(ask(api, "GET", "search/", q=sosl)) == found


@pytest.mark.parametrize(
    "sosl",
    [
        "",
        "FIND x",
        "FIND {} IN PHONE FIELDS RETURNING Contact(Id)",
        "FIND {a AND b} RETURNING Contact(Id)",
        "FIND {1} IN PHONE FIELDS RETURNING Contact(Id)",
        "FIND {12} IN FAX FIELDS RETURNING Contact(Id)",
    ],
)
def test_bad_searches(api: Api, sosl: str) -> None:
    assert code(ask(api, "GET", "search", q=sosl)) == "MALFORMED_SEARCH"


def test_parameterized_search_by_get(api: Api) -> None:
    query = (("q", "4155550123"), ("in", "PHONE"), ("sobject", "Account"), ("Account.fields", "Id,Name"))
    answer = api.answer(ApiRequest(method="GET", path=f"{ROOT}/parameterizedSearch", query=query))
    assert names(answer) == ["Ann's"]


def test_create_read_update(api: Api) -> None:
    case = rows(api, "SELECT Id FROM Case LIMIT 1")[0]["Id"]
    made = ask(api, "POST", "sobjects/CaseComment", {"ParentId": case, "CommentBody": "Hello"})
    assert made.status == 201
    assert isinstance(made.body, dict)
    read = ask(api, "GET", f"sobjects/CaseComment/{made.body['id']}")
    assert isinstance(read.body, dict)
    assert (read.body["CommentBody"], read.body["ParentId"]) == ("Hello", case)
    assert ask(api, "PATCH", f"sobjects/Case/{case}", {"Comments": "Again", "Status": "Closed"}).status == 204
    bodies = [
        row["CommentBody"]
        for row in rows(api, f"SELECT CommentBody FROM CaseComment WHERE ParentId = '{case}'")
    ]
    assert bodies == ["Hello", "Again"]
    assert len(rows(api, "SELECT Id FROM Case WHERE IsClosed = true")) == 2
    task = {"Subject": "Call", "CallDurationInSeconds": 42, "WhatId": case}
    assert ask(api, "POST", "sobjects/Task", task).status == 201


@pytest.mark.parametrize(
    ("method", "path", "body", "error"),
    [
        ("POST", "sobjects/CaseComment", {"CommentBody": "x"}, "REQUIRED_FIELD_MISSING"),
        ("POST", "sobjects/CaseComment", {"ParentId": "null"}, "MALFORMED_ID"),
        ("POST", "sobjects/CaseComment", {"ParentId": "500gK0000000zzz"}, "INVALID_CROSS_REFERENCE_KEY"),
        ("POST", "sobjects/Task", {"Subject": "x" * 256}, "STRING_TOO_LONG"),
        ("POST", "sobjects/Task", {"Nope": 1}, "INVALID_FIELD"),
        ("POST", "sobjects/Task", {"Id": "00TgK0000000001AAA"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("POST", "sobjects/Task", {"CallDurationInSeconds": "42"}, "JSON_PARSER_ERROR"),
        ("POST", "sobjects/Task", [], "JSON_PARSER_ERROR"),
        ("POST", "sobjects/Robot", {}, "NOT_FOUND"),
        ("GET", "sobjects/Case/542456643", None, "NOT_FOUND"),
        ("PATCH", "sobjects/Case/null", {"Comments": "x"}, "NOT_FOUND"),
        ("DELETE", "sobjects/Case/500gK0000ZZZZZZ", None, "INVALID_CROSS_REFERENCE_KEY"),
        ("PATCH", "sobjects/Case/500gK0000ZZZZZZ", {"Subject": "x"}, "INVALID_CROSS_REFERENCE_KEY"),
        ("GET", "sobjects/Case/500gK0000ZZZZZZ", None, "NOT_FOUND"),
        ("GET", "tooling/query", None, "NOT_FOUND"),
    ],
)
def test_refusals(api: Api, method: str, path: str, body: object, error: str) -> None:
    assert code(ask(api, method, path, body)) == error


def test_a_comment_is_limited_in_bytes_not_characters(api: Api) -> None:
    case = rows(api, "SELECT Id FROM Case LIMIT 1")[0]["Id"]
    assert (
        ask(api, "POST", "sobjects/CaseComment", {"ParentId": case, "CommentBody": "x" * 4_000}).status == 201
    )
    longer = ask(api, "POST", "sobjects/CaseComment", {"ParentId": case, "CommentBody": "한" * 1_400})
    assert code(longer) == "STRING_TOO_LONG"


def composite(api: Api, *parts: Mapping[str, object]) -> list[dict[str, Any]]:
    answer = ask(api, "POST", "composite", {"allOrNone": False, "compositeRequest": list(parts)})
    assert answer.status == 200, answer.body
    assert isinstance(answer.body, dict)
    return list(answer.body["compositeResponse"])


def part(reference: str, url: str, method: str = "GET", **more: object) -> Mapping[str, object]:
    return {"method": method, "url": f"{ROOT}/{url}", "referenceId": reference, **more}


def test_a_composite_hands_results_on(api: Api) -> None:
    answers = composite(
        api,
        part("contact", "query/?q=SELECT+Id+FROM+Contact"),
        part(
            "cases",
            "query?q=SELECT+Id+FROM+Case+WHERE+ContactId='@{contact.records[0].Id}'+AND+IsClosed=false",
        ),
        part(
            "note",
            "sobjects/CaseComment",
            "POST",
            body={"ParentId": "@{cases.records[0].Id}", "CommentBody": "x"},
        ),
    )
    assert [answer["httpStatusCode"] for answer in answers] == [200, 200, 201]
    assert answers[1]["body"]["totalSize"] == 2


def test_a_composite_goes_on_after_a_part_that_failed(api: Api) -> None:
    answers = composite(
        api,
        part("nobody", "query?q=SELECT+Id+FROM+Contact+WHERE+LastName='Nobody'"),
        part("cases", "query?q=SELECT+Id+FROM+Case+WHERE+ContactId='@{nobody.records[0].Id}'"),
        part("account", "sobjects/Account/001gK0000000001QAA?fields=Name"),
    )
    assert [answer["httpStatusCode"] for answer in answers] == [200, 400, 200]
    assert answers[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert answers[2]["body"]["Name"] == "Ann's"


def test_the_limits_of_a_composite(api: Api) -> None:
    queries = [part(f"q{n}", "query?q=SELECT+Id+FROM+Case") for n in range(6)]
    assert code(ask(api, "POST", "composite", {"compositeRequest": queries})) == "LIMIT_EXCEEDED"
    assert code(ask(api, "POST", "composite", {"compositeRequest": []})) == "JSON_PARSER_ERROR"
    twice = [part("a", "limits"), part("a", "limits")]
    assert code(ask(api, "POST", "composite", {"compositeRequest": twice})) == "INVALID_REFERENCE_ID"


def test_the_daily_allocation_ends(api: Api) -> None:
    statuses = [ask(api, "GET", "limits").status for _ in range(101)]
    assert statuses == [200] * 100 + [403]


def post_token(org: SimulatedOrg, **form: str) -> Any:
    return org.http.post(f"{org.settings.login_url}/services/oauth2/token", data=form)


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "invalid_client_id"),
        ({"grant_type": "client_credentials"}, "invalid_client_id"),
        ({"grant_type": "client_credentials", "client_id": "ID", "client_secret": "x"}, "invalid_client"),
    ],
)
def test_a_login_that_is_refused(form: dict[str, str], error: str) -> None:
    async def main() -> None:
        async with simulated() as org:
            own = {name: org.settings.client_id if value == "ID" else value for name, value in form.items()}
            answer = await post_token(org, **own)
            assert (answer.status_code, answer.json()["error"]) == (400, error)

    asyncio.run(main())


def test_a_login_by_basic_authentication_and_what_the_answer_lacks() -> None:
    async def main() -> None:
        async with simulated() as org:
            answer = await org.http.post(
                f"{org.settings.login_url}/services/oauth2/token",
                data={"grant_type": "client_credentials"},
                auth=httpx.BasicAuth(org.settings.client_id, org.settings.client_secret),
            )
            body = answer.json()
            assert body["instance_url"] == org.settings.login_url
            assert "expires_in" not in body
            api = await org.http.get(
                f"{org.settings.login_url}{ROOT}/limits",
                headers={"Authorization": f"Bearer {body['access_token']}"},
            )
            assert api.headers["sforce-limit-info"] == "api-usage=1/15000"
            stranger = await org.http.get(f"{org.settings.login_url}{ROOT}/limits")
            assert (stranger.status_code, stranger.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")

    asyncio.run(main())


def test_pages_are_named_after_the_record_and_escaped() -> None:
    async def main() -> None:
        async with simulated() as org:
            base = f"{org.settings.login_url}/lightning/r"
            evil = await org.http.get(
                f"{base}/Account/{org.id_of('Account', '<script>alert(1)</script> Media')}/view"
            )
            assert "<script>alert" not in evil.text
            assert "<title>&lt;script&gt;alert(1)&lt;/script&gt; Media</title>" in evil.text
            alice = await org.http.get(f"{base}/Contact/{org.id_of('Contact', 'Alice Morgan')}/view")
            assert "Blue Harbor Logistics" in alice.text
            assert "Container BHLU 204418 held at customs" in alice.text
            case_id = org.id_of("Case", "Container BHLU 204418 held at customs")
            case = await org.http.get(f"{base}/Case/{case_id}/view")
            assert "Certificate requested from the shipper." in case.text
            assert (await org.http.get(f"{base}/Account/null/view")).status_code == 404
            assert "Blue Harbor Logistics" in (await org.http.get(f"{org.settings.login_url}/")).text

    asyncio.run(main())


def test_faults_log_and_records_over_http() -> None:
    async def main() -> None:
        async with simulated() as org:
            base = f"{org.settings.login_url}/simulator"
            added = await org.http.post(
                f"{base}/faults", json={"kind": "status", "times": 2, "path": "/oauth2"}
            )
            assert [fault["kind"] for fault in added.json()] == ["status"]
            assert (await post_token(org)).status_code == 503
            assert (await org.http.delete(f"{base}/faults")).json() == []
            assert (await post_token(org)).status_code == 400
            log = (await org.http.get(f"{base}/log")).json()
            assert [(entry["status"], entry["fault"]) for entry in log] == [(503, "status"), (400, None)]
            assert (await org.http.post(f"{base}/faults", json={"kind": "earthquake"})).status_code == 422
            names = [record["Name"] for record in (await org.http.get(f"{base}/records/Account")).json()]
            assert names[0] == "Blue Harbor Logistics"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "line"),
        ("org: {name: x}", "client_id"),
        (json.dumps({**SMALL, "leads": [{"LastName": "x", "Company": "y", "Fone": "1"}]}), "Fone"),
        (json.dumps({**SMALL, "leads": [{"LastName": "x"}]}), "Company"),
    ],
)
def test_a_bad_data_file_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "org.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        load_org(path)
    assert str(path) in str(caught.value)


def test_a_missing_data_file(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        load_org(tmp_path / "none.yaml")


def test_serving_until_cancelled() -> None:
    async def main() -> None:
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        server = asyncio.create_task(serve("127.0.0.1", 0, DEMO_DATA, ready.set_result))
        url = await ready
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"{url}/")).status_code == 200
            with pytest.raises(OSError, match="in use"):
                await serve("127.0.0.1", int(url.rsplit(":", 1)[1]), DEMO_DATA, lambda url: None)
        server.cancel()
        with pytest.raises(asyncio.CancelledError):
            await server
        with pytest.raises(httpx.ConnectError):
            async with httpx.AsyncClient(trust_env=False) as http:
                await http.get(url)

    asyncio.run(main())
