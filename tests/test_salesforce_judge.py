"""What each answer of Salesforce means, and whether it is worth another try."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.salesforce.errors import (
    BadRequest,
    BreakerOpen,
    Busy,
    ConnectionLost,
    DeadlineExceeded,
    Denied,
    Garbage,
    NotFound,
    QuotaExhausted,
    Refused,
    Retry,
    SalesforceError,
    SessionRefused,
    TimedOut,
    Unavailable,
    Unreachable,
    retry_of,
)
from ivr.salesforce.judge import judge_api, judge_login
from ivr.salesforce.reply import ApiUsage, Reply, parse_usage


def reply(status: int, code: str = "", message: str = "") -> Reply:
    return Reply(status=status, body=json.dumps([{"errorCode": code, "message": message}]).encode())


@pytest.mark.parametrize(
    ("answer", "error", "retryable"),
    [
        (reply(400, "MALFORMED_QUERY"), BadRequest, False),
        (reply(400, "INVALID_FIELD"), BadRequest, False),
        (reply(400, "UNABLE_TO_LOCK_ROW"), Busy, True),
        (reply(400, "QUERY_TIMEOUT"), TimedOut, True),
        (reply(400, "ENTITY_IS_DELETED"), NotFound, False),
        (reply(401, "INVALID_SESSION_ID"), SessionRefused, True),
        (reply(403, "API_DISABLED_FOR_ORG"), Denied, False),
        (reply(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), QuotaExhausted, True),
        (reply(404, "NOT_FOUND"), NotFound, False),
        (reply(414), BadRequest, False),
        (reply(500, "UNKNOWN_EXCEPTION"), Unavailable, True),
        (Reply(status=503, body=b"<html>"), Unavailable, True),
        (Reply(status=302, body=b""), Garbage, True),
        (Reply(status=300, body=b"[]"), BadRequest, False),
    ],
)
def test_an_api_error(answer: Reply, error: type[SalesforceError], retryable: bool) -> None:
    with pytest.raises(error) as caught:
        judge_api(answer)
    assert type(caught.value) is error
    assert caught.value.retryable is retryable


@pytest.mark.parametrize("status", [200, 201, 204])
def test_good_answers_pass(status: int) -> None:
    judge_api(Reply(status=status, body=b""))


def test_the_two_quotas_are_told_apart() -> None:
    for message, daily in (
        ("TotalRequests Limit exceeded.", True),
        ("ConcurrentPerOrgLongTxn Limit exceeded.", False),
    ):
        with pytest.raises(QuotaExhausted) as caught:
            judge_api(reply(403, "REQUEST_LIMIT_EXCEEDED", message))
        assert caught.value.daily is daily


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_login_carries_the_oauth_error_whatever_the_status(status: int) -> None:
    body = json.dumps({"error": "invalid_client"}).encode()
    with pytest.raises(Refused) as caught:
        judge_login(Reply(status=status, body=body))
    assert caught.value.oauth_error == "invalid_client"
    assert not caught.value.retryable
    assert caught.value.reply is None


def test_a_rate_limited_login_is_worth_a_later_try() -> None:
    with pytest.raises(Refused) as caught:
        judge_login(Reply(status=400, body=b'{"error": "rate_limit_exceeded"}'))
    assert retry_of(caught.value) is Retry.LATER


@pytest.mark.parametrize(
    ("error", "retry"),
    [
        (Unreachable(""), Retry.AT_ONCE),
        (ConnectionLost(""), Retry.AT_ONCE),
        (Unavailable(""), Retry.AT_ONCE),
        (TimedOut(""), Retry.LATER),
        (DeadlineExceeded(""), Retry.LATER),
        (BreakerOpen(""), Retry.LATER),
        (Refused("", oauth_error="invalid_grant"), Retry.NEVER),
    ],
)
def test_when_to_try_again(error: SalesforceError, retry: Retry) -> None:
    assert retry_of(error) is retry


def test_messages_that_may_quote_customers_are_not_repeated() -> None:
    with pytest.raises(BadRequest) as caught:
        judge_api(reply(400, "DUPLICATES_DETECTED", "Alice Morgan +14155550123 exists"))
    assert "Alice" not in str(caught.value)
    with pytest.raises(BadRequest) as field:
        judge_api(
            reply(400, "INVALID_FIELD", "FIND {4155550123}\n^\nNo such column 'SLA__c' on entity 'Account'.")
        )
    assert str(field.value) == "HTTP 400 INVALID_FIELD: No such column 'SLA__c' on entity 'Account'."


@given(st.integers(min_value=300, max_value=599), st.binary(max_size=80))
def test_any_bytes_become_one_of_our_errors(status: int, body: bytes) -> None:
    answer = Reply(status=status, body=body)
    with pytest.raises(SalesforceError):
        judge_api(answer)
    with pytest.raises(SalesforceError):
        judge_login(answer)


@pytest.mark.parametrize(
    ("header", "usage"),
    [
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=x)", ApiUsage(used=25, limit=5000)),
        ("per-app-api-usage=17/250(appName=x)", None),
        ("", None),
        (None, None),
    ],
)
def test_usage_is_read_from_the_header(header: str | None, usage: ApiUsage | None) -> None:
    assert parse_usage(header) == usage
