"""`ivr flow import` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli_support import run_ivr
from tests.webex_support import DATA

LOOKUP = DATA / "contact_lookup.json"


def test_an_import_says_what_is_to_do_and_the_check_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no configuration, names are taken for granted
    result = run_ivr("flow", "import", str(LOOKUP), "--out", str(tmp_path), "--repair", "malformed-templates")
    assert result.exit_code == 0
    assert "6 activities mapped" in result.stdout
    assert "queues q-1, used by Queue" in result.stdout
    assert "--repair phone-like (1)" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "Contact_lookup.bindings.yaml",
        "Contact_lookup.report.json",
        "Contact_lookup.report.md",
        "Contact_lookup.yaml",
    ]
    checked = run_ivr("flow", "check", str(tmp_path / "Contact_lookup.yaml"))
    assert checked.exit_code == 0
    # Nothing to complain about but that the export leaves its errors to OnGlobalError.
    (line,) = checked.stdout.splitlines()
    assert "warning: without an error edge" in line


def test_a_binding_file_of_ones_own_and_json(tmp_path: Path) -> None:
    said = tmp_path / "said.yaml"
    said.write_text("queues: {q-1: Support}\nconnectors: {77aa: Salesforce}\n", encoding="utf-8")
    out = tmp_path / "flows"
    result = run_ivr("flow", "import", str(LOOKUP), "--out", str(out), "--bindings", str(said), "--json")
    report = json.loads(result.stdout)
    assert report["flow"] == "Contact lookup"
    assert {b["bound"] for b in report["bindings"]} == {"Support", "Salesforce", "defaultmusic_on_hold.wav"}
    assert "queue: Support" in (out / "Contact_lookup.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["missing.json"], 2, "There is no file"),
        (["--repair", "everything"], 2, "There is no repair everything"),
        (["--bindings", "missing.yaml"], 1, "cannot be read"),
    ],
)
def test_wrong_use_is_told(tmp_path: Path, arguments: list[str], code: int, reason: str) -> None:
    file = [] if arguments[0].endswith(".json") else [str(LOOKUP)]
    result = run_ivr("flow", "import", *file, *arguments, "--out", str(tmp_path / "out"))
    assert result.exit_code == code
    assert reason in result.stderr
    assert not (tmp_path / "out").exists()


def test_what_is_no_export_is_one(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"openapi": "3.1.0"}', encoding="utf-8")
    result = run_ivr("flow", "import", str(other), "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "no export of a Webex flow" in result.stderr


def test_a_flow_changed_by_hand_needs_force(tmp_path: Path) -> None:
    command = ("flow", "import", str(LOOKUP), "--out", str(tmp_path))
    assert run_ivr(*command).exit_code == 0
    flow = tmp_path / "Contact_lookup.yaml"
    flow.write_text(flow.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    refused = run_ivr(*command)
    assert refused.exit_code == 1
    assert "changed by hand" in refused.stderr
    assert run_ivr(*command, "--force").exit_code == 0
