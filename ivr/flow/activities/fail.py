"""fail: leave by `error`, for a reason that the flow's author gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from ivr.flow.activities.base import Acting, Activity, Result
from ivr.flow.errors import ActivityError


class Fail(Activity):
    """Leaves by `error`; where that is not wired, OnGlobalError takes over.

    An imported flow has it where its export has something that cannot be done here.
    """

    type: ClassVar[str] = "fail"
    exits: ClassVar[Mapping[str, str]] = {"LEAVES": "Never taken; one edge for each of `leaves`."}

    reason: Annotated[str, Field(min_length=1, max_length=200)]
    """Why; it stands on the call's timeline."""
    leaves: Annotated[tuple[str, ...], Field(max_length=20)] = ()
    """Edges that are drawn but never taken: those that an activity which cannot be done had."""

    def outcomes(self) -> tuple[str, ...]:
        """Those in `leaves`."""
        return self.leaves

    def outputs(self) -> None:
        """Not known: those of the activity in whose place it stands; none is ever set."""
        return

    async def run(self, acting: Acting) -> Result:
        """Fail."""
        raise ActivityError(self.reason)
