"""The node itself: its state, trunks, outbox, metrics and health."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from ivr.api.access import Limit, TheApi, TheOperator, caller_of, operator_of
from ivr.api.documents import NOT_READY, NotReadyProblem
from ivr.api.models import ApiModel, NodeView, OutboxView, TrunkView
from ivr.api.problems import problem_response

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
RowPath = Annotated[int, Path(ge=0, le=2**63 - 1)]


class Health(ApiModel):
    """The process answers; with /readyz, the node takes calls."""

    status: str = "ok"


async def show_node(operator: TheOperator, api: TheApi) -> NodeView:
    """The node at a glance."""
    return await api.node.node()


async def list_trunks(operator: TheOperator, api: TheApi) -> list[TrunkView]:
    """Trunks with their registration."""
    return await api.node.trunks()


async def list_outbox(operator: TheOperator, api: TheApi, limit: Limit = 100) -> list[OutboxView]:
    """What is to be written to Salesforce, and what became of it; newest first."""
    return await api.node.outbox(limit)


async def retry_outbox(row_id: RowPath, operator: TheOperator, api: TheApi) -> OutboxView:
    """Make a failed row due now."""
    return await api.node.retry_outbox(row_id)


async def show_schema(operator: TheOperator, request: Request) -> dict[str, object]:
    """This API as an OpenAPI document."""
    schema: dict[str, object] = request.app.openapi()
    return schema


async def metrics(request: Request, api: TheApi) -> Response:
    """Prometheus text; without a token only straight from this machine."""
    if not _is_local(request):
        await operator_of(await caller_of(request, api))
    return Response(await api.node.metrics(), media_type=METRICS_TYPE)


async def healthz() -> Health:
    """The process answers."""
    return Health()


async def readyz(api: TheApi) -> Response:
    """200 when the node takes calls, 503 with the reasons when it does not."""
    reasons = await api.node.ready()
    if not reasons:
        return Response(Health().model_dump_json(), media_type="application/json")
    return problem_response(
        NotReadyProblem(
            type=NOT_READY,
            title="Service Unavailable",
            status=503,
            detail="The node takes no calls.",
            reasons=reasons,
        )
    )


def node_routes() -> APIRouter:
    """Routes under /node, /trunks and /outbox."""
    router = APIRouter()
    router.get("/node", tags=["node"])(show_node)
    router.get("/trunks", tags=["node"])(list_trunks)
    router.get("/openapi.json", tags=["node"])(show_schema)
    router.get("/outbox", tags=["outbox"])(list_outbox)
    router.post("/outbox/{row_id}/retry", tags=["outbox"])(retry_outbox)
    return router


def health_routes() -> APIRouter:
    """Routes outside /api/v1 that other programs ask."""
    router = APIRouter(tags=["health"])
    router.get("/healthz")(healthz)
    router.get("/readyz", response_model=Health, responses={503: {"model": NotReadyProblem}})(readyz)
    router.get("/metrics", response_model=None)(metrics)
    return router


def _is_local(request: Request) -> bool:
    """From a loopback address and not handed on by a proxy, which would make everyone local."""
    if request.client is None or {"x-forwarded-for", "forwarded"} & set(request.headers.keys()):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
