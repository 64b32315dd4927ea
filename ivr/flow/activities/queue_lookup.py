"""queue-lookup: how a queue stands (Webex: QueueLookup / GetQueueInfo)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ivr.flow.activities.base import Acting, Activity, Leave, Need, NeedKind, Port, Result
from ivr.flow.template import PlainTemplate
from ivr.flow.values import Value, VariableType


class QueueLookup(Activity):
    """Reads how many callers wait in a queue, for how long, and who serves it."""

    type: ClassVar[str] = "queue-lookup"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.QUEUE})

    queue: PlainTemplate
    """The queue."""

    def outputs(self) -> Mapping[str, VariableType]:
        """With Webex's names. `PIQ` is the caller's place, or the place that a new caller would get;
        `OldestCallTime` is in seconds."""
        return {
            "PIQ": VariableType.INTEGER,
            "CallsQueuedNow": VariableType.INTEGER,
            "OldestCallTime": VariableType.INTEGER,
            "LoggedOnAgentsAll": VariableType.INTEGER,
            "AvailableAgentsAll": VariableType.INTEGER,
        }

    def needs(self) -> tuple[Need, ...]:
        """The queue, when its name is fixed."""
        if self.queue.constant is None:
            return ()
        return (Need(kind=NeedKind.QUEUE, name=self.queue.constant, at=("queue",)),)

    async def run(self, acting: Acting) -> Result:
        """Look."""
        standing = await acting.ports.queue.look_up(acting.render(self.queue).strip())
        place = acting.ports.queue.position()
        outputs: dict[str, Value] = {
            "PIQ": standing.waiting + 1 if place is None else place,
            "CallsQueuedNow": standing.waiting,
            "OldestCallTime": round(standing.oldest_s),
            "LoggedOnAgentsAll": standing.agents_signed_in,
            "AvailableAgentsAll": standing.agents_ready,
        }
        return Leave(outputs=outputs)
