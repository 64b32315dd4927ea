"""One HTTP request: bounded in time and size, never redirected, observed, its faults translated."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from ivr.clock import Clock
from ivr.salesforce.errors import (
    BadRequest,
    Busy,
    ConnectionLost,
    Garbage,
    SalesforceError,
    TimedOut,
    Unreachable,
)
from ivr.salesforce.reply import Reply, RequestSeen, parse_date, parse_usage

Observe = Callable[[RequestSeen], None]
"""Told of every HTTP request when it is over. Must not raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request ready to send. `operation` names it on timelines; `timeout_s` bounds it to its last byte."""

    operation: str
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)
    timeout_s: float


class Wire:
    """Sends requests over a shared client. `observe` sees all of them."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        clock: Clock,
        observe: Observe,
        connect_s: float,
        max_response_bytes: int,
    ) -> None:
        self._http = http
        self._clock = clock
        self._observe = observe
        self._connect_s = connect_s
        self._max_bytes = max_response_bytes

    async def send(self, out: Outgoing, judge: Callable[[Reply], None], observe: Observe | None) -> Reply:
        """Send, read whole, judge. `observe` is the call's own observer, told besides the common one.

        Raises what `judge` raises and NetworkFault, Garbage, Busy, BadRequest."""
        began = self._clock.monotonic()
        status: int | None = None
        outcome = "cancelled"
        try:
            reply = await self._exchange(out)
            status = reply.status
            judge(reply)
            outcome = "ok"
            return reply
        except SalesforceError as error:
            outcome = error.outcome
            raise
        finally:
            seen = RequestSeen(
                operation=out.operation,
                method=out.method,
                path=urlsplit(out.url).path,
                status=status,
                outcome=outcome,
                seconds=self._clock.monotonic() - began,
            )
            self._observe(seen)
            if observe is not None:
                observe(seen)

    async def _exchange(self, out: Outgoing) -> Reply:
        try:
            # httpx bounds single reads only: a dribbling answer would never end.
            async with asyncio.timeout(out.timeout_s):
                return await self._stream(out)
        except TimeoutError as exc:
            raise TimedOut(f"no whole answer within {out.timeout_s:g} s") from exc
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as exc:
            raise _translated(exc, out.timeout_s) from exc

    async def _stream(self, out: Outgoing) -> Reply:
        timeout = httpx.Timeout(out.timeout_s, connect=self._connect_s, pool=self._connect_s)
        request = self._http.build_request(
            out.method, out.url, headers=dict(out.headers), content=out.content, timeout=timeout
        )
        response = await self._http.send(request, stream=True, follow_redirects=False)
        try:
            return Reply(
                status=response.status_code,
                body=await self._read(response),
                content_type=response.headers.get("content-type", ""),
                usage=parse_usage(response.headers.get("sforce-limit-info")),
                date=parse_date(response.headers.get("date")),
            )
        finally:
            await response.aclose()

    async def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._max_bytes:
                raise Garbage(f"an answer of more than {self._max_bytes} bytes")
        return bytes(body)


def _translated(exc: Exception, timeout_s: float) -> SalesforceError:
    match exc:
        case httpx.PoolTimeout():
            return Busy("no free connection to Salesforce")
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.ProxyError():
            return Unreachable("no connection to Salesforce")
        case httpx.TimeoutException():
            return TimedOut(f"no whole answer within {timeout_s:g} s")
        case httpx.NetworkError() | httpx.RemoteProtocolError():
            return ConnectionLost("the connection was cut before the answer was whole")
        case httpx.DecodingError():
            return Garbage("an answer that cannot be decompressed")
        case _:
            return BadRequest(f"a request that cannot be sent: {type(exc).__name__}")
