"""The application over a fake node without a socket: for tests of REST."""

from __future__ import annotations

import httpx

from ivr.api.app import create_api
from ivr.api.auth import Sessions
from ivr.api.models import AgentStatus
from ivr.api.stream import EventHub
from ivr.api.testing import OPERATOR_TOKEN, FakeNode
from ivr.ids import AgentId
from ivr.testing.clock import ManualClock


class FakeApp:
    """Everything of one application; the clock is moved by hand."""

    def __init__(self, node_type: type[FakeNode] = FakeNode) -> None:
        self.clock = ManualClock()
        self.hub = EventHub(self.clock)
        self.node = node_type(self.hub, self.clock)
        self.sessions = Sessions(self.clock)
        self.app = create_api(self.node, self.sessions, self.hub, OPERATOR_TOKEN)

    def client(self, token: str | None = None, *, source: str = "127.0.0.1") -> httpx.AsyncClient:
        """A plain HTTP client that seems to come from `source`."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(self.app, client=(source, 50000))
        return httpx.AsyncClient(transport=transport, base_url="http://node", headers=headers)

    def operator(self) -> httpx.AsyncClient:
        """A client with the operator token."""
        return self.client(OPERATOR_TOKEN)

    async def agent(self, name: str, *, ready: bool = True) -> httpx.AsyncClient:
        """A client with the session of an agent, signed in and ready."""
        agent_id = AgentId(name)
        await self.node.sign_in(agent_id)
        if ready:
            await self.node.set_agent_state(agent_id, AgentStatus.READY, None)
        return self.client(self.sessions.open(agent_id))
