"""Faults on demand: what each looks like to a client, which requests it strikes, and what the log says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ivr.salesforce.simulator.faults import Fault, FaultKind, Faults
from ivr.salesforce.testing import SimulatedOrg, simulated, simulated_over_tcp

LIMITS = "/services/data/v62.0/limits"
PATIENCE_S = 10.0


async def logged_in(org: SimulatedOrg) -> dict[str, str]:
    token = await org.connector.login()
    return {"Authorization": f"Bearer {token.access_token}"}


async def struck(org: SimulatedOrg, **fault: Any) -> httpx.Response:
    """The answer to one request that a fault strikes, switched on over HTTP as anybody would."""
    headers = await logged_in(org)
    base = org.settings.login_url
    added = await org.http.post(f"{base}/simulator/faults", json={"path": "/limits", **fault})
    assert added.status_code == 200
    return await org.http.get(base + LIMITS, headers=headers, timeout=PATIENCE_S)


@pytest.mark.parametrize(
    ("fault", "status", "code", "said"),
    [
        ({"kind": "unauthorized"}, 401, "INVALID_SESSION_ID", "Session expired or invalid"),
        ({"kind": "quota_daily"}, 403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        ({"kind": "quota_concurrent"}, 403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn"),
        ({"kind": "denied"}, 403, "API_DISABLED_FOR_ORG", "not enabled"),
        ({"kind": "locked_row"}, 400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access"),
        ({"kind": "query_timeout"}, 400, "QUERY_TIMEOUT", "too long"),
        (
            {"kind": "error", "status": 400, "error": "DUPLICATES_DETECTED", "description": "Use one"},
            400,
            "DUPLICATES_DETECTED",
            "Use one",
        ),
    ],
)
def test_errors_of_the_api(fault: dict[str, Any], status: int, code: str, said: str) -> None:
    async def main() -> None:
        async with simulated() as org:
            answer = await struck(org, **fault)
            assert answer.status_code == status
            (item,) = answer.json()
            assert item["errorCode"] == code
            assert said in item["message"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "body"),
    [
        ({"kind": "status"}, 503, "text/html", "<html>"),
        ({"kind": "status", "status": 502}, 502, "text/html", "<html>"),
        ({"kind": "garbage"}, 200, "application/json", '{"totalSize": 1'),
        ({"kind": "shape"}, 200, "application/json", '[{"unexpected"'),
        ({"kind": "empty"}, 200, "application/json", ""),
        ({"kind": "redirect"}, 302, "", ""),
        ({"kind": "slow", "seconds": 0}, 200, "application/json", '{"DailyApiRequests"'),
    ],
)
def test_answers_of_another_kind(fault: dict[str, Any], status: int, content_type: str, body: str) -> None:
    async def main() -> None:
        async with simulated() as org:
            answer = await struck(org, **fault)
            assert answer.status_code == status
            assert answer.headers.get("content-type", "").startswith(content_type)
            assert answer.text.startswith(body)

    asyncio.run(main())


def test_a_huge_answer() -> None:
    async def main() -> None:
        async with simulated() as org:
            assert len((await struck(org, kind="huge")).content) > org.settings.max_response_bytes

    asyncio.run(main())


@contextlib.asynccontextmanager
async def cut(kind: str) -> AsyncIterator[SimulatedOrg]:
    async with simulated_over_tcp() as org:
        with pytest.raises(httpx.RemoteProtocolError):
            await struck(org, kind=kind)
        yield org


def test_a_cut_connection_leaves_nothing_done() -> None:
    async def main() -> None:
        async with cut("cut") as org:
            assert org.org.policy.api_used == 0

    asyncio.run(main())


def test_a_lost_answer_leaves_the_request_done() -> None:
    async def main() -> None:
        async with cut("lost_answer") as org:
            assert org.org.policy.api_used == 1

    asyncio.run(main())


def test_an_error_of_the_token_endpoint() -> None:
    async def main() -> None:
        async with simulated() as org:
            fault = Fault(
                kind=FaultKind.OAUTH, path="/oauth2", error="inactive_user", description="user is inactive"
            )
            org.faults.add(fault)
            answer = await org.http.post(f"{org.settings.login_url}/services/oauth2/token")
            assert (answer.status_code, answer.json()) == (
                400,
                {"error": "inactive_user", "error_description": "user is inactive"},
            )

    asyncio.run(main())


def test_which_requests_are_struck() -> None:
    faults = Faults()
    faults.add(Fault(kind=FaultKind.CUT, path="/sobjects", method="post", after=1, times=2))
    faults.add(Fault(kind=FaultKind.EMPTY, times=None, path="/query"))
    assert faults.take("GET", "/sobjects/Case") is None
    assert faults.take("POST", "/limits") is None
    struck = [faults.take("POST", "/sobjects/Case") for _ in range(4)]
    assert [fault.kind if fault else None for fault in struck] == [None, "cut", "cut", None]
    assert [fault.kind for fault in faults.active] == ["empty"]
    assert faults.taken.is_set()
    assert all(faults.take("GET", "/query") for _ in range(5))
    faults.clear()
    assert faults.take("GET", "/query") is None


def test_the_log_says_what_was_asked_and_what_went_wrong() -> None:
    async def main() -> None:
        async with simulated() as org:
            base, headers = org.settings.login_url, await logged_in(org)
            org.faults.add(Fault(kind=FaultKind.STATUS, path="/query"))
            await org.http.get(f"{base}/services/data/v62.0/query?q=SELECT+Id", headers=headers)
            body = {"Subject": "한"}
            await org.http.post(f"{base}/services/data/v62.0/sobjects/Case", headers=headers, json=body)
            login, query, create = (await org.http.get(f"{base}/simulator/log")).json()
            assert (login["method"], login["status"], login["fault"]) == ("POST", 200, None)
            assert (query["query"], query["status"], query["fault"]) == ("q=SELECT+Id", 503, "status")
            assert (create["body"], create["status"]) == ('{"Subject":"한"}', 201)

    asyncio.run(main())
