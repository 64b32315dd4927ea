"""Whose number is it: a table of what records hold, by comparison and through a whole look-up."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from ivr.numbers import same_number, to_e164
from ivr.salesforce.model import Match, MatchResult
from ivr.salesforce.simulator.schema import OBJECTS
from ivr.salesforce.testing import SimulatedOrg, simulated

OWN = Path(__file__).parent / "data" / "phone_match.json"
SHARED = Path(__file__).parents[2] / "shared" / "cases" / "phone_match.json"
REGIONS = ("US", "KR", "GB", "DE", "AU")
NAME = "Stored So"
VALUES = {
    "account": {"Name": NAME},
    "contact": {"FirstName": "Stored", "LastName": "So"},
    "lead": {"FirstName": "Stored", "LastName": "So", "Company": "Any"},
}


class Entry(BaseModel):
    """What a record holds, who calls, and whether that is the same number; `found` is given where a whole
    look-up answers otherwise than the comparison."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stored: str
    ani: str
    default_region: str
    expected: bool
    found: bool | None = None
    reason: str

    def __str__(self) -> str:
        return f"{self.default_region} {self.reason}: {self.stored!r} for {self.ani!r}"


def entries(path: Path) -> tuple[Entry, ...]:
    return tuple(Entry.model_validate(case) for case in json.loads(path.read_text("utf-8"))["cases"])


TABLE = entries(OWN)
PLAIN = next(entry for entry in TABLE if entry.stored == entry.ani)


def shared() -> tuple[Entry, ...]:
    if not SHARED.exists():
        pytest.skip("the shared table is not here")
    return entries(SHARED)


def compared(entry: Entry) -> bool:
    ani = to_e164(entry.ani, entry.default_region)
    return ani is not None and same_number(entry.stored, ani, entry.default_region)


def test_the_table_is_as_large_as_promised() -> None:
    assert len({(entry.stored, entry.default_region) for entry in TABLE}) >= 60
    assert {entry.default_region for entry in TABLE} == set(REGIONS)
    for region in REGIONS:
        assert {entry.expected for entry in TABLE if entry.default_region == region} == {True, False}


@pytest.mark.parametrize("entry", TABLE, ids=str)
def test_a_stored_text_compared_with_a_caller(entry: Entry) -> None:
    assert compared(entry) is entry.expected


def test_the_shared_table_compared() -> None:
    assert [str(entry) for entry in shared() if compared(entry) is not entry.expected] == []


async def look_up(org: SimulatedOrg, entry: Entry, object_: str, field: str) -> Match:
    """What a caller is while one more record of the demo's org holds the text."""
    record = org.org.create(OBJECTS[object_], {**VALUES[object_], field: entry.stored or None})
    try:
        ani = to_e164(entry.ani, entry.default_region)
        return await org.connector.find(ani) if ani is not None else Match(result=MatchResult.NONE)
    finally:
        org.org.delete(OBJECTS[object_], str(record["Id"]))


def wrong(table: tuple[Entry, ...], object_: str, field: str) -> list[str]:
    """The entries that a whole look-up gets wrong: the record not found, or found, or another one."""

    async def main() -> list[str]:
        found: list[str] = []
        for region in sorted({entry.default_region for entry in table}):
            async with simulated(region=region) as org:
                for entry in (entry for entry in table if entry.default_region == region):
                    match = await look_up(org, entry, object_, field)
                    expected = entry.expected if entry.found is None else entry.found
                    if [candidate.name for candidate in match.candidates] != [NAME] * expected or (
                        match.result is not (MatchResult.ONE if expected else MatchResult.NONE)
                    ):
                        found.append(f"{entry}: {match.result} {match.detail}")
        return found

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("object_", "field"), [("contact", "MobilePhone"), ("account", "Phone"), ("lead", "Phone")]
)
def test_each_stored_text_is_found_by_its_caller_and_by_no_other(object_: str, field: str) -> None:
    assert wrong(TABLE, object_, field) == []


def test_the_shared_table_looked_up() -> None:
    # Vanity letters are no digits: the search offers no such record, so the look-up cannot confirm it.
    digits = tuple(entry for entry in shared() if entry.stored != "1-800-FLOWERS")
    assert len(digits) >= 24
    assert wrong(digits, "contact", "Phone") == []


@pytest.mark.parametrize(
    ("object_", "field"),
    [
        (name, field.name)
        for name in ("account", "contact", "lead")
        for field in OBJECTS[name].fields.values()
        if field.kind == "phone"
    ],
)
def test_every_phone_field_is_looked_at_except_fax(object_: str, field: str) -> None:
    async def main() -> None:
        async with simulated(region="US") as org:
            match = await look_up(org, PLAIN, object_, field)
            assert [candidate.name for candidate in match.candidates] == [NAME] * (field != "Fax")

    asyncio.run(main())
