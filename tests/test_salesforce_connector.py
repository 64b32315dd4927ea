"""The connector's remaining verbs: pages of records, requests of flows, settings."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.errors import BadRequest, Garbage, Refused, SalesforceError
from ivr.salesforce.settings import SalesforceSettings
from ivr.salesforce.simulator.faults import FaultKind
from ivr.salesforce.testing import ManualClock, SimulatedOrg, simulated

ID = "001gK0000000001QAA"
LIMITS = "/services/data/v62.0/limits"


def page(login_url: str, record_url: str | None = None) -> str:
    settings = SalesforceSettings(
        name="Salesforce", login_url=login_url, client_id="a", client_secret="b", record_url=record_url
    )
    connector = SalesforceConnector(settings, httpx.AsyncClient(), ManualClock(), lambda seen: None)
    return connector.record_page("Account", ID)


@pytest.mark.parametrize(
    ("login_url", "origin"),
    [
        ("https://example.my.salesforce.com", "https://example.lightning.force.com"),
        (
            "https://example-dev-ed.develop.my.salesforce.com/",
            "https://example-dev-ed.develop.lightning.force.com",
        ),
        (
            "https://example--sbx.sandbox.my.salesforce.com",
            "https://example--sbx.sandbox.lightning.force.com",
        ),
        ("http://127.0.0.1:8099", "http://127.0.0.1:8099"),
    ],
)
def test_a_record_s_page_is_derived_from_the_org_s_address(login_url: str, origin: str) -> None:
    assert page(login_url) == f"{origin}/lightning/r/Account/{ID}/view"


def test_a_configured_origin_wins() -> None:
    url = page("https://example.my.salesforce.com", "https://crm.example.com/")
    assert url == f"https://crm.example.com/lightning/r/Account/{ID}/view"


@pytest.mark.parametrize(("object_", "id_"), [("Account", "null"), ("Account", "../../x"), ("Acc/ount", ID)])
def test_no_page_for_what_is_no_record(object_: str, id_: str) -> None:
    async def main() -> None:
        async with simulated() as org:
            with pytest.raises(BadRequest):
                org.connector.record_page(object_, id_)

    asyncio.run(main())


@pytest.mark.parametrize(
    "url",
    [
        "http://example.my.salesforce.com",
        "https://",
        "https://user@example.com",
        "https://example.com/path",
        "ftp://example.com",
        "example.com",
    ],
)
def test_a_login_url_to_which_secrets_must_not_go_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        SalesforceSettings(name="x", login_url=url, client_id="a", client_secret="b")


def test_secrets_and_tokens_are_not_shown() -> None:
    async def main() -> None:
        async with simulated() as org:
            token = await org.connector.login()
            shown = f"{token!r} {org.settings!r}"
            assert token.access_token not in shown
            assert org.settings.client_secret not in shown

    asyncio.run(main())


async def get(org: SimulatedOrg, path: str, **query: str) -> tuple[int, object]:
    reply = await org.connector.request("get", path, query, {}, None, 5.0)
    return reply.status, reply.json()


def test_a_flow_s_request_gets_whatever_answer_there_is() -> None:
    async def main() -> None:
        async with simulated() as org:
            status, body = await get(org, LIMITS)
            assert status == 200
            assert isinstance(body, dict)
            assert body["DailyApiRequests"]["Max"] == 15_000
            assert (await get(org, "/services/data/v62.0/query", q="SELECT"))[0] == 400
            assert (await get(org, "/services/data/v62.0/nothing"))[0] == 404
            org.fault(FaultKind.STATUS, times=2)
            reply = await org.connector.request("GET", LIMITS, {}, {}, None, 5.0)
            assert (reply.status, reply.text[:6]) == (503, "<html>")

    asyncio.run(main())


def test_the_published_flow_s_requests_work_as_they_are() -> None:
    """Query in the path, plus signs for blanks, an older version, and the PATCH that makes a comment."""

    async def main() -> None:
        async with simulated() as org:
            contact = org.id_of("Contact", "Alice Morgan")
            path = (
                "/services/data/v52.0/query?q=SELECT+Id,CaseNumber,ContactId,accountId,Subject,Priority"
                f"+FROM+Case+WHERE+ContactId=%27{contact}%27"
            )
            status, body = await get(org, path)
            assert status == 200
            assert isinstance(body, dict)
            assert body["totalSize"] == 3
            case = body["records"][0]["Id"]
            comment = json.dumps({"Comments": "an update"})
            headers = {"Content-Type": "application/json", "Authorization": "Bearer stolen", "Host": "evil"}
            reply = await org.connector.request(
                "PATCH", f"/services/data/v52.0/sobjects/Case/{case}", {}, headers, comment, 5.0
            )
            assert (reply.status, reply.body) == (204, b"")
            assert org.comments(case)[-1] == "an update"

    asyncio.run(main())


def test_an_absolute_url_within_the_org_is_allowed() -> None:
    async def main() -> None:
        async with simulated() as org:
            assert (await get(org, f"{org.settings.login_url}{LIMITS}"))[0] == 200

    asyncio.run(main())


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "http://127.0.0.1:1/x",
        "x",
        "",
        "http://[",
        "http://127.0.0.1@evil",
    ],
)
def test_the_token_goes_nowhere_else(path: str) -> None:
    async def main() -> None:
        async with simulated() as org:
            with pytest.raises(BadRequest):
                await get(org, path)
            assert org.outcomes("request") == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "headers"),
    [("CONNECT", {}), ("GET\r\nX: y", {}), ("GET", {"X": "ü\u20ac"}), ("GET", {"Ä": "y"})],
)
def test_what_cannot_be_sent_is_a_bad_request(method: str, headers: dict[str, str]) -> None:
    async def main() -> None:
        async with simulated() as org:
            with pytest.raises(BadRequest):
                await org.connector.request(method, LIMITS, {}, headers, None, 5.0)

    asyncio.run(main())


def test_a_second_refusal_of_the_session_is_the_answer() -> None:
    async def main() -> None:
        async with simulated() as org:
            org.fault(FaultKind.UNAUTHORIZED, times=2)
            assert (await get(org, LIMITS))[0] == 401
            assert org.outcomes("login") == ["ok", "ok"]

    asyncio.run(main())


def test_there_is_no_answer_without_a_login_or_behind_a_redirect() -> None:
    async def main() -> None:
        async with simulated() as org:
            for kind, path, error in (
                (FaultKind.OAUTH, "/oauth2/token", Refused),
                (FaultKind.REDIRECT, "/limits", Garbage),
                (FaultKind.HUGE, "/limits", Garbage),
            ):
                org.fault(kind, path=path)
                with pytest.raises(error):
                    await get(org, LIMITS)

    asyncio.run(main())


def test_login_is_done_once_and_kept() -> None:
    async def main() -> None:
        async with simulated() as org:
            first = await org.connector.login()
            assert await org.connector.login() is first
            assert first.instance_url == org.settings.login_url
            assert org.outcomes("login") == ["ok"]

    asyncio.run(main())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b'{"access_token": "t"}',
        b'{"access_token": "", "instance_url": "https://a.my.salesforce.com"}',
        b'{"access_token": "a\\r\\nX: y", "instance_url": "https://a.my.salesforce.com"}',
        b'{"access_token": "t", "instance_url": "http://a.my.salesforce.com"}',
        b'{"access_token": "t", "instance_url": 7}',
        b"[" * 100_000,
    ],
)
def test_a_token_answer_that_cannot_be_trusted(answer: bytes) -> None:
    async def main() -> None:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, content=answer))
        settings = SalesforceSettings(
            name="x", login_url="https://a.my.salesforce.com", client_id="a", client_secret="b"
        )
        async with httpx.AsyncClient(transport=transport) as http:
            connector = SalesforceConnector(settings, http, ManualClock(), lambda seen: None)
            with pytest.raises(Garbage) as caught:
                await connector.login()
            assert isinstance(caught.value, SalesforceError)

    asyncio.run(main())


def test_the_instance_url_of_the_login_is_where_requests_go() -> None:
    async def main() -> None:
        hosts: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            hosts.append(request.url.host)
            body = {"access_token": "t", "instance_url": "https://na1.my.salesforce.com"}
            return httpx.Response(200, json=body)

        settings = SalesforceSettings(
            name="x", login_url="https://a.my.salesforce.com", client_id="a", client_secret="b"
        )
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            connector = SalesforceConnector(settings, http, ManualClock(), lambda seen: None)
            await connector.request("GET", "/x", {}, {}, None, 1.0)
            assert hosts == ["a.my.salesforce.com", "na1.my.salesforce.com"]
            assert connector.record_page("Case", ID).startswith("https://na1.lightning.force.com/")

    asyncio.run(main())
