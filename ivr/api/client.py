"""The client of the node's API: what the pages, the command line and the demo use.

Raises `NodeUnreachable`, `Conflict` (a note that was saved elsewhere) and `ApiRefused` with the problem.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote, urlencode

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from ivr.api.client_stream import EventSource
from ivr.api.documents import REVISION, ConflictProblem, NotReadyProblem, SetVariable
from ivr.api.errors import ApiRefused, Conflict, NodeUnreachable
from ivr.api.models import (
    AckPop,
    AgentStatus,
    AgentView,
    CallSummary,
    CallView,
    ChooseCaller,
    FlowView,
    MatchView,
    NodeView,
    NoteView,
    OutboxView,
    PopOutcome,
    Problem,
    QueueView,
    SaveNote,
    Session,
    SetState,
    SignIn,
    StreamEvent,
    TrunkView,
)

TIMEOUT_S = 10.0
T = TypeVar("T")


class ApiClient:
    """`async with ApiClient("http://127.0.0.1:8080", token) as api`; signing in adopts its token."""

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.token = token
        # No proxy of the environment stands between a node and its own pages.
        self._http = httpx.AsyncClient(
            base_url=self.base_url, timeout=timeout_s, transport=transport, trust_env=False
        )

    async def __aenter__(self) -> Self:
        """Ready to use; nothing is sent yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    # Sessions and agents

    async def sign_in(self, agent: str, password: str, *, forwarded_for: str | None = None) -> Session:
        """Open a session. `forwarded_for` is the address of the browser for whom a page signs in: attempts
        are then limited for that address and not for the page's own."""
        headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else None
        body = SignIn(agent=agent, password=password)
        session = await self._ask(Session, "POST", "/api/v1/sessions", body, headers=headers)
        self.token = session.token
        return session

    async def sign_out(self) -> None:
        """End the agent's sessions and sign it out."""
        await self._send("DELETE", "/api/v1/sessions/current")
        self.token = None

    async def me(self) -> AgentView:
        """The agent whose session this is."""
        return await self._ask(AgentView, "GET", "/api/v1/me")

    async def agents(self) -> list[AgentView]:
        """All agents."""
        return await self._ask(list[AgentView], "GET", "/api/v1/agents")

    async def set_state(self, agent: str, state: AgentStatus, reason: str | None = None) -> AgentView:
        """READY or NOT_READY."""
        body = SetState(state=state, reason=reason)
        return await self._ask(AgentView, "PUT", f"/api/v1/agents/{_part(agent)}/state", body)

    # Queues and calls

    async def queues(self) -> list[QueueView]:
        """All queues."""
        return await self._ask(list[QueueView], "GET", "/api/v1/queues")

    async def queue(self, name: str) -> QueueView:
        """One queue."""
        return await self._ask(QueueView, "GET", f"/api/v1/queues/{_part(name)}")

    async def calls(
        self, limit: int = 100, *, before: str | None = None, text: str = "", ending: str | None = None
    ) -> list[CallSummary]:
        """The newest calls, running and over; those older than the call `before`, with `text` in number,
        queue, entry point, agent or id, and that ended by `ending`."""
        asked = {"limit": limit, "before": before, "text": text, "ending": ending}
        query = urlencode({name: value for name, value in asked.items() if value})
        return await self._ask(list[CallSummary], "GET", f"/api/v1/calls?{query}")

    async def call(self, call_id: str) -> CallView:
        """One call in full."""
        return await self._ask(CallView, "GET", _call(call_id))

    async def hang_up(self, call_id: str) -> None:
        """End a running call."""
        await self._send("POST", _call(call_id, "hangup"))

    async def note(self, call_id: str) -> NoteView:
        """The call's note."""
        return await self._ask(NoteView, "GET", _call(call_id, "notes"))

    async def save_note(self, call_id: str, text: str, revision: int) -> NoteView:
        """Replace `revision` by `text`; `Conflict` with the current note when it is another's."""
        body = SaveNote(text=text, revision=revision)
        return await self._ask(NoteView, "PUT", _call(call_id, "notes"), body)

    async def end_wrap_up(self, call_id: str) -> None:
        """Done with the call."""
        await self._send("POST", _call(call_id, "wrap-up"))

    async def set_variable(self, call_id: str, name: str, value: str) -> None:
        """Set a flow variable that agents may edit."""
        await self._send("PUT", _call(call_id, "variables", name), SetVariable(value=value))

    async def choose_caller(self, call_id: str, object_: str, id_: str) -> MatchView:
        """The caller is this one of the candidates; what is known of him then."""
        body = ChooseCaller(object=object_, id=id_)
        return await self._ask(MatchView, "PUT", _call(call_id, "caller"), body)

    async def acknowledge_pop(self, call_id: str, pop_id: str, outcome: PopOutcome) -> None:
        """What became of a screen pop."""
        await self._send("PUT", _call(call_id, "screen-pops", pop_id), AckPop(outcome=outcome))

    # Flows

    async def flows(self) -> list[FlowView]:
        """The flows in use."""
        return await self._ask(list[FlowView], "GET", "/api/v1/flows")

    async def flow_picture(self, name: str) -> str:
        """The flow as SVG, with the number of calls at each activity now."""
        return (await self._send("GET", f"/api/v1/flows/{_part(name)}")).text

    async def call_picture(self, call_id: str) -> str:
        """The call's flow as SVG, with the way that it took."""
        return (await self._send("GET", _call(call_id, "flow"))).text

    # The node

    async def node(self) -> NodeView:
        """The node at a glance."""
        return await self._ask(NodeView, "GET", "/api/v1/node")

    async def trunks(self) -> list[TrunkView]:
        """Trunks with their registration."""
        return await self._ask(list[TrunkView], "GET", "/api/v1/trunks")

    async def outbox(self, limit: int = 100) -> list[OutboxView]:
        """Outbox rows, newest first."""
        return await self._ask(list[OutboxView], "GET", f"/api/v1/outbox?limit={limit}")

    async def retry_outbox(self, row_id: int) -> OutboxView:
        """Make a failed row due now."""
        return await self._ask(OutboxView, "POST", f"/api/v1/outbox/{row_id}/retry")

    async def ready(self) -> list[str]:
        """Why the node takes no calls; empty when it does."""
        response = await self._exchange("GET", "/readyz")
        if response.status_code == 503:
            return list(_decoded(NotReadyProblem, response).reasons)
        _raise_for(response)
        return []

    async def metrics(self) -> str:
        """Prometheus text."""
        return (await self._send("GET", "/metrics")).text

    def events(
        self,
        after: int | None = None,
        *,
        attempts: int | None = None,
        on_connection: Callable[[bool], None] | None = None,
    ) -> AsyncGenerator[StreamEvent, None]:
        """Events for as long as one iterates: a snapshot first (unless `after` is still known), and after a
        broken connection what was missed, or a snapshot again. `seq` may leap: others' events are not ours.

        Ends only by an error: `ApiRefused` when the token is refused or its session ends, and
        `NodeUnreachable` after `attempts` failed connections in a row (None: never). `on_connection` hears
        of each change of the connection. Close it with `contextlib.aclosing`.
        """
        source = EventSource(
            self.base_url, lambda: self.token, attempts=attempts, on_connection=on_connection
        )
        return source.events(after)

    async def _ask(
        self,
        kind: type[T],
        method: str,
        path: str,
        body: BaseModel | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        return _decoded(kind, await self._send(method, path, body, headers=headers))

    async def _send(
        self,
        method: str,
        path: str,
        body: BaseModel | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        response = await self._exchange(method, path, body, headers)
        _raise_for(response)
        return response

    async def _exchange(
        self,
        method: str,
        path: str,
        body: BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        sent = dict(headers or {})
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        content = body.model_dump_json().encode() if body is not None else None
        try:
            return await self._http.request(method, path, content=content, headers=sent)
        except (httpx.TransportError, httpx.InvalidURL) as exc:
            raise NodeUnreachable(
                f"No node answers at {self.base_url} ({type(exc).__name__}). Is it running?"
            ) from exc


def _part(value: str) -> str:
    return quote(value, safe="")


def _call(call_id: str, *rest: str) -> str:
    return "/api/v1/calls/" + "/".join(_part(part) for part in (call_id, *rest))


def _decoded(kind: type[T], response: httpx.Response) -> T:
    try:
        return TypeAdapter(kind).validate_json(response.content)
    except ValidationError as exc:
        raise ApiRefused(_strange(response)) from exc


def _raise_for(response: httpx.Response) -> None:
    """Translate a refusal; the one place where the client does."""
    if response.is_success:
        return
    try:
        problem = ConflictProblem.model_validate_json(response.content)
    except ValidationError as exc:
        raise ApiRefused(_strange(response)) from exc
    if problem.type == REVISION:
        raise Conflict(problem.detail, problem.current)
    raise ApiRefused(Problem.model_validate_json(response.content))


def _strange(response: httpx.Response) -> Problem:
    detail = "The answer is not one of a node of this version: is the address right?"
    return Problem(title="Unexpected answer", status=response.status_code, detail=detail)
