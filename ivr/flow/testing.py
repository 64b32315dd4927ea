"""Ports for flows without a telephone. A journal has every verb; each can be held up or made to fail."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from ivr.clock import Clock
from ivr.flow.activities.base import SubFlowCall, SubFlowDone
from ivr.flow.engine import FlowRun
from ivr.flow.entry import Collected, Entry, KeyEntry
from ivr.flow.errors import ActivityError
from ivr.flow.model import Flow
from ivr.flow.ports import (
    AgentNotAvailable,
    AgentOrder,
    AudioFile,
    HttpRequest,
    HttpResponse,
    PortError,
    Ports,
    Prompt,
    Queued,
    QueueStanding,
    Say,
    TransferOrder,
    TransferOutcome,
)
from ivr.flow.prompts import PromptCatalogue
from ivr.flow.steps import Step
from ivr.flow.variables import StartValues
from ivr.salesforce.model import Match, MatchResult

PATIENCE_S = 600.0


class Journal:
    """What happened, in order, as short lines; a test waits for a line instead of for a time."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = asyncio.Event()
        self._held: dict[str, asyncio.Event] = {}
        self._failing: dict[str, Exception] = {}

    def hold(self, verb: str) -> asyncio.Event:
        """Every use of `verb` waits from now on until the event is set."""
        return self._held.setdefault(verb, asyncio.Event())

    def fail(self, verb: str, error: Exception | None = None) -> None:
        """Every use of `verb` raises from now on."""
        self._failing[verb] = error or PortError(f"{verb} failed")

    def mend(self, verb: str) -> None:
        """No use of `verb` raises any more."""
        self._failing.pop(verb, None)

    async def do(self, verb: str, what: str) -> None:
        """Write the line, then wait or raise as the test wants it."""
        self.write(f"{verb} {what}".rstrip())
        if verb in self._held:
            await self._held[verb].wait()
        if verb in self._failing:
            raise self._failing[verb]

    def write(self, line: str) -> None:
        """Add a line."""
        self.lines.append(line)
        self._changed.set()

    async def reached(self, line: str, *, times: int = 1) -> None:
        """Return when `line` has been written `times` times. Raises TimeoutError with what there is."""
        await self._until(lambda: self.lines.count(line) >= times, line)

    async def used(self, verb: str) -> None:
        """Return when `verb` has been used. Raises TimeoutError with what there is."""
        await self._until(lambda: any(line.split()[0] == verb for line in self.lines), verb)

    async def _until(self, there: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not there():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as exc:
            raise TimeoutError(f"no {what!r} in {self.lines}") from exc


class FakeVoice:
    """Prompts take `prompt_s`; music its duration, or until `end_music`. Keys are those of `press`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._ends = asyncio.Semaphore(0)
        self._keys: deque[str] = deque()
        self._pressed = asyncio.Event()
        self.prompt_s = 0.0
        self.entries: list[Entry] = []

    async def play(self, prompts: Sequence[Prompt]) -> None:
        """Writes "play TEXT | file.wav"."""
        await self._journal.do("play", " | ".join(map(_heard, prompts)))
        await asyncio.sleep(self.prompt_s * len(prompts))

    async def music(self, name: str, *, duration_s: float | None, offset_s: float = 0.0) -> None:
        """Writes "music FILE DURATION", and " from OFFSET" when there is one."""
        begins = f" from {offset_s:g}" if offset_s else ""
        await self._journal.do("music", f"{name} {duration_s}{begins}")
        with suppress(TimeoutError):
            async with asyncio.timeout(duration_s):
                await self._ends.acquire()
        self._keys.clear()

    def press(self, keys: str) -> None:
        """The caller presses keys; what nobody asks for yet is kept."""
        self._keys.extend(keys)
        self._pressed.set()

    async def collect(self, prompts: Sequence[Prompt], entry: Entry) -> Collected:
        """Writes "collect TEXT | file.wav" and, when a key cuts the prompts short, "barge_in"."""
        self.entries.append(entry)
        if entry.flush:
            self._keys.clear()
        taking, clock = KeyEntry(entry), asyncio.get_running_loop()
        await self._journal.do("collect", " | ".join(map(_heard, prompts)))
        if entry.barge_in:
            plays_s = 0.0 if self._keys else self.prompt_s * len(prompts)
            if await self._key_within(plays_s) and plays_s:
                self._journal.write("barge_in")
        else:
            await asyncio.sleep(self.prompt_s * len(prompts))
            self._keys.clear()
        taking.listen(clock.time())
        while True:
            while self._keys:
                if (collected := taking.press(self._keys.popleft(), clock.time())) is not None:
                    return collected
            due = taking.due()
            assert due is not None
            if not await self._key_within(due - clock.time()):
                return taking.expire()

    async def _key_within(self, limit_s: float) -> bool:
        if not self._keys:
            self._pressed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await self._pressed.wait()
        return bool(self._keys)

    def end_music(self) -> None:
        """One piece of music, playing now or next, is over."""
        self._ends.release()

    async def hang_up(self) -> None:
        """Writes "hang_up"."""
        await self._journal.do("hang_up", "")


class FakeQueue:
    """A queue in which the call stands where the test puts it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.place: int | None = None
        self.place_when_queued = 1
        self.standing = QueueStanding(waiting=0, oldest_s=0.0, agents_ready=1, agents_signed_in=1)
        self.orders: list[AgentOrder] = []
        self.agent_not_available: str | None = None
        self.lookback_s = 0.0

    async def enqueue(self, queue: str, *, priority: int | None) -> Queued:
        """Writes "enqueue QUEUE PRIORITY"."""
        await self._journal.do("enqueue", f"{queue} {priority}")
        self.place = self.place_when_queued
        return Queued(queue=queue, priority=priority or 5)

    async def enqueue_agent(self, order: AgentOrder) -> Queued | AgentNotAvailable:
        """Writes "enqueue_agent AGENT QUEUE PRIORITY"; refused when `agent_not_available` holds a reason."""
        self.orders.append(order)
        await self._journal.do("enqueue_agent", f"{order.agent} {order.queue} {order.priority}")
        if self.agent_not_available is None:
            self.place = self.place_when_queued
            return Queued(queue=order.queue, priority=order.priority or 5, agent=order.agent)
        if order.recovery_queue is None:
            return AgentNotAvailable(reason=self.agent_not_available)
        self.place = self.place_when_queued
        return Queued(queue=order.recovery_queue, priority=order.priority or 5)

    def position(self) -> int | None:
        """As the test has set it."""
        return self.place

    async def look_up(self, queue: str, *, lookback_s: float) -> QueueStanding:
        """Writes "look_up QUEUE"; keeps `lookback_s`."""
        self.lookback_s = lookback_s
        await self._journal.do("look_up", queue)
        return self.standing


class FakeConnector:
    """Answers with `match`; requests with the next of `responses`, and when there is none with `response`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.match = Match(result=MatchResult.NONE)
        self.response = HttpResponse(status=200, body="{}")
        self.responses: deque[HttpResponse] = deque()
        self.requests: list[HttpRequest] = []

    async def find(self, connector: str, number: str) -> Match:
        """Writes "find NUMBER"."""
        await self._journal.do("find", number)
        return self.match

    async def open_cases(self, connector: str) -> Match:
        """Writes "open_cases"."""
        await self._journal.do("open_cases", "")
        return self.match

    async def post_comment(self, connector: str, text: str) -> None:
        """Writes "post_comment TEXT"."""
        await self._journal.do("post_comment", text)

    async def request(self, request: HttpRequest) -> HttpResponse:
        """Writes "request METHOD PATH"."""
        self.requests.append(request)
        await self._journal.do("request", f"{request.method} {request.path}")
        return self.responses.popleft() if self.responses else self.response


class FakeDesktop:
    """Notes what is opened."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def screen_pop(self, *, url: str, label: str) -> None:
        """Writes "screen_pop URL"."""
        await self._journal.do("screen_pop", url)


class FakeTransfer:
    """A target that does what the test says."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.outcome = TransferOutcome.TALKED
        self.orders: list[TransferOrder] = []

    async def transfer(self, order: TransferOrder) -> TransferOutcome:
        """Writes "transfer TARGET"."""
        self.orders.append(order)
        await self._journal.do("transfer", order.target)
        return self.outcome


class FakePorts:
    """All five, one journal, and the steps that a run reports."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.voice = FakeVoice(self.journal)
        self.queue = FakeQueue(self.journal)
        self.connector = FakeConnector(self.journal)
        self.desktop = FakeDesktop(self.journal)
        self.transfer = FakeTransfer(self.journal)
        self.steps: list[Step] = []

    def ports(self) -> Ports:
        """As a flow run takes them."""
        return Ports(
            voice=self.voice,
            queue=self.queue,
            connector=self.connector,
            desktop=self.desktop,
            transfer=self.transfer,
        )

    def observe(self, step: Step) -> None:
        """Keeps the step; pass it as `observe`."""
        self.steps.append(step)

    def walked(self, flow: str = "main") -> list[str]:
        """The steps of a flow as "Activity outcome", without those that ran early."""
        return [f"{s.activity} {s.outcome}" for s in self.steps if s.flow == flow and not s.early]


async def no_sub_flow(call: SubFlowCall) -> SubFlowDone:
    """For activities that are run without an engine."""
    raise ActivityError(f"there is no sub-flow {call.flow!r} here")


START = StartValues(
    ani="+14155550123", dnis="+14155550100", interaction_id="call-1", entry_point_id="Support"
)


def make_run(
    flow: Flow, fakes: FakePorts, *, prompts: PromptCatalogue, clock: Clock, start: StartValues = START
) -> FlowRun:
    """A run of `flow` on fake ports, whose default queue is "Default"."""
    return FlowRun(
        flow=flow,
        ports=fakes.ports(),
        start=start,
        prompts=prompts,
        observe=fakes.observe,
        default_queue="Default",
        clock=clock,
    )


def _heard(prompt: Prompt) -> str:
    match prompt:
        case Say(text=text):
            return text
        case AudioFile(name=name):
            return name
