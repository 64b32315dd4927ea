"""Every refusal as an RFC 9457 problem document, in one place.

Details are sentences for people. What a client sent is never echoed: it may hold a password.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ivr.api.documents import INVALID, REFUSED, REVISION, ConflictProblem, InvalidField, InvalidProblem
from ivr.api.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    NotSignedIn,
    Overloaded,
    Refused,
    TooManyAttempts,
)
from ivr.api.models import Problem

PROBLEM_JSON = "application/problem+json"

_log = structlog.get_logger()

_STATUS: Mapping[type[ApiError], int] = {
    NotFound: 404,
    Refused: 409,
    Conflict: 409,
    NotSignedIn: 401,
    Forbidden: 403,
    TooManyAttempts: 429,
    Overloaded: 503,
}
_TYPE: Mapping[type[ApiError], str] = {Refused: REFUSED, Conflict: REVISION}


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem document as a response."""
    return Response(problem.model_dump_json(), problem.status, headers, PROBLEM_JSON)


def of_status(status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """A problem that its HTTP status says all about."""
    title = HTTPStatus(status).phrase
    return problem_response(
        Problem(title=title, status=status, detail="" if detail == title else detail), headers
    )


def of_error(error: ApiError) -> Response:
    """Our own refusals."""
    status = _STATUS.get(type(error), 500)
    kind = _TYPE.get(type(error), "about:blank")
    title = HTTPStatus(status).phrase
    if isinstance(error, Conflict):
        conflict = ConflictProblem(
            type=kind, title=title, status=status, detail=error.detail, current=error.current
        )
        return problem_response(conflict)
    return problem_response(
        Problem(type=kind, title=title, status=status, detail=error.detail), _headers(error)
    )


def install_problems(app: FastAPI) -> None:
    """Make every refusal of an application a problem document."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_middleware(LastResort)


class LastResort:
    """The root of a request: a fault is logged here and answered with 500 that says nothing of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one stream."""
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:  # noqa: BLE001 - the root of a request
            _log.exception("api_fault", kind=scope["type"], path=scope.get("path"))
            if scope["type"] == "http" and not started:
                await of_status(500, "The node failed; its log says how.")(scope, receive, send)


def _headers(error: ApiError) -> dict[str, str] | None:
    match error:
        case NotSignedIn():
            return {"WWW-Authenticate": 'Bearer realm="ivr"'}
        case TooManyAttempts():
            return {"Retry-After": str(max(1, math.ceil(error.retry_after_s)))}
        case Overloaded():
            return {"Retry-After": "1"}
        case _:
            return None


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return of_error(error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return of_status(error.status_code, str(error.detail), error.headers)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [
        InvalidField(field=".".join(str(part) for part in item["loc"]), detail=str(item["msg"]))
        for item in error.errors()
    ]
    return problem_response(
        InvalidProblem(
            type=INVALID,
            title="Unprocessable Content",
            status=422,
            detail="The request is not as this operation expects it.",
            errors=tuple(fields[:20]),
        )
    )
