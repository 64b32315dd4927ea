"""queue-lookup: how a queue stands (Webex: QueueLookup / GetQueueInfo)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from ivr.acd.estimate import LOOKBACK_S, wait_s
from ivr.flow.activities.base import Acting, Activity, Leave, Need, NeedKind, Port, Result
from ivr.flow.template import PlainTemplate
from ivr.flow.values import Value, VariableType

NO_ESTIMATE = -1


class QueueLookup(Activity):
    """Reads how many callers wait in a queue, for how long, and who serves it.

    The estimated wait is a simple one: a place in the line takes the mean time for which a call has kept its
    agent lately, wrap-up included, divided by the agents who take calls; whom an agent is ready for waits for
    nobody. After fewer than three calls, or without an agent, there is no estimate.
    """

    type: ClassVar[str] = "queue-lookup"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.QUEUE})

    queue: PlainTemplate
    """The queue."""
    lookback_s: Annotated[float, Field(ge=300, le=14_400)] = LOOKBACK_S
    """How far back the calls lie from which the wait is estimated."""

    def outputs(self) -> Mapping[str, VariableType]:
        """With Webex's names: `PIQ` is the caller's place, or the place that a new caller would get; `EWT`
        the estimated wait there in milliseconds, -1 without an estimate; `OldestCallTime` is in seconds."""
        return {
            "PIQ": VariableType.INTEGER,
            "EWT": VariableType.INTEGER,
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
        queue = acting.render(self.queue).strip()
        standing = await acting.ports.queue.look_up(queue, lookback_s=self.lookback_s)
        place = acting.ports.queue.position() or standing.waiting + 1
        estimate_s = wait_s(place, standing.agents_ready, standing.place_s)
        outputs: dict[str, Value] = {
            "PIQ": place,
            "EWT": NO_ESTIMATE if estimate_s is None else round(estimate_s * 1000),
            "CallsQueuedNow": standing.waiting,
            "OldestCallTime": round(standing.oldest_s),
            "LoggedOnAgentsAll": standing.agents_signed_in,
            "AvailableAgentsAll": standing.agents_ready,
        }
        return Leave(outputs=outputs)
