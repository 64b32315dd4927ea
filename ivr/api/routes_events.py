"""The event stream's WebSocket: `/api/v1/events?after=SEQ`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from ivr.api.access import Api, TheApi, audience_of
from ivr.api.auth import AgentCaller, Caller
from ivr.api.errors import ApiError
from ivr.api.problems import of_error
from ivr.api.sight import Audience, agent_seen, queue_seen
from ivr.api.stream import SESSION_OVER, TRY_AGAIN_LATER, Snapshot, Subscription
from ivr.listing import CallQuery

SNAPSHOT_CALLS = 100
CLOSE_TIMEOUT_S = 5.0
_REASONS = {SESSION_OVER: "the session is over", TRY_AGAIN_LATER: "too slow; resume with ?after="}


async def events(websocket: WebSocket, api: TheApi) -> None:
    """A snapshot, or what came after `?after=`; then events as they happen."""
    try:
        caller = api.doorkeeper.caller(websocket.headers.get("authorization"))
        audience = audience_of(caller)
        with api.stream.subscribe(audience, _after(websocket)) as subscription:
            first = await _first(api, audience, subscription)
            await websocket.accept()
            await _relay(websocket, subscription, first, _lifetime_s(caller))
    except ApiError as error:
        await websocket.send_denial_response(of_error(error))


def event_routes() -> APIRouter:
    """The one WebSocket."""
    router = APIRouter()
    router.add_api_websocket_route("/events", events)
    return router


def _after(websocket: WebSocket) -> int | None:
    """The last event that the client has; None (and so a snapshot) when it says nothing sensible."""
    text = websocket.query_params.get("after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _lifetime_s(caller: Caller) -> float | None:
    return caller.expires_in_s if isinstance(caller, AgentCaller) else None


async def _first(api: Api, audience: Audience, subscription: Subscription) -> Sequence[str]:
    """What goes before live events. The subscription stands already, so nothing falls in between."""
    if subscription.backlog is not None:
        return subscription.backlog
    state = Snapshot(
        agents=[agent_seen(view, audience) for view in await api.node.agents()],
        queues=[queue_seen(view, audience) for view in await api.node.queues()],
        calls=await api.node.calls(CallQuery(limit=SNAPSHOT_CALLS, agent=audience)),
    )
    return [api.stream.snapshot(subscription.seq, state)]


async def _relay(
    websocket: WebSocket, subscription: Subscription, first: Sequence[str], lifetime_s: float | None
) -> None:
    """Send until the client goes, is too slow, or its session ends."""
    sender = asyncio.create_task(_send(websocket, subscription, first))
    reader = asyncio.create_task(_until_gone(websocket))
    closing = asyncio.create_task(subscription.closed.wait())
    tasks = (sender, reader, closing)
    try:
        done, _ = await asyncio.wait(tasks, timeout=lifetime_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if not done:
        subscription.close(SESSION_OVER)
    if subscription.close_code is not None and reader not in done:
        await _close(websocket, subscription.close_code)
    elif sender in done:
        sender.result()


async def _send(websocket: WebSocket, subscription: Subscription, first: Sequence[str]) -> None:
    try:
        for text in first:
            await websocket.send_text(text)
        while True:
            await websocket.send_text(await subscription.next())
    except WebSocketDisconnect:
        return


async def _until_gone(websocket: WebSocket) -> None:
    """Clients have nothing to say here: what they send is dropped."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _close(websocket: WebSocket, code: int) -> None:
    """Say why, for as long as that takes at most: a client that reads nothing does not hear it."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await websocket.close(code, _REASONS.get(code, "the node is leaving"))
    except (TimeoutError, WebSocketDisconnect):
        return
