"""start: where a main flow begins (NewPhoneContact)."""

from __future__ import annotations

from typing import ClassVar

from ivr.flow.activities.base import Acting, Activity, Leave, Result


class Start(Activity):
    """Nothing to do: the call's values are there from the INVITE on, as `NewPhoneContact.ANI` and so on."""

    type: ClassVar[str] = "start"
    entry: ClassVar[bool] = True

    async def run(self, acting: Acting) -> Result:
        """Leave by `next`."""
        return Leave()
