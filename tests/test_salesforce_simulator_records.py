"""The simulated records: written, refused, described, and several requests in one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from ivr.salesforce.simulator.api import Api, ApiAnswer, ApiRequest
from ivr.salesforce.simulator.data import build_org
from ivr.salesforce.simulator.ids import is_id
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.testing import simulated

ROOT = "/services/data/v62.0"
DATA = {
    "org": {"name": "Small", "client_id": "id", "client_secret": "secret"},
    "users": ["Dana"],
    "custom_fields": [
        {"object": "Task", "name": "Call_Id__c", "external_id": True},
        {"object": "Contact", "name": "Badge__c", "external_id": True, "unique": True},
        {"object": "Contact", "name": "Phone_E164__c", "kind": "phone", "length": 16},
    ],
    "accounts": [
        {
            "fields": {"Name": "Ann"},
            "contacts": [
                {
                    "fields": {"LastName": "Fa", "Badge__c": "B1", "Phone_E164__c": "+14155550124"},
                    "cases": [{"fields": {"Subject": "One"}}],
                }
            ],
        }
    ],
}


@pytest.fixture
def org() -> Org:
    return build_org(DATA, lambda: datetime(2025, 11, 20, tzinfo=UTC))


@pytest.fixture
def api(org: Org) -> Api:
    return Api(org)


def ask(api: Api, method: str, path: str, body: object = None, **query: str) -> ApiAnswer:
    return api.answer(ApiRequest(method=method, path=f"{ROOT}/{path}", query=tuple(query.items()), body=body))


def good(answer: ApiAnswer, status: int = 200) -> dict[str, Any]:
    assert answer.status == status, answer.body
    assert isinstance(answer.body, dict)
    return answer.body


def error(answer: ApiAnswer) -> dict[str, Any]:
    assert answer.status >= 400
    assert isinstance(answer.body, list)
    (item,) = answer.body
    assert isinstance(item, dict)
    return item


def rows(api: Api, soql: str) -> list[dict[str, Any]]:
    return list(good(ask(api, "GET", "query", q=soql))["records"])


def first_id(api: Api, object_: str) -> str:
    return str(rows(api, f"SELECT Id FROM {object_} LIMIT 1")[0]["Id"])


def test_upsert_creates_once_and_changes_after(api: Api) -> None:
    path, body = "sobjects/Task/Call_Id__c/call-1", {"Subject": "Call", "TaskSubtype": "Call"}
    made = good(ask(api, "PATCH", path, body), 201)
    assert (made["success"], made["created"], made["errors"]) == (True, True, [])
    assert is_id(made["id"])
    again = good(ask(api, "PATCH", path, {"Subject": "Call again"}))
    assert (again["id"], again["created"]) == (made["id"], False)
    (row,) = rows(api, "SELECT Subject, Call_Id__c, Status, TaskSubtype FROM Task")
    del row["attributes"]
    assert row == {
        "Subject": "Call again",
        "Call_Id__c": "call-1",
        "Status": "Not Started",
        "TaskSubtype": "Call",
    }
    assert good(ask(api, "GET", path))["Id"] == made["id"]


def test_upsert_takes_any_value_in_its_path(api: Api) -> None:
    for value in ("a%2Fb", "a%27b", "%ED%95%9C", "a%3Fb%23c"):
        assert ask(api, "PATCH", f"sobjects/Task/Call_Id__c/{value}", {"Subject": "x"}).status == 201
    assert [row["Call_Id__c"] for row in rows(api, "SELECT Call_Id__c FROM Task")] == [
        "a/b",
        "a'b",
        "한",
        "a?b#c",
    ]


def test_upsert_of_several_and_of_none(api: Api) -> None:
    ids = [
        good(ask(api, "POST", "sobjects/Task", {"Call_Id__c": "twice", "Subject": "x"}), 201)["id"]
        for _ in range(2)
    ]
    several = ask(api, "PATCH", "sobjects/Task/Call_Id__c/TWICE", {"Subject": "y"})
    assert (several.status, several.body) == (300, [f"{ROOT}/sobjects/Task/{id_}" for id_ in ids])
    only = ask(api, "PATCH", "sobjects/Task/Call_Id__c/new", {"Subject": "y"}, updateOnly="true")
    assert (only.status, error(only)["errorCode"]) == (404, "NOT_FOUND")
    assert len(rows(api, "SELECT Id FROM Task")) == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "expected"),
    [
        (
            "PATCH",
            "sobjects/Task/Subject/x",
            {},
            404,
            {
                "errorCode": "NOT_FOUND",
                "message": "Provided external ID field does not exist or is not accessible: Subject",
            },
        ),
        (
            "PATCH",
            "sobjects/Task/Call_Id__c/x",
            {"Call_Id__c": "x"},
            400,
            {
                "errorCode": "INVALID_FIELD",
                "message": "The Call_Id__c field should not be specified in the sobject data.",
            },
        ),
        (
            "PATCH",
            "sobjects/Case/null",
            {"Subject": "x"},
            404,
            {
                "errorCode": "NOT_FOUND",
                "message": "Provided external ID field does not exist or is not accessible: null",
            },
        ),
        (
            "POST",
            "sobjects/Contact",
            {"FirstName": "x"},
            400,
            {
                "errorCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [LastName]",
                "fields": ["LastName"],
            },
        ),
        (
            "POST",
            "sobjects/Task",
            {"CallType": "Sideways"},
            400,
            {
                "errorCode": "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                "message": "Call Type: bad value for restricted picklist field: Sideways",
                "fields": ["CallType"],
            },
        ),
        (
            "POST",
            "sobjects/Contact",
            {"LastName": "x" * 81},
            400,
            {
                "errorCode": "STRING_TOO_LONG",
                "message": f"Last Name: data value too large: {'x' * 81} (max length=80)",
                "fields": ["LastName"],
            },
        ),
        (
            "POST",
            "sobjects/Task",
            {"Nope": 1},
            400,
            {"errorCode": "INVALID_FIELD", "message": "No such column 'Nope' on sobject of type Task"},
        ),
        (
            "POST",
            "sobjects/Task",
            {"WhatId": "null"},
            400,
            {
                "errorCode": "MALFORMED_ID",
                "message": "What ID: id value of incorrect type: null",
                "fields": ["WhatId"],
            },
        ),
        (
            "POST",
            "sobjects/Case",
            {"CaseNumber": "7"},
            400,
            {
                "errorCode": "INVALID_FIELD_FOR_INSERT_UPDATE",
                "message": "Unable to create/update fields: CaseNumber. Please check the security settings "
                "of this field and verify that it is read/write for your profile or permission set.",
                "fields": ["CaseNumber"],
            },
        ),
    ],
)
def test_refusals_in_full(
    api: Api, method: str, path: str, body: object, status: int, expected: Mapping[str, object]
) -> None:
    answer = ask(api, method, path, body)
    assert answer.status == status
    assert error(answer) == expected


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"Email": "nobody", "LastName": "x"}, "INVALID_EMAIL_ADDRESS"),
        ({"Badge__c": "b1", "LastName": "x"}, "DUPLICATE_VALUE"),
        ({"AccountId": "003gK0000000001", "LastName": "x"}, "MALFORMED_ID"),
        ({"AccountId": "001gK000000zzzz", "LastName": "x"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"LastName": 7}, "JSON_PARSER_ERROR"),
        ({"LastName": ""}, "REQUIRED_FIELD_MISSING"),
        ({"LastName": "x", "CreatedDate": "2025-11-20T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_refused_contacts(api: Api, body: object, code: str) -> None:
    assert error(ask(api, "POST", "sobjects/Contact", body))["errorCode"] == code
    assert len(rows(api, "SELECT Id FROM Contact")) == 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("ActivityDate", "soon", "JSON_PARSER_ERROR"),
        ("CallDurationInSeconds", 4.5, "JSON_PARSER_ERROR"),
        ("Subject", "한" * 255, None),
        ("Subject", "한" * 256, "STRING_TOO_LONG"),
        ("ActivityDate", "2025-11-20", None),
        ("CallDurationInSeconds", 42, None),
        ("TaskSubtype", "Call", None),
    ],
)
def test_values_of_a_task(api: Api, field: str, value: object, code: str | None) -> None:
    answer = ask(api, "POST", "sobjects/Task", {field: value})
    if code is None:
        task = good(ask(api, "GET", f"sobjects/Task/{good(answer, 201)['id']}"))
        assert task[field] == value
    else:
        assert error(answer)["errorCode"] == code


def test_a_field_that_is_set_once(api: Api) -> None:
    task = good(ask(api, "POST", "sobjects/Task", {"TaskSubtype": "Call"}), 201)["id"]
    changed = ask(api, "PATCH", f"sobjects/Task/{task}", {"TaskSubtype": "Email"})
    assert error(changed)["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_a_deleted_record_and_what_hung_on_it(api: Api) -> None:
    case, contact = first_id(api, "Case"), first_id(api, "Contact")
    ask(api, "POST", "sobjects/CaseComment", {"ParentId": case, "CommentBody": "x"})
    assert ask(api, "DELETE", f"sobjects/Contact/{contact}").status == 204
    assert rows(api, "SELECT ContactId FROM Case")[0]["ContactId"] is None
    assert ask(api, "DELETE", f"sobjects/Case/{case[:15]}").status == 204
    assert rows(api, "SELECT Id FROM CaseComment") == []
    assert error(ask(api, "GET", f"sobjects/Case/{case}"))["errorCode"] == "NOT_FOUND"
    for method in ("DELETE", "PATCH"):
        again = ask(api, method, f"sobjects/Case/{case}", {})
        assert (again.status, error(again)["errorCode"]) == (404, "ENTITY_IS_DELETED")
    orphan = ask(api, "POST", "sobjects/CaseComment", {"ParentId": case, "CommentBody": "x"})
    assert error(orphan)["errorCode"] == "ENTITY_IS_DELETED"
    new = good(ask(api, "POST", "sobjects/Case", {"Subject": "x"}), 201)["id"]
    assert new != case


def test_comments_of_a_case_are_written_and_never_read(api: Api) -> None:
    case = first_id(api, "Case")
    assert ask(api, "PATCH", f"sobjects/Case/{case}", {"Comments": "Hello"}).status == 204
    good(ask(api, "POST", "sobjects/Case", {"Subject": "x", "Comments": "Born with"}), 201)
    bodies = [row["CommentBody"] for row in rows(api, "SELECT CommentBody FROM CaseComment")]
    assert bodies == ["Hello", "Born with"]
    assert [row["Comments"] for row in rows(api, "SELECT Comments FROM Case")] == [None, None]


def test_describe_says_what_may_be_done(api: Api, org: Org) -> None:
    org.schema.restrict("Task", createable=False)
    org.schema.restrict("Case", hidden=["Priority"], locked=["Subject"])
    task = good(ask(api, "GET", "sobjects/Task/describe"))
    assert (task["name"], task["keyPrefix"], task["createable"], task["updateable"]) == (
        "Task",
        "00T",
        False,
        True,
    )
    fields = {field["name"]: field for field in task["fields"]}
    assert fields["CallType"]["restrictedPicklist"]
    assert [entry["value"] for entry in fields["CallType"]["picklistValues"]] == [
        "Internal",
        "Inbound",
        "Outbound",
    ]
    assert (fields["Call_Id__c"]["externalId"], fields["Call_Id__c"]["custom"]) == (True, True)
    assert (fields["WhatId"]["type"], fields["WhatId"]["referenceTo"]) == ("reference", ["Account", "Case"])
    assert (fields["Description"]["filterable"], fields["Subject"]["filterable"]) == (False, True)
    assert (fields["TaskSubtype"]["createable"], fields["TaskSubtype"]["updateable"]) == (True, False)
    case = good(ask(api, "GET", "sobjects/case/describe"))
    shown = {field["name"]: field for field in case["fields"]}
    assert "Priority" not in shown
    assert not shown["Subject"]["updateable"]
    assert {child["relationshipName"] for child in case["childRelationships"]} == {"CaseComments", "Tasks"}


def test_what_the_user_may_not_do_is_refused_as_described(api: Api, org: Org) -> None:
    org.schema.restrict("Task", createable=False)
    org.schema.restrict("Case", updateable=False, hidden=["Priority"], locked=["Subject"])
    org.schema.hide("Lead")
    made = error(ask(api, "POST", "sobjects/Task", {"Subject": "x"}))
    assert made["errorCode"] == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    case = first_id(api, "Case")
    assert error(ask(api, "PATCH", f"sobjects/Case/{case}", {}))["errorCode"] == made["errorCode"]
    locked = error(ask(api, "POST", "sobjects/Case", {"Subject": "x"}))
    assert (locked["errorCode"], locked["fields"]) == ("INVALID_FIELD_FOR_INSERT_UPDATE", ["Subject"])
    hidden = error(ask(api, "GET", "query", q="SELECT Priority FROM Case"))
    assert hidden["errorCode"] == "INVALID_FIELD"
    assert "Priority" not in good(ask(api, "GET", f"sobjects/Case/{case}"))
    assert error(ask(api, "GET", "query", q="SELECT Id FROM Lead"))["errorCode"] == "INVALID_TYPE"
    assert ask(api, "GET", "sobjects/Lead/describe").status == 404
    good(ask(api, "POST", "sobjects/Case", {"Origin": "Phone"}), 201)


def test_versions_and_resources(api: Api) -> None:
    listed = api.answer(ApiRequest(method="GET", path="/services/data"))
    assert isinstance(listed.body, list)
    assert listed.body[0] == {"label": "Summer '14", "url": "/services/data/v31.0", "version": "31.0"}
    assert (listed.body[-1]["label"], listed.body[-1]["version"]) == ("Summer '26", "67.0")
    statuses = {
        version: api.answer(ApiRequest(method="GET", path=f"/services/data/v{version}/limits")).status
        for version in ("30.0", "31.0", "67.0", "68.0")
    }
    assert statuses == {"30.0": 410, "31.0": 200, "67.0": 200, "68.0": 404}
    assert set(good(ask(api, "GET", ""))) >= {"query", "search", "composite", "sobjects", "limits"}
    assert {item["name"] for item in good(ask(api, "GET", "sobjects"))["sobjects"]} >= {
        "Case",
        "Task",
        "Lead",
    }
    assert ask(api, "PUT", "sobjects/Case/500gK0000000001").status == 405


def part(reference: str, url: str, method: str = "GET", **more: object) -> Mapping[str, object]:
    return {"method": method, "url": f"{ROOT}/{url}", "referenceId": reference, **more}


def statuses(answer: Mapping[str, Any]) -> list[tuple[int, str | None]]:
    parts = answer["compositeResponse"]
    return [
        (item["httpStatusCode"], item["body"][0]["errorCode"] if isinstance(item["body"], list) else None)
        for item in parts
    ]


def comment_twice(all_or_none: bool) -> Mapping[str, object]:
    return {
        "allOrNone": all_or_none,
        "compositeRequest": [
            part("case", "sobjects/Case", "POST", body={"Subject": "New"}),
            part("note", "sobjects/CaseComment", "POST", body={"ParentId": "@{case.id}", "CommentBody": "x"}),
            part("bad", "sobjects/Task", "POST", body={"CallType": "Sideways"}),
            part("last", "sobjects/Task", "POST", body={"WhatId": "@{case.id}"}),
        ],
    }


def test_a_composite_that_goes_on(api: Api) -> None:
    answer = good(ask(api, "POST", "composite", comment_twice(False)))
    restricted = (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
    assert statuses(answer) == [(201, None), (201, None), restricted, (201, None)]
    made = answer["compositeResponse"][0]
    assert made["httpHeaders"] == {"Location": f"{ROOT}/sobjects/Case/{made['body']['id']}"}
    assert len(rows(api, "SELECT Id FROM CaseComment")) == 1


def test_a_composite_of_all_or_none(api: Api) -> None:
    answer = good(ask(api, "POST", "composite", comment_twice(True)))
    halted = (400, "PROCESSING_HALTED")
    restricted = (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
    assert statuses(answer) == [halted, halted, restricted, halted]
    assert (rows(api, "SELECT Id FROM CaseComment"), rows(api, "SELECT Id FROM Task")) == ([], [])
    assert len(rows(api, "SELECT Id FROM Case")) == 1


def test_all_or_none_undoes_changes_and_deletions(api: Api) -> None:
    case, contact = first_id(api, "Case"), first_id(api, "Contact")
    parts = [
        part("change", f"sobjects/Case/{case}", "PATCH", body={"Subject": "Two", "Comments": "x"}),
        part("remove", f"sobjects/Contact/{contact}", "DELETE"),
        part("bad", "sobjects/Task/x", "PATCH", body={}),
    ]
    good(ask(api, "POST", "composite", {"allOrNone": True, "compositeRequest": parts}))
    assert rows(api, "SELECT Subject, ContactId FROM Case")[0]["Subject"] == "One"
    assert first_id(api, "Contact") == contact
    assert rows(api, "SELECT Id FROM CaseComment") == []
    assert ask(api, "DELETE", f"sobjects/Contact/{contact}").status == 204


def test_a_reference_without_value_says_which(api: Api) -> None:
    parts = [
        part("none", "query?q=SELECT+Id+FROM+Case+WHERE+Subject='x'"),
        part("next", "sobjects/Case/@{none.records[0].Id}"),
    ]
    answer = good(ask(api, "POST", "composite", {"compositeRequest": parts}))
    assert answer["compositeResponse"][1]["body"] == [
        {
            "errorCode": "PROCESSING_HALTED",
            "message": "Invalid reference specified. No value for none.records[0].Id found in none",
        }
    ]


def test_the_sizes_of_a_composite(api: Api) -> None:
    parts = [part(f"p{number}", "limits") for number in range(26)]
    assert (
        len(good(ask(api, "POST", "composite", {"compositeRequest": parts[:25]}))["compositeResponse"]) == 25
    )
    assert error(ask(api, "POST", "composite", {"compositeRequest": parts}))["errorCode"] == "LIMIT_EXCEEDED"
    inner = [part("a", "composite", "POST", body={})]
    answer = good(ask(api, "POST", "composite", {"compositeRequest": inner}))
    assert statuses(answer) == [(400, "NOT_SIMULATED")]


def test_a_batch_counts_each_of_its_parts(api: Api) -> None:
    requests = [
        {"method": "GET", "url": "v62.0/limits"},
        {"method": "GET", "url": "v62.0/sobjects/Case/null"},
        {"method": "POST", "url": "v62.0/sobjects/Case", "richInput": {"Subject": "x"}},
    ]
    on = good(ask(api, "POST", "composite/batch", {"batchRequests": requests}))
    assert (on["hasErrors"], [item["statusCode"] for item in on["results"]]) == (True, [200, 404, 201])
    assert api.usage[0] == 4
    off = good(ask(api, "POST", "composite/batch", {"batchRequests": requests, "haltOnError": True}))
    assert [item["statusCode"] for item in off["results"]] == [200, 404, 412]
    assert off["results"][2]["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"


def test_fields_rights_and_faults_by_http() -> None:
    async def main() -> None:
        async with simulated() as org:
            base = f"{org.settings.login_url}/simulator"
            login = {
                "grant_type": "client_credentials",
                "client_id": org.settings.client_id,
                "client_secret": org.settings.client_secret,
            }
            token = (
                await org.http.post(f"{org.settings.login_url}/services/oauth2/token", data=login)
            ).json()["access_token"]

            async def get(path: str) -> tuple[int, Any]:
                url, header = f"{org.settings.login_url}{ROOT}/{path}", {"Authorization": f"Bearer {token}"}
                answer = await org.http.get(url, headers=header)
                is_json = "json" in answer.headers["content-type"]
                return answer.status_code, answer.json() if is_json else None

            query = "query?q=SELECT+Phone_E164__c+FROM+Contact+LIMIT+1"
            assert (await get(query))[0] == 400
            field = {"object": "Contact", "name": "Phone_E164__c", "external_id": True}
            assert (await org.http.post(f"{base}/fields", json=field)).status_code == 204
            assert (await get(query))[1]["records"][0]["Phone_E164__c"] is None
            rights = {"object": "Contact", "hidden": ["Phone_E164__c"]}
            assert (await org.http.post(f"{base}/permissions", json=rights)).status_code == 204
            assert (await get(query))[0] == 400
            for unusable, status in (
                ({"object": "Contact", "hidden": ["Nope"]}, 404),
                ({"object": "Robot", "visible": False}, 404),
                ({"object": "Contact", "colour": "red"}, 422),
            ):
                assert (await org.http.post(f"{base}/permissions", json=unusable)).status_code == status
            assert (await org.http.post(f"{base}/fields", json={**field, "name": "Plain"})).status_code == 422
            fault = {"kind": "error", "status": 400, "error": "QUERY_TIMEOUT", "after": 1, "path": "/limits"}
            await org.http.post(f"{base}/faults", json=fault)
            assert [(await get("limits"))[0] for _ in range(3)] == [200, 400, 200]
            assert (await get("limits?x=" + "y" * 16_384))[0] == 414
            await org.http.delete(f"{base}/log")
            await get("limits")
            assert [entry["path"] for entry in (await org.http.get(f"{base}/log")).json()] == [
                f"{ROOT}/limits"
            ]

    asyncio.run(main())
