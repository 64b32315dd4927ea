"""What telephones and flows would do at the fake node of `ivr/api/testing.py`, for tests and hands."""

from __future__ import annotations

from datetime import timedelta

from ivr.api.errors import Refused
from ivr.api.fake_state import MATCH, QUEUE, SALESFORCE, FakeCall, FakeState
from ivr.api.models import (
    AgentStatus,
    CallStage,
    CallSummary,
    MatchView,
    NoteView,
    PopOutcome,
    QueuedCall,
    ScreenPopView,
)
from ivr.ids import AgentId, CallId

WRAP_UP_S = 60.0


class FakeScript(FakeState):
    """Calls come, ring, are answered and end."""

    async def arrive(self, call_id: str | None = None, number: str = "+1 415 555 0199") -> CallId:
        """A call comes in and is in its treatment."""
        call = CallId(call_id or f"call-{next(self._numbers)}")
        now = self.clock.now()
        summary = CallSummary(
            call_id=call,
            stage=CallStage.TREATMENT,
            entry_point="Support",
            started_at=now,
            ended_at=None,
            number=number,
            match="one",
            queue=None,
            agent=None,
            ending=None,
        )
        self._calls[call] = FakeCall(summary=summary, note=NoteView(text="", revision=0, saved_at=None))
        self._happened(call, "sip", "incoming")
        self.hub.call_changed(summary)
        return call

    async def enqueue(self, call_id: CallId, priority: int = 5) -> None:
        """The call takes a place in the queue."""
        place = QueuedCall(
            call_id=call_id,
            position=len(self._waiting) + 1,
            priority=priority,
            reasons=("open case, priority High",),
            waiting_s=0.0,
        )
        self._waiting.append(place)
        self._change_call(call_id, stage=CallStage.QUEUED, queue=QUEUE)
        self._queue_changed()

    async def ring(self, agent: str, call_id: str | None = None, match: MatchView = MATCH) -> CallId:
        """A call (a new one unless named) rings at an agent who is ready."""
        agent_id = AgentId(agent)
        if self._agents[agent_id].status is not AgentStatus.READY:
            raise Refused(f"{agent} is not ready")
        call = CallId(call_id) if call_id and CallId(call_id) in self._calls else await self.arrive(call_id)
        self._leave_queue(call)
        self._change_call(call, stage=CallStage.OFFERED, queue=QUEUE, agent=agent_id)
        self._change_agent(agent_id, status=AgentStatus.RINGING, call=self._agent_call(call, match))
        return call

    async def connect(self, call_id: CallId) -> None:
        """The agent answers."""
        now = self.clock.now()
        self._stage(call_id, CallStage.CONNECTED, status=AgentStatus.TALKING, answered_at=now)

    async def decline(self, call_id: CallId) -> None:
        """The agent does not answer: the call goes back to the queue, the agent is not ready."""
        agent_id = self._holder(call_id)
        self._change_agent(agent_id, status=AgentStatus.NOT_READY, reason="no answer", call=None)
        self._change_call(call_id, agent=None)
        await self.enqueue(call_id)

    async def set_match(self, call_id: CallId, match: MatchView) -> None:
        """A late look-up reaches the agent's desktop."""
        self._change_held(call_id, match=match)

    async def pop(self, call_id: CallId, url: str | None = None, label: str = "Account") -> str:
        """The flow opens a page on the agent's desktop; returns the pop's id."""
        agent_id = self._holder(call_id)
        pop_id = f"pop-{next(self._numbers)}"
        page = url or f"{SALESFORCE}/Account/001000000000001AAA/view"
        pop = ScreenPopView(id=pop_id, url=page, label=label, outcome=PopOutcome.PENDING)
        self._calls[call_id].pops[pop_id] = pop
        self._change_held(call_id, screen_pop=pop)
        self.hub.screen_pop(agent_id, call_id, pop)
        return pop_id

    async def hold(self, call_id: CallId) -> None:
        """The agent holds the caller."""
        self._stage(call_id, CallStage.ON_HOLD)

    async def resume(self, call_id: CallId) -> None:
        """The agent speaks to the caller again."""
        self._stage(call_id, CallStage.CONNECTED)

    async def end(self, call_id: CallId, ending: str = "caller_hung_up") -> None:
        """Somebody hangs up: an answered call goes to wrap-up, any other is over."""
        summary = self._calls[call_id].summary
        self._leave_queue(call_id)
        holder = self._held_by(call_id)
        if holder is None or self._agents[holder].status is not AgentStatus.TALKING:
            if holder is not None:
                self._change_agent(holder, status=AgentStatus.READY, call=None)
            self._change_call(call_id, stage=CallStage.ENDED, ended_at=self.clock.now(), ending=ending)
            return
        self._change_call(call_id, ended_at=self.clock.now(), ending=summary.ending or ending)
        until = self.clock.now() + timedelta(seconds=WRAP_UP_S)
        self._stage(call_id, CallStage.WRAP_UP, status=AgentStatus.WRAP_UP, wrap_up_ends_at=until)
