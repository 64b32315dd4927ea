"""What the desktop needs of the API's client; `ivr.api.client.ApiClient` is one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from ivr.api.models import (
    AgentStatus,
    AgentView,
    CallSummary,
    CallView,
    FlowView,
    MatchView,
    NoteView,
    PopOutcome,
    Session,
    StreamEvent,
)


class NodeReader(Protocol):
    """What the pages of flows and calls ask for. All raise `ApiError`."""

    async def calls(
        self, limit: int = 100, *, before: str | None = None, text: str = "", ending: str | None = None
    ) -> list[CallSummary]:
        """The agent's newest calls; those older than the call `before`, with `text`, that ended so."""
        ...

    async def call(self, call_id: str) -> CallView:
        """One call in full."""
        ...

    async def flows(self) -> list[FlowView]:
        """The flows in use."""
        ...

    async def flow_picture(self, name: str) -> str:
        """A flow as SVG, with the number of calls at each activity."""
        ...

    async def call_picture(self, call_id: str) -> str:
        """A call's flow as SVG, with the way that it took."""
        ...


class NodeClient(NodeReader, Protocol):
    """The node's verbs with one token. All raise `ApiError`: `NodeUnreachable`, `ApiRefused`, `Conflict`."""

    async def sign_in(self, agent: str, password: str, *, forwarded_for: str | None = None) -> Session:
        """A session for the agent; the client holds its token from here on. `forwarded_for` is the
        browser's address, by which attempts are limited."""
        ...

    async def sign_out(self) -> None:
        """End the session: the agent gets no more calls."""
        ...

    async def me(self) -> AgentView:
        """The agent with the call it holds."""
        ...

    async def set_state(self, agent: str, state: AgentStatus, reason: str | None = None) -> AgentView:
        """Ready or not ready."""
        ...

    async def save_note(self, call_id: str, text: str, revision: int) -> NoteView:
        """Replace `revision` by `text`; `Conflict` with what stands there now."""
        ...

    async def end_wrap_up(self, call_id: str) -> None:
        """The agent is done with the call."""
        ...

    async def acknowledge_pop(self, call_id: str, pop_id: str, outcome: PopOutcome) -> None:
        """What became of a screen pop."""
        ...

    async def choose_caller(self, call_id: str, object_: str, id_: str) -> MatchView:
        """The caller is this one of the candidates."""
        ...

    async def set_variable(self, call_id: str, name: str, value: str) -> None:
        """Set a flow variable."""
        ...

    def events(
        self,
        after: int | None = None,
        *,
        attempts: int | None = None,
        on_connection: Callable[[bool], None] | None = None,
    ) -> AsyncGenerator[StreamEvent, None]:
        """The event stream, from a snapshot on. `on_connection` hears of each change of its connection;
        raises `NodeUnreachable` after `attempts` failed ones in a row."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


Connect = Callable[[], NodeClient]
"""Makes a client without a token."""
