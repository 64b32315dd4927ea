"""Load runs, the pure figures: spreads, phases, callers, what a run may be asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.load.callers import MOST_CALLERS, callers, org_yaml
from ivr.load.errors import LoadImpossible
from ivr.load.figures import Spread, percentile, spread
from ivr.load.node import NodeSpec, capacity_for, config_text
from ivr.load.options import check, phases
from ivr.numbers import to_e164
from ivr.salesforce.simulator.data import load_org
from ivr.salesforce.simulator.schema import OBJECTS
from tests.load_support import options

Values = st.lists(st.floats(min_value=-1e6, max_value=1e6), min_size=1, max_size=200)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0, 0.0)] == [50, 95, 99, 100, 1]
    assert percentile([3.0], 0.99) == 3.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@given(Values)
def test_a_spread_is_in_order_and_within_what_was_measured(values: list[float]) -> None:
    found = spread(values)
    assert found.p50 is not None
    assert found.p95 is not None
    assert found.p99 is not None
    assert min(values) <= found.p50 <= found.p95 <= found.p99 <= max(values)
    assert found.count == len(values)
    assert {found.p50, found.p95, found.p99} <= set(values)


def test_what_was_not_measured_does_not_count() -> None:
    assert spread([None, 2.0, None]).count == 1
    assert spread([None]) == Spread(count=0)


def test_long_calls_are_steady_between_the_last_invite_and_the_first_bye() -> None:
    found = phases(calls=101, rate=10, hold_s=70)
    assert (found.ramp_s, found.over_s, found.at_once) == (10.0, 80.0, 101)
    assert (found.steady_from_s, found.steady_until_s) == pytest.approx((25.0, 69.7))


def test_short_calls_are_steady_between_the_first_bye_and_the_last_invite() -> None:
    found = phases(calls=1201, rate=20, hold_s=10)
    assert (found.ramp_s, found.at_once) == (60.0, 201)
    assert (found.steady_from_s, found.steady_until_s) == pytest.approx((25.0, 59.7))


def test_a_load_that_is_never_steady_is_refused() -> None:
    with pytest.raises(LoadImpossible, match="never steady"):
        phases(calls=11, rate=1, hold_s=10)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"calls": 0}, "--calls"),
        ({"calls": 10_001}, "--calls"),
        ({"rate": 0.0}, "--rate"),
        ({"rate": 200.0}, "--rate"),
        ({"hold_s": 0.0}, "--hold"),
        ({"agents": 101}, "--agents"),
        ({"talk_s": 0.0}, "--talk"),
        ({"user": 'a"b'}, "--user"),
        ({"target": "sip.example"}, "--target"),
        ({"target": "192.0.2.1:5060", "agents": 1}, "--agents needs a node of our own"),
        ({"calls": 9000, "rate": 90.0, "hold_s": 3600.0}, "million packets"),
        ({"calls": 1500, "rate": 90.0, "hold_s": 60.0}, "1500 callers at once"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_what_to_change(change: dict[str, object], word: str) -> None:
    with pytest.raises(LoadImpossible, match=word):
        check(replace(options(), **change))  # type: ignore[arg-type]  # each value fits its key


def test_a_target_may_have_more_than_one_machine_holds() -> None:
    asked = replace(options(target="192.0.2.1:5060"), calls=1500, rate=90.0, hold_s=60.0)
    assert check(asked).at_once == 1500


def test_a_node_has_room_for_the_calls_and_workers_for_the_rate() -> None:
    assert capacity_for(500, 10) == 525
    assert capacity_for(100, 20) == 140
    assert capacity_for(1, 0.1) == 3


def test_every_caller_has_a_number_of_its_own_that_is_a_whole_public_number() -> None:
    people = callers(MOST_CALLERS)
    assert len({caller.number for caller in people}) == MOST_CALLERS
    assert all(to_e164(caller.number, "US") == caller.number for caller in people[::97])


def test_salesforce_knows_every_caller_by_number(tmp_path: Path) -> None:
    people = callers(3)
    path = tmp_path / "org.yaml"
    path.write_text(org_yaml(people), encoding="utf-8")
    org = load_org(path)
    contacts = org.records(OBJECTS["contact"])
    assert [c["Phone"] for c in contacts] == [caller.number for caller in people]
    assert len(list(org.records(OBJECTS["case"]))) == 3


def test_a_benchmark_may_add_to_the_sip_section(tmp_path: Path) -> None:
    spec = NodeSpec(
        folder=tmp_path, capacity=4, callers=(), agents=2, agent_port=5070, sip_more={"legs_per_customer": 4}
    )
    text = config_text(spec, sip=5062, salesforce="http://127.0.0.1:1", password_hash="scrypt$x")
    assert "  legs_per_customer: 4\n" in text
    assert "agents: [agent1, agent2]" in text
    assert 'endpoint: "sip:agent2@127.0.0.3:5070"' in text
