"""The simulated token endpoint: each grant, and the words in which Salesforce refuses it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from ivr.salesforce.simulator.app import create_app
from ivr.salesforce.simulator.ids import is_id
from ivr.salesforce.simulator.oauth import JWT_GRANT
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.policy import Identity

NOW = datetime(2025, 11, 20, 12, tzinfo=UTC)
BASE = "http://127.0.0.1"
USER = "robot@example.com"
API = "/services/data/v62.0/limits"


class Moment:
    """This machine's time, set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@functools.cache
def key(which: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@functools.cache
def certificate() -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ivr")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key("app").public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key("app"), hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def public_pem() -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key("app").public_key().public_bytes(serialization.Encoding.PEM, form).decode()


@dataclass(frozen=True, slots=True)
class Door:
    """An org with a client in front of it."""

    http: httpx.AsyncClient
    org: Org
    moment: Moment

    async def ask(self, form: Mapping[str, str]) -> httpx.Response:
        return await self.http.post("/services/oauth2/token", data=dict(form))

    async def token(self) -> str:
        return str((await self.ask(CREDENTIALS)).json()["access_token"])

    async def limits(self, token: str) -> int:
        return (await self.http.get(API, headers={"Authorization": f"Bearer {token}"})).status_code


@contextlib.asynccontextmanager
async def door(**changes: Any) -> AsyncIterator[Door]:
    identity = Identity(
        name="Small",
        client_id="app",
        client_secret="secret",
        username=USER,
        password="pass",
        security_token="TOKEN",
        refresh_token="refresh-me",
        certificate=certificate(),
    )
    moment = Moment()
    org = Org(replace(identity, **changes), moment)
    transport = httpx.ASGITransport(app=create_app(org))
    async with httpx.AsyncClient(transport=transport, base_url=BASE, trust_env=False) as http:
        yield Door(http, org, moment)


CLIENT = {"client_id": "app", "client_secret": "secret"}
CREDENTIALS = {"grant_type": "client_credentials", **CLIENT}
PASSWORD = {"grant_type": "password", **CLIENT, "username": USER, "password": "passTOKEN"}
REFRESH = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": "refresh-me"}


def assertion(signed_by: str = "app", algorithm: str = "RS256", **changes: object) -> dict[str, str]:
    claims = {
        "iss": "app",
        "sub": USER,
        "aud": "https://login.salesforce.com",
        "exp": int((NOW + timedelta(minutes=3)).timestamp()),
    }
    merged = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    secret: Any = key(signed_by) if algorithm.startswith("RS") else "s" * 64
    return {"grant_type": JWT_GRANT, "assertion": jwt.encode(merged, secret, algorithm)}


def refused(form: Mapping[str, str], policy: Mapping[str, object], **identity: Any) -> tuple[str, str]:
    async def main() -> tuple[str, str]:
        async with door(**identity) as it:
            it.org.policy = replace(it.org.policy, **policy)  # type: ignore[arg-type]  # the fields' own types
            answer = await it.ask(form)
            assert answer.status_code == 400
            body = answer.json()
            return body["error"], body["error_description"]

    return asyncio.run(main())


GOOD = [
    ("client credentials", CREDENTIALS, {"issued_at", "signature"}),
    ("password", PASSWORD, {"issued_at", "signature"}),
    ("refresh token", REFRESH, {"issued_at", "signature"}),
    ("refresh token with the secret", REFRESH | CLIENT, {"issued_at", "signature"}),
    ("JWT", assertion(), set[str]()),
    ("JWT for a sandbox", assertion(aud="https://test.salesforce.com"), set[str]()),
    ("JWT for My Domain", assertion(aud=BASE), set[str]()),
]


@pytest.mark.parametrize(("form", "more"), [case[1:] for case in GOOD], ids=[case[0] for case in GOOD])
def test_a_good_login_opens_the_api(form: dict[str, str], more: set[str]) -> None:
    async def main() -> None:
        async with door() as it:
            it.org.policy = replace(it.org.policy, password_flow=True)
            body = (await it.ask(form)).json()
            always = {"access_token", "scope", "instance_url", "id", "token_type"}
            assert set(body) == always | more
            assert body["instance_url"] == BASE
            assert all(is_id(part) for part in body["id"].split("/")[-2:])
            assert await it.limits(body["access_token"]) == 200
            me = await it.http.get(
                body["id"].removeprefix(BASE), headers={"Authorization": f"Bearer {body['access_token']}"}
            )
            assert me.json()["username"] == USER

    asyncio.run(main())


def test_a_public_key_does_as_well_as_a_certificate() -> None:
    async def main() -> None:
        async with door(certificate=public_pem()) as it:
            assert (await it.ask(assertion())).status_code == 200

    asyncio.run(main())


GRANT = "invalid_grant"
REFUSED: list[tuple[dict[str, str], dict[str, object], str, str]] = [
    (CREDENTIALS | {"client_id": "x"}, {}, "invalid_client_id", "client identifier invalid"),
    (CREDENTIALS | {"client_secret": "x"}, {}, "invalid_client", "invalid client credentials"),
    (CREDENTIALS, {"client_credentials": False}, GRANT, "client credentials flow not enabled"),
    (CREDENTIALS, {"run_as": False}, GRANT, "no client credentials user enabled"),
    (CREDENTIALS, {"locked": True}, GRANT, "user is locked"),
    ({}, {}, "unsupported_grant_type", "grant type not supported"),
    # Blocked in orgs of today, in the words of a wrong password.
    (PASSWORD, {}, GRANT, "authentication failure"),
    (PASSWORD | {"password": "pass"}, {"password_flow": True}, GRANT, "authentication failure"),
    (PASSWORD | {"username": "x"}, {"password_flow": True}, GRANT, "authentication failure"),
    (REFRESH, {"refresh_expired": True}, GRANT, "expired access/refresh token"),
    (REFRESH | {"refresh_token": "x"}, {}, GRANT, "expired access/refresh token"),
    (REFRESH | {"client_secret": "x"}, {}, "invalid_client", "invalid client credentials"),
    (assertion(iss="x"), {}, "invalid_client_id", "client identifier invalid"),
    (assertion(sub="x"), {}, GRANT, "user hasn't approved this consumer"),
    (assertion(), {"approved": False}, GRANT, "user hasn't approved this consumer"),
    (assertion(aud="https://example.com"), {}, GRANT, "audience is invalid"),
    (assertion(aud=None), {}, GRANT, "audience is invalid"),
    (assertion(exp=int(NOW.timestamp())), {}, GRANT, "expired authorization code"),
    (assertion(), {"clock_ahead_s": 200.0}, GRANT, "expired authorization code"),
    (assertion(exp=None), {}, GRANT, "invalid assertion"),
    (assertion(signed_by="other"), {}, GRANT, "invalid assertion"),
    (assertion(algorithm="HS256"), {}, GRANT, "invalid assertion"),
    ({"grant_type": JWT_GRANT, "assertion": "no.jwt"}, {}, GRANT, "invalid assertion"),
    ({"grant_type": JWT_GRANT}, {}, GRANT, "invalid assertion"),
]


@pytest.mark.parametrize(("form", "policy", "error", "description"), REFUSED)
def test_a_login_refused(
    form: dict[str, str], policy: dict[str, object], error: str, description: str
) -> None:
    assert refused(form, policy) == (error, description)


def test_an_app_without_a_certificate_takes_no_jwt() -> None:
    assert refused(assertion(), {}, certificate=None) == (GRANT, "invalid assertion")


def test_an_unsigned_jwt_is_refused() -> None:
    claims = {"iss": "app", "sub": USER, "aud": BASE, "exp": int(NOW.timestamp()) + 60}
    form = {"grant_type": JWT_GRANT, "assertion": jwt.encode(claims, "", "none")}
    assert refused(form, {}) == (GRANT, "invalid assertion")


def test_answers_carry_the_org_s_clock_so_that_a_skew_can_be_named() -> None:
    async def main() -> None:
        async with door() as it:
            it.org.policy = replace(it.org.policy, clock_ahead_s=600.0)
            answer = await it.ask(assertion())
            assert answer.status_code == 400
            assert parsedate_to_datetime(answer.headers["date"]) - NOW == timedelta(seconds=600)
            assert len(answer.headers.get_list("date")) == 1

    asyncio.run(main())


def test_a_session_ends_when_it_is_not_used() -> None:
    async def main() -> None:
        async with door() as it:
            token = await it.token()
            for _ in range(3):  # each use begins its life anew
                it.moment.now += timedelta(seconds=7_200)
                assert await it.limits(token) == 200
            it.moment.now += timedelta(seconds=7_201)
            assert await it.limits(token) == 401

    asyncio.run(main())


def test_a_session_is_revoked() -> None:
    async def main() -> None:
        async with door() as it:
            token, other = await it.token(), await it.token()
            revoke = "/services/oauth2/revoke"
            assert (await it.http.post(revoke, data={"token": token})).status_code == 200
            assert (await it.http.post(revoke, data={"token": token})).status_code == 400
            assert [await it.limits(token), await it.limits(other)] == [401, 200]

    asyncio.run(main())


def test_the_log_has_the_request_without_its_secrets() -> None:
    async def main() -> None:
        async with door() as it:
            for form in (CREDENTIALS, PASSWORD, REFRESH, assertion()):
                await it.ask(form)
            text = (await it.http.get("/simulator/log")).text
            for secret in ("secret&", "=secret", "passTOKEN", "refresh-me", "eyJ"):
                assert secret not in text
            assert "client_id=app" in text

    asyncio.run(main())


def test_settings_by_http() -> None:
    async def main() -> None:
        async with door() as it:
            changed = await it.http.patch(
                "/simulator/policy",
                json={"password_flow": True, "api_used": 4_000, "api_limit": 5_000, "per_app": [17, 250]},
            )
            assert (changed.json()["password_flow"], changed.json()["session_s"]) == (True, 7_200.0)
            token = (await it.ask(PASSWORD)).json()["access_token"]
            answer = await it.http.get(API, headers={"Authorization": f"Bearer {token}"})
            assert answer.headers["sforce-limit-info"] == (
                "api-usage=4001/5000; per-app-api-usage=17/250(appName=Small)"
            )
            assert answer.json()["DailyApiRequests"] == {"Max": 5_000, "Remaining": 999}
            unusable: tuple[object, ...] = ({"clock": 1}, {"session_s": "long"}, [])
            for wrong in unusable:
                assert (await it.http.patch("/simulator/policy", json=wrong)).status_code == 422

    asyncio.run(main())
