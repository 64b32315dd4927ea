"""Agents and queues."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.exceptions import RequestValidationError

from ivr.api.access import TheAgent, TheApi, TheCaller, audience_of
from ivr.api.errors import Forbidden, NotFound
from ivr.api.models import AgentStatus, AgentView, QueueView, SetState
from ivr.api.sight import agent_seen, queue_seen
from ivr.ids import AgentId, QueueName

AgentPath = Annotated[AgentId, Path(max_length=64)]
QueuePath = Annotated[QueueName, Path(max_length=128)]


async def me(agent: TheAgent, api: TheApi) -> AgentView:
    """The agent whose token this is, with the call that it holds."""
    view = await api.node.agent(agent.id)
    if view is None:
        raise NotFound("The node no longer knows this agent.")
    return view


async def list_agents(caller: TheCaller, api: TheApi) -> list[AgentView]:
    """All agents; the calls of others are the operator's to see."""
    audience = audience_of(caller)
    return [agent_seen(view, audience) for view in await api.node.agents()]


async def set_state(agent_id: AgentPath, body: SetState, caller: TheCaller, api: TheApi) -> AgentView:
    """Ready, or not ready with a reason."""
    if audience_of(caller) not in (None, agent_id):
        raise Forbidden("An agent sets its own state only.")
    match body.state:
        case AgentStatus.READY:
            return await api.node.set_agent_state(agent_id, body.state, None)
        case AgentStatus.NOT_READY:
            return await api.node.set_agent_state(agent_id, body.state, body.reason)
        case _:
            wrong = {"loc": ("body", "state"), "msg": 'Expected "ready" or "not_ready".'}
            raise RequestValidationError([wrong])


async def list_queues(caller: TheCaller, api: TheApi) -> list[QueueView]:
    """All queues; the calls in them are the operator's to see."""
    audience = audience_of(caller)
    return [queue_seen(view, audience) for view in await api.node.queues()]


async def show_queue(name: QueuePath, caller: TheCaller, api: TheApi) -> QueueView:
    """One queue."""
    view = await api.node.queue(name)
    if view is None:
        raise NotFound("There is no such queue.")
    return queue_seen(view, audience_of(caller))


def agent_routes() -> APIRouter:
    """Routes under /me, /agents and /queues."""
    router = APIRouter()
    router.get("/me", tags=["agents"])(me)
    router.get("/agents", tags=["agents"])(list_agents)
    router.put("/agents/{agent_id}/state", tags=["agents"])(set_state)
    router.get("/queues", tags=["queues"])(list_queues)
    router.get("/queues/{name}", tags=["queues"])(show_queue)
    return router
