"""queue-contact: give the caller a place in a queue; the flow goes on while he waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from ivr.flow.activities.base import Acting, Activity, Leave, Need, NeedKind, Port, Result
from ivr.flow.errors import ActivityError
from ivr.flow.template import PlainTemplate, Template
from ivr.flow.values import VariableType

BY_CASE_AND_CUSTOMER = "by_case_and_customer"


def read_priority(text: str) -> int | None:
    """None to score it. Raises `ActivityError`."""
    word = text.strip()
    if word == BY_CASE_AND_CUSTOMER:
        return None
    if len(word) == 1 and word in "123456789":
        return int(word)
    raise ActivityError(f"a priority is 1 to 9 or {BY_CASE_AND_CUSTOMER}, not {word[:40]!r}")


def _usable(priority: Template) -> Template:
    if priority.constant is not None:
        try:
            read_priority(priority.constant)
        except ActivityError as exc:
            raise ValueError(str(exc)) from exc
    return priority


Priority = Annotated[PlainTemplate, AfterValidator(_usable)]


class QueueContact(Activity):
    """Queues the call and leaves at once.

    `queue` None means the queue that the entry point's calls go to by default. `priority` is 1 (first) to 9,
    a template of such a number, or `by_case_and_customer` (the default): scored from the match, and again
    when that comes late.
    """

    type: ClassVar[str] = "queue-contact"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.QUEUE})

    queue: PlainTemplate | None = None
    """The queue; without it the one that calls go to by default."""
    priority: Priority | None = None
    """1 (first) to 9, or `by_case_and_customer`, which is the default."""

    def outputs(self) -> Mapping[str, VariableType]:
        """The queue's name and the priority given."""
        return {"queue": VariableType.STRING, "priority": VariableType.INTEGER}

    def needs(self) -> tuple[Need, ...]:
        """The queue, when its name is fixed."""
        if self.queue is None or self.queue.constant is None:
            return ()
        return (Need(kind=NeedKind.QUEUE, name=self.queue.constant, at=("queue",)),)

    async def run(self, acting: Acting) -> Result:
        """Queue."""
        name = acting.default_queue if self.queue is None else acting.render(self.queue).strip()
        priority = None if self.priority is None else read_priority(acting.render(self.priority))
        queued = await acting.ports.queue.enqueue(name, priority=priority)
        return Leave(
            outputs={"queue": queued.queue, "priority": queued.priority},
            detail=f"{queued.queue}, priority {queued.priority}: {', '.join(queued.reasons)}".rstrip(": "),
        )
