"""Business hours: what a schedule says of a moment. Pure.

Overrides win over holidays, holidays over working hours. All times are those of the schedule's time zone, as
a clock on its wall shows them, so that "09:00" is nine o'clock on both sides of a change to summer time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_DAY = timedelta(days=1)


class Hours(StrEnum):
    """What a moment is; the edges of business-hours."""

    WORKING_HOURS = "workingHours"
    HOLIDAYS = "holidays"
    OVERRIDE = "override"
    DEFAULT = "default"


class Weekday(StrEnum):
    """Days as files write them, in the order of `date.weekday`."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


_WEEK = tuple(Weekday)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a moment is by a schedule, and the name of the shift, holiday or override that makes it so."""

    hours: Hours
    name: str = ""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError) as exc:
        raise ValueError(f"there is no time zone {name!r}") from exc
    return name


def _time(value: object) -> object:
    # The end of a day, which Python's time cannot say.
    return "00:00" if value == "24:00" else value


_Zone = Annotated[str, AfterValidator(_known_zone)]
_Clock = Annotated[time, BeforeValidator(_time)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Shift(_Part):
    """Working hours on some days. A shift that ends before it begins goes on into the next day."""

    name: str = ""
    days: Annotated[tuple[Weekday, ...], Field(min_length=1)]
    begins: Annotated[_Clock, Field(alias="from")]
    ends: Annotated[_Clock, Field(alias="to")]

    def holds(self, moment: datetime) -> bool:
        """Whether it is this shift, the moment being on the schedule's wall clock."""
        today, yesterday = _WEEK[moment.weekday()], _WEEK[(moment - _DAY).weekday()]
        at = moment.time()
        if self.ends > self.begins:
            return today in self.days and self.begins <= at < self.ends
        return (today in self.days and at >= self.begins) or (yesterday in self.days and at < self.ends)


class Holiday(_Part):
    """A day, several days, or a day of every year ("12-25")."""

    name: str
    first: Annotated[
        date | Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")], Field(alias="date")
    ]
    until: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until is not None and (isinstance(self.first, str) or self.until < self.first):
            raise ValueError("until is the last day of a holiday that begins on a full date before it")
        return self

    def holds(self, day: date) -> bool:
        """Whether the day is this holiday."""
        if isinstance(self.first, str):
            return day.strftime("%m-%d") == self.first
        return self.first <= day <= (self.until or self.first)


class Override(_Part):
    """An exception, e.g. an evacuation: from one wall-clock time to another."""

    name: str
    begins: Annotated[datetime, Field(alias="from")]
    ends: Annotated[datetime, Field(alias="to")]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.begins.tzinfo or self.ends.tzinfo:
            raise ValueError("the times of an override are those of the schedule's time zone")
        if self.ends <= self.begins:
            raise ValueError("an override ends after it begins")
        return self

    def holds(self, moment: datetime) -> bool:
        """Whether it is in force."""
        return self.begins <= moment < self.ends


class Schedule(_Part):
    """Working hours, holidays and overrides in a time zone."""

    time_zone: _Zone
    working_hours: tuple[Shift, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    overrides: tuple[Override, ...] = ()

    def standing(self, now: datetime) -> Standing:
        """What a moment is."""
        wall = now.astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None)
        for override in self.overrides:
            if override.holds(wall):
                return Standing(hours=Hours.OVERRIDE, name=override.name)
        for holiday in self.holidays:
            if holiday.holds(wall.date()):
                return Standing(hours=Hours.HOLIDAYS, name=holiday.name)
        for shift in self.working_hours:
            if shift.holds(wall):
                return Standing(hours=Hours.WORKING_HOURS, name=shift.name)
        return Standing(hours=Hours.DEFAULT)


class ScheduleFile(_Part):
    """`schedules.yaml` beside the flows."""

    schedules: dict[str, Schedule]


Schedules = Mapping[str, Schedule]
