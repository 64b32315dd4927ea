"""Carries faults out: stands between the server and the app, and keeps the log of requests."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import TypedDict

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ivr.salesforce.simulator.errors import ApiError
from ivr.salesforce.simulator.faults import Fault, FaultKind, Faults
from ivr.salesforce.simulator.masking import masked

_HUGE_BYTES = 16_000_000
_LOGGED_BYTES = 4_000
_CUT_AFTER = b'{"totalSize":'
_PAGE = "<html><head><title>Maintenance</title></head><body><h1>We'll be back shortly</h1></body></html>"


class LogEntry(TypedDict):
    """One request as it came, at the org's time, its secrets masked; `status` is None when the answer was cut
    or given up."""

    time: str
    method: str
    path: str
    query: str
    body: str
    status: int | None
    fault: str | None


RequestLog = deque[LogEntry]
"""The latest requests, oldest first; bounded by whoever makes it."""


class FaultInjector:
    """ASGI middleware. `now` is the org's clock, which its answers carry."""

    def __init__(self, app: ASGIApp, faults: Faults, log: RequestLog, now: Callable[[], datetime]) -> None:
        self._app = app
        self._faults = faults
        self._log = log
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or scope["path"].startswith("/simulator/"):
            await self._app(scope, receive, send)
            return
        fault = self._faults.take(scope["method"], scope["path"])
        now = self._now()
        entry = LogEntry(
            time=now.isoformat(),
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            body="",
            status=None,
            fault=fault.kind if fault else None,
        )
        self._log.append(entry)
        date = (b"date", format_datetime(now, usegmt=True).encode())

        async def send_logged(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), date]}
            await send(message)

        heard = _Heard(receive, entry)
        if fault is None:
            await self._app(scope, heard.receive, send_logged)
        else:
            await self._go_wrong(fault, scope, heard.receive, send_logged)

    async def _go_wrong(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case FaultKind.SLOW:
                await asyncio.sleep(fault.seconds)
                await self._app(scope, receive, send)
            case FaultKind.DRIBBLE:
                await _dribble(fault.seconds, send)
            case FaultKind.CUT:
                await _cut(send)
            case FaultKind.LOST_ANSWER:
                await self._app(scope, receive, _discard)
                await _cut(send)
            case _:
                await _answer(fault)(scope, receive, send)


class _Heard:
    """Passes a request's body on and writes its beginning into the log."""

    def __init__(self, receive: Receive, entry: LogEntry) -> None:
        self._receive = receive
        self._entry = entry
        self._bytes = b""

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and len(self._bytes) < _LOGGED_BYTES:
            self._bytes = (self._bytes + message.get("body", b""))[:_LOGGED_BYTES]
            self._entry["body"] = masked(self._bytes.decode("utf-8", "replace"))
        return message


async def _discard(message: Message) -> None:
    """An answer that nobody gets."""


async def _cut(send: Send) -> None:
    """Promise more than is sent: the server closes the connection when the app returns."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
    await send({"type": "http.response.body", "body": _CUT_AFTER, "more_body": True})


async def _dribble(seconds: float, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(1_000):
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(seconds)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _answer(fault: Fault) -> Response:
    match fault.kind:
        case FaultKind.STATUS:
            return HTMLResponse(_PAGE, status_code=fault.status)
        case FaultKind.ERROR:
            named = ApiError(fault.status, fault.error, fault.description)
            return JSONResponse(named.body(), status_code=named.status)
        case FaultKind.OAUTH:
            body = {"error": fault.error, "error_description": fault.description}
            return JSONResponse(body, status_code=HTTPStatus.BAD_REQUEST)
        case FaultKind.GARBAGE:
            return Response('{"totalSize": 1, "done": tr', media_type="application/json")
        case FaultKind.SHAPE:
            return JSONResponse([{"unexpected": True}])
        case FaultKind.EMPTY:
            return Response(b"", media_type="application/json")
        case FaultKind.HUGE:
            return Response(b" " * _HUGE_BYTES, media_type="application/json")
        case FaultKind.REDIRECT:
            return RedirectResponse("/elsewhere", status_code=302)
        case _:
            error = _ERRORS[fault.kind]
            return JSONResponse(error.body(), status_code=error.status)


_ERRORS = {
    FaultKind.UNAUTHORIZED: ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid"),
    FaultKind.QUOTA_DAILY: ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    FaultKind.QUOTA_CONCURRENT: ApiError(
        403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."
    ),
    FaultKind.DENIED: ApiError(403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization"),
    FaultKind.QUERY_TIMEOUT: ApiError(400, "QUERY_TIMEOUT", "Your query request was running for too long."),
    FaultKind.LOCKED_ROW: ApiError(
        400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records"
    ),
}
