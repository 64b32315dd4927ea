"""A hub against a node whose answers a test chooses: what is saved, told and tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest

from ivr.api.errors import ApiError, ApiRefused, NodeUnreachable
from ivr.api.models import (
    AgentCall,
    AgentStatus,
    AgentView,
    CallStage,
    CallSummary,
    CallView,
    FlowView,
    MatchView,
    NoteView,
    PopOutcome,
    Problem,
    Session,
    StreamEvent,
)
from ivr.clock import SystemClock
from ivr.desktop.hub import Hub
from ivr.desktop.pops import PopBook
from ivr.desktop.refusals import may_pass, token_is_over
from ivr.desktop.sessions import Sessions
from ivr.desktop.sign_in import sign_in_problem
from tests.desktop_values import agent, call, event, note

TALKING = call(stage=CallStage.CONNECTED)
WAIT_S = 10.0


class Node:
    """A client whose node does as the test says."""

    def __init__(self, held: AgentCall = TALKING) -> None:
        self.view = agent(AgentStatus.TALKING, held)
        self.fault: ApiError | None = None
        self.saved: list[str] = []
        self.told: list[PopOutcome] = []
        self.told_two = asyncio.Event()
        self.ended: list[str] = []
        self.chosen: list[tuple[str, str, str]] = []
        self.closed = False
        self.signed_out = False

    def _answer(self) -> None:
        if self.fault is not None:
            raise self.fault

    async def sign_in(self, agent: str, password: str, *, forwarded_for: str | None = None) -> Session:
        self._answer()
        return Session(token="t", agent=agent, name=agent)

    async def sign_out(self) -> None:
        self._answer()
        self.signed_out = True

    async def me(self) -> AgentView:
        return self.view

    async def set_state(self, agent: str, state: AgentStatus, reason: str | None = None) -> AgentView:
        self._answer()
        self.view = self.view.model_copy(update={"status": state, "reason": reason})
        return self.view

    async def save_note(self, call_id: str, text: str, revision: int) -> NoteView:
        self._answer()
        self.saved.append(text)
        return note(text, revision + 1)

    async def end_wrap_up(self, call_id: str) -> None:
        self._answer()
        self.ended.append(call_id)

    async def acknowledge_pop(self, call_id: str, pop_id: str, outcome: PopOutcome) -> None:
        self._answer()
        self.told.append(outcome)
        if len(self.told) == 2:
            self.told_two.set()

    async def set_variable(self, call_id: str, name: str, value: str) -> None:
        self._answer()

    async def choose_caller(self, call_id: str, object_: str, id_: str) -> MatchView:
        self._answer()
        self.chosen.append((call_id, object_, id_))
        return MatchView(result="one")

    async def calls(
        self, limit: int = 100, *, before: str | None = None, text: str = "", ending: str | None = None
    ) -> list[CallSummary]:
        return []

    async def call(self, call_id: str) -> CallView:
        raise ApiRefused(Problem(title="Not Found", status=404))

    async def flows(self) -> list[FlowView]:
        return []

    async def flow_picture(self, name: str) -> str:
        return "<svg/>"

    async def call_picture(self, call_id: str) -> str:
        return "<svg/>"

    async def events(
        self,
        after: int | None = None,
        *,
        attempts: int | None = None,
        on_connection: Callable[[bool], None] | None = None,
    ) -> AsyncGenerator[StreamEvent, None]:
        assert on_connection is not None
        on_connection(True)
        yield event("snapshot", agents=[self.view.model_dump(mode="json")], queues=[])
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


class Seen:
    """Waits until the hub shows something."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._changed = asyncio.Event()
        hub.attach(self._changed.set)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


def with_hub(node: Node, script: Callable[[Hub, Seen], Awaitable[None]]) -> None:
    """Run a script while the hub's loops run."""

    async def run() -> None:
        hub = Hub(client=node, agent_id="alice", clock=SystemClock(), pops=PopBook())
        seen = Seen(hub)
        task = asyncio.create_task(hub.run())
        try:
            await seen.until(lambda: hub.view().notes is not None)
            await script(hub, seen)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert node.closed

    asyncio.run(run())


def state(hub: Hub) -> str:
    """What is said below the notes."""
    shown = hub.view().notes
    assert shown is not None
    return shown.state.text


def test_finishing_wrap_up_saves_first() -> None:
    """The last word goes before the end of wrap-up."""
    node = Node()

    async def script(hub: Hub, seen: Seen) -> None:
        hub.typed("call-1", "last word")
        assert await hub.finish_wrap_up("call-1")

    with_hub(node, script)
    assert (node.saved, node.ended) == (["last word"], ["call-1"])


def test_wrap_up_goes_on_while_notes_cannot_be_saved() -> None:
    """The text is still there, and is saved once the node answers."""
    node = Node()

    async def script(hub: Hub, seen: Seen) -> None:
        node.fault = NodeUnreachable("away")
        hub.typed("call-1", "kept")
        assert not await hub.finish_wrap_up("call-1")
        assert state(hub).startswith("Not saved")
        node.fault = None
        hub.notes.hurry("call-1")
        await seen.until(lambda: state(hub).startswith("Saved"))

    with_hub(node, script)
    assert (node.saved, node.ended) == (["kept"], [])


def test_refused_notes_say_why() -> None:
    """They are not tried again by themselves."""
    node = Node()

    async def script(hub: Hub, seen: Seen) -> None:
        node.fault = ApiRefused(
            Problem(title="Conflict", status=409, detail="Notes of this call are closed.")
        )
        hub.typed("call-1", "late")
        await seen.until(lambda: state(hub) == "Not saved: Notes of this call are closed.")

    with_hub(node, script)


def test_a_pop_is_told_when_the_node_is_back() -> None:
    """Once, although it was opened while the node was away."""
    node = Node()

    async def script(hub: Hub, seen: Seen) -> None:
        node.fault = NodeUnreachable("away")
        assert hub.pops.claim("p")
        hub.pops.settle("call-1", "p", PopOutcome.OPENED)
        hub.pops.settle("call-1", "p", PopOutcome.OPENED)
        node.fault = None
        hub.pops.settle("call-2", "q", PopOutcome.BLOCKED)
        async with asyncio.timeout(WAIT_S):
            await node.told_two.wait()

    with_hub(node, script)
    assert node.told == [PopOutcome.OPENED, PopOutcome.BLOCKED]


def test_a_tab_that_fails_does_not_disturb_another() -> None:
    """It is left out from then on."""
    node = Node()

    async def script(hub: Hub, seen: Seen) -> None:
        calls: list[str] = []

        def broken() -> None:
            calls.append("broken")
            raise RuntimeError("a fault in one tab")

        hub.attach(broken)
        hub.typed("call-1", "x")
        await seen.until(lambda: state(hub).startswith("Saved"))
        assert calls == ["broken"]

    with_hub(node, script)


def test_signing_in_and_out() -> None:
    """A refused sign-in leaves nobody signed in; signing out works without a node."""
    node = Node()

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            sessions = Sessions(connect=lambda: node, clock=SystemClock(), group=group)
            node.fault = ApiRefused(Problem(title="Unauthorized", status=401))
            with pytest.raises(ApiRefused):
                await sessions.sign_in("browser", "alice", "wrong", None)
            assert sessions.get("browser") is None
            assert node.closed
            node.fault = None
            hub = await sessions.sign_in("browser", "alice", "right", None)
            assert sessions.get("browser") is hub
            assert sessions.get("another") is None
            node.fault = NodeUnreachable("away")
            await sessions.sign_out("browser")
            assert hub.closed
            assert sessions.get("browser") is None

    asyncio.run(run())


def refusal(status: int) -> ApiRefused:
    """A problem with a status."""
    return ApiRefused(Problem(title="No", status=status, detail="because"))


def test_what_may_pass() -> None:
    """An ended session and an overload may; a refusal may not."""
    assert [s for s in (401, 403, 404, 409, 422, 429, 500, 503) if may_pass(refusal(s))] == [
        401,
        429,
        500,
        503,
    ]
    assert may_pass(NodeUnreachable("away"))
    assert token_is_over(refusal(401))
    assert not token_is_over(NodeUnreachable("away"))


def test_why_signing_in_failed_in_words() -> None:
    """The password, the number of tries, or the node."""
    assert "wrong" in sign_in_problem(refusal(401))
    assert "Too many" in sign_in_problem(refusal(429))
    assert "cannot sign you in now" in sign_in_problem(refusal(503))
    assert "not reachable" in sign_in_problem(NodeUnreachable("away"))
    assert sign_in_problem(refusal(418)) == "because"


def test_the_caller_that_is_chosen_is_told_to_the_node_and_a_refusal_to_the_agent() -> None:
    node = Node()

    async def script(hub: Hub, seen: Seen) -> None:
        await hub.choose_caller("call-1", "Contact", "003A")
        assert node.chosen == [("call-1", "Contact", "003A")]
        node.fault = ApiRefused(Problem(title="Conflict", status=409))
        with pytest.raises(ApiRefused):
            await hub.choose_caller("call-1", "Contact", "003B")
        node.fault = None

    with_hub(node, script)
