"""What an answer means: returns when it is good, raises the error it stands for when it is not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from ivr.salesforce.errors import (
    BadRequest,
    Busy,
    Denied,
    Garbage,
    NotFound,
    QuotaExhausted,
    Refused,
    SalesforceError,
    SessionRefused,
    TimedOut,
    Unavailable,
)
from ivr.salesforce.reply import Reply

_DETAIL_CHARACTERS = 300


def judge_api(reply: Reply) -> None:
    """Judge an answer of the REST API."""
    status = reply.status
    if 200 <= status < 300:
        return
    if status < 400 and status != HTTPStatus.MULTIPLE_CHOICES:
        raise Garbage(f"HTTP {status}: a redirect, which is never followed; check login_url")
    code, message = first_error(reply)
    detail = _detail(status, code, message)
    raise _by_status(reply, code, message, detail)


def judge_login(reply: Reply) -> None:
    """Judge an answer of the token endpoint. The status of an OAuth error differs by release; its word does
    not. The errors carry no reply: it answers no request of a caller of ours."""
    if reply.status == HTTPStatus.OK:
        return
    if reply.status >= 500:
        raise Unavailable(f"login: HTTP {reply.status}")
    if 300 <= reply.status < 400:
        raise Garbage(f"login: HTTP {reply.status}, a redirect; login_url must be the My Domain host")
    word, description = _oauth_error(reply)
    shown = f"login refused: {word or f'HTTP {reply.status}'}{': ' if description else ''}{description}"
    raise Refused(shown[:_DETAIL_CHARACTERS], oauth_error=word)


def first_error(reply: Reply) -> tuple[str, str]:
    """(errorCode, message) of an error body; both empty when it is not Salesforce's JSON."""
    try:
        parsed = reply.json()
    except ValueError:
        return "", ""
    return error_of(parsed)


def error_of(parsed: object) -> tuple[str, str]:
    """(errorCode, message) of a parsed error body, an array of objects (or one object)."""
    item = parsed[0] if isinstance(parsed, list) and parsed else parsed
    if not isinstance(item, Mapping):
        return "", ""
    return str(item.get("errorCode") or ""), str(item.get("message") or "")


def _by_status(reply: Reply, code: str, message: str, detail: str) -> SalesforceError:
    match reply.status:
        case 401:
            return SessionRefused(detail, reply=reply)
        case 403 if code == "REQUEST_LIMIT_EXCEEDED":
            return QuotaExhausted(detail, daily="Concurrent" not in message, reply=reply)
        case 403:
            return Denied(detail, reply=reply)
        case 404 | 410:
            return NotFound(detail, reply=reply)
        case status if status >= 500:
            return Unavailable(detail, reply=reply)
        case _:
            return _by_code(reply, code, detail)


def _by_code(reply: Reply, code: str, detail: str) -> SalesforceError:
    match code:
        case "UNABLE_TO_LOCK_ROW":
            return Busy(detail, reply=reply)
        case "QUERY_TIMEOUT":
            return TimedOut(detail, reply=reply)
        case "ENTITY_IS_DELETED" | "INVALID_CROSS_REFERENCE_KEY" | "NOT_FOUND":
            return NotFound(detail, reply=reply)
        case _:
            return BadRequest(detail, reply=reply)


# The messages of these describe the org's settings; other messages may quote the customer's data (a
# duplicate, a validation rule) or the query, which must not reach logs.
_MESSAGE_IS_SAFE = frozenset(
    {"INVALID_SESSION_ID", "REQUEST_LIMIT_EXCEEDED", "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"}
)
# Below the query these name the field or object that the org does not have.
_LAST_LINE_IS_SAFE = frozenset({"INVALID_FIELD", "INVALID_TYPE"})


def _detail(status: int, code: str, message: str) -> str:
    shown = f"HTTP {status} {code}".rstrip()
    if message and code in _MESSAGE_IS_SAFE:
        shown = f"{shown}: {message}"
    elif message and code in _LAST_LINE_IS_SAFE:
        shown = f"{shown}: {message.splitlines()[-1]}"
    return " ".join(shown.split())[:_DETAIL_CHARACTERS]


def _oauth_error(reply: Reply) -> tuple[str, str]:
    try:
        parsed = reply.json()
    except ValueError:
        return "", ""
    if not isinstance(parsed, Mapping):
        return "", ""
    return str(parsed.get("error") or ""), str(parsed.get("error_description") or "")
