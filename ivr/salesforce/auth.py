"""Login: an access token shared by all, renewed by one request at a time.

Salesforce tells no expiry: a token is good until it is answered with 401. The ways to log in are in
`grants.py`.
"""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from ivr.clock import Clock
from ivr.salesforce.errors import Garbage, Refused, SalesforceError
from ivr.salesforce.grants import Grant, GrantKind
from ivr.salesforce.judge import judge_login
from ivr.salesforce.reply import Reply
from ivr.salesforce.settings import check_origin
from ivr.salesforce.wire import Observe, Outgoing, Wire

_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A session. `instance_url` is the origin that serves the API; `issued_at` is our own clock's."""

    access_token: str = field(repr=False)
    instance_url: str
    issued_at: datetime


CLOCK_TOLERANCE_S = 60.0
"""Clocks further apart than this are named when a JWT is refused: it has a beginning and an end."""


class TokenSource:
    """The one token. Who finds it missing or stale waits for whoever is renewing it, and shares the result,
    good or bad. A cancelled renewal is taken up by the next who waits."""

    def __init__(self, *, login_url: str, grant: Grant, wire: Wire, clock: Clock, login_s: float) -> None:
        self._url = f"{check_origin(login_url)}/services/oauth2/token"
        self._grant = grant
        self._wire = wire
        self._clock = clock
        self._login_s = login_s
        self._turn = asyncio.Lock()
        self._token: Token | None = None
        self._finished = 0
        self._failure: SalesforceError | None = None

    @property
    def known(self) -> Token | None:
        """The token, if there is one; it may have expired."""
        return self._token

    async def token(self, observe: Observe | None = None) -> Token:
        """The token, after a login when there is none. Raises SalesforceError."""
        return self._token or await self.renew(None, observe)

    async def renew(self, stale: Token | None, observe: Observe | None = None) -> Token:
        """A token other than `stale`. Raises SalesforceError."""
        finished_before = self._finished
        async with self._turn:
            if self._token is not None and self._token is not stale:
                return self._token
            if self._finished != finished_before and self._failure is not None:
                # Each waiter raises its own copy: a shared one would collect all their tracebacks.
                raise copy.copy(self._failure) from self._failure
            return await self._log_in(observe)

    async def _log_in(self, observe: Observe | None) -> Token:
        try:
            self._token = await self._fetch(observe)
            self._failure = None
        except SalesforceError as error:
            self._failure = error
            self._finished += 1
            raise
        self._finished += 1
        return self._token

    async def _fetch(self, observe: Observe | None) -> Token:
        now = self._clock.now()
        out = Outgoing(
            operation="login",
            method="POST",
            url=self._url,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            content=urlencode(self._grant.form(now)).encode("ascii"),
            timeout_s=self._login_s,
        )
        parsed: list[Token] = []

        def judge(reply: Reply) -> None:
            try:
                judge_login(reply)
            except Refused as error:
                skewed = refused_by_clock(error, self._grant.kind, reply, now)
                if skewed is None:
                    raise
                raise skewed from error
            parsed.append(parse_token(reply, now))

        await self._wire.send(out, judge, observe)
        return parsed[0]


def refused_by_clock(error: Refused, kind: GrantKind, reply: Reply, now: datetime) -> Refused | None:
    """The refusal with our clock's error in it; None when the clock is not to blame. Pure."""
    if kind is not GrantKind.JWT_BEARER or reply.date is None:
        return None
    ahead_s = (now - reply.date).total_seconds()
    if abs(ahead_s) <= CLOCK_TOLERANCE_S:
        return None
    way = "ahead of" if ahead_s > 0 else "behind"
    detail = f"{error.detail}; this machine's clock is {abs(ahead_s):.0f} s {way} Salesforce's"
    return Refused(detail, oauth_error=error.oauth_error, skew_s=ahead_s)


def parse_token(reply: Reply, now: datetime) -> Token:
    """Read the token endpoint's answer. Raises Garbage."""
    try:
        body = reply.json()
    except ValueError as exc:
        raise Garbage("login: the answer is not JSON") from exc
    if not isinstance(body, Mapping):
        raise Garbage("login: the answer is not an object")
    token, instance = body.get("access_token"), body.get("instance_url")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise Garbage("login: the answer has no usable access_token")
    if not isinstance(instance, str):
        raise Garbage("login: the answer has no instance_url")
    try:
        return Token(access_token=token, instance_url=check_origin(instance), issued_at=now)
    except ValueError as exc:
        raise Garbage("login: instance_url is not the https address of a host") from exc
