"""Flows as pictures, with what calls do on them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from ivr.api.access import CallPath, TheApi, TheCaller, may_touch
from ivr.api.errors import NotFound
from ivr.api.models import FlowView

FlowPath = Annotated[str, Path(max_length=128)]
SVG_TYPE = "image/svg+xml"
# An SVG that is opened by itself is a document: it gets no origin, no script and nothing from elsewhere.
SVG_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_SVG_ANSWER: dict[int | str, dict[str, object]] = {
    200: {"content": {SVG_TYPE: {"schema": {"type": "string"}}}}
}


async def list_flows(caller: TheCaller, api: TheApi) -> list[FlowView]:
    """The flows in use, and how many calls go through each."""
    return await api.node.pictures.flows()


async def draw_flow(name: FlowPath, caller: TheCaller, api: TheApi) -> Response:
    """A flow as SVG with the number of calls at each activity now."""
    return _drawn(await api.node.pictures.flow_picture(name), "There is no such flow.")


async def draw_call(call_id: CallPath, caller: TheCaller, api: TheApi) -> Response:
    """The call's flow as SVG with the way that it took, so far or to its end."""
    await may_touch(api, caller, call_id)
    return _drawn(await api.node.pictures.call_picture(call_id), "There is no such call.")


def flow_routes() -> APIRouter:
    """Routes under /flows, and the picture of a call."""
    router = APIRouter()
    router.get("/flows", tags=["flows"])(list_flows)
    for path, tag, draw in (
        ("/flows/{name}", "flows", draw_flow),
        ("/calls/{call_id}/flow", "calls", draw_call),
    ):
        router.add_api_route(path, draw, tags=[tag], response_class=Response, responses=_SVG_ANSWER)
    return router


def _drawn(picture: str | None, otherwise: str) -> Response:
    if picture is None:
        raise NotFound(otherwise)
    return Response(picture, media_type=SVG_TYPE, headers=SVG_HEADERS)
