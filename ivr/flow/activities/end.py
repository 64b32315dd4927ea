"""end: the flow's end (EndFlow)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ivr.flow.activities.base import Acting, Activity, Finish, Result


class End(Activity):
    """Ends the flow. At the end of a main flow a queued call stays queued; any other is hung up."""

    type: ClassVar[str] = "end"
    exits: ClassVar[Mapping[str, str]] = {}

    async def run(self, acting: Acting) -> Result:
        """End."""
        return Finish()
