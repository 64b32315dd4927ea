"""A node in memory for whoever needs one: the API's own tests, the pages, the command line.

`python -m ivr.api.testing --port 8080` runs one by hand (agents alice/alice and bob/bob) in which a call
rings every few seconds for an agent who is ready.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cached_property

import structlog

from ivr.api.app import create_api
from ivr.api.auth import Sessions
from ivr.api.errors import Conflict, NotFound, Refused
from ivr.api.fake_flows import FLOW, FakePictures
from ivr.api.fake_script import FakeScript
from ivr.api.fake_state import MATCH, QUEUE
from ivr.api.models import (
    AgentStatus,
    AgentView,
    CallStage,
    CallSummary,
    CallView,
    MatchView,
    NodeView,
    NoteView,
    OutboxView,
    PopOutcome,
    QueueView,
    TrunkView,
)
from ivr.api.server import ApiServer
from ivr.api.stream import EventHub
from ivr.clock import Clock, SystemClock
from ivr.ids import AgentId, CallId, QueueName
from ivr.listing import CallQuery, Place, select

OPERATOR_TOKEN = "operator"  # noqa: S105 - of the fake only


class FakeNode(FakeScript):
    """Implements `NodeApi`; tests and hands script it with `ring`, `connect`, `pop`, `hold`, `end` ..."""

    @cached_property
    def pictures(self) -> FakePictures:
        """The one flow as pictures."""
        return FakePictures(self)

    async def node(self) -> NodeView:
        """The node at a glance."""
        running = [call for call in self._calls.values() if call.summary.ended_at is None]
        return NodeView(
            name="fake",
            version="0",
            started_at=self._started_at,
            sip=("udp:127.0.0.1:5060",),
            workers=1,
            legs=2 * len(running),
            capacity=2,
            calls=len(running),
            trunks=tuple(self.trunk_views),
            outbox_depth=len(self.outbox_views),
        )

    async def calls(self, query: CallQuery) -> list[CallSummary]:
        """Newest first."""
        last = self._known(query.before).summary if query.before else None
        place = Place(started_at=last.started_at, call_id=last.call_id) if last else None
        return select([call.summary for call in self._calls.values()], query, place)

    async def call(self, call_id: CallId) -> CallView | None:
        """One call."""
        call = self._calls.get(call_id)
        if call is None:
            return None
        notes = (call.note,) if call.note.revision else ()
        return CallView(
            **dict(call.summary),
            record={"call_id": call_id, "flow": FLOW, "flow_version": "1"},
            notes=notes,
            timeline=tuple(call.timeline),
        )

    async def hang_up(self, call_id: CallId) -> None:
        """End a running call."""
        if self._known(call_id).summary.ended_at is not None:
            raise Refused("The call is over.")
        self.hung_up.append(call_id)
        await self.end(call_id, "operator")

    async def queues(self) -> list[QueueView]:
        """The one queue."""
        return [self._queue_view()]

    async def queue(self, name: QueueName) -> QueueView | None:
        """The queue by its name."""
        return self._queue_view() if name == QUEUE else None

    async def agents(self) -> list[AgentView]:
        """All agents."""
        return list(self._agents.values())

    async def agent(self, agent_id: AgentId) -> AgentView | None:
        """One agent."""
        return self._agents.get(agent_id)

    async def verify_agent(self, agent_id: AgentId, password: str) -> bool:
        """Plain comparison: the fake keeps no hashes."""
        return self.passwords.get(agent_id) == password

    async def sign_in(self, agent_id: AgentId) -> AgentView:
        """Not ready, unless signed in already."""
        if self._agents[agent_id].status is AgentStatus.SIGNED_OUT:
            self._change_agent(agent_id, status=AgentStatus.NOT_READY, reason="signed in")
        return self._agents[agent_id]

    async def sign_out(self, agent_id: AgentId) -> None:
        """Gone; a call in wrap-up ends."""
        view = self._agents[agent_id]
        if view.call is not None and view.status is AgentStatus.WRAP_UP:
            await self.end_wrap_up(agent_id, CallId(view.call.call_id))
        self._change_agent(agent_id, status=AgentStatus.SIGNED_OUT, reason=None)

    async def set_agent_state(self, agent_id: AgentId, state: AgentStatus, reason: str | None) -> AgentView:
        """Ready or not ready."""
        view = self._agents.get(agent_id)
        if view is None:
            raise NotFound("No such agent.")
        if view.status not in (AgentStatus.READY, AgentStatus.NOT_READY):
            raise Refused(f"The agent is {view.status}.")
        self._change_agent(agent_id, status=state, reason=reason)
        return self._agents[agent_id]

    async def note(self, call_id: CallId) -> NoteView | None:
        """The note."""
        call = self._calls.get(call_id)
        return call.note if call else None

    async def save_note(
        self, call_id: CallId, agent_id: AgentId | None, text: str, revision: int
    ) -> NoteView:
        """Keeps the text as it is."""
        call = self._known(call_id)
        if call.summary.stage is CallStage.ENDED:
            raise Refused("Notes of this call are closed.")
        if revision != call.note.revision:
            raise Conflict("The note was changed elsewhere.", call.note)
        call.note = NoteView(text=text, revision=revision + 1, saved_at=self.clock.now())
        self._change_held(call_id, note=call.note)
        return call.note

    async def end_wrap_up(self, agent_id: AgentId, call_id: CallId) -> None:
        """Ready again."""
        view = self._agents[agent_id]
        if view.status is not AgentStatus.WRAP_UP or view.call is None or view.call.call_id != call_id:
            raise Refused("The call is not in wrap-up.")
        self._change_agent(agent_id, status=AgentStatus.READY, call=None)
        self._change_call(call_id, stage=CallStage.ENDED)

    async def acknowledge_pop(
        self, agent_id: AgentId, call_id: CallId, pop_id: str, outcome: PopOutcome
    ) -> None:
        """Keep what became of the pop."""
        call = self._known(call_id)
        if pop_id not in call.pops:
            raise NotFound("No such screen pop.")
        pop = call.pops[pop_id].model_copy(update={"outcome": outcome})
        call.pops[pop_id] = pop
        self._change_held(call_id, screen_pop=pop)

    async def set_variable(self, call_id: CallId, agent_id: AgentId | None, name: str, value: str) -> None:
        """Set an editable variable."""
        holder = self._held_by(self._known_id(call_id))
        held = self._agents[holder].call if holder else None
        by_name = {variable.name: variable for variable in held.variables} if held else {}
        if name not in by_name:
            raise NotFound("No such variable.")
        if not by_name[name].editable:
            raise Refused("The variable cannot be changed.")
        by_name[name] = by_name[name].model_copy(update={"value": value})
        self._change_held(call_id, variables=tuple(by_name.values()))

    async def choose_caller(self, call_id: CallId, object_: str, id_: str) -> MatchView:
        """One of the candidates becomes the caller; his cases are those of `MATCH`."""
        holder = self._held_by(self._known_id(call_id))
        held = self._agents[holder].call if holder else None
        match = held.match if held else MATCH
        chosen = next((c for c in match.candidates if (c.object, c.id) == (object_, id_)), None)
        if chosen is None or held is None or held.stage is CallStage.OFFERED:
            raise Refused("The record is no candidate, or it is not the time to choose.")
        known = MatchView(result="one", contact=chosen, cases=MATCH.cases, candidates=match.candidates)
        self._change_held(call_id, match=known)
        return known

    async def outbox(self, limit: int) -> list[OutboxView]:
        """Rows, newest first."""
        return list(reversed(self.outbox_views.values()))[:limit]

    async def retry_outbox(self, row_id: int) -> OutboxView:
        """Due again."""
        row = self.outbox_views.get(row_id)
        if row is None:
            raise NotFound("No such outbox row.")
        if row.state == "done":
            raise Refused("The row was delivered.")
        due = row.model_copy(update={"state": "due", "error": None, "due_at": self.clock.now()})
        self.outbox_views[row_id] = due
        return due

    async def trunks(self) -> list[TrunkView]:
        """As set by the script."""
        return list(self.trunk_views)

    async def ready(self) -> list[str]:
        """As set by the script."""
        return list(self.reasons)

    async def metrics(self) -> bytes:
        """One gauge."""
        running = sum(1 for call in self._calls.values() if call.summary.ended_at is None)
        return f"# TYPE ivr_calls_active gauge\nivr_calls_active {running}\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningFake:
    """A fake node behind a real server."""

    node: FakeNode
    hub: EventHub
    sessions: Sessions
    url: str
    operator_token: str


@asynccontextmanager
async def fake_node(
    *, host: str = "127.0.0.1", port: int = 0, clock: Clock | None = None, hub: EventHub | None = None
) -> AsyncIterator[RunningFake]:
    """A fake node that listens on `url` inside the block."""
    time = clock or SystemClock()
    events = hub or EventHub(time)
    node = FakeNode(events, time)
    sessions = Sessions(time)
    app = create_api(node, sessions, events, OPERATOR_TOKEN)
    async with ApiServer(app, host, port) as server:
        yield RunningFake(
            node=node, hub=events, sessions=sessions, url=server.url, operator_token=OPERATOR_TOKEN
        )


async def play_calls(node: FakeNode, *, every_s: float, step_s: float) -> None:
    """For ever: every `every_s` a call waits, then rings at an agent who is ready and goes its way."""
    while True:
        await asyncio.sleep(every_s)
        call_id = await node.arrive()
        await node.enqueue(call_id)
        await asyncio.sleep(step_s)
        ready = [view for view in await node.agents() if view.status is AgentStatus.READY]
        if not ready:
            await node.end(call_id, "caller_gave_up")
            continue
        with suppress(Refused):  # A hand at a desktop may end or change the call meanwhile.
            await _play_call(node, ready[0].id, call_id, step_s)


async def _play_call(node: FakeNode, agent: str, call_id: CallId, step_s: float) -> None:
    await node.ring(agent, call_id)
    await asyncio.sleep(step_s)
    await node.connect(call_id)
    await node.pop(call_id)
    for step in (node.hold, node.resume, node.end):
        await asyncio.sleep(step_s)
        await step(call_id)


async def _run(host: str, port: int, every_s: float, step_s: float) -> None:
    async with fake_node(host=host, port=port) as fake:
        structlog.get_logger().info("fake_node", url=fake.url, operator_token=fake.operator_token)
        await play_calls(fake.node, every_s=every_s, step_s=step_s)


def main() -> None:
    """Run a fake node by hand."""
    parser = argparse.ArgumentParser(prog="python -m ivr.api.testing", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--every", type=float, default=5.0, metavar="S", help="between calls")
    parser.add_argument("--step", type=float, default=4.0, metavar="S", help="between steps of a call")
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(options.host, options.port, options.every, options.step))


if __name__ == "__main__":
    main()
