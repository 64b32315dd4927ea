"""The ways to log in: OAuth 2.0 client credentials, JWT bearer (RFC 7523), refresh token, password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

JWT_LIFE = timedelta(seconds=180)
"""Salesforce takes an assertion whose end is at most five minutes away; the rest is room for clocks."""
_SHORTEST_KEY_BITS = 2048


class GrantKind(StrEnum):
    """The grants by their names in the configuration."""

    CLIENT_CREDENTIALS = "client_credentials"
    JWT_BEARER = "jwt_bearer"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the grant's name
    PASSWORD = "password"  # noqa: S105 - the grant's name


class Grant(Protocol):
    """One way to log in."""

    @property
    def kind(self) -> GrantKind:
        """Which one."""
        ...

    def form(self, now: datetime) -> Mapping[str, str]:
        """The form fields of the token request."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """The app logs in as its run-as user. Salesforce accepts it at the My Domain host only."""

    client_id: str
    client_secret: str = field(repr=False)

    @property
    def kind(self) -> GrantKind:
        """See `Grant`."""
        return GrantKind.CLIENT_CREDENTIALS

    def form(self, now: datetime) -> Mapping[str, str]:
        """See `Grant`."""
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtBearer:
    """A user who was authorised before, vouched for by our signature; the app holds the certificate.

    `private_key` is RSA in PEM, without a passphrase. Raises ValueError when it is not."""

    client_id: str
    username: str
    audience: str
    private_key: str = field(repr=False)

    def __post_init__(self) -> None:
        problem = private_key_problem(self.private_key)
        if problem is not None:
            raise ValueError(problem)

    @property
    def kind(self) -> GrantKind:
        """See `Grant`."""
        return GrantKind.JWT_BEARER

    def form(self, now: datetime) -> Mapping[str, str]:
        """See `Grant`."""
        claims = {
            "iss": self.client_id,
            "sub": self.username,
            "aud": self.audience,
            "exp": int((now + JWT_LIFE).timestamp()),
        }
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": jwt.encode(claims, self.private_key, algorithm="RS256"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """A user who has once allowed the app in a browser."""

    client_id: str
    refresh_token: str = field(repr=False)
    client_secret: str | None = field(default=None, repr=False)

    @property
    def kind(self) -> GrantKind:
        """See `Grant`."""
        return GrantKind.REFRESH_TOKEN

    def form(self, now: datetime) -> Mapping[str, str]:
        """See `Grant`."""
        fields = {
            "grant_type": "refresh_token",
            "client_id": self.client_id,
            "refresh_token": self.refresh_token,
        }
        return fields | ({"client_secret": self.client_secret} if self.client_secret else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """A user's own password with the security token behind it. For old orgs: those created since Summer '23
    block it unless an administrator allows it, and External Client Apps do not have it."""

    client_id: str
    username: str
    client_secret: str = field(repr=False)
    password: str = field(repr=False)
    security_token: str = field(default="", repr=False)

    @property
    def kind(self) -> GrantKind:
        """See `Grant`."""
        return GrantKind.PASSWORD

    def form(self, now: datetime) -> Mapping[str, str]:
        """See `Grant`."""
        return {
            "grant_type": "password",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "username": self.username,
            "password": self.password + self.security_token,
        }


def private_key_problem(pem: str) -> str | None:
    """Why a text cannot sign our assertions; None when it can."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        return "a private key without a passphrase"
    except Exception:  # noqa: BLE001 - the library raises several kinds that have no common base
        return "an RSA private key in PEM, which begins with -----BEGIN"
    if not isinstance(key, RSAPrivateKey) or key.key_size < _SHORTEST_KEY_BITS:
        return f"an RSA private key of at least {_SHORTEST_KEY_BITS} bits"
    return None
