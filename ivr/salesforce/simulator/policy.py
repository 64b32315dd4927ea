"""Who may log in to the org, and what its administrators have set."""

from __future__ import annotations

from dataclasses import dataclass, field

ORGANIZATION_ID = "00DgK0000000001UAA"
USER_ID = "005gK0000000001QAA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The app and its user. `certificate` is PEM, of a certificate or a public key: who signs with its
    private key may log in by JWT. A password is followed by the security token, as one text."""

    name: str
    client_id: str
    client_secret: str = field(repr=False)
    daily_requests: int = 15_000
    username: str = "integration@simulated.example"
    password: str | None = field(default=None, repr=False)
    security_token: str = field(default="", repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    certificate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Settings that change while the org is in use.

    `clock_ahead_s`: how far the org's clock is ahead of this machine's (negative: behind). `session_s`: a
    session ends when it was not used for so long. `client_credentials`, `run_as`: whether the app allows that
    grant, and has a user for it. `approved`: whether its user may log in by JWT. `locked`: the user may not
    log in at all. `password_flow`: blocked in orgs of today. `refresh_expired`: the refresh token is good
    no more. `search_lag_s`: a record is found by a search only when it is so old. `api_used` and `api_limit`
    are what the next answer counts on from; `per_app` are the same two of the app.
    """

    clock_ahead_s: float = 0.0
    session_s: float = 7_200.0
    client_credentials: bool = True
    run_as: bool = True
    approved: bool = True
    locked: bool = False
    password_flow: bool = False
    refresh_expired: bool = False
    search_lag_s: float = 0.0
    api_used: int = 0
    api_limit: int = 15_000
    per_app: tuple[int, int] | None = None
