"""What stands in a graph for an activity whose type is unknown or whose properties are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ivr.flow.activities.base import Acting, Activity, Problem, Result
from ivr.flow.errors import ActivityError
from ivr.flow.values import VariableType


class Unusable(Activity):
    """Keeps the reasons for the checks. If it is reached all the same, it leaves by `error`."""

    type: ClassVar[str] = "unusable"

    reasons: tuple[Problem, ...]
    """Why."""

    def outcomes(self) -> tuple[str, ...]:
        """Not known; nothing is demanded."""
        return ()

    def outputs(self) -> Mapping[str, VariableType] | None:
        """Not known."""
        return None

    def problems(self) -> tuple[Problem, ...]:
        """Why it cannot be used."""
        return self.reasons

    async def run(self, acting: Acting) -> Result:
        """Fail."""
        raise ActivityError(self.reasons[0].text)
