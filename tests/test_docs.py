"""The documentation is true: its files load, check and run; the reference is complete and fresh."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivr.flow.activities import registry
from ivr.flow.activities.base import ERROR, Activity, NeedKind
from ivr.flow.check import CheckContext, check_flow
from ivr.flow.load import load_flow
from ivr.flow.model import EventName, Flow
from ivr.flow.prompts import load_prompts
from ivr.flow.reference import example_of, instance, page, read_examples, undocumented
from ivr.flow.rig.load import load_scenarios
from ivr.flow.rig.run import run_file
from ivr.flow.rig.scenario import Expect, Scenario
from ivr.flow.variables import SYSTEM

DOCS = Path(__file__).parents[1] / "docs"
GUIDE = (DOCS / "flows.md").read_text(encoding="utf-8")
EXAMPLES = read_examples(DOCS / "activities.yaml")
_FILE = re.compile(r"```yaml\n# (\S+)\n(.*?)```", re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the guide, each in its place."""
    for name, text in _FILE.findall(GUIDE):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def trusting(flow: Flow, prompts: Path) -> CheckContext:
    """A world that has all that a flow names, with the guide's prompts."""
    needs = [need for _, node in flow.nodes() for need in node.activity.needs()]
    return CheckContext(
        queues=frozenset(need.name for need in needs if need.kind is NeedKind.QUEUE),
        connectors=frozenset(need.name for need in needs if need.kind is NeedKind.CONNECTOR),
        sounds=frozenset(need.name for need in needs if need.kind is NeedKind.SOUND),
        prompts=(load_prompts(prompts),),
    )


def test_every_block_of_yaml_in_the_guide_is_a_file() -> None:
    assert GUIDE.count("```yaml") == len(_FILE.findall(GUIDE)) == 8


@pytest.mark.parametrize("name", ["hello", "support", "verify"])
def test_the_flows_of_the_guide_check_clean(folder: Path, name: str) -> None:
    flow = load_flow(folder / "flows" / f"{name}.yaml")
    assert [str(f) for f in check_flow(flow, trusting(flow, folder / "prompts" / "en-US.yaml"))] == []


@pytest.mark.parametrize("name", ["hello", "support"])
def test_the_scenarios_of_the_guide_hold(folder: Path, name: str) -> None:
    report = run_file(load_scenarios(folder / "flows" / "tests" / f"{name}.test.yaml"))
    assert [str(c) for outcome in report.outcomes for c in outcome.complaints] == []
    assert report.good


def test_the_guide_names_every_event_system_value_and_expectation() -> None:
    for word in (*EventName, *SYSTEM, *Scenario.model_fields, *Expect.model_fields):
        assert f"`{word}`" in GUIDE or word == "description", word


@pytest.mark.parametrize("activity", registry().values(), ids=lambda activity: activity.type)
def test_every_activity_is_documented(activity: type[Activity]) -> None:
    assert undocumented(activity) == []
    assert activity.type in EXAMPLES, "docs/activities.yaml has no example"


def test_no_example_is_of_an_activity_that_is_gone() -> None:
    assert EXAMPLES.keys() == registry().keys()


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_an_example_is_right(kind: str) -> None:
    _, properties = example_of(EXAMPLES[kind])
    activity = instance(registry()[kind], EXAMPLES[kind])
    assert properties["type"] == kind
    assert activity.problems() == ()
    edges = set(properties.get("edges", {}))
    assert set(activity.outcomes()) <= edges <= {*activity.outcomes(), ERROR}


def test_an_activity_without_words_is_found() -> None:
    class Bare(registry()["condition"]):  # type: ignore[misc]  # a base that is only known at run time
        extra: str = ""

    missing = undocumented(Bare)
    assert "docstring" in missing
    assert "extra" in missing


def test_the_reference_is_fresh() -> None:
    made = page(registry(), EXAMPLES)
    assert (DOCS / "activities.md").read_text(encoding="utf-8") == made, "run scripts/reference"
