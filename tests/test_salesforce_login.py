"""The four ways to log in, and what is said when Salesforce refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ivr.checks.salesforce import remedy_of
from ivr.config import ConfigError, load_config
from ivr.connectors import grant_of, org_settings
from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.errors import Refused, SalesforceError
from ivr.salesforce.grants import (
    ClientCredentials,
    Grant,
    JwtBearer,
    Password,
    RefreshToken,
    private_key_problem,
)
from ivr.salesforce.settings import SalesforceSettings
from ivr.salesforce.testing import ManualClock
from tests.cli_support import write_config

ORG = "https://a.my.salesforce.com"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> str:
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, hidden).decode()


JWT = JwtBearer(
    client_id="key", username="ivr@example.com", audience="https://login.salesforce.com", private_key=pem(KEY)
)
Answer = Callable[[httpx.Request], httpx.Response]


def token(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"access_token": "t", "instance_url": ORG})


async def log_in(grant: Grant, answer: Answer, clock: ManualClock | None = None) -> dict[str, str]:
    """The form that was posted."""
    posted: list[dict[str, str]] = []

    def keep(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/services/oauth2/token"
        posted.append({k: v[0] for k, v in parse_qs(request.content.decode()).items()})
        return answer(request)

    settings = SalesforceSettings(name="x", login_url=ORG, client_id="a", client_secret="b", grant=grant)
    async with httpx.AsyncClient(transport=httpx.MockTransport(keep)) as http:
        await SalesforceConnector(settings, http, clock or ManualClock(), lambda seen: None).login()
    return posted[0]


def refusal(word: str, description: str = "", ahead: timedelta | None = None) -> Answer:
    """An answer that refuses, from a server whose clock is `ahead` of ours."""

    def answer(request: httpx.Request) -> httpx.Response:
        date = format_datetime(ManualClock().now() + (ahead or timedelta()), usegmt=True)
        body = {"error": word} | ({"error_description": description} if description else {})
        return httpx.Response(400, json=body, headers={"Date": date})

    return answer


def refused(grant: Grant, answer: Answer) -> Refused:
    with pytest.raises(Refused) as caught:
        asyncio.run(log_in(grant, answer))
    return caught.value


def test_client_credentials() -> None:
    form = asyncio.run(log_in(ClientCredentials(client_id="key", client_secret="s&="), token))
    assert form == {"grant_type": "client_credentials", "client_id": "key", "client_secret": "s&="}


def test_refresh_token_with_and_without_a_secret() -> None:
    form = asyncio.run(log_in(RefreshToken(client_id="key", refresh_token="r", client_secret="s"), token))
    assert form == {
        "grant_type": "refresh_token", "client_id": "key", "refresh_token": "r", "client_secret": "s",
    }  # fmt: skip
    public = asyncio.run(log_in(RefreshToken(client_id="key", refresh_token="r"), token))
    assert "client_secret" not in public


def test_the_password_has_the_security_token_behind_it() -> None:
    grant = Password(
        client_id="key", client_secret="s", username="ivr@example.com", password="pw", security_token="TOK"
    )
    form = asyncio.run(log_in(grant, token))
    assert (form["grant_type"], form["username"], form["password"]) == (
        "password",
        "ivr@example.com",
        "pwTOK",
    )


def test_a_jwt_is_signed_by_our_key_and_lives_three_minutes() -> None:
    clock = ManualClock()
    form = asyncio.run(log_in(JWT, token, clock))
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(
        form["assertion"],
        KEY.public_key(),
        algorithms=["RS256"],
        audience="https://login.salesforce.com",
        options={"verify_exp": False},
    )
    assert claims == {
        "iss": "key",
        "sub": "ivr@example.com",
        "aud": "https://login.salesforce.com",
        "exp": int(clock.now().timestamp()) + 180,
    }
    assert "client_secret" not in form


def test_no_secret_is_shown() -> None:
    secret = "never-shown"
    for grant in (
        ClientCredentials(client_id="key", client_secret=secret),
        RefreshToken(client_id="key", refresh_token=secret, client_secret=secret),
        Password(client_id="k", client_secret=secret, username="u", password=secret, security_token=secret),
        JWT,
    ):
        assert secret not in repr(grant)
        assert "PRIVATE" not in repr(grant)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "an RSA private key in PEM"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "an RSA private key in PEM"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "an RSA private key of at least 2048 bits"),
        (pem(KEY, b"pass"), "without a passphrase"),
    ],
)
def test_a_key_that_cannot_sign_is_told_before_the_first_call(text: str, problem: str) -> None:
    assert problem in (private_key_problem(text) or "")
    with pytest.raises(ValueError, match="private key"):
        JwtBearer(client_id="k", username="u", audience="https://login.salesforce.com", private_key=text)


@pytest.mark.parametrize(("minutes", "words"), [(-7, "420 s ahead of"), (7, "420 s behind")])
def test_a_clock_that_is_wrong_is_named_when_a_jwt_is_refused(minutes: int, words: str) -> None:
    error = refused(JWT, refusal("invalid_grant", "invalid assertion", timedelta(minutes=minutes)))
    assert words in error.detail
    assert "invalid assertion" in error.detail
    assert error.oauth_error == "invalid_grant"
    assert "NTP" in remedy_of(error, "jwt_bearer")


def test_a_good_clock_is_not_blamed_and_neither_is_one_without_a_jwt() -> None:
    near = refusal("invalid_grant", "user hasn't approved this consumer", timedelta(seconds=30))
    error = refused(JWT, near)
    assert "clock" not in error.detail
    assert "pre-authorized" in remedy_of(error, "jwt_bearer")
    far = refusal("invalid_grant", "no client credentials user enabled", timedelta(hours=3))
    assert "clock" not in refused(ClientCredentials(client_id="k", client_secret="s"), far).detail
    bare = httpx.Response(400, json={"error": "invalid_grant"}, headers={"Date": "yesterday, perhaps"})
    assert refused(JWT, lambda request: bare).detail == "login refused: invalid_grant"


@pytest.mark.parametrize(
    ("grant", "word", "part"),
    [
        ("client_credentials", "invalid_grant", "run-as user"),
        ("refresh_token", "invalid_grant", "expired or was revoked"),
        ("password", "invalid_grant", "orgs created since Summer '23"),
        ("jwt_bearer", "unsupported_grant_type", "does not have the grant jwt_bearer"),
        ("jwt_bearer", "invalid_app_access", "permitted users"),
        ("jwt_bearer", "invalid_client_id", "consumer key"),
    ],
)
def test_each_refusal_has_its_remedy(grant: str, word: str, part: str) -> None:
    assert part in remedy_of(Refused("login refused", oauth_error=word), grant)


def test_an_old_html_page_from_the_token_endpoint_is_no_crash() -> None:
    page = httpx.Response(400, content=b"<html>", headers={"Content-Type": "text/html"})
    with pytest.raises(SalesforceError, match="HTTP 400"):
        asyncio.run(log_in(JWT, lambda request: page))


# --- the configuration -----------------------------------------------------------------------------------


def problems(folder: Path, login: str) -> dict[str, str]:
    """What is wrong with a connector that logs in like this, by key."""
    path = write_config(folder)
    text = path.read_text()
    assert "    client_secret: demo-secret-not-for-production\n" in text
    path.write_text(text.replace("    client_secret: demo-secret-not-for-production\n", login))
    (folder / "key.pem").write_text(pem(KEY))
    try:
        load_config(path, env={})
    except ConfigError as exc:
        return {problem.key.removeprefix("connectors.Salesforce."): str(problem) for problem in exc.problems}
    return {}


@pytest.mark.parametrize(
    ("login", "kind"),
    [
        ("    client_secret: s\n", ClientCredentials),
        ("    grant: refresh_token\n    refresh_token: r\n", RefreshToken),
        ('    grant: jwt_bearer\n    username: u@x\n    private_key: "${file:key.pem}"\n', JwtBearer),
        (
            "    grant: password\n    client_secret: s\n    username: u\n    password: p\n"
            "    allow_password_grant: true\n",
            Password,
        ),
    ],
)
def test_each_grant_is_made_from_the_configuration(login: str, kind: type[Grant], tmp_path: Path) -> None:
    assert problems(tmp_path, login) == {}
    config = load_config(tmp_path / "ivr.yaml", env={})
    settings = config.connectors["Salesforce"]
    assert isinstance(grant_of(settings), kind)
    assert isinstance(org_settings("Salesforce", settings, config).login, kind)


@pytest.mark.parametrize(
    ("login", "keys"),
    [
        ("", {"client_secret"}),
        ("    grant: jwt_bearer\n", {"username", "private_key"}),
        ("    grant: refresh_token\n", {"refresh_token"}),
        ("    grant: jwt_bearer\n    username: u\n    private_key: no key\n", {"private_key"}),
        ("    grant: password\n    client_secret: s\n    username: u\n    password: p\n", {"grant"}),
        ("    client_secret: s\n    quota: {tasks: 0.95}\n", {"quota"}),
        ("    client_secret: s\n    search: {phones: {Case: [Phone]}}\n", {"search.phones.Case"}),
        ("    client_secret: s\n    search: {normalised: {Contact: 'x y'}}\n", {"search.normalised.Contact"}),
    ],
)
def test_what_does_not_fit_together_is_told(login: str, keys: set[str], tmp_path: Path) -> None:
    assert set(problems(tmp_path, login)) == keys


def test_the_password_grant_says_why_not(tmp_path: Path) -> None:
    login = "    grant: password\n    client_secret: s\n    username: u\n    password: p\n"
    told = problems(tmp_path, login)["grant"]
    assert "Summer '23" in told
    assert "allow_password_grant: true" in told
