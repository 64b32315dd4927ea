"""Who may see what, for REST and for the stream alike. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from ivr.api.models import AgentView, CallSummary, QueueView, ScreenPopView, TrunkView
from ivr.ids import AgentId

Audience = AgentId | None
"""An agent, or None for the operator, who sees everything."""

Payload = Mapping[str, BaseModel | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByAudience:
    """One event's keys for each audience; None where that audience does not get the event at all."""

    operator: Payload
    owner: AgentId | None = None
    own: Payload | None = None
    others: Payload | None = None

    def to(self, audience: Audience) -> Payload | None:
        """What this audience gets."""
        if audience is None:
            return self.operator
        return self.own if audience == self.owner else self.others


def agent_seen(view: AgentView, audience: Audience) -> AgentView:
    """An agent, without its call when it is somebody else's."""
    if view.call is None or audience is None or audience == view.id:
        return view
    return view.model_copy(update={"call": None})


def queue_seen(view: QueueView, audience: Audience) -> QueueView:
    """A queue; agents get its numbers and not the calls in it."""
    return view if audience is None or not view.calls else view.model_copy(update={"calls": ()})


def agent_event(view: AgentView) -> ByAudience:
    """An agent or the call it holds changed."""
    whole = {"agent": view}
    public = {"agent": view.model_copy(update={"call": None})} if view.call else whole
    return ByAudience(operator=whole, owner=AgentId(view.id), own=whole, others=public)


def queue_event(view: QueueView) -> ByAudience:
    """A queue changed."""
    return ByAudience(operator={"queue": view}, others={"queue": queue_seen(view, AgentId(""))})


def call_event(call: CallSummary) -> ByAudience:
    """A call changed."""
    payload = {"call": call}
    owner = AgentId(call.agent) if call.agent else None
    return ByAudience(operator=payload, owner=owner, own=payload)


def screen_pop_event(agent_id: AgentId, pop: ScreenPopView) -> ByAudience:
    """A page is to be opened on an agent's desktop, or was."""
    payload: Payload = {"agent": str(agent_id), "pop": pop}
    return ByAudience(operator=payload, owner=agent_id, own=payload)


def trunk_event(trunk: TrunkView) -> ByAudience:
    """A trunk's registration changed."""
    return ByAudience(operator={"trunk": trunk})
