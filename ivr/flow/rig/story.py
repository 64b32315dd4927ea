"""What happened in a call of the rig, with times: filled by the scripted world, read by the expectations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ivr.clock import Clock
from ivr.ending import Ending
from ivr.flow.steps import Step
from ivr.flow.variables import VariableView


class Kind(StrEnum):
    """Who did what."""

    ANSWERED = "answered"
    SAID = "said"
    MUSIC = "music"
    QUIET = "quiet"
    LISTENS = "listens"
    """Waits for keys: the caller was asked for them, so it is no silence."""
    PRESSED = "pressed"
    SPOKE = "spoke"
    ASKED = "asked"
    QUEUED = "queued"
    RESCORED = "rescored"
    RINGING = "ringing"
    NO_ANSWER = "no answer"
    CONNECTED = "connected"
    TRANSFERRED = "transferred"
    POPPED = "popped"
    WRITTEN = "written"
    NOT_WRITTEN = "not written"
    FAULT = "fault"
    HUNG_UP = "hung up"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing that happened, `at_s` seconds after the INVITE."""

    at_s: float
    kind: Kind
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """What is to be written to Salesforce after the call: a comment on a case, or a Task on a record."""

    text: str
    case: str | None = None
    task_on: str | None = None

    def __str__(self) -> str:
        where = f"case {self.case}" if self.case else f"Task on {self.task_on}"
        return f"{where}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A place in a queue."""

    queue: str
    priority: int


class Story:
    """One call as it was. A scripted person waits for a moment instead of for a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._news: set[asyncio.Future[None]] = set()
        self.moments: list[Moment] = []
        self.steps: list[Step] = []
        self.comments: list[Comment] = []
        self.refused: list[Comment] = []
        """What Salesforce did not take: it stays in the outbox."""
        self.unheard: list[str] = []
        """What forced activities would have said or played."""
        self.queued: Standing | None = None
        self.agent: str | None = None
        self.ending: Ending | None = None
        self.variables: tuple[VariableView, ...] = ()
        self.heard_silence_s: float | None = None

    @property
    def now_s(self) -> float:
        """Seconds since the INVITE."""
        return self._clock.monotonic() - self._began

    def add(self, kind: Kind, text: str = "") -> None:
        """It happens now."""
        self.moments.append(Moment(at_s=round(self.now_s, 3), kind=kind, text=text))
        for waiter in self._news:
            if not waiter.done():
                waiter.set_result(None)

    def observe(self, step: Step) -> None:
        """Keep a step of the flow."""
        self.steps.append(step)

    async def until(self, wanted: Callable[[Moment], bool], *, after: int = 0) -> int:
        """Wait for a moment, past ones from index `after` on included; the index after it. Waits for as
        long as the call lasts, which the run bounds."""
        while True:
            for index in range(after, len(self.moments)):
                if wanted(self.moments[index]):
                    return index + 1
            after = len(self.moments)
            waiter = asyncio.get_running_loop().create_future()
            self._news.add(waiter)
            try:
                await waiter
            finally:
                self._news.discard(waiter)

    def of(self, *kinds: Kind) -> list[str]:
        """The texts of all moments of these kinds."""
        return [moment.text for moment in self.moments if moment.kind in kinds]

    def first(self, kind: Kind) -> float | None:
        """When something happened first."""
        return next((moment.at_s for moment in self.moments if moment.kind is kind), None)

    @property
    def lasted_s(self) -> float:
        """Seconds from the INVITE to the last thing that happened."""
        return self.moments[-1].at_s if self.moments else 0.0

    def walked(self) -> list[str]:
        """The activities of the main flow in the order of the walk; those it was cut off in as well."""
        return [step.activity for step in self.steps if step.flow == "main" and not step.early]

    def silences(self) -> Iterator[tuple[float, float]]:
        """Stretches (from, until) in which a caller who was answered heard nothing, until an agent came."""
        quiet_from: float | None = None
        for moment in self.moments:
            match moment.kind:
                case Kind.ANSWERED | Kind.QUIET:
                    quiet_from = moment.at_s if quiet_from is None else quiet_from
                case Kind.SAID | Kind.MUSIC if quiet_from is not None:
                    yield quiet_from, moment.at_s
                    quiet_from = None
                case Kind.TRANSFERRED | Kind.LISTENS:
                    quiet_from = None  # the far end's ringback is heard; it is the caller's turn
                case Kind.CONNECTED | Kind.HUNG_UP | Kind.ENDED:
                    if quiet_from is not None:
                        yield quiet_from, moment.at_s
                    return
                case _:
                    pass

    def longest_silence_s(self) -> float:
        """The longest of them; 0 when there is none. What was really heard counts where that is known."""
        if self.heard_silence_s is not None:
            return self.heard_silence_s
        return max((until - begins for begins, until in self.silences()), default=0.0)
