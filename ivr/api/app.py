"""The application: routes, refusals and limits put together."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, FastAPI, Security
from fastapi.security import HTTPBearer

from ivr.api.access import Api
from ivr.api.attempts import AttemptLimit
from ivr.api.auth import Doorkeeper, Sessions
from ivr.api.documents import InvalidProblem
from ivr.api.limits import BodyLimit
from ivr.api.models import Problem
from ivr.api.ports import NodeApi
from ivr.api.problems import install_problems
from ivr.api.routes_agents import agent_routes
from ivr.api.routes_calls import call_routes
from ivr.api.routes_events import event_routes
from ivr.api.routes_flows import flow_routes
from ivr.api.routes_node import health_routes, node_routes
from ivr.api.routes_sessions import session_routes
from ivr.api.stream import EventHub

VERIFY_AT_ONCE = 2
TAGS = [
    {"name": "sessions", "description": "Signing in and out."},
    {"name": "agents", "description": "Agents, their states and the calls that they hold."},
    {"name": "queues", "description": "Queues and who waits in them."},
    {"name": "calls", "description": "Calls, notes, screen pops and variables."},
    {"name": "flows", "description": "Flows as pictures, with what calls do on them."},
    {"name": "outbox", "description": "What is written to Salesforce after calls."},
    {"name": "node", "description": "The node and its trunks."},
    {"name": "health", "description": "For monitors."},
]


def create_api(node: NodeApi, sessions: Sessions, stream: EventHub, operator_token: str) -> FastAPI:
    """The node's API. Sign-in attempts are limited by the clock of `sessions`."""
    # The schema is served by a route that asks for a token; the documentation pages load foreign scripts.
    app = FastAPI(
        title="IVR node", version="1", openapi_url=None, docs_url=None, redoc_url=None, openapi_tags=TAGS
    )
    app.state.api = Api(
        node=node,
        sessions=sessions,
        stream=stream,
        doorkeeper=Doorkeeper(sessions, operator_token),
        attempts=AttemptLimit(sessions.clock),
        verifying=asyncio.Semaphore(VERIFY_AT_ONCE),
    )
    app.include_router(_versioned())
    app.include_router(health_routes())
    app.add_middleware(BodyLimit)
    install_problems(app)
    return app


def _versioned() -> APIRouter:
    problems: dict[int | str, dict[str, object]] = {
        401: {"model": Problem},
        403: {"model": Problem},
        404: {"model": Problem},
        409: {"model": Problem},
        422: {"model": InvalidProblem},
        429: {"model": Problem},
    }
    router = APIRouter(prefix="/api/v1", responses=problems)
    router.include_router(session_routes())
    # Shows the padlock in the schema; `access.caller_of` is what checks.
    padlock = [Security(HTTPBearer(auto_error=False))]
    for routes in (agent_routes(), call_routes(), flow_routes(), node_routes()):
        router.include_router(routes, dependencies=padlock)
    router.include_router(event_routes())
    return router
