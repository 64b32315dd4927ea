"""Salesforce's REST API with the rules of a phone system: a deadline on everything, one login for any number
of expired sessions, one retry for reads and none for writes, and a breaker for each purpose.

The purposes do not share their failures, not even those of the network: a trigger that fails or hangs on what
is written says nothing about the search, and a dead org is found out by each in a few requests. The day's
quota is the org's, and closes it to all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from ivr.clock import Clock
from ivr.salesforce.auth import Token, TokenSource
from ivr.salesforce.breaker import Breaker, BreakerState
from ivr.salesforce.errors import (
    BreakerOpen,
    Busy,
    DeadlineExceeded,
    NetworkFault,
    QuotaExhausted,
    Refused,
    Retry,
    SalesforceError,
    ServerFault,
    SessionRefused,
    Shed,
    retry_of,
)
from ivr.salesforce.judge import judge_api
from ivr.salesforce.news import ConnectorState, NotSent, Purpose
from ivr.salesforce.quota import Need, QuotaGuard, QuotaSettings
from ivr.salesforce.reply import ApiUsage, Reply
from ivr.salesforce.settings import BreakerSettings
from ivr.salesforce.wire import Observe, Outgoing, Wire

Watch = Callable[[ConnectorState | NotSent], None]
"""Told of changes of state and of what is not sent. Must not raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One request to the API. `path` starts at the org's root; `safe` says that repeating it does no harm;
    `need` how urgent it is, when the day's requests run short; `purpose` whose breaker it counts for."""

    operation: str
    method: str
    path: str
    safe: bool
    timeout_s: float
    query: Sequence[tuple[str, str]] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    need: Need = Need.LIVE
    purpose: Purpose = Purpose.LOOK_UP


class SalesforceClient:
    """Sends `ApiCall`s. One for each connector: token, breakers and usage are its state."""

    def __init__(
        self,
        *,
        wire: Wire,
        tokens: TokenSource,
        clock: Clock,
        breaker: BreakerSettings,
        quota: QuotaSettings,
        operation_s: float,
        watch: Watch,
    ) -> None:
        self._wire = wire
        self._tokens = tokens
        self._clock = clock
        self._limits = breaker
        self._breakers = {
            purpose: Breaker(failures=breaker.failures, open_s=breaker.open_s) for purpose in Purpose
        }
        self._operation_s = operation_s
        self._quota = QuotaGuard(quota)
        self._watch = watch
        self._shown: ConnectorState | None = None

    @property
    def usage(self) -> ApiUsage | None:
        """API requests of the rolling day as the last answer told them."""
        return self._quota.usage

    def breaker(self, purpose: Purpose) -> BreakerState:
        """Whether requests for this purpose are let through now."""
        return self._breakers[purpose].state(self._clock.monotonic())

    async def log_in(self, observe: Observe | None = None) -> Token:
        """The token, after a login when there is none. Raises SalesforceError."""
        with self._guarded("login", Purpose.LOOK_UP):
            return await self._tokens.token(observe)

    async def request(self, call: ApiCall, observe: Observe | None = None) -> Reply:
        """A good answer, or a SalesforceError."""
        try:
            async with asyncio.timeout(self._operation_s):
                return await self._with_retry(call, observe)
        except TimeoutError as exc:
            raise DeadlineExceeded(f"{call.operation}: not done within {self._operation_s:g} s") from exc

    async def _with_retry(self, call: ApiCall, observe: Observe | None) -> Reply:
        try:
            return await self._attempt(call, observe)
        except SalesforceError as error:
            if not call.safe or retry_of(error) is not Retry.AT_ONCE:
                raise
        return await self._attempt(call, observe)

    async def _attempt(self, call: ApiCall, observe: Observe | None) -> Reply:
        if not self._quota.allows(call.need, self._clock.monotonic()):
            self._watch(NotSent(operation=call.operation, reason=Shed.outcome))
            raise Shed("the day's API requests run short: what is left is kept for live calls")
        with self._guarded(call.operation, call.purpose):
            token = await self._tokens.token(observe)
            try:
                return await self._send(call, token, observe)
            except SessionRefused:
                # Nothing was done, so even a write may be sent again with the new token.
                token = await self._tokens.renew(token, observe)
            return await self._send(call, token, observe)

    async def _send(self, call: ApiCall, token: Token, observe: Observe | None) -> Reply:
        query = "?" + urlencode(call.query, quote_via=quote) if call.query else ""
        out = Outgoing(
            operation=call.operation,
            method=call.method,
            url=f"{token.instance_url}{call.path}{query}",
            headers={
                "Accept": "application/json",
                **call.headers,
                "Authorization": f"Bearer {token.access_token}",
            },
            content=call.content,
            timeout_s=call.timeout_s,
        )
        return await self._wire.send(out, self._judge, observe)

    def _judge(self, reply: Reply) -> None:
        # A refusal tells the usage as well, and one for want of requests most of all.
        self._quota.note(reply.usage, self._clock.monotonic())
        judge_api(reply)

    @contextmanager
    def _guarded(self, operation: str, purpose: Purpose) -> Iterator[None]:
        breaker = self._breakers[purpose]
        if not breaker.allow(self._clock.monotonic()):
            self._watch(NotSent(operation=operation, reason=BreakerOpen.outcome))
            raise BreakerOpen("Salesforce failed several times in a row and is left alone for a while")
        try:
            yield
        except SalesforceError as error:
            self._note(error, breaker)
            raise
        except BaseException:
            breaker.abandoned()
            raise
        else:
            breaker.succeeded()
        finally:
            self._show()

    def _show(self) -> None:
        """Tell the state where it has changed."""
        # Half open counts as open: one request in flight is no sign of life.
        left_alone = {p for p in Purpose if self.breaker(p) is not BreakerState.CLOSED}
        state = ConnectorState(left_alone=frozenset(left_alone), usage=self.usage)
        if state != self._shown:
            self._shown = state
            self._watch(state)

    def _note(self, error: SalesforceError, breaker: Breaker) -> None:
        now = self._clock.monotonic()
        match error:
            case QuotaExhausted(daily=True):
                for each in self._breakers.values():
                    each.tripped(now, self._limits.quota_s)
            case NetworkFault() | ServerFault() | Refused() | QuotaExhausted():
                breaker.failed(now)
            case Busy():
                breaker.abandoned()
            case _:
                breaker.succeeded()
