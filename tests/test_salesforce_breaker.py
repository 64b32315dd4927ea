"""The circuit breaker, on readings of a clock that nobody waits for."""

from __future__ import annotations

from ivr.salesforce.breaker import Breaker, BreakerState


def failing(times: int) -> Breaker:
    breaker = Breaker(failures=3, open_s=10.0)
    for _ in range(times):
        assert breaker.allow(0.0)
        breaker.failed(0.0)
    return breaker


def test_fewer_failures_leave_it_closed() -> None:
    assert failing(2).state(0.0) is BreakerState.CLOSED


def test_failures_in_a_row_open_it() -> None:
    breaker = failing(3)
    assert breaker.state(9.9) is BreakerState.OPEN
    assert not breaker.allow(9.9)


def test_a_success_between_starts_the_count_anew() -> None:
    breaker = failing(2)
    breaker.succeeded()
    breaker.failed(0.0)
    assert breaker.state(0.0) is BreakerState.CLOSED


def test_after_the_time_one_request_probes_and_closes_it() -> None:
    breaker = failing(3)
    assert breaker.allow(10.0)
    assert not breaker.allow(10.0)
    breaker.succeeded()
    assert breaker.state(10.0) is BreakerState.CLOSED
    assert breaker.allow(10.0)


def test_a_failed_probe_opens_it_again() -> None:
    breaker = failing(3)
    assert breaker.allow(10.0)
    breaker.failed(10.0)
    assert breaker.state(19.9) is BreakerState.OPEN
    assert breaker.allow(20.0)


def test_an_abandoned_probe_lets_the_next_one_try() -> None:
    breaker = failing(3)
    assert breaker.allow(10.0)
    breaker.abandoned()
    assert breaker.allow(10.0)


def test_it_can_be_opened_at_once_for_longer() -> None:
    breaker = Breaker(failures=3, open_s=10.0)
    breaker.tripped(0.0, 300.0)
    assert breaker.state(299.0) is BreakerState.OPEN
    assert breaker.state(300.0) is BreakerState.HALF_OPEN
