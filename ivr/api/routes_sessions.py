"""Signing in and out."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request

from ivr.api.access import Api, TheAgent, TheApi
from ivr.api.errors import NotSignedIn, Overloaded
from ivr.api.models import AgentStatus, Session, SignIn
from ivr.ids import AgentId

VERIFY_TIMEOUT_S = 10.0


async def sign_in(body: SignIn, request: Request, api: TheApi) -> Session:
    """Open a session. The agent is not ready until it says otherwise; one who is signed in stays as it is."""
    source = request.client.host if request.client else ""
    api.attempts.begin(body.agent, source)
    agent_id = AgentId(body.agent)
    right = await _verify(api, agent_id, body.password)
    view = await api.node.agent(agent_id) if right else None
    if view is None:
        raise NotSignedIn("The agent or the password is wrong.")
    api.attempts.succeeded(body.agent, source)
    if view.status is AgentStatus.SIGNED_OUT:
        view = await api.node.sign_in(agent_id)
    return Session(token=api.sessions.open(agent_id), agent=view.id, name=view.name)


async def sign_out(agent: TheAgent, api: TheApi) -> None:
    """Sign out: every session of the agent ends, and nothing more is offered to it."""
    await api.node.sign_out(agent.id)
    api.sessions.close_all(agent.id)
    api.stream.end_session(agent.id)


def session_routes() -> APIRouter:
    """Routes under /sessions."""
    router = APIRouter(tags=["sessions"])
    router.post("/sessions", status_code=201)(sign_in)
    router.delete("/sessions/current", status_code=204)(sign_out)
    return router


async def _verify(api: Api, agent_id: AgentId, password: str) -> bool:
    try:
        async with asyncio.timeout(VERIFY_TIMEOUT_S), api.verifying:
            return await api.node.verify_agent(agent_id, password)
    except TimeoutError as exc:
        raise Overloaded("Too many sign in at once; try again.") from exc
