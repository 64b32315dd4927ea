"""The grants of the token endpoint: who may log in, and in which words the others are refused."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import datetime

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ivr.salesforce.simulator.policy import Identity, Policy

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCES = frozenset({"https://login.salesforce.com", "https://test.salesforce.com"})
_ALGORITHMS = ("RS256",)


class LoginError(Exception):
    """An OAuth error; always status 400, as Salesforce does."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


class Grants:
    """Checks token requests against one org's app, user and settings."""

    def __init__(self, identity: Identity, policy: Policy, base: str, now: datetime) -> None:
        self._identity = identity
        self._policy = policy
        self._base = base
        self._now = now

    def check(self, form: Mapping[str, str], authorization: str) -> None:
        """Returns when the request is good. Raises LoginError."""
        match form.get("grant_type", ""):
            case "client_credentials":
                self._client_credentials(form, authorization)
            case "password":
                self._password(form, authorization)
            case "refresh_token":
                self._refresh_token(form, authorization)
            case grant if grant == JWT_GRANT:
                self._assertion(form.get("assertion", ""))
            case _:
                raise LoginError("unsupported_grant_type", "grant type not supported")
        if self._policy.locked:
            raise LoginError("invalid_grant", "user is locked")

    def _client_credentials(self, form: Mapping[str, str], authorization: str) -> None:
        self._client(form, authorization, secret_needed=True)
        if not self._policy.client_credentials:
            raise LoginError("invalid_grant", "client credentials flow not enabled")
        if not self._policy.run_as:
            raise LoginError("invalid_grant", "no client credentials user enabled")

    def _password(self, form: Mapping[str, str], authorization: str) -> None:
        self._client(form, authorization, secret_needed=True)
        known = self._identity.password
        wanted = f"{known or ''}{self._identity.security_token}"
        good = known is not None and _same(form.get("password", ""), wanted)
        # A blocked flow and a wrong password have the same words.
        if not self._policy.password_flow or not good or form.get("username") != self._identity.username:
            raise LoginError("invalid_grant", "authentication failure")

    def _refresh_token(self, form: Mapping[str, str], authorization: str) -> None:
        self._client(form, authorization, secret_needed=False)
        known = self._identity.refresh_token
        good = known is not None and _same(form.get("refresh_token", ""), known)
        if not good or self._policy.refresh_expired:
            raise LoginError("invalid_grant", "expired access/refresh token")

    def _client(self, form: Mapping[str, str], authorization: str, *, secret_needed: bool) -> None:
        client_id, secret = _basic(authorization) or (
            form.get("client_id", ""),
            form.get("client_secret", ""),
        )
        if client_id != self._identity.client_id:
            raise LoginError("invalid_client_id", "client identifier invalid")
        if (secret or secret_needed) and not _same(secret, self._identity.client_secret):
            raise LoginError("invalid_client", "invalid client credentials")

    def _assertion(self, assertion: str) -> None:
        """A JWT: its form, who issued it, the signature, the audience, the time, then the user."""
        claims = _unverified(assertion)
        if claims.get("iss") != self._identity.client_id:
            raise LoginError("invalid_client_id", "client identifier invalid")
        self._check_signature(assertion)
        audience = str(claims.get("aud") or "").rstrip("/")
        if audience not in _AUDIENCES | {self._base}:
            raise LoginError("invalid_grant", "audience is invalid")
        expires = claims.get("exp")
        if not isinstance(expires, int | float) or isinstance(expires, bool):
            raise LoginError("invalid_grant", "invalid assertion")
        if expires <= self._now.timestamp():
            raise LoginError("invalid_grant", "expired authorization code")
        if claims.get("sub") != self._identity.username or not self._policy.approved:
            raise LoginError("invalid_grant", "user hasn't approved this consumer")

    def _check_signature(self, assertion: str) -> None:
        certificate = self._identity.certificate
        if certificate is None:
            raise LoginError("invalid_grant", "invalid assertion")
        key = public_key(certificate)
        try:
            jwt.decode(
                assertion,
                key,  # type: ignore[arg-type]  # only RSA keys fit RS256; others fail below
                algorithms=list(_ALGORITHMS),
                options={"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, TypeError) as exc:
            raise LoginError("invalid_grant", "invalid assertion") from exc


def public_key(pem: str) -> PublicKeyTypes:
    """The key of a certificate, or of a public key alone. Raises ValueError."""
    if "BEGIN CERTIFICATE" in pem:
        return x509.load_pem_x509_certificate(pem.encode()).public_key()
    return load_pem_public_key(pem.encode())


def _unverified(assertion: str) -> Mapping[str, object]:
    try:
        claims: dict[str, object] = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError as exc:
        raise LoginError("invalid_grant", "invalid assertion") from exc
    return claims


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


def _basic(authorization: str) -> tuple[str, str] | None:
    kind, _, text = authorization.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, secret
