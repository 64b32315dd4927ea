"""docs/salesforce.md says what is so: its examples load, and its tables name what is read and written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivr.checks.org import needs_of
from ivr.config import Config, load_config
from ivr.config.model import WriteBack
from tests.cli_support import write_config

GUIDE = (Path(__file__).parents[1] / "docs/salesforce.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml connectors\n(.*?)```", GUIDE, re.DOTALL)
ENV = {"SF_ID": "key", "SF_SECRET": "secret"}


def loaded(folder: Path, connectors: str) -> Config:
    """A configuration with these connectors."""
    path = write_config(folder)
    head, _, rest = path.read_text().partition("connectors:\n")
    path.write_text(f"{head}{connectors}http: {rest.partition('http: ')[2]}")
    return load_config(path, env=ENV)


@pytest.mark.parametrize("example", [e for e in EXAMPLES if "private_key" not in e])
def test_an_example_is_a_configuration(example: str, tmp_path: Path) -> None:
    assert loaded(tmp_path, example).connectors["Salesforce"].client_id == "key"


def test_there_are_examples_and_one_of_a_jwt() -> None:
    assert len(EXAMPLES) == 3
    assert sum("private_key" in example for example in EXAMPLES) == 1


def rows() -> dict[str, tuple[set[str], set[str]]]:
    """The table of objects: what is read, what is written."""
    found = re.findall(r"^\| (\w+) \| (Id, [^|]*) \| ?([^|]*) ?\|$", GUIDE, re.MULTILINE)
    return {name: (names(read), names(written)) for name, read, written in found}


def names(cell: str) -> set[str]:
    return {name.strip() for name in cell.split(",") if name.strip()}


def test_the_table_names_all_that_is_read_and_written(tmp_path: Path) -> None:
    needs = needs_of(loaded(tmp_path, EXAMPLES[0]).connectors["Salesforce"])
    table = rows()
    assert set(table) == {needed.object for needed in needs}
    for needed in needs:
        read, written = table[needed.object]
        assert {*needed.read, *needed.paths} <= read
        assert set(needed.written) == written


def test_every_key_of_write_back_is_explained() -> None:
    for key in WriteBack.model_fields:
        assert f"`{key}`" in GUIDE
