"""business-hours: what a schedule says of now (Webex: BusinessHours)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ivr.flow.activities.base import Acting, Activity, Leave, Need, NeedKind, Result
from ivr.flow.errors import ActivityError
from ivr.flow.schedule import Hours
from ivr.flow.template import PlainTemplate
from ivr.flow.values import VariableType


class BusinessHours(Activity):
    """Leaves by what this moment is by a schedule of `schedules.yaml`, which lies beside the flows.

    An override wins over a holiday, a holiday over working hours.
    """

    type: ClassVar[str] = "business-hours"
    exits: ClassVar[Mapping[str, str]] = {
        str(Hours.WORKING_HOURS): "In one of the schedule's shifts.",
        str(Hours.HOLIDAYS): "On one of its holidays.",
        str(Hours.OVERRIDE): "An override is in force.",
        str(Hours.DEFAULT): "None of these: closed.",
    }

    schedule: PlainTemplate
    """The schedule's name."""

    def outputs(self) -> Mapping[str, VariableType]:
        """The name of the shift, the holiday or the override; empty when closed."""
        return {
            "Name": VariableType.STRING,
            "WorkingHoursShift_Name": VariableType.STRING,
            "Holiday_Name": VariableType.STRING,
            "Override_Name": VariableType.STRING,
        }

    def needs(self) -> tuple[Need, ...]:
        """The schedule, when its name is fixed."""
        if self.schedule.constant is None:
            return ()
        return (Need(kind=NeedKind.SCHEDULE, name=self.schedule.constant.strip(), at=("schedule",)),)

    async def run(self, acting: Acting) -> Result:
        """Look at the clock."""
        name = acting.render(self.schedule).strip()
        schedule = acting.schedules.get(name)
        if schedule is None:
            raise ActivityError(f"there is no schedule {name[:40]!r}")
        standing = schedule.standing(acting.clock.now())
        named = {
            _NAMES[hours]: standing.name if standing.hours is hours else ""
            for hours in Hours
            if hours in _NAMES
        }
        return Leave(
            outcome=str(standing.hours), outputs={"Name": standing.name, **named}, detail=standing.name
        )


_NAMES = {
    Hours.WORKING_HOURS: "WorkingHoursShift_Name",
    Hours.HOLIDAYS: "Holiday_Name",
    Hours.OVERRIDE: "Override_Name",
}
