"""How far each token reaches: one table of every route."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from ivr.api.fake_app import FakeApp
from ivr.api.models import OutboxView
from ivr.ids import CallId

FAR = "192.0.2.7"  # Not loopback, from where /metrics needs a token.


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route, and what each gets: nobody, the agent who holds call c1, another agent, the operator."""

    method: str
    path: str
    nobody: int = 401
    holder: int = 403
    other: int = 403
    operator: int = 200
    body: dict[str, Any] | None = None
    template: str = field(default="")

    @property
    def operation(self) -> tuple[str, str]:
        return self.method, self.template or self.path


ROUTES = [
    Route(
        method="POST",
        path="/api/v1/sessions",
        body={"agent": "alice", "password": "alice"},
        nobody=201,
        holder=201,
        other=201,
        operator=201,
    ),
    Route(method="DELETE", path="/api/v1/sessions/current", holder=204, other=204, operator=403),
    Route(method="GET", path="/api/v1/me", holder=200, other=200, operator=403),
    Route(method="GET", path="/api/v1/agents", holder=200, other=200),
    Route(
        method="PUT",
        path="/api/v1/agents/bob/state",
        template="/api/v1/agents/{agent_id}/state",
        body={"state": "not_ready"},
        other=200,
    ),
    Route(method="GET", path="/api/v1/queues", holder=200, other=200),
    Route(
        method="GET",
        path="/api/v1/queues/Support",
        template="/api/v1/queues/{name}",
        holder=200,
        other=200,
    ),
    Route(method="GET", path="/api/v1/calls", holder=200, other=200),
    Route(method="GET", path="/api/v1/calls/c1", template="/api/v1/calls/{call_id}", holder=200),
    Route(method="GET", path="/api/v1/flows", holder=200, other=200),
    Route(
        method="GET",
        path="/api/v1/flows/support_line",
        template="/api/v1/flows/{name}",
        holder=200,
        other=200,
    ),
    Route(
        method="GET",
        path="/api/v1/calls/c1/flow",
        template="/api/v1/calls/{call_id}/flow",
        holder=200,
    ),
    Route(
        method="POST",
        path="/api/v1/calls/c1/hangup",
        template="/api/v1/calls/{call_id}/hangup",
        operator=204,
    ),
    Route(
        method="GET",
        path="/api/v1/calls/c1/notes",
        template="/api/v1/calls/{call_id}/notes",
        holder=200,
    ),
    Route(
        method="PUT",
        path="/api/v1/calls/c1/notes",
        template="/api/v1/calls/{call_id}/notes",
        body={"text": "n", "revision": 0},
        holder=200,
    ),
    Route(
        method="POST",
        path="/api/v1/calls/c1/wrap-up",
        template="/api/v1/calls/{call_id}/wrap-up",
        holder=204,
        operator=204,
    ),
    Route(
        method="PUT",
        path="/api/v1/calls/c1/caller",
        template="/api/v1/calls/{call_id}/caller",
        body={"object": "Contact", "id": "003000000000001AAA"},
        holder=409,
        operator=409,
    ),
    Route(
        method="PUT",
        path="/api/v1/calls/c1/variables/disposition",
        template="/api/v1/calls/{call_id}/variables/{name}",
        body={"value": "sold"},
        holder=204,
        operator=204,
    ),
    Route(
        method="PUT",
        path="/api/v1/calls/c1/screen-pops/pop-1",
        template="/api/v1/calls/{call_id}/screen-pops/{pop_id}",
        body={"outcome": "opened"},
        holder=204,
        operator=204,
    ),
    Route(method="GET", path="/api/v1/outbox"),
    Route(method="POST", path="/api/v1/outbox/7/retry", template="/api/v1/outbox/{row_id}/retry"),
    Route(method="GET", path="/api/v1/trunks"),
    Route(method="GET", path="/api/v1/node"),
    Route(method="GET", path="/api/v1/openapi.json"),
    Route(method="GET", path="/metrics"),
    Route(method="GET", path="/healthz", nobody=200, holder=200, other=200),
    Route(method="GET", path="/readyz", nobody=200, holder=200, other=200),
]


async def stage() -> tuple[FakeApp, dict[str, str | None]]:
    """A node where alice wraps call c1 up, bob is ready, and there is something of everything."""
    fake = FakeApp()
    holder = (await fake.agent("alice")).headers["Authorization"]
    other = (await fake.agent("bob")).headers["Authorization"]
    await fake.node.ring("alice", "c1")
    await fake.node.connect(CallId("c1"))
    pop_id = await fake.node.pop(CallId("c1"))
    assert pop_id == "pop-1"
    fake.node.outbox_views[7] = OutboxView(
        id=7, call_id="c1", operation="comment", state="dead", attempts=1, due_at=None, error="", result=None
    )
    operator = fake.operator().headers["Authorization"]
    return fake, {"nobody": None, "holder": holder, "other": other, "operator": operator}


@pytest.mark.parametrize("who", ["nobody", "holder", "other", "operator"])
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: " ".join(route.operation))
def test_each_route_for_each_caller(route: Route, who: str) -> None:
    async def status() -> int:
        fake, tokens = await stage()
        if route.path.endswith("/wrap-up"):
            await fake.node.end(CallId("c1"))
        token = tokens[who]
        headers = {"Authorization": token} if token else {}
        async with fake.client(source=FAR) as http:
            answer = await http.request(route.method, route.path, json=route.body, headers=headers)
        return answer.status_code

    assert asyncio.run(status()) == getattr(route, who)


def test_the_table_has_every_route() -> None:
    async def main() -> set[tuple[str, str]]:
        async with FakeApp().operator() as http:
            paths = (await http.get("/api/v1/openapi.json")).json()["paths"]
        return {(method.upper(), path) for path, item in paths.items() for method in item}

    assert asyncio.run(main()) == {route.operation for route in ROUTES}


@pytest.mark.parametrize("token", ["", "x", "é", "operato", "operatorr", "OPERATOR"])
def test_a_token_that_is_nobodys(token: str) -> None:
    async def main() -> int:
        async with FakeApp().client() as http:
            header = f"Bearer {token}".encode()
            return (await http.get("/api/v1/node", headers=[(b"Authorization", header)])).status_code

    assert asyncio.run(main()) == 401


def test_a_call_that_does_not_exist_is_not_found_by_an_agent() -> None:
    async def main() -> int:
        async with await FakeApp().agent("alice") as http:
            return (await http.get("/api/v1/calls/none")).status_code

    assert asyncio.run(main()) == 404


def test_a_call_that_went_back_to_the_queue_is_no_longer_the_agents() -> None:
    async def main() -> list[int]:
        fake = FakeApp()
        async with await fake.agent("alice") as http:
            await fake.node.ring("alice", "c1")
            before = (await http.get("/api/v1/calls/c1")).status_code
            await fake.node.decline(CallId("c1"))
            return [before, (await http.get("/api/v1/calls/c1")).status_code]

    assert asyncio.run(main()) == [200, 403]
