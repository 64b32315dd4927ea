"""What the API needs of the node. The composition implements it; `ivr/api/testing.py` has a fake.

Rights are the API's business: the node is asked only for what the caller may have. Expected refusals are
raised as `NotFound`, `Refused` and `Conflict` of `ivr/api/errors.py`. An agent of None is the operator.
"""

from __future__ import annotations

from typing import Protocol

from ivr.api.models import (
    AgentStatus,
    AgentView,
    CallSummary,
    CallView,
    FlowView,
    MatchView,
    NodeView,
    NoteView,
    OutboxView,
    PopOutcome,
    QueueView,
    TrunkView,
)
from ivr.ids import AgentId, CallId, QueueName
from ivr.listing import CallQuery


class FlowApi(Protocol):
    """The flows as pictures. Both are SVG documents without scripts or anything from elsewhere."""

    async def flows(self) -> list[FlowView]:
        """The flows in use."""
        ...

    async def flow_picture(self, name: str) -> str | None:
        """The flow with the number of calls at each activity now; None when there is none of that name."""
        ...

    async def call_picture(self, call_id: CallId) -> str | None:
        """The call's flow with the way that it took; None when there is no such call. `NotFound` when its
        flow is no longer in use."""
        ...


class NodeApi(Protocol):
    """The node's verbs, one for each thing that a client can ask."""

    @property
    def pictures(self) -> FlowApi:
        """The flows as pictures."""
        ...

    async def node(self) -> NodeView:
        """The node at a glance."""
        ...

    async def calls(self, query: CallQuery) -> list[CallSummary]:
        """Running and recent calls, newest first. `agent` is the id of the agent who took the call.
        `NotFound` when there is no call `query.before`."""
        ...

    async def call(self, call_id: CallId) -> CallView | None:
        """One call in full, running or over."""
        ...

    async def hang_up(self, call_id: CallId) -> None:
        """End a running call. `NotFound` when there is none, `Refused` when it is over."""
        ...

    async def queues(self) -> list[QueueView]:
        """Every queue with its waiting calls."""
        ...

    async def queue(self, name: QueueName) -> QueueView | None:
        """One queue."""
        ...

    async def agents(self) -> list[AgentView]:
        """Every configured agent, each with the call it holds."""
        ...

    async def agent(self, agent_id: AgentId) -> AgentView | None:
        """One agent with the call it holds, from ringing to the end of wrap-up. From memory: it is asked
        for each request of an agent."""
        ...

    async def verify_agent(self, agent_id: AgentId, password: str) -> bool:
        """Whether the password is the agent's. Hashes in a thread, and for an unknown agent as long."""
        ...

    async def sign_in(self, agent_id: AgentId) -> AgentView:
        """Make the agent known to the ACD as not ready; changes nothing when it is already."""
        ...

    async def sign_out(self, agent_id: AgentId) -> None:
        """Offer the agent nothing more and end its wrap-up; changes nothing when it is signed out."""
        ...

    async def set_agent_state(self, agent_id: AgentId, state: AgentStatus, reason: str | None) -> AgentView:
        """`state` is READY or NOT_READY. `Refused` when the agent is signed out or a call forbids it."""
        ...

    async def note(self, call_id: CallId) -> NoteView | None:
        """The call's note; revision 0 when nothing was saved; None when there is no such call."""
        ...

    async def save_note(
        self, call_id: CallId, agent_id: AgentId | None, text: str, revision: int
    ) -> NoteView:
        """Replace `revision` by `text`, kept as it is. `Conflict` with the current note when `revision` is
        not the current one; `Refused` when notes are closed."""
        ...

    async def end_wrap_up(self, agent_id: AgentId, call_id: CallId) -> None:
        """The agent is done with the call. `Refused` when the call is not in wrap-up."""
        ...

    async def acknowledge_pop(
        self, agent_id: AgentId, call_id: CallId, pop_id: str, outcome: PopOutcome
    ) -> None:
        """What became of a screen pop on the agent's desktop."""
        ...

    async def choose_caller(self, call_id: CallId, object_: str, id_: str) -> MatchView:
        """The caller is this one of the candidates; what is known of him then, with his open cases where
        they can be read in time. `Refused` outside of conversation and wrap-up, and for any other record."""
        ...

    async def set_variable(self, call_id: CallId, agent_id: AgentId | None, name: str, value: str) -> None:
        """Set a flow variable. `NotFound` when agents see none of that name, `Refused` when not editable."""
        ...

    async def outbox(self, limit: int) -> list[OutboxView]:
        """Outbox rows, newest first."""
        ...

    async def retry_outbox(self, row_id: int) -> OutboxView:
        """Make a failed row due now. `Refused` when it was delivered."""
        ...

    async def trunks(self) -> list[TrunkView]:
        """Trunks with their registration."""
        ...

    async def ready(self) -> list[str]:
        """Why the node takes no calls; empty when it does."""
        ...

    async def metrics(self) -> bytes:
        """Metrics in the Prometheus text format."""
        ...
