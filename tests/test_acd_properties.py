"""Whatever happens in whatever order: nobody is lost, nobody has two calls, order is respected."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from ivr.acd.agent import HELD, AgentState
from ivr.acd.changes import CallOffered, CallRecovered, WrapUpEnded, WrapUpStarted
from ivr.acd.core import AcdCore, Changes
from ivr.acd.errors import AgentUnavailable, NotAllowed
from ivr.acd.model import Call, CallState, OfferFailure
from ivr.acd.testing import queue_definitions
from ivr.ids import AgentId, CallId, QueueName

TEAMS = {"A": ["a1", "a2", "both"], "B": ["b1", "both"]}
AGENTS = [AgentId(name) for name in ("a1", "a2", "b1", "both")]
QUEUES = [QueueName(name) for name in TEAMS]
agents = st.sampled_from(AGENTS)


class Acd(RuleBasedStateMachine):
    calls: Bundle[CallId] = Bundle("calls")

    @initialize()
    def begin(self) -> None:
        self.now = 0.0
        self.core = AcdCore(queue_definitions(TEAMS, wrap_up_s=30.0), AGENTS, self.now)
        self.present: set[CallId] = set()
        self.number = 0
        self.wrapping: set[tuple[CallId, AgentId]] = set()
        self.arrived: dict[CallId, float] = {}
        self.wanted: dict[CallId, tuple[AgentId, QueueName | None]] = {}

    def take(self, changes: Changes) -> None:
        """Follow the decisions; offers of one step are judged against each other by the invariants."""
        for change in changes:
            match change:
                case CallRecovered():
                    self.recovers(change)
                case WrapUpStarted():
                    assert (change.call_id, change.agent_id) not in self.wrapping
                    self.wrapping.add((change.call_id, change.agent_id))
                case WrapUpEnded():
                    self.wrapping.remove((change.call_id, change.agent_id))
                case CallOffered(offer=offer):
                    self.check_offer(offer.call_id, offer.agent_id)
                case _:
                    pass

    def check_offer(self, call_id: CallId, agent_id: AgentId) -> None:
        call = self.core.call(call_id)
        if call_id in self.wanted:
            assert agent_id == self.wanted[call_id][0], "the call is for another agent alone"
            return
        assert agent_id in TEAMS[call.queue]
        assert not call.barred(agent_id, self.now), "the same agent again at once"
        for other in self.core.agents():
            if other.state is AgentState.READY and other.id in TEAMS[call.queue]:
                idle = self.core.agent(agent_id).idle_since
                assert other.idle_since >= idle or call.barred(other.id, self.now), "a longer idle one"
        for rival in self.core.calls():
            if rival.only_agent is None and self.could_take(rival, agent_id):
                assert rival.place > call.place, "a caller with a better place"

    def could_take(self, call: Call, agent_id: AgentId) -> bool:
        waiting = call.state is CallState.WAITING and call.listening
        wanted = self.wanted.get(call.call_id)
        his = agent_id in TEAMS[call.queue] if wanted is None else agent_id == wanted[0]
        return waiting and his and not call.barred(agent_id, self.now)

    @rule(target=calls, queue=st.sampled_from(QUEUES), priority=st.integers(1, 9), listen=st.booleans())
    def arrives(self, queue: QueueName, priority: int, listen: bool) -> CallId:
        self.number += 1
        call_id = CallId(f"c{self.number}")
        self.take(self.core.enqueue(call_id, queue, priority, (), self.now))
        self.present.add(call_id)
        self.arrived[call_id] = self.now
        if listen:
            self.take(self.core.listen(call_id, self.now))
        return call_id

    @rule(call_id=calls, listen=st.booleans())
    def waits_or_not(self, call_id: CallId, listen: bool) -> None:
        if call_id in self.present and self.core.call(call_id).state is not CallState.CONNECTED:
            self.take((self.core.listen if listen else self.core.unlisten)(call_id, self.now))

    @rule(call_id=calls, queue=st.sampled_from(QUEUES), priority=st.integers(-3, 12))
    def moves(self, call_id: CallId, queue: QueueName, priority: int) -> None:
        if call_id in self.present and self.core.call(call_id).state is CallState.WAITING:
            self.wanted.pop(call_id, None)
            self.take(self.core.enqueue(call_id, queue, priority, (), self.now))

    def recovers(self, change: CallRecovered) -> None:
        agent_id, recovery = self.wanted.pop(change.call_id)
        assert (agent_id, recovery) == (change.agent_id, change.queue)

    @rule(
        call_id=calls,
        agent_id=agents,
        park=st.booleans(),
        recovery=st.none() | st.sampled_from(QUEUES),
        priority=st.integers(1, 9),
    )
    def is_for_one_agent(
        self, call_id: CallId, agent_id: AgentId, park: bool, recovery: QueueName | None, priority: int
    ) -> None:
        if call_id not in self.present or self.core.call(call_id).state is not CallState.WAITING:
            return
        state, before = self.core.agent(agent_id).state, self.core.call(call_id)
        waits = state is AgentState.READY or (park and state is not AgentState.SIGNED_OUT)
        wanted = self.wanted.pop(call_id, None)
        if waits:
            self.wanted[call_id] = (agent_id, recovery)
        try:
            changes = self.core.enqueue_agent(
                call_id, QUEUES[0], agent_id, priority, (), self.now, park=park, recovery=recovery
            )
        except AgentUnavailable:
            assert not waits
            assert recovery is None
            assert self.core.call(call_id) == before
            if wanted is not None:
                self.wanted[call_id] = wanted
        else:
            assert waits or recovery is not None
            self.take(changes)

    @invariant()
    def a_call_for_one_agent_is_his_until_he_fails_it(self) -> None:
        for call in self.core.calls():
            wanted = self.wanted.get(call.call_id)
            assert (None if wanted is None else wanted[0]) == call.only_agent
            assert call.queued_at == self.arrived[call.call_id], "the time of arrival is kept"
            if call.only_agent is not None and call.state is not CallState.WAITING:
                assert call.agent_id == call.only_agent
            if call.recovery is not None and call.state is CallState.WAITING:
                assert wanted is not None
                assert self.core.agent(wanted[0]).state is not AgentState.SIGNED_OUT

    @invariant()
    def positions_count_from_one_in_each_line(self) -> None:
        for queue in QUEUES:
            general = [call for call in self.core.line(queue) if call.only_agent is None]
            assert [self.core.position(c.call_id) for c in general] == list(range(1, len(general) + 1))
        for agent_id in AGENTS:
            his = [c for queue in QUEUES for c in self.core.line(queue) if c.only_agent == agent_id]
            places = [self.core.position(c.call_id) for c in sorted(his, key=lambda c: c.place)]
            assert places == list(range(1, len(his) + 1))
        each = {c.call_id: self.core.position(c.call_id) for c in self.core.calls()}
        assert self.core.positions() == {call_id: place for call_id, place in each.items() if place}

    @rule(call_id=calls, priority=st.integers(-3, 12))
    def is_rescored(self, call_id: CallId, priority: int) -> None:
        self.take(self.core.rescore(call_id, priority, (), self.now))

    @rule(call_id=calls)
    def is_answered(self, call_id: CallId) -> None:
        if call_id in self.present and self.core.call(call_id).state is CallState.OFFERED:
            self.take(self.core.offer_answered(call_id, self.now))

    @rule(call_id=calls, failure=st.sampled_from(OfferFailure))
    def is_not_answered(self, call_id: CallId, failure: OfferFailure) -> None:
        if call_id not in self.present or self.core.call(call_id).state is not CallState.CONNECTED:
            self.take(self.core.offer_failed(call_id, failure, self.now))

    @rule(call_id=consumes(calls))
    def leaves(self, call_id: CallId) -> None:
        self.take(self.core.leave(call_id, self.now))
        self.present.discard(call_id)
        self.wanted.pop(call_id, None)

    @rule(call_id=calls)
    def ends(self, call_id: CallId) -> None:
        if call_id in self.present and self.core.call(call_id).state is CallState.CONNECTED:
            self.take(self.core.conversation_ended(call_id, self.now))
            self.present.discard(call_id)
            self.wanted.pop(call_id, None)

    @rule(agent_id=agents)
    def signs_in_and_is_ready(self, agent_id: AgentId) -> None:
        self.take(self.core.sign_in(agent_id, self.now))
        self.take(self.core.set_ready(agent_id, self.now))

    @rule(agent_id=agents, verb=st.sampled_from(["sign_in", "sign_out", "set_ready", "rest", "end_wrap_up"]))
    def agent_acts(self, agent_id: AgentId, verb: str) -> None:
        before = self.core.agent(agent_id)
        try:
            match verb:
                case "sign_in":
                    self.take(self.core.sign_in(agent_id, self.now))
                case "sign_out":
                    self.take(self.core.sign_out(agent_id, self.now))
                case "set_ready":
                    self.take(self.core.set_ready(agent_id, self.now))
                case "rest":
                    self.take(self.core.set_not_ready(agent_id, "rest", self.now))
                case _:
                    self.take(self.core.end_wrap_up(agent_id, self.now))
        except NotAllowed:
            assert self.core.agent(agent_id) == before

    @rule(seconds=st.floats(0.0, 40.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.core.tick(self.now))

    @invariant()
    def no_caller_is_lost(self) -> None:
        assert {call.call_id for call in self.core.calls()} == self.present
        in_line = [call.call_id for queue in QUEUES for call in self.core.line(queue)]
        connected = [c.call_id for c in self.core.calls() if c.state is CallState.CONNECTED]
        assert sorted(in_line + connected) == sorted(self.present)

    @invariant()
    def calls_and_agents_agree(self) -> None:
        wanted = {CallState.OFFERED: AgentState.RINGING, CallState.CONNECTED: AgentState.TALKING}
        holding: list[AgentId] = []
        for call in self.core.calls():
            if call.state is CallState.WAITING:
                assert call.agent_id is None
                continue
            assert call.agent_id is not None
            agent = self.core.agent(call.agent_id)
            assert (agent.state, agent.call_id) == (wanted[call.state], call.call_id)
            holding.append(call.agent_id)
        assert len(holding) == len(set(holding)), "two calls on one agent"
        busy = (AgentState.RINGING, AgentState.TALKING)
        assert sorted(holding) == sorted(a.id for a in self.core.agents() if a.state in busy)

    @invariant()
    def nobody_waits_beside_a_ready_agent(self) -> None:
        for agent in self.core.agents():
            if agent.state is AgentState.READY:
                assert not any(self.could_take(call, agent.id) for call in self.core.calls())

    @invariant()
    def wrap_ups_are_balanced_and_timed(self) -> None:
        wrapping = {(a.call_id, a.id) for a in self.core.agents() if a.state is AgentState.WRAP_UP}
        assert wrapping == self.wrapping
        for agent in self.core.agents():
            assert (agent.wrap_up_until is not None) == (agent.state is AgentState.WRAP_UP)
            assert (agent.call_id is not None) == (agent.state in HELD)
            assert agent.pending is None or agent.state in HELD
        due = self.core.next_due()
        assert due is None or due > self.now, "nothing that is due stays undone"


TestAcd = Acd.TestCase
TestAcd.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
