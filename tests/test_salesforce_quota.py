"""The day's requests run short: what is left out first, and what never."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.numbers import E164
from ivr.salesforce.breaker import BreakerState
from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.errors import Retry, SalesforceError, Shed, retry_of
from ivr.salesforce.model import Contact, Match, MatchResult
from ivr.salesforce.news import ConnectorState, News, NotSent, Purpose, WriteSeen
from ivr.salesforce.quota import Need, QuotaGuard, QuotaSettings
from ivr.salesforce.reply import ApiUsage
from ivr.salesforce.settings import BreakerSettings, SalesforceSettings
from ivr.salesforce.simulator.faults import FaultKind
from ivr.salesforce.testing import ManualClock, simulated
from ivr.telemetry.metrics import Metrics

ORG = "https://a.my.salesforce.com"
ALICE = E164("+14155550123")
LOOK_UP = '{connector="SF",purpose="look_up"}'
CASE = "500gK0000000001QAA"
CONTACT = Contact(id="003gK0000000001QAA", name="Alice")
TASK: dict[str, str | int] = {"CallObject": "call-0001", "ActivityDate": "2025-01-01"}


def guard_at(used: int) -> QuotaGuard:
    guard = QuotaGuard(QuotaSettings())
    guard.note(ApiUsage(used=used, limit=100), 0.0)
    return guard


@pytest.mark.parametrize(
    ("used", "sent"),
    [
        (0, {Need.TASK, Need.COMMENT, Need.CASES, Need.LIVE}),
        (84, {Need.TASK, Need.COMMENT, Need.CASES, Need.LIVE}),
        (85, {Need.COMMENT, Need.CASES, Need.LIVE}),
        (90, {Need.CASES, Need.LIVE}),
        (97, {Need.LIVE}),
        (130, {Need.LIVE}),
    ],
)
def test_what_can_wait_waits_first(used: int, sent: set[Need]) -> None:
    guard = guard_at(used)
    assert {need for need in Need if guard.allows(need, 1.0)} == sent


def test_nothing_is_left_out_before_the_org_has_told_its_usage() -> None:
    guard = QuotaGuard(QuotaSettings())
    guard.note(None, 0.0)
    assert all(guard.allows(need, 0.0) for need in Need)


def test_an_old_word_is_tried_by_one_request() -> None:
    guard = guard_at(99)
    assert not guard.allows(Need.TASK, 299.0)
    assert guard.allows(Need.TASK, 300.0)
    assert not guard.allows(Need.TASK, 301.0), "one is enough to learn"
    guard.note(ApiUsage(used=5, limit=100), 302.0)
    assert guard.allows(Need.TASK, 302.0)


@given(st.integers(0, 200), st.floats(0, 299))
def test_what_is_sent_never_depends_on_what_is_less_urgent(used: int, now: float) -> None:
    guard = guard_at(used)
    sent = [guard.allows(need, now) for need in (Need.TASK, Need.COMMENT, Need.CASES, Need.LIVE)]
    assert sent == sorted(sent)
    assert sent[-1]


def org_at(used: int, paths: list[str]) -> Callable[[httpx.Request], httpx.Response]:
    """An org with `used` of 100 requests gone, which finds nobody."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth2/token"):
            return httpx.Response(200, json={"access_token": "t", "instance_url": ORG})
        paths.append(request.url.path.rstrip("/").rpartition("/")[2])
        return httpx.Response(
            200, json={"searchRecords": []}, headers={"Sforce-Limit-Info": f"api-usage={used}/100"}
        )

    return answer


@pytest.mark.parametrize(
    ("used", "shed"), [(86, ["task"]), (91, ["task", "comment"]), (98, ["task", "comment", "cases"])]
)
def test_the_connector_sheds_and_callers_are_still_found(used: int, shed: list[str]) -> None:
    async def main() -> None:
        paths: list[str] = []
        told: list[News] = []
        settings = SalesforceSettings(name="x", login_url=ORG, client_id="a", client_secret="b")
        async with httpx.AsyncClient(transport=httpx.MockTransport(org_at(used, paths))) as http:
            connector = SalesforceConnector(settings, http, ManualClock(), told.append, told.append)
            await connector.find(ALICE)
            left_out = []
            for name, work in (
                ("task", connector.add_task(TASK)),
                ("comment", connector.add_case_comment(CASE, "text", "[call:0001]")),
            ):
                try:
                    await work
                except Shed:
                    left_out.append(name)
                except SalesforceError:  # the org's answer is not a query's
                    assert name not in shed
            match = await connector.open_cases(Match(result=MatchResult.ONE, contact=CONTACT))
            if match.detail.startswith("shed: "):
                left_out.append("cases")
                assert (match.contact, match.cases_known) == (CONTACT, False)
            assert left_out == shed
            assert (await connector.find(ALICE)).result is MatchResult.NONE
            assert paths.count("search") == 2
            assert [news.reason for news in told if isinstance(news, NotSent)] == ["shed"] * len(shed)

    asyncio.run(main())


def test_what_was_left_out_is_tried_later() -> None:
    assert retry_of(Shed("")) is Retry.LATER


def test_a_refusal_tells_the_usage_too() -> None:
    async def main() -> None:
        async with simulated() as org:
            org.org.policy = dataclasses.replace(org.org.policy, api_used=15_000)
            assert (await org.connector.find(ALICE)).detail.startswith("quota_exhausted")
            usage = org.connector.usage
            assert usage is not None
            assert usage.share >= 1
            assert {org.connector.breaker(purpose) for purpose in Purpose} == {BreakerState.OPEN}
            sent = len(org.seen)
            with pytest.raises(SalesforceError):
                await org.connector.add_task(TASK)
            assert len(org.seen) == sent

    asyncio.run(main())


def test_metrics_tell_breaker_usage_and_what_was_not_sent() -> None:
    async def main() -> str:
        metrics = Metrics()
        async with simulated(breaker=BreakerSettings(failures=2, open_s=10.0)) as org:
            connector = SalesforceConnector(
                org.settings, org.http, org.clock,
                lambda news: metrics.requested("SF", news), lambda news: metrics.requested("SF", news),
            )  # fmt: skip
            await connector.find(ALICE)
            assert f"ivr_connector_breaker_open{LOOK_UP} 0.0" in metrics.text().decode()
            org.fault(FaultKind.STATUS, times=2)
            await connector.find(ALICE)
            await connector.find(ALICE)
            opened = metrics.text().decode()
            org.clock.advance(10.0)
            await connector.find(ALICE)
            assert f"ivr_connector_breaker_open{LOOK_UP} 0.0" in metrics.text().decode()
            connector.wrote("call_task", "dead")
            connector.wrote("call_task", "retry")
            return opened + metrics.text().decode()

    text = asyncio.run(main())
    assert f"ivr_connector_breaker_open{LOOK_UP} 1.0" in text
    assert 'ivr_connector_breaker_open{connector="SF",purpose="write_back"} 1.0' not in text
    assert 'ivr_connector_not_sent_total{connector="SF",operation="find",reason="breaker_open"} 1.0' in text
    assert 'ivr_connector_api_usage_ratio{connector="SF"}' in text
    assert 'ivr_outbox_attempt_total{connector="SF",operation="call_task",outcome="dead"} 1.0' in text
    assert 'ivr_outbox_attempt_total{connector="SF",operation="call_task",outcome="retry"} 1.0' in text


def test_news_are_values() -> None:
    nothing = ConnectorState(left_alone=frozenset(), usage=None)
    assert nothing == ConnectorState(left_alone=frozenset(), usage=None)
    assert WriteSeen(operation="a", outcome="dead") != WriteSeen(operation="a", outcome="retry")
