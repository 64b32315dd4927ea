"""The node's verbs for the API, and the events that it publishes. Decides nothing: it asks the owners."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from ivr import desk
from ivr.acd.agent import AgentState
from ivr.acd.changes import AgentChanged, Change, QueueChanged
from ivr.acd.errors import AcdError, UnknownAgent, UnknownQueue
from ivr.api.errors import Conflict, NotFound, Overloaded, Refused
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
from ivr.api.sight import ByAudience
from ivr.api.stream import EventHub
from ivr.call import Call
from ivr.call_book import NO_NOTE, CallBook, read
from ivr.choosing import choose_caller
from ivr.config import verify_password
from ivr.ending import Ending
from ivr.flow.errors import VariableError
from ivr.flow_pictures import FlowPictures
from ivr.ids import AgentId, CallId, QueueName
from ivr.listing import CallQuery
from ivr.pacing import Pacer
from ivr.reception import Reception
from ivr.record import learned
from ivr.salesforce.errors import SalesforceError
from ivr.services import Services
from ivr.store.errors import NoteConflict, RowDone, StoreUnavailable, UnknownRow
from ivr.store.values import CallRecord, TimelineDraft
from ivr.timeline import Source
from ivr.trunks import REGISTERED, TrunkStates
from media.pool import Pool, SlotState

QUEUE_EVERY_S = 0.25
"""How often a queue's line is told: all of it, to everybody, and each call changes it several times."""
# Verifying takes as long for an agent that does not exist.
_NOBODY = "scrypt$16384$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """What does not change while the node runs."""

    name: str
    version: str
    started_at: datetime
    listens: tuple[str, ...]


class Node:
    """Implements `ivr.api.ports.NodeApi`, and listens to calls, queues and trunks for the event stream."""

    def __init__(
        self, identity: NodeIdentity, services: Services, hub: EventHub, trunks: TrunkStates
    ) -> None:
        self._identity = identity
        self._services = services
        self._hub = hub
        self._trunks = trunks
        self._reception: Reception | None = None
        self._pool: Pool | None = None
        self._notes: dict[CallId, NoteView] = {}
        self._learned: dict[CallId, dict[str, object]] = {}
        self._queues = Pacer(self._tell_queue, QUEUE_EVERY_S)
        self._book = CallBook(services.store, self._running)
        self.pictures = FlowPictures(lambda: self._services.flows, self._running, self.call)

    def runs(self, reception: Reception, pool: Pool) -> None:
        """The node takes calls from now on."""
        self._reception, self._pool = reception, pool

    def adopt(self, services: Services) -> None:
        """Other definitions from now on."""
        self._services = services

    # --- what happens -------------------------------------------------------------------------------------

    def on_call_change(self, call: Call) -> None:
        """A call is somewhere else, or more is known of it."""
        fields = dict(learned(call))
        news = {k: v for k, v in fields.items() if self._learned.get(call.id, {}).get(k) != v}
        if news:
            self._services.store.record_updated(call.id, **news)  # type: ignore[arg-type]  # a part of CallFields
        self._learned[call.id] = fields
        self._hub.call_changed(desk.call_summary(call))
        if call.desk.agent is not None:
            self._hub.agent_changed(self._agent_view(call.desk.agent))
        if call.stage is CallStage.ENDED:
            self._learned.pop(call.id, None)
            self._notes.pop(call.id, None)

    def on_screen_pop(self, call: Call) -> None:
        """A page is to be opened, or was."""
        if call.desk.agent is not None and call.desk.pop is not None:
            self._hub.screen_pop(call.desk.agent, call.id, desk.pop_view(call.desk.pop))

    def on_acd_change(self, change: Change) -> None:
        """An agent or a queue has changed."""
        match change:
            case AgentChanged(agent_id=agent_id):
                self._hub.agent_changed(self._agent_view(agent_id))
            case QueueChanged(queue=queue):
                self._queues.changed(queue)
            case _:
                pass

    def _tell_queue(self, queue: QueueName) -> None:
        self._hub.queue_changed(desk.queue_view(self._services.acd.queue(queue)))

    def on_trunk_change(self, name: str) -> None:
        """A trunk's registration has changed."""
        self._hub.trunk_changed(self._trunks.view(name))

    def on_delivery(self, record: CallRecord, outcome: str, detail: str) -> None:
        """A write to Salesforce was delivered, will be tried again, or is dead."""
        now = self._services.clock.now()
        draft = TimelineDraft(
            at=now,
            offset_s=round((now - record.started_at).total_seconds(), 3),
            source="record",
            event=f"write_{outcome}",
            detail={"detail": detail},
        )
        self._services.store.timeline(record.call_id, (draft,))
        self._hub.publish("outbox", record.call_id, ByAudience(operator={"outcome": outcome}))

    # --- the node -----------------------------------------------------------------------------------------

    async def node(self) -> NodeView:
        """The node at a glance."""
        pool = self._pool
        slots = pool.slots if pool else ()
        return NodeView(
            name=self._identity.name,
            version=self._identity.version,
            started_at=self._identity.started_at,
            sip=self._identity.listens,
            workers=sum(1 for slot in slots if slot.state is SlotState.READY),
            legs=sum(slot.max_legs for slot in slots),
            capacity=self._services.config.sip.capacity,
            calls=self._reception.active if self._reception else 0,
            trunks=tuple(self._trunks.views()),
            outbox_depth=await self._depth(),
        )

    async def trunks(self) -> list[TrunkView]:
        """Trunks with their registration."""
        return self._trunks.views()

    async def ready(self) -> list[str]:
        """Why the node takes no calls; empty when it does."""
        if self._pool is None or self._reception is None:
            return ["starting"]
        reasons = [
            f"worker {s.number} is {s.state.value}"
            for s in self._pool.slots
            if s.state not in (SlotState.READY, SlotState.TIRED)
        ]
        return reasons if self._reception.open else [*reasons, "draining"]

    async def metrics(self) -> bytes:
        """Metrics in the Prometheus text format."""
        metrics = self._services.metrics
        for snapshot in self._services.acd.queues():
            metrics.queue_waiting.labels(snapshot.name).set(snapshot.waiting)
            metrics.queue_oldest.labels(snapshot.name).set(snapshot.oldest_s)
        states = [agent.state for agent in self._services.acd.agents()]
        for state in AgentState:
            metrics.agent_state.labels(state.value).set(states.count(state))
        for trunk in self._trunks.views():
            if trunk.register_:
                metrics.trunk_registered.labels(trunk.name).set(trunk.state == REGISTERED)
        metrics.outbox_depth.set(await self._depth())
        metrics.outbox_dead.set(await self._dead())
        return metrics.text()

    async def _depth(self) -> int:
        try:
            return await self._services.store.outbox_depth()
        except StoreUnavailable:
            return -1

    async def _dead(self) -> int:
        try:
            return await self._services.store.outbox_dead()
        except StoreUnavailable:
            return -1

    # --- calls --------------------------------------------------------------------------------------------

    async def calls(self, query: CallQuery) -> list[CallSummary]:
        """Running and recent calls, newest first."""
        return await self._book.calls(query)

    async def call(self, call_id: CallId) -> CallView | None:
        """One call in full."""
        return await self._book.call(call_id)

    async def hang_up(self, call_id: CallId) -> None:
        """End a running call."""
        call = self._find(call_id)
        if call is None:
            raise NotFound("there is no such call in progress")
        if call.leg.ended.done():
            raise Refused("the call is over")
        await call.hang_up(Ending.ENDED_BY_OPERATOR)

    async def set_variable(self, call_id: CallId, agent_id: AgentId | None, name: str, value: str) -> None:
        """Set a flow variable that agents may edit."""
        call = self._find(call_id)
        if call is None or name not in {v.name for v in call.flow.variables}:
            raise NotFound("no such variable of a call in progress")
        try:
            call.flow.set_variable(name, value)
        except VariableError as exc:
            raise Refused(str(exc)) from exc
        call.timeline.add(Source.AGENT, "variable_set", name=name)
        call.changed()

    async def choose_caller(self, call_id: CallId, object_: str, id_: str) -> MatchView:
        """Who of several is calling."""
        call = self._find(call_id)
        if call is None:
            raise Refused("the call is over")
        match = await choose_caller(call, self._services, object_, id_)
        return desk.match_view(match, partial(self._page_of, match.connector), call.candidates)

    def _running(self) -> tuple[Call, ...]:
        return self._reception.calls if self._reception else ()

    def _find(self, call_id: CallId) -> Call | None:
        return self._reception.call(call_id) if self._reception else None

    # --- queues and agents ---------------------------------------------------------------------------------

    async def queues(self) -> list[QueueView]:
        """Every queue with its waiting calls."""
        return [desk.queue_view(snapshot) for snapshot in self._services.acd.queues()]

    async def queue(self, name: QueueName) -> QueueView | None:
        """One queue."""
        try:
            return desk.queue_view(self._services.acd.queue(name))
        except UnknownQueue:
            return None

    async def agents(self) -> list[AgentView]:
        """Every configured agent with the call it holds."""
        return [self._agent_view(snapshot.id) for snapshot in self._services.acd.agents()]

    async def agent(self, agent_id: AgentId) -> AgentView | None:
        """One agent with the call it holds."""
        try:
            return self._agent_view(agent_id)
        except UnknownAgent:
            return None

    async def verify_agent(self, agent_id: AgentId, password: str) -> bool:
        """Whether the password is the agent's."""
        agent = self._services.config.agents.get(agent_id)
        hash_ = agent.sign_in.password_hash.get_secret_value() if agent else _NOBODY
        return await asyncio.to_thread(verify_password, password, hash_) and agent is not None

    async def sign_in(self, agent_id: AgentId) -> AgentView:
        """Make the agent known to the ACD."""
        self._services.acd.sign_in(agent_id)
        return self._agent_view(agent_id)

    async def sign_out(self, agent_id: AgentId) -> None:
        """Offer the agent nothing more."""
        self._services.acd.sign_out(agent_id)

    async def set_agent_state(self, agent_id: AgentId, state: AgentStatus, reason: str | None) -> AgentView:
        """Ready or not ready."""
        acd = self._services.acd
        try:
            if state is AgentStatus.READY:
                acd.set_ready(agent_id)
            elif state is AgentStatus.NOT_READY:
                acd.set_not_ready(agent_id, reason)
            else:
                raise Refused("an agent can be set to ready or not_ready")
        except UnknownAgent as exc:
            raise NotFound("no such agent") from exc
        except AcdError as exc:
            raise Refused(str(exc)) from exc
        return self._agent_view(agent_id)

    async def end_wrap_up(self, agent_id: AgentId, call_id: CallId) -> None:
        """The agent is done with the call."""
        try:
            if self._services.acd.agent(agent_id).call_id != call_id:
                raise Refused("the call is not in this agent's wrap-up")
            self._services.acd.end_wrap_up(agent_id)
        except AcdError as exc:
            raise Refused(str(exc)) from exc

    async def acknowledge_pop(
        self, agent_id: AgentId, call_id: CallId, pop_id: str, outcome: PopOutcome
    ) -> None:
        """What became of a screen pop; the first word that it opened stays."""
        call = self._find(call_id)
        pop = call.desk.pop if call else None
        if call is None or pop is None or pop.id != pop_id:
            raise NotFound("no such screen pop")
        if pop.outcome in (outcome, PopOutcome.OPENED):
            return
        call.desk.pop = replace(pop, outcome=outcome)
        call.timeline.add(Source.AGENT, "screen_pop_acknowledged", outcome=outcome.value, agent=agent_id)
        self._services.metrics.popped(outcome.value)
        call.changed()

    def _agent_view(self, agent_id: AgentId) -> AgentView:
        snapshot = self._services.acd.agent(agent_id)
        call = self._find(snapshot.call_id) if snapshot.call_id else None
        teams = {name: team.agents for name, team in self._services.config.teams.items()}
        note = self._notes.get(call.id, NO_NOTE) if call else NO_NOTE
        page_of = partial(self._page_of, call.match.connector if call and call.match else None)
        return desk.agent_view(snapshot, call, note, page_of, desk.teams_of(teams, agent_id))

    def _page_of(self, name: str | None, object_: str, id_: str) -> str:
        connector = self._services.connectors.get(name or "")
        try:
            return connector.record_page(object_, id_) if connector else ""
        except SalesforceError:
            return ""

    # --- notes and outbox ----------------------------------------------------------------------------------

    async def note(self, call_id: CallId) -> NoteView | None:
        """The call's note; revision 0 when nothing was saved."""
        return await self._book.note(call_id)

    async def save_note(
        self, call_id: CallId, agent_id: AgentId | None, text: str, revision: int
    ) -> NoteView:
        """Replace `revision` by `text`; closed once wrap-up is over, since the comment is on its way."""
        call = self._find(call_id)
        if call is None or call.desk.wrapped_up.is_set():
            raise Refused("the notes of this call are closed")
        try:
            note = await self._services.store.save_note(call_id, agent_id or "operator", text, revision)
        except NoteConflict as exc:
            current = desk.note_view(exc.current) if exc.current else NO_NOTE
            raise Conflict("somebody else has saved the note meanwhile", current) from exc
        except StoreUnavailable as exc:
            raise Overloaded("the note cannot be kept now; try again") from exc
        view = self._notes[call_id] = desk.note_view(note)
        call.timeline.add(Source.AGENT, "note_saved", revision=view.revision, characters=len(text))
        call.changed()
        return view

    async def outbox(self, limit: int) -> list[OutboxView]:
        """Outbox rows, newest first."""
        return [desk.outbox_view(row) for row in await read(self._services.store.outbox_rows(limit))]

    async def retry_outbox(self, row_id: int) -> OutboxView:
        """Make a row due now."""
        try:
            await read(self._services.store.retry(row_id))
        except UnknownRow as exc:
            raise NotFound("no such outbox row") from exc
        except RowDone as exc:
            raise Refused("the row was delivered") from exc
        rows = await read(self._services.store.outbox_rows(10_000))
        return next(desk.outbox_view(row) for row in rows if row.id == row_id)
