"""The connector: what the rest of the product knows of Salesforce."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

import httpx

from ivr.clock import Clock
from ivr.numbers import E164
from ivr.salesforce.auth import Token, TokenSource
from ivr.salesforce.breaker import BreakerState
from ivr.salesforce.client import ApiCall, SalesforceClient
from ivr.salesforce.errors import BadRequest, SalesforceError
from ivr.salesforce.lookup import Lookup
from ivr.salesforce.model import Match
from ivr.salesforce.news import ConnectorState, NotSent, Purpose, WriteSeen
from ivr.salesforce.reply import ApiUsage, Reply
from ivr.salesforce.settings import SalesforceSettings, check_origin
from ivr.salesforce.soql import object_name, record_id
from ivr.salesforce.tasks import TaskValues, TaskWriter
from ivr.salesforce.wire import Observe, Wire
from ivr.salesforce.writeback import CommentWriter, WriteResult

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_METHODS = _SAFE_METHODS | {"POST", "PUT", "PATCH", "DELETE"}
# Ours to set: a flow must not replace the token or the framing.
_OWN_HEADERS = frozenset(
    {
        "authorization",
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "cookie",
        "accept-encoding",
    }
)
_ORG_HOST = ".my.salesforce.com"
_PAGE_HOST = ".lightning.force.com"


class SalesforceConnector:
    """One Salesforce org. The HTTP client is the caller's to close; its pool bounds requests at once.

    `observe` is told of every HTTP request; the optional `observe` of a method is told, besides, of those
    made for that call, so that they can go on its timeline. `watch` is told of the breakers, the usage, what
    is not sent, and what becomes of writes.
    """

    def __init__(
        self,
        settings: SalesforceSettings,
        http: httpx.AsyncClient,
        clock: Clock,
        observe: Observe,
        watch: Callable[[ConnectorState | NotSent | WriteSeen], None] = lambda news: None,
    ) -> None:
        times = settings.timeouts
        wire = Wire(
            http,
            clock=clock,
            observe=observe,
            connect_s=times.connect_s,
            max_response_bytes=settings.max_response_bytes,
        )
        self._settings = settings
        self._watch = watch
        self._tokens = TokenSource(
            login_url=settings.login_url, grant=settings.login, wire=wire, clock=clock, login_s=times.login_s
        )
        self._client = SalesforceClient(
            wire=wire,
            tokens=self._tokens,
            clock=clock,
            breaker=settings.breaker,
            quota=settings.quota,
            operation_s=times.operation_s,
            watch=watch,
        )
        self._lookup = Lookup(self._client, settings)
        self._comments = CommentWriter(self._client, settings)
        self._tasks = TaskWriter(self._client, settings)

    @property
    def name(self) -> str:
        """The connector's name in the configuration."""
        return self._settings.name

    @property
    def usage(self) -> ApiUsage | None:
        """API requests of the rolling day as the last answer told them; None before the first."""
        return self._client.usage

    def breaker(self, purpose: Purpose = Purpose.LOOK_UP) -> BreakerState:
        """Whether requests for this purpose are let through now."""
        return self._client.breaker(purpose)

    async def login(self, observe: Observe | None = None) -> Token:
        """The session, after a login when there is none. Raises SalesforceError."""
        return await self._client.log_in(observe)

    async def find(self, number: E164, observe: Observe | None = None) -> Match:
        """Who has this number: one search. Faults are returned as ERROR; only CancelledError is raised."""
        return await self._lookup.find(number, observe)

    async def open_cases(self, match: Match, observe: Observe | None = None) -> Match:
        """`match` with account, contact and open cases, best first: one composite request.

        A fault leaves what is known, with `cases_known` False and `detail`; only CancelledError is raised."""
        return await self._lookup.open_cases(match, observe)

    async def add_case_comment(
        self, case_id: str, body: str, marker: str, observe: Observe | None = None
    ) -> WriteResult:
        """Make the comment unless one with `marker` stands on the case. `body` is cut to 4,000 bytes with the
        marker kept (and added when missing). Raises SalesforceError; `retryable` says whether to try later,
        which must be later than `Timeouts.write_s`."""
        return await self._comments.add(case_id, body, marker, observe)

    async def add_task(self, values: TaskValues, observe: Observe | None = None) -> WriteResult:
        """Make the Task of a call unless it stands, known by its CallObject. Otherwise as
        `add_case_comment`."""
        return await self._tasks.add(values, observe)

    def wrote(self, operation: str, outcome: str) -> None:
        """The outbox tells what became of a write: "delivered", "retry" or "dead"."""
        self._watch(WriteSeen(operation=operation, outcome=outcome))

    def record_page(self, object_: str, id_: str) -> str:
        """The URL of a record's page. Raises BadRequest when object or id cannot be one."""
        return f"{self._page_origin()}/lightning/r/{object_name(object_)}/{record_id(id_)}/view"

    def _page_origin(self) -> str:
        if self._settings.record_url is not None:
            return self._settings.record_url.rstrip("/")
        token = self._tokens.known
        origin = token.instance_url if token else check_origin(self._settings.login_url)
        return origin.removesuffix(_ORG_HOST) + _PAGE_HOST if origin.endswith(_ORG_HOST) else origin

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: str | None,
        timeout_s: float,
        observe: Observe | None = None,
    ) -> Reply:
        """One request for a flow; the answer whatever its status, but a refused login, a redirect and an
        answer too large. `path` is relative to the org's root, or absolute within the org. GET and HEAD are
        retried once. Raises SalesforceError when there is no answer."""
        parts = _split(path)
        call = ApiCall(
            operation="request",
            method=_method(method),
            path=await self._path(parts, observe),
            query=(*parse_qsl(parts.query, keep_blank_values=True), *query.items()),
            headers={name: value for name, value in headers.items() if name.lower() not in _OWN_HEADERS},
            content=None if body is None else body.encode("utf-8", errors="replace"),
            safe=method.upper() in _SAFE_METHODS,
            timeout_s=timeout_s,
            purpose=Purpose.FLOW,
        )
        try:
            return await self._client.request(call, observe)
        except SalesforceError as error:
            if error.reply is None:
                raise
            return error.reply

    async def _path(self, parts: SplitResult, observe: Observe | None) -> str:
        if parts.scheme or parts.netloc:
            token = self._tokens.known or await self._client.log_in(observe)
            if f"{parts.scheme}://{parts.netloc}".lower() != token.instance_url.lower():
                raise BadRequest("an absolute URL outside the org: the token is not sent there")
        elif not parts.path.startswith("/"):
            raise BadRequest("a path must start with /")
        return quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as exc:
        raise BadRequest("a path that cannot be read as one") from exc


def _method(text: str) -> str:
    if text.upper() not in _METHODS:
        raise BadRequest("expected one of GET, HEAD, POST, PUT, PATCH, DELETE")
    return text.upper()
