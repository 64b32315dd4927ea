"""`ivr flow test`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli_support import quiet_logs, run_ivr

__all__ = ["quiet_logs"]

FOLDER = Path(__file__).parents[1] / "config" / "flows"
SHIPPED = FOLDER / "tests" / "salesforce_ani_lookup.test.yaml"

pytestmark = pytest.mark.usefixtures("quiet_logs")


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A file with a good scenario and a bad one."""
    path = tmp_path / "x.test.yaml"
    path.write_text(
        f"""\
flow: {FOLDER / "salesforce_ani_lookup.yaml"}
coverage: 50
scenarios:
  good:
    caller: {{does: [hear: Thank you, hang_up]}}
    expect: {{ended: abandoned_in_treatment}}
  bad:
    caller: {{does: [hear: Thank you, hang_up]}}
    expect:
      said: [Hello.]
""",
        encoding="utf-8",
    )
    return path


def test_the_shipped_scenarios_hold() -> None:
    result = run_ivr("flow", "test", str(SHIPPED))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert lines[-1].startswith("edges: 46 of 46 walked (100 %)")


def test_what_failed_is_told_with_its_line_and_its_story(failing: Path) -> None:
    result = run_ivr("flow", "test", str(failing))
    assert result.exit_code == 1
    assert f"{failing}:10: bad: said: expected [Hello.], but it was [Hello. | Thank you" in result.stdout
    assert "said         Thank you for calling our support line." in result.stdout
    assert "    not walked: main: AccountByANI one" in result.stdout
    assert f"{failing}:2: " in result.stdout.splitlines()[-1]


def test_one_scenario_alone_owes_no_coverage(failing: Path) -> None:
    result = run_ivr("flow", "test", str(failing), "--only", "good")
    assert result.exit_code == 0
    assert "bad" not in result.stdout


def test_the_story_of_a_good_call_is_told_when_asked_for() -> None:
    result = run_ivr("flow", "test", str(SHIPPED), "--only", "a lead", "--story")
    assert "popped       salesforce:Lead/00Q000000000001AAA" in result.stdout


def test_programs_get_everything(failing: Path) -> None:
    result = run_ivr("flow", "test", str(failing), "--json")
    assert result.exit_code == 1
    [report] = json.loads(result.stdout)
    assert report["good"] is False
    assert [(s["name"], s["good"]) for s in report["scenarios"]] == [("good", True), ("bad", False)]
    assert report["scenarios"][1]["complaints"][0]["line"] == 10
    assert report["edges"]["demanded"] == 50
    assert "main: AccountByANI one" in report["edges"]["missing"]


def test_wrong_use_is_two(tmp_path: Path, failing: Path) -> None:
    assert run_ivr("flow", "test", str(tmp_path / "none.test.yaml")).exit_code == 2
    assert run_ivr("flow", "test", str(failing), "--only", "nobody").exit_code == 2
    failing.write_text(failing.read_text(encoding="utf-8") + "      sayd: []\n", encoding="utf-8")
    result = run_ivr("flow", "test", str(failing))
    assert result.exit_code == 2
    assert f"{failing}:11: " in result.stderr
