"""Client and simulator, written apart, meet: grants, custom fields, upserts, permissions, the org's clock."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ivr.checks.model import CheckResult, Status
from ivr.checks.salesforce import SalesforceChecks, remedy_of
from ivr.config import load_config
from ivr.connectors import org_settings
from ivr.numbers import E164
from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.errors import Refused
from ivr.salesforce.fields import OrgFields
from ivr.salesforce.grants import ClientCredentials, Grant, JwtBearer, Password, RefreshToken
from ivr.salesforce.model import MatchResult
from ivr.salesforce.simulator.policy import Policy
from ivr.salesforce.testing import SimulatedOrg, simulated
from ivr.salesforce.writeback import WriteOutcome
from ivr.testing.clock import ManualClock
from tests.cli_support import write_config

ALICE = E164("+14155550123")
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = (
    KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
USER = "integration@simulated.example"


def _grants(org: SimulatedOrg) -> dict[str, Grant]:
    client_id, secret = org.settings.client_id, org.settings.client_secret
    return {
        "client_credentials": ClientCredentials(client_id=client_id, client_secret=secret),
        "jwt_bearer": JwtBearer(
            client_id=client_id, username=USER, audience="https://login.salesforce.com", private_key=PRIVATE
        ),
        "refresh_token": RefreshToken(client_id=client_id, refresh_token="kept"),
        "password": Password(
            client_id=client_id, client_secret=secret, username=USER, password="pw", security_token="TOK"
        ),
    }


async def log_in(name: str, change: Callable[[Policy], Policy], clock_s: float = 0.0) -> str:
    """Find Alice after a login by a grant, in an org whose settings are changed."""
    async with simulated() as org:
        org.org.identity = dataclasses.replace(
            org.org.identity,
            username=USER,
            password="pw",
            security_token="TOK",
            refresh_token="kept",
            certificate=PUBLIC,
        )
        org.org.policy = change(org.org.policy)
        org.clock.advance(clock_s)
        settings = dataclasses.replace(org.settings, grant=_grants(org)[name])
        connector = SalesforceConnector(settings, org.http, _WallClock(clock_s), lambda seen: None)
        await connector.login()
        return (await connector.find(ALICE)).name or ""


class _WallClock(ManualClock):
    """The machine's clock, wrong by some seconds."""

    def __init__(self, wrong_s: float) -> None:
        from ivr.clock import SystemClock

        super().__init__(SystemClock().now())
        if wrong_s > 0:
            self.advance(wrong_s)


def allowed(policy: Policy) -> Policy:
    return dataclasses.replace(policy, password_flow=True)


@pytest.mark.parametrize("grant", ["client_credentials", "jwt_bearer", "refresh_token", "password"])
def test_each_grant_finds_the_caller(grant: str) -> None:
    assert asyncio.run(log_in(grant, allowed)) == "Alice Morgan"


@pytest.mark.parametrize(
    ("grant", "change", "words", "remedy"),
    [
        ("client_credentials", {"run_as": False}, "no client credentials user", "run-as user"),
        ("jwt_bearer", {"approved": False}, "hasn't approved", "pre-authorized"),
        ("refresh_token", {"refresh_expired": True}, "expired access/refresh token", "revoked"),
        ("password", {}, "authentication failure", "Summer '23"),
        ("jwt_bearer", {"clock_ahead_s": 600.0}, "clock is 600 s behind", "NTP"),
    ],
)
def test_each_refusal_is_explained(grant: str, change: dict[str, object], words: str, remedy: str) -> None:
    def changed(policy: Policy) -> Policy:
        return dataclasses.replace(policy, **change)  # type: ignore[arg-type]  # the fields' own names

    with pytest.raises(Refused) as caught:
        asyncio.run(log_in(grant, changed))
    told = caught.value.detail.replace("599 s", "600 s").replace("601 s", "600 s")
    assert words in told
    assert remedy in remedy_of(caught.value, grant)


async def add_field(org: SimulatedOrg, **entry: object) -> None:
    answer = await org.http.post(f"{org.settings.login_url}/simulator/fields", json=entry)
    answer.raise_for_status()


def test_a_normalised_field_of_the_org_finds_who_the_search_would_not() -> None:
    async def main() -> None:
        fields = OrgFields(normalised={"Contact": "Phone_E164__c"})
        async with simulated(fields=fields) as org:
            assert (await org.connector.find(ALICE)).name == "Alice Morgan", "without the field, by search"
            await add_field(org, object="Contact", name="Phone_E164__c", external_id=True)
            contact = org.id_of("Contact", "Ruth Abernathy")
            body = '{"Phone_E164__c": "+819012345678"}'
            path = f"/services/data/v62.0/sobjects/Contact/{contact}"
            headers = {"Content-Type": "application/json"}
            reply = await org.connector.request("PATCH", path, {}, headers, body, 5.0)
            assert reply.status == 204
            org.seen.clear()
            match = await org.connector.find(E164("+819012345678"))
            assert (match.result, match.name) == (MatchResult.ONE, "Ruth Abernathy")
            assert [seen.operation for seen in org.seen] == ["find_exact"]

    asyncio.run(main())


def test_a_task_is_upserted_by_a_field_of_the_org() -> None:
    async def main() -> None:
        values: dict[str, str | int] = {
            "Subject": "Inbound call", "CallObject": "call-0001", "ActivityDate": "2025-01-01",
            "TaskSubtype": "Call",
        }  # fmt: skip
        async with simulated(task_external_id="Call_Id__c") as org:
            await add_field(org, object="Task", name="Call_Id__c", external_id=True, unique=True)
            first, again = await org.connector.add_task(values), await org.connector.add_task(values)
            assert (first.outcome, again.outcome) == (WriteOutcome.CREATED, WriteOutcome.ALREADY_THERE)
            # Looked for first: an org refuses a TaskSubtype in what would be the update of a Task.
            assert org.outcomes("upsert_task") == ["ok"]
            assert org.outcomes("find_task") == ["ok", "ok"]
            task = (await org.http.get(f"{org.settings.login_url}/simulator/records/Task")).json()
            assert [(t["Call_Id__c"], t["CallObject"]) for t in task] == [("call-0001", "call-0001")]

    asyncio.run(main())


async def checked(
    folder: Path, changes: str = "", *, permissions: dict[str, object] | None = None
) -> CheckResult:
    """The check of permissions, after rights were taken away."""
    async with simulated() as org:
        path = write_config(folder)
        path.write_text(path.read_text().replace("http: {listen", f"{changes}http: {{listen"))
        config = load_config(path, env={})
        settings = org_settings("Salesforce", config.connectors["Salesforce"], config)
        settings = dataclasses.replace(settings, login_url=org.settings.login_url)
        connector = SalesforceConnector(settings, org.http, org.clock, lambda seen: None)
        if permissions is not None:
            url = f"{org.settings.login_url}/simulator/permissions"
            (await org.http.post(url, json=permissions)).raise_for_status()
        checks = SalesforceChecks("Salesforce", config, connector)
        await checks.login()
        return await checks.objects()


def test_a_good_org_passes(tmp_path: Path) -> None:
    assert asyncio.run(checked(tmp_path)).status is Status.OK


@pytest.mark.parametrize(
    ("permissions", "words"),
    [
        (
            {"object": "Task", "createable": False},
            "Task: may be read but not created (object permission Create)",
        ),
        (
            {"object": "Contact", "hidden": ["MobilePhone"]},
            "Contact.MobilePhone: there is none, or it is hidden",
        ),
        (
            {"object": "CaseComment", "locked": ["CommentBody"]},
            "CaseComment.CommentBody: may be read but not",
        ),
        ({"object": "Lead", "visible": False}, "Lead: HTTP 40"),
    ],
)
def test_a_missing_permission_is_named(permissions: dict[str, object], words: str, tmp_path: Path) -> None:
    result = asyncio.run(checked(tmp_path, permissions=permissions))
    assert result.status is Status.FAILED
    assert words in result.text
    assert "run-as user" in result.remedy


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ("    search: {normalised: {Contact: Nowhere__c}}\n", "Contact.Nowhere__c: there is none"),
        ("    search: {phones: {Contact: [Title]}}\n", "Contact.Title: is of type string"),
        ("    api_version: v99.0\n", "api_version v99.0: this org knows v31.0 to v67.0"),
        ("    write_back: {task_external_id: Call__c}\n", "Task.Call__c: there is none"),
    ],
)
def test_a_configuration_that_the_org_does_not_fit_is_named(changes: str, words: str, tmp_path: Path) -> None:
    result = asyncio.run(checked(tmp_path, changes))
    assert result.status is Status.FAILED
    assert words in result.text
