"""The scenarios that ship: they hold, they walk every edge, and a flow that is wrong fails them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ivr.ending import Ending
from ivr.flow.load import load_flow
from ivr.flow.rig.coverage import edges_of
from ivr.flow.rig.family import sub_flows
from ivr.flow.rig.load import ScenarioFile, load_scenarios
from ivr.flow.rig.run import play_virtually, run_file

FLOWS = Path(__file__).parents[1] / "config" / "flows"
FILES = sorted((FLOWS / "tests").glob("*.test.yaml"))
SHIPPED = load_scenarios(FLOWS / "tests" / "salesforce_ani_lookup.test.yaml")


def test_every_shipped_flow_has_scenarios() -> None:
    flows = [load_scenarios(path).flow for path in FILES]
    tested = {flow.file for flow in flows} | {sub.file for flow in flows for sub in sub_flows(flow).values()}
    beside = {FLOWS / "globals.yaml", FLOWS / "schedules.yaml"}
    assert tested == set(FLOWS.glob("*.yaml")) - beside


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.partition(".")[0])
def test_the_scenarios_hold_and_walk_every_edge(path: Path) -> None:
    file = load_scenarios(path)
    assert file.suite.coverage == 100
    report = run_file(file)
    assert [str(c) for outcome in report.outcomes for c in outcome.complaints] == []
    assert report.coverage.missing == ()
    assert report.good


def test_what_a_caller_can_bring_about_is_walked_unforced() -> None:
    """Only edges that stand for faults of our own, or that another edge shadows, may need force."""
    report = run_file(SHIPPED)
    by_hand = {str(edge) for edge in report.coverage.only_forced}
    assert all(edge.endswith((" error", "ContactByANI withheld")) for edge in by_hand)
    assert len(edges_of(SHIPPED.flow)) - len(by_hand) >= 25


def test_a_scenario_ends_as_it_says() -> None:
    outcome = play_virtually(SHIPPED, "he hangs up while the agent's phone rings")
    assert outcome.story.ending is Ending.ABANDONED_WHILE_OFFERED
    assert outcome.story.lasted_s == pytest.approx(20)


def broken(tmp_path: Path, old: str, new: str) -> ScenarioFile:
    """The shipped scenarios with a flow in which something was changed."""
    text = SHIPPED.flow.file.read_text(encoding="utf-8")
    assert old in text
    flow = tmp_path / "flow.yaml"
    flow.write_text(text.replace(old, new), encoding="utf-8")
    return replace(SHIPPED, flow=load_flow(flow))


@pytest.mark.parametrize(
    ("old", "new", "fails"),
    [
        ("priority: by_case_and_customer", "priority: 9", "a known caller with one case: queued"),
        ("key: next_in_queue", "key: hello", "a known caller with one case: said"),
        ("wait_s: 1.5", "wait_s: 20", "Salesforce is too slow: silence_at_most_s"),
        ("CasebyContactId.count == 1", "CasebyContactId.count == 2", "a known caller with two cases: said"),
        ("salesforce:{{ 'Account'", "salesforce:{{ 'Case'", "a known caller with one case: popped"),
        ("handled by the IVR", "handled", "a known caller with one case: written"),
        (
            "edges: {next: Position, error: StayOnTheLine}",
            "edges: {next: Music, error: StayOnTheLine}",
            "third in the queue",
        ),
    ],
)
def test_a_wrong_flow_fails(tmp_path: Path, old: str, new: str, fails: str) -> None:
    report = run_file(broken(tmp_path, old, new))
    assert not report.good
    assert any(fails in c.text for outcome in report.outcomes for c in outcome.complaints)


def test_an_edge_that_nobody_walks_is_told(tmp_path: Path) -> None:
    file = broken(tmp_path, 'values: ["1"]', 'values: ["1", "99"]')
    text = file.flow.file.read_text(encoding="utf-8").replace(
        'edges: {"1": SayNext,', 'edges: {"1": SayNext, "99": SayNext,'
    )
    file.flow.file.write_text(text, encoding="utf-8")
    report = run_file(replace(file, flow=load_flow(file.flow.file)))
    assert not report.good
    assert [str(edge) for edge in report.coverage.missing] == ["main: Position 99"]
    [complaint] = report.complaints
    assert str(complaint).startswith(f"{SHIPPED.path}:{SHIPPED.line('coverage')}: 97.9 %")
