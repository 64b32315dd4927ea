"""Business hours: what a schedule says of a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ivr.flow.schedule import Hours, Schedule, ScheduleFile
from ivr.flow.yaml_file import read_yaml

SEOUL: dict[str, Any] = {
    "time_zone": "Asia/Seoul",
    "working_hours": [
        {"name": "Day", "days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"},
        {"name": "Night", "days": ["fri"], "from": "22:00", "to": "06:00"},
        {"name": "Late", "days": ["sat"], "from": "20:00", "to": "24:00"},
    ],
    "holidays": [
        {"name": "Christmas", "date": "12-25"},
        {"name": "Seollal", "date": "2026-02-16", "until": "2026-02-18"},
        {"name": "Foundation", "date": "2026-11-20"},
    ],
    "overrides": [{"name": "Fire drill", "from": "2026-11-23T10:00", "to": "2026-11-23T11:30"}],
}


def at(text: str) -> datetime:
    """A moment by the clock on the wall in Seoul, nine hours ahead of UTC."""
    return datetime.fromisoformat(f"{text}+09:00").astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "hours", "name"),
    [
        ("2026-11-23T09:00", Hours.WORKING_HOURS, "Day"),
        ("2026-11-23T08:59", Hours.DEFAULT, ""),
        ("2026-11-23T17:59", Hours.WORKING_HOURS, "Day"),
        ("2026-11-23T18:00", Hours.DEFAULT, ""),
        ("2026-11-22T12:00", Hours.DEFAULT, ""),  # a Sunday
        ("2026-11-27T23:00", Hours.WORKING_HOURS, "Night"),
        ("2026-11-28T05:59", Hours.WORKING_HOURS, "Night"),
        ("2026-11-28T06:00", Hours.DEFAULT, ""),
        ("2026-11-26T23:00", Hours.DEFAULT, ""),  # a Thursday has no night shift
        ("2026-11-28T23:59", Hours.WORKING_HOURS, "Late"),
        ("2026-11-29T00:00", Hours.DEFAULT, ""),
        ("2026-12-25T12:00", Hours.HOLIDAYS, "Christmas"),
        ("2031-12-25T12:00", Hours.HOLIDAYS, "Christmas"),
        ("2026-02-16T12:00", Hours.HOLIDAYS, "Seollal"),
        ("2026-02-18T23:59", Hours.HOLIDAYS, "Seollal"),
        ("2026-02-19T12:00", Hours.WORKING_HOURS, "Day"),
        ("2026-11-20T12:00", Hours.HOLIDAYS, "Foundation"),
        ("2027-11-19T12:00", Hours.WORKING_HOURS, "Day"),
        ("2026-11-23T10:00", Hours.OVERRIDE, "Fire drill"),
        ("2026-11-23T11:30", Hours.WORKING_HOURS, "Day"),
    ],
)
def test_a_moment(moment: str, hours: Hours, name: str) -> None:
    standing = Schedule.model_validate(SEOUL).standing(at(moment))
    assert (standing.hours, standing.name) == (hours, name)


@pytest.mark.parametrize(
    ("utc", "hours"),
    [
        # Nine o'clock in New York is 14:00 UTC in winter and 13:00 UTC in summer.
        (datetime(2026, 3, 6, 13, 30, tzinfo=UTC), Hours.DEFAULT),
        (datetime(2026, 3, 6, 14, 0, tzinfo=UTC), Hours.WORKING_HOURS),
        (datetime(2026, 3, 9, 13, 0, tzinfo=UTC), Hours.WORKING_HOURS),
        (datetime(2026, 3, 9, 21, 0, tzinfo=UTC), Hours.DEFAULT),
    ],
)
def test_summer_time(utc: datetime, hours: Hours) -> None:
    shift = {"days": ["mon", "fri"], "from": "09:00", "to": "17:00"}
    schedule = Schedule.model_validate({"time_zone": "America/New_York", "working_hours": [shift]})
    assert schedule.standing(utc).hours is hours


def test_a_shift_of_a_whole_day() -> None:
    shift = {"days": ["mon"], "from": "00:00", "to": "24:00"}
    schedule = Schedule.model_validate({"time_zone": "UTC", "working_hours": [shift]})
    hours = [schedule.standing(datetime(2026, 11, 23, hour, tzinfo=UTC)).hours for hour in range(24)]
    assert set(hours) == {Hours.WORKING_HOURS}
    assert schedule.standing(datetime(2026, 11, 24, 0, tzinfo=UTC)).hours is Hours.DEFAULT
    assert schedule.standing(datetime(2026, 11, 22, 23, tzinfo=UTC)).hours is Hours.DEFAULT


@pytest.mark.parametrize(
    "change",
    [
        {"time_zone": "Asia/Soul"},
        {"time_zone": "../../etc/passwd"},
        {"working_hours": [{"days": [], "from": "09:00", "to": "10:00"}]},
        {"working_hours": [{"days": ["day"], "from": "09:00", "to": "10:00"}]},
        {"working_hours": [{"days": ["mon"], "from": "9", "to": "25:00"}]},
        {"holidays": [{"name": "x", "date": "13-01"}]},
        {"holidays": [{"name": "x", "date": "12-25", "until": "2026-12-26"}]},
        {"holidays": [{"name": "x", "date": "2026-12-26", "until": "2026-12-25"}]},
        {"overrides": [{"name": "x", "from": "2026-12-26T10:00", "to": "2026-12-26T09:00"}]},
        {"overrides": [{"name": "x", "from": "2026-12-26T10:00Z", "to": "2026-12-26T11:00Z"}]},
        {"opening_hours": []},
    ],
)
def test_what_is_no_schedule_is_an_error(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Schedule.model_validate(SEOUL | change)


def test_the_schedules_that_ship() -> None:
    path = Path(__file__).parents[1] / "config" / "flows" / "schedules.yaml"
    support = ScheduleFile.model_validate(read_yaml(path).content).schedules["Support"]
    standing = support.standing(datetime(2026, 11, 26, 17, 0, tzinfo=UTC))
    assert (standing.hours, standing.name) == (Hours.HOLIDAYS, "Thanksgiving")
    assert support.standing(datetime(2026, 11, 25, 14, 0, tzinfo=UTC)).name == "Day shift"
