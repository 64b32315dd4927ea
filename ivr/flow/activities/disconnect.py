"""disconnect: hang up (DisconnectContact)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ivr.flow.activities.base import Acting, Activity, Finish, Port, Result


class Disconnect(Activity):
    """Ends the call and the flow."""

    type: ClassVar[str] = "disconnect"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.VOICE})
    exits: ClassVar[Mapping[str, str]] = {}

    async def run(self, acting: Acting) -> Result:
        """Hang up."""
        await acting.ports.voice.hang_up()
        return Finish(hung_up=True)
