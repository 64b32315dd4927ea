"""What we rely on in Salesforce, against the simulator and, when it is named, against a real org.

IVR_SALESFORCE_LOGIN_URL, IVR_SALESFORCE_CLIENT_ID and IVR_SALESFORCE_CLIENT_SECRET name an org with the
client credentials flow. The tests read; with IVR_SALESFORCE_WRITE=1 they also make a case with a comment and
a Task and delete them again. IVR_SALESFORCE_NUMBER, in E.164, is the number of one contact there.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from ivr.checks.model import Status
from ivr.checks.salesforce import SalesforceChecks
from ivr.clock import SystemClock
from ivr.config import load_config
from ivr.numbers import E164
from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.model import MatchResult
from ivr.salesforce.settings import SalesforceSettings
from ivr.salesforce.testing import simulated
from ivr.salesforce.writeback import WriteOutcome
from tests.cli_support import write_config

NEEDED = ("IVR_SALESFORCE_LOGIN_URL", "IVR_SALESFORCE_CLIENT_ID", "IVR_SALESFORCE_CLIENT_SECRET")
JSON = {"Content-Type": "application/json"}
ROOT = "/services/data/v62.0"
TIMEOUT_S = 10.0

_missing = [name for name in NEEDED if not os.environ.get(name)]
ORGS = [
    "simulator",
    pytest.param(
        "real",
        marks=pytest.mark.skipif(bool(_missing), reason=f"no org is named: {', '.join(_missing)} not set"),
    ),
]


@asynccontextmanager
async def org(which: str) -> AsyncIterator[tuple[SalesforceConnector, str]]:
    """A connector, and a number that one contact of its org has ("" for none known)."""
    if which == "simulator":
        async with simulated() as fake:
            # Ids and dates of the real clock, as for the real org.
            yield (
                SalesforceConnector(fake.settings, fake.http, SystemClock(), lambda seen: None),
                "+14155550123",
            )
        return
    url, client_id, secret = (os.environ[name] for name in NEEDED)
    settings = SalesforceSettings(name="real", login_url=url, client_id=client_id, client_secret=secret)
    async with httpx.AsyncClient(trust_env=False) as http:
        connector = SalesforceConnector(settings, http, SystemClock(), lambda seen: None)
        yield connector, os.environ.get("IVR_SALESFORCE_NUMBER", "")


def run(which: str, work: Callable[[SalesforceConnector, str], Awaitable[None]]) -> None:
    async def main() -> None:
        async with org(which) as (connector, number):
            await work(connector, number)

    asyncio.run(main())


@pytest.mark.parametrize("which", ORGS)
def test_login_and_usage(which: str) -> None:
    async def work(connector: SalesforceConnector, number: str) -> None:
        token = await connector.login()
        assert token.instance_url.startswith("http")
        reply = await connector.request("GET", f"{ROOT}/limits", {}, {}, None, TIMEOUT_S)
        limits = reply.json()
        assert isinstance(limits, dict)
        assert limits["DailyApiRequests"]["Max"] > 0
        usage = connector.usage
        assert usage is not None, "each answer carries Sforce-Limit-Info"
        assert usage.limit > 0

    run(which, work)


@pytest.mark.parametrize("which", ORGS)
def test_all_that_is_read_and_written_may_be(which: str, tmp_path: Path) -> None:
    async def work(connector: SalesforceConnector, number: str) -> None:
        checks = SalesforceChecks("Salesforce", load_config(write_config(tmp_path), env={}), connector)
        assert (await checks.login()).status is Status.OK
        result = await checks.objects()
        assert result.status is Status.OK, result

    run(which, work)


@pytest.mark.parametrize("which", ORGS)
def test_nobody_has_a_number_of_fiction(which: str) -> None:
    async def work(connector: SalesforceConnector, number: str) -> None:
        match = await connector.find(E164("+12025550100"))
        assert (match.result, match.detail) == (MatchResult.NONE, "")

    run(which, work)


@pytest.mark.parametrize("which", ORGS)
def test_a_contact_is_found_with_account_and_cases(which: str) -> None:
    async def work(connector: SalesforceConnector, number: str) -> None:
        if not number:
            pytest.skip("IVR_SALESFORCE_NUMBER is not set")
        match = await connector.open_cases(await connector.find(E164(number)))
        assert match.result in (MatchResult.ONE, MatchResult.MANY)
        assert match.candidates
        assert match.cases_known or match.result is MatchResult.MANY

    run(which, work)


@pytest.mark.parametrize("which", ORGS)
def test_faults_have_the_words_that_we_branch_on(which: str) -> None:
    async def work(connector: SalesforceConnector, number: str) -> None:
        for query, code in (
            ("SELECT Nothing__c FROM Account", "INVALID_FIELD"),
            ("SELECT Id FROM Nothing__c", "INVALID_TYPE"),
            ("SELECT Id FORM Account", "MALFORMED_QUERY"),
        ):
            reply = await connector.request("GET", f"{ROOT}/query", {"q": query}, {}, None, TIMEOUT_S)
            answer = reply.json()
            assert isinstance(answer, list)
            assert (reply.status, answer[0]["errorCode"]) == (400, code)

    run(which, work)


@pytest.mark.parametrize("which", ORGS)
def test_a_comment_and_a_task_are_made_once(which: str) -> None:
    async def work(connector: SalesforceConnector, number: str) -> None:
        if which == "real" and os.environ.get("IVR_SALESFORCE_WRITE") != "1":
            pytest.skip("IVR_SALESFORCE_WRITE is not 1: nothing is written to the org")
        call_id = f"contract-{uuid.uuid4()}"
        case_id = await create(connector, "Case", {"Subject": "Contract test of the IVR", "Origin": "Phone"})
        made = [("Case", case_id)]
        try:
            await write_twice(connector, case_id, call_id, made)
        finally:
            for object_, id_ in reversed(made):
                path = f"{ROOT}/sobjects/{object_}/{id_}"
                reply = await connector.request("DELETE", path, {}, {}, None, TIMEOUT_S)
                assert reply.status == 204

    run(which, work)


async def create(connector: SalesforceConnector, object_: str, values: dict[str, str]) -> str:
    path = f"{ROOT}/sobjects/{object_}"
    reply = await connector.request("POST", path, {}, JSON, json.dumps(values), TIMEOUT_S)
    assert reply.status == 201, reply.text
    answer = reply.json()
    assert isinstance(answer, dict)
    return str(answer["id"])


async def write_twice(
    connector: SalesforceConnector, case_id: str, call_id: str, made: list[tuple[str, str]]
) -> None:
    """Each write twice: the second finds the first."""
    marker = f"[call:{call_id}]"
    day = SystemClock().now().date().isoformat()
    values: dict[str, str | int] = {
        "Subject": "Contract test of the IVR",
        "Status": "Completed",
        "TaskSubtype": "Call",
        "CallType": "Inbound",
        "CallObject": call_id,
        "CallDisposition": "Answered",
        "CallDurationInSeconds": 7,
        "ActivityDate": day,
        "WhatId": case_id,
    }
    comments = [await connector.add_case_comment(case_id, "한 줄 'quoted' 100%", marker) for _ in range(2)]
    made.append(("CaseComment", comments[0].id))
    tasks = [await connector.add_task(values) for _ in range(2)]
    made.append(("Task", tasks[0].id))
    for first, second in (comments, tasks):
        assert (first.outcome, second.outcome) == (WriteOutcome.CREATED, WriteOutcome.ALREADY_THERE)
        assert first.id[:15] == second.id[:15]


def test_a_real_org_s_settings_show_no_secret() -> None:
    settings = SalesforceSettings(
        name="real", login_url="https://a.my.salesforce.com", client_id="a", client_secret="never-shown"
    )
    assert "never-shown" not in repr(dataclasses.replace(settings, name="other"))
