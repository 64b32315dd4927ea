"""queue-to-agent: queue the caller for one agent (Webex: QueueToAgent)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ivr.flow.activities.base import NEXT, Acting, Activity, Leave, Need, NeedKind, Port, Result
from ivr.flow.activities.queue_contact import Priority, read_priority
from ivr.flow.errors import ActivityError
from ivr.flow.ports import AgentNotAvailable, AgentOrder
from ivr.flow.template import PlainTemplate, Template
from ivr.flow.values import VariableType

FAILURE = "failure"


class QueueToAgent(Activity):
    """Queues the call for `agent` alone, and leaves at once; nobody else is rung.

    With `park` the call also waits for an agent who is not ready or at another call. An agent who is signed
    out is never waited for from the start. With a `recovery_queue` the call goes to that queue instead of
    leaving by `failure`, and later when the agent does not take it or signs out; it keeps its time of
    arrival. Without one a call that was queued waits until he can take it, or until the flow queues it
    elsewhere with queue-contact.
    """

    type: ClassVar[str] = "queue-to-agent"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.QUEUE})
    exits: ClassVar[Mapping[str, str]] = {
        NEXT: "Queued for the agent, or in the recovery queue.",
        FAILURE: "Not queued: the agent is not available, and there is no recovery queue.",
    }

    agent: PlainTemplate
    """The agent's key in the configuration, his e-mail address there, or his name where no other agent has
    it."""
    queue: PlainTemplate | None = None
    """The queue by whose rules the call is counted and rung, whether the agent serves it or not; without it
    the recovery queue, or else the one that calls go to by default."""
    recovery_queue: PlainTemplate | None = None
    """The queue for calls that the agent fails."""
    park: bool = True
    """Whether to wait for an agent who is not ready or busy."""
    priority: Priority | None = None
    """1 (first) to 9, or `by_case_and_customer`, which is the default."""

    def outputs(self) -> Mapping[str, VariableType]:
        """Where the call is (`agent` is empty in a general line), and why it is not for the agent."""
        return {
            "queue": VariableType.STRING,
            "agent": VariableType.STRING,
            "priority": VariableType.INTEGER,
            "FailureReason": VariableType.STRING,
        }

    def needs(self) -> tuple[Need, ...]:
        """Agent and queues, when their names are fixed."""
        named = (
            ("agent", NeedKind.AGENT, self.agent),
            ("queue", NeedKind.QUEUE, self.queue),
            ("recovery_queue", NeedKind.QUEUE, self.recovery_queue),
        )
        return tuple(
            Need(kind=kind, name=template.constant.strip(), at=(key,))
            for key, kind, template in named
            if template is not None and template.constant is not None
        )

    async def run(self, acting: Acting) -> Result:
        """Queue."""
        agent = acting.render(self.agent).strip()
        if not agent:
            raise ActivityError("there is no agent to queue for")
        recovery = _rendered(acting, self.recovery_queue)
        queue = _rendered(acting, self.queue) or recovery or acting.default_queue
        priority = None if self.priority is None else read_priority(acting.render(self.priority))
        order = AgentOrder(
            agent=agent, queue=queue, recovery_queue=recovery, park=self.park, priority=priority
        )
        queued = await acting.ports.queue.enqueue_agent(order)
        if isinstance(queued, AgentNotAvailable):
            outputs = {"queue": "", "agent": "", "FailureReason": queued.reason}
            return Leave(outcome=FAILURE, outputs=outputs, detail=f"agent {queued.reason}")
        line = f"for {queued.agent} alone" if queued.agent else "for everybody there"
        return Leave(
            outputs={"queue": queued.queue, "agent": queued.agent or "", "priority": queued.priority},
            detail=f"{queued.queue}, {line}, priority {queued.priority}: {', '.join(queued.reasons)}",
        )


def _rendered(acting: Acting, template: Template | None) -> str | None:
    return None if template is None else acting.render(template).strip() or None
