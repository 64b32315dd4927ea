"""One scripted call around a real run of the flow: what `ivr/reception.py` and `ivr/conversation.py` do on
the telephone, with the same parts where those need no telephone (queue, look-up, classification).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from ivr.acd.errors import CallGone
from ivr.acd.model import Offer as AcdOffer
from ivr.acd.service import AcdService
from ivr.clock import Clock
from ivr.ending import Ending, Phase, classify
from ivr.flow.engine import FlowRun
from ivr.flow.model import EventName, Flow
from ivr.flow.ports import Ports
from ivr.flow.prompts import PromptCatalogue
from ivr.flow.rig.force import forced
from ivr.flow.rig.people import Agents, go_ahead, live
from ivr.flow.rig.queue import RigQueue
from ivr.flow.rig.scenario import Offer, Scenario, ScriptedQueue
from ivr.flow.rig.story import Kind, Story
from ivr.flow.rig.systems import RigConnector, RigDesktop, RigTransfer
from ivr.flow.rig.voice import RigVoice
from ivr.flow.steps import EventEnd
from ivr.flow.variables import StartValues
from ivr.ids import CallId
from ivr.salesforce.model import Match, MatchResult
from ivr.waiting import any_of
from media.messages import Ended, LegId

CALL_ID = CallId("call-1")
ENDING_TIMEOUT_S = 5.0
AGENT_LEFT_TIMEOUT_S = 30.0
KEY_S = 0.3
"""From one key to the next."""
T = TypeVar("T")


class RigCall:
    """A call from its INVITE to its end. `acd` knows the scenario's agents and queues."""

    def __init__(
        self,
        flow: Flow,
        scenario: Scenario,
        prompts: PromptCatalogue,
        *,
        clock: Clock,
        acd: AcdService,
        queues: Mapping[str, ScriptedQueue],
    ) -> None:
        self.story = Story(clock)
        self._scenario = scenario
        self._queues = queues
        self._acd = acd
        self._ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._ours: Ending | None = None
        self._phase = Phase.RINGING
        self._offered: AcdOffer | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._voice = RigVoice(self.story, clock, self._hung_up_by_flow)
        self._queue = RigQueue(CALL_ID, acd, self.story)
        self._connector = RigConnector(
            scenario,
            self.story,
            clock,
            spawn=lambda work, _: self._own(work),
            found=self._identified,
            match=lambda: self._queue.match,
        )
        self._agents = Agents(scenario, acd, self.story)
        self._run = FlowRun(
            flow=forced(flow, scenario.force, self.story.unheard.append),
            ports=Ports(
                voice=self._voice,
                queue=self._queue,
                connector=self._connector,
                desktop=RigDesktop(self.story),
                transfer=RigTransfer(scenario.transfers, self.story, self._transferred),
            ),
            start=StartValues(
                ani=scenario.caller.number or "",
                dnis=scenario.caller.dials,
                interaction_id=CALL_ID,
                entry_point_id="Rig",
            ),
            prompts=prompts,
            observe=self.story.observe,
            default_queue=next(iter(queues)),
            clock=clock,
        )

    async def run(self) -> Story:
        """The whole call. Raises TimeoutError when it is not over in time; `story` tells how far it came."""
        try:
            async with asyncio.timeout(self._scenario.stays_s):
                await self._alive()
        finally:
            await self._end_tasks()
            self.story.variables = self._run.variables
        await self._contact_ended()
        return self.story

    # What the caller's hand does

    async def press(self, digits: str) -> None:
        """Keys of the caller's telephone, one after the other."""
        for key in digits:
            self._voice.press(key)
            await asyncio.sleep(KEY_S)

    async def hang_up(self) -> None:
        """The caller puts the receiver down."""
        self.story.add(Kind.HUNG_UP)
        self._end("peer")

    # Life

    async def _alive(self) -> None:
        if self._scenario.caller.number is None:
            self._identified(Match(result=MatchResult.WITHHELD))
        for name, queue in self._queues.items():
            for number, leaves_s in enumerate(queue.ahead):
                self._own(go_ahead(number, name, leaves_s, self._acd))
        for agent in self._scenario.agents:
            self._own(self._agents.work(agent))
        self._run.start_early(self._own)
        self._own(live(self._scenario.caller, self.story, self))
        life = self._own(self._live())
        await any_of(life, self._ended)
        if life.done():
            life.result()  # a fault of the rig must show
        self._hang_up(Ending.FAILED)

    async def _live(self) -> None:
        """Answer, treat, talk, hang up."""
        self._phase = Phase.TREATMENT
        self.story.add(Kind.ANSWERED)
        treatment = asyncio.create_task(self._run.main(), name="treatment")
        search = asyncio.create_task(self._find_agent(), name="search")
        try:
            await any_of(treatment, search)
            if not search.done() and (queued := treatment.result().queued) is not None:
                await self._wait_with_music(queued.queue, search)
            talks = search.result() if search.done() else None
        finally:
            await _cancelled(treatment, search)
        if talks is not None:
            await self._converse(talks)
        through = self._phase is Phase.TRANSFERRED
        self._hang_up(Ending.TRANSFERRED if through else Ending.ENDED_BY_FLOW)

    async def _wait_with_music(self, queue: str, search: asyncio.Task[Offer]) -> None:
        music = asyncio.create_task(self._voice.music(self._queues[queue].music, duration_s=None))
        try:
            await any_of(search)
        finally:
            await _cancelled(music)

    async def _find_agent(self) -> Offer:
        await self._queue.queued.wait()
        self._phase = Phase.QUEUED
        while True:
            try:
                offer = await self._acd.next_offer(CALL_ID)
            except CallGone:  # put through meanwhile: whoever waits for an agent here is cancelled
                await asyncio.get_running_loop().create_future()
                raise
            self._phase = Phase.OFFERED
            self._own(self._fire(EventName.AGENT_OFFERED, offer))
            answer = await self._agents.ring(offer)
            if isinstance(answer, Offer):
                self._voice.close()
                self._acd.offer_answered(CALL_ID)
                self._offered = offer
                self._phase = Phase.CONVERSATION
                self.story.agent = offer.agent_id
                self.story.add(Kind.CONNECTED, offer.agent_id)
                return answer
            self._phase = Phase.QUEUED
            self.story.add(Kind.NO_ANSWER, f"{offer.agent_id}: {answer}")
            self._acd.offer_failed(CALL_ID, answer)
            self._own(self._agents.recover(offer.agent_id))

    async def _converse(self, offer: Offer) -> None:
        self._own(self._fire(EventName.AGENT_ANSWERED, self._offered))
        await any_of(self._ended, timeout_s=offer.talks_s)
        if self._ended.done():
            return
        self._acd.conversation_ended(CALL_ID)
        self._voice.reopen()
        try:
            async with asyncio.timeout(AGENT_LEFT_TIMEOUT_S):
                await self._fire(EventName.AGENT_DISCONNECTED, self._offered)
        except TimeoutError:
            self.story.add(Kind.FAULT, "AgentDisconnected took too long")
        self._hang_up(Ending.AGENT_HUNG_UP)

    async def _fire(self, event: EventName, offer: AcdOffer | None) -> None:
        values = (
            {"AgentId": offer.agent_id, "AgentName": offer.agent_id, "QueueName": offer.queue}
            if offer
            else {}
        )
        result = await self._run.event(event, values)
        if result.end is EventEnd.FAILED:
            self.story.add(Kind.FAULT, f"{event} failed: {result.detail}")

    def _identified(self, match: Match) -> None:
        self._queue.identified(match)
        if match.late:
            self._own(self._run.look_again())

    # The end

    def _hang_up(self, why: Ending) -> None:
        if not self._ended.done():
            self._ours = self._ours or why
            self._end("us")

    async def _hung_up_by_flow(self) -> None:
        self._hang_up(Ending.ENDED_BY_FLOW)

    def _transferred(self) -> None:
        """Somebody outside has answered: from here on the call is his, and no agent's."""
        self._phase = Phase.TRANSFERRED
        self._acd.leave(CALL_ID)

    def _end(self, by: str) -> None:
        if not self._ended.done():
            self._ended.set_result(Ended(leg=LegId(1), by=by, code=200, reason=""))

    async def _contact_ended(self) -> None:
        self.story.ending = classify(self._phase, self._ended.result(), self._ours)
        self.story.add(Kind.ENDED, self.story.ending)
        if self._phase is Phase.CONVERSATION:
            self._acd.conversation_ended(CALL_ID)
        else:
            self._acd.leave(CALL_ID)
        try:
            async with asyncio.timeout(ENDING_TIMEOUT_S):
                await self._fire(EventName.PHONE_CONTACT_ENDED, self._offered)
        except TimeoutError:
            self.story.add(Kind.FAULT, "PhoneContactEnded took too long")
        finally:
            self.story.variables = self._run.variables
            await self._end_tasks()

    def _own(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that ends with the call."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        return task

    async def _end_tasks(self) -> None:
        tasks, self._tasks = self._tasks, set()
        await _cancelled(*tasks)


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel and wait. What a task raised before is its waiter's to see."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
