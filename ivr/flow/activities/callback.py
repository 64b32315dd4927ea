"""callback: call the caller back when it is his turn (Webex: Callback)."""

from __future__ import annotations

from typing import ClassVar

from ivr.flow.activities.base import Acting, Activity, Need, NeedKind, Port, Result
from ivr.flow.errors import ActivityError
from ivr.flow.template import PlainTemplate


class Callback(Activity):
    """Keeps the caller's place in the queue and calls him back when an agent is free.

    Not available yet. It leaves by `error`.
    """

    type: ClassVar[str] = "callback"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.QUEUE})
    available: ClassVar[bool] = False

    number: PlainTemplate
    """The number to call."""
    queue: PlainTemplate | None = None
    """The queue whose agents call; without it the one in which the caller waits."""
    caller_id: PlainTemplate | None = None
    """The number that is shown; without it the entry point's outdial ANI."""

    def needs(self) -> tuple[Need, ...]:
        """The queue, when its name is fixed."""
        if self.queue is None or self.queue.constant is None:
            return ()
        return (Need(kind=NeedKind.QUEUE, name=self.queue.constant, at=("queue",)),)

    async def run(self, acting: Acting) -> Result:
        """Refuse."""
        raise ActivityError("callback is not available yet")
