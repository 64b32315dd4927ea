"""What routes depend on: the application's parts, who is calling, and how far a token reaches."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, assert_never, cast

from fastapi import Depends, Path, Query
from starlette.requests import HTTPConnection

from ivr.api.attempts import AttemptLimit
from ivr.api.auth import AgentCaller, Caller, Doorkeeper, OperatorCaller, Sessions
from ivr.api.errors import Forbidden, NotFound, Refused
from ivr.api.ports import NodeApi
from ivr.api.sight import Audience
from ivr.api.stream import EventHub
from ivr.ids import AgentId, CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The parts of one application."""

    node: NodeApi
    sessions: Sessions
    stream: EventHub
    doorkeeper: Doorkeeper
    attempts: AttemptLimit
    verifying: asyncio.Semaphore
    """Password hashes at once: each takes a thread and megabytes."""


async def api_of(connection: HTTPConnection) -> Api:
    """The application's parts."""
    return cast(Api, connection.app.state.api)


TheApi = Annotated[Api, Depends(api_of)]


async def caller_of(connection: HTTPConnection, api: TheApi) -> Caller:
    """Who is calling, or `NotSignedIn`."""
    return api.doorkeeper.caller(connection.headers.get("authorization"))


TheCaller = Annotated[Caller, Depends(caller_of)]


async def operator_of(caller: TheCaller) -> OperatorCaller:
    """The operator, or `Forbidden`."""
    if isinstance(caller, OperatorCaller):
        return caller
    raise Forbidden("This needs the operator token.")


async def agent_of(caller: TheCaller) -> AgentCaller:
    """An agent, or `Forbidden`."""
    if isinstance(caller, AgentCaller):
        return caller
    raise Forbidden("This is for agents; the operator token has no session.")


TheOperator = Annotated[OperatorCaller, Depends(operator_of)]
TheAgent = Annotated[AgentCaller, Depends(agent_of)]
CallPath = Annotated[CallId, Path(max_length=128)]
Limit = Annotated[int, Query(ge=1, le=1000)]


def audience_of(caller: Caller) -> Audience:
    """Whose eyes an answer is for."""
    match caller:
        case OperatorCaller():
            return None
        case AgentCaller():
            return caller.id
        case _:
            assert_never(caller)


async def may_touch(api: Api, caller: Caller, call_id: CallId) -> None:
    """The operator may touch each call, an agent the one it holds and those it took."""
    agent_id = audience_of(caller)
    if agent_id is None or await _holds(api, agent_id, call_id):
        return
    call = await api.node.call(call_id)
    if call is None:
        raise NotFound("There is no such call.")
    if call.agent != agent_id:
        raise Forbidden("This call is not yours.")


async def for_agent(api: Api, caller: Caller, call_id: CallId) -> AgentId:
    """The agent in whose name something is done to a call: the caller, or for the operator who holds it."""
    agent_id = audience_of(caller)
    if agent_id is not None:
        await may_touch(api, caller, call_id)
        return agent_id
    for view in await api.node.agents():
        if view.call is not None and view.call.call_id == call_id:
            return AgentId(view.id)
    if await api.node.call(call_id) is None:
        raise NotFound("There is no such call.")
    raise Refused("No agent holds this call.")


async def _holds(api: Api, agent_id: AgentId, call_id: CallId) -> bool:
    view = await api.node.agent(agent_id)
    return view is not None and view.call is not None and view.call.call_id == call_id
