"""Activities that were started at INVITE, and the queue that remembers: what a run keeps of its call."""

from __future__ import annotations

import asyncio

from ivr.flow.activities.base import ERROR, Finish, Leave, Result
from ivr.flow.model import Node
from ivr.flow.ports import AgentNotAvailable, AgentOrder, Queue, Queued, QueueStanding


class Early:
    """An activity that was started at INVITE. Its result is taken once; a second visit runs it again."""

    def __init__(self, node: Node, task: asyncio.Task[Result]) -> None:
        self.node = node
        self.task = task
        self.taken = False

    async def take(self) -> Result:
        """Its result; an error when it does not come within the node's `wait_s`."""
        if not await self.done(self.node.wait_s):
            return Leave(outcome=ERROR, detail=f"not within {self.node.wait_s} s")
        self.taken = True
        if self.task.cancelled():
            return Leave(outcome=ERROR, detail="cancelled")
        return self.task.result()

    def failed(self) -> bool:
        """It is over and left by `error`."""
        if not self.task.done() or self.task.cancelled():
            return False
        match self.task.result():
            case Leave(outcome=outcome):
                return outcome == ERROR
            case Finish():
                return False

    async def done(self, timeout_s: float | None) -> bool:
        """Wait for it. Not by awaiting the task: it is the call's, so it goes on when a treatment is
        cancelled, and an event flow goes on when it was cancelled."""
        if not self.task.done():
            await asyncio.wait((self.task,), timeout=timeout_s)
        return self.task.done()


class RememberingQueue:
    """The queue port, remembering that the call was queued."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.queued: Queued | None = None

    async def enqueue(self, queue: str, *, priority: int | None) -> Queued:
        """Queue the call."""
        self.queued = await self._queue.enqueue(queue, priority=priority)
        return self.queued

    async def enqueue_agent(self, order: AgentOrder) -> Queued | AgentNotAvailable:
        """Queue the call for one agent."""
        result = await self._queue.enqueue_agent(order)
        if isinstance(result, Queued):
            self.queued = result
        return result

    def position(self) -> int | None:
        """The place in the queue."""
        return self._queue.position()

    async def look_up(self, queue: str, *, lookback_s: float) -> QueueStanding:
        """How a queue stands."""
        return await self._queue.look_up(queue, lookback_s=lookback_s)
