"""The ports through which activities act. A flow sees nothing else of the system.

The call implements them (`ivr/treatment.py`); tests and the rig implement them with fakes. A port method
raises `asyncio.CancelledError` when the call ends or an agent answers, and `PortError` when what is behind
it failed; expected outcomes are returned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ivr.flow.entry import Collected, Entry
from ivr.salesforce.model import Match


class PortError(Exception):
    """Something behind a port failed; the activity leaves by its `error` edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Text to speak, already rendered. `language` is a BCP 47 tag, e.g. "en-US"."""

    text: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFile:
    """A file of the sound folders by its name, e.g. "defaultmusic_on_hold.wav"."""

    name: str


Prompt = Say | AudioFile


class Voice(Protocol):
    """The caller's ear."""

    async def play(self, prompts: Sequence[Prompt]) -> None:
        """Play in order and return when the last has ended. Never silent: a prompt that cannot be spoken
        in time is replaced by a recorded one."""
        ...

    async def music(self, name: str, *, duration_s: float | None, offset_s: float = 0.0) -> None:
        """Play hold music for `duration_s` seconds, or until cancelled when None. It goes on where it was
        when it last played in this call; with an `offset_s` it begins that far into the file."""
        ...

    async def collect(self, prompts: Sequence[Prompt], entry: Entry) -> Collected:
        """Play in order and take keys: `Digits`, `NoInput` or `Invalid`. With barge-in the first key stops
        the prompts at once, and keys that were typed ahead count. Without prompts the time begins now."""
        ...

    async def hang_up(self) -> None:
        """End the call from our side."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The caller has a place in a queue."""

    queue: str
    priority: int
    reasons: tuple[str, ...] = ()
    agent: str | None = None
    """The id of the one agent that the call is for; None in a queue's general line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOrder:
    """For which agent to queue the call: his id, or his name. `queue` is the one that it counts for.

    With `park` the call also waits for an agent who is not ready or busy. `recovery_queue` takes it when he
    is not available, signs out, or does not take the call.
    """

    agent: str
    queue: str
    recovery_queue: str | None = None
    park: bool = True
    priority: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentNotAvailable:
    """The call was not queued: the agent cannot take it, for the `reason` told."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStanding:
    """A queue now. `oldest_s` is the longest wait, 0 when nobody waits; `place_s` how long a place in it
    takes, None when too few calls were handled lately."""

    waiting: int
    oldest_s: float
    agents_ready: int
    agents_signed_in: int
    place_s: float | None = None


class Queue(Protocol):
    """The caller's place in a queue."""

    async def enqueue(self, queue: str, *, priority: int | None) -> Queued:
        """Queue the call; priority 1 (highest) to 9, None to score it by case and customer. Raises
        `PortError` when there is no such queue."""
        ...

    async def enqueue_agent(self, order: AgentOrder) -> Queued | AgentNotAvailable:
        """Queue the call for one agent, or in the recovery queue. Raises `PortError` when there is no such
        agent or queue."""
        ...

    def position(self) -> int | None:
        """1 for the next to be served; None when not queued."""
        ...

    async def look_up(self, queue: str, *, lookback_s: float) -> QueueStanding:
        """How a queue stands now; `place_s` from the calls of the last `lookback_s` seconds. Raises
        `PortError` when there is no such queue."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request for a connector; `path` is absolute or relative to the connector's base."""

    connector: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str | None
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """What came back, whatever its status."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Connector(Protocol):
    """The systems behind the phone."""

    async def find(self, connector: str, number: str) -> Match:
        """Candidates for the caller's number: one request, shared by all who ask within a call. The result
        is ERROR with detail "deadline" when the chain's deadline passes; the request itself goes on and its
        late answer still reaches the queue and the desktop."""
        ...

    async def open_cases(self, connector: str) -> Match:
        """The confirmed caller with account, contact and open cases: the second request, under the same
        deadline. The match unchanged when there is nobody to read cases of."""
        ...

    async def post_comment(self, connector: str, text: str) -> None:
        """Write `text` (a template that the outbox renders again when notes are final is not needed: it may
        contain the marker `{notes}`) to the call's case after the call. Goes into the outbox: returns when
        the row stands."""
        ...

    async def request(self, request: HttpRequest) -> HttpResponse:
        """One HTTP request."""
        ...


class Desktop(Protocol):
    """The agent's desktop."""

    async def screen_pop(self, *, url: str, label: str) -> None:
        """Open `url` in a new tab on the agent's desktop. `url` may be "salesforce:Account/ID"."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOrder:
    """Where to put the caller through: a number, or a SIP address as "sip:user@host".

    `caller_id` is the number shown there, None for the entry point's outdial ANI. With `refer` the caller's
    own side is asked to call the target, and our part in the call ends.
    """

    target: str
    ring_s: float
    caller_id: str | None = None
    refer: bool = False


class TransferOutcome(StrEnum):
    """What became of a transfer. TALKED: it was answered, and the conversation is over."""

    TALKED = "talked"
    BUSY = "busy"
    DECLINED = "declined"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"


class Transfer(Protocol):
    """Puts the caller through to somebody who is no agent of ours."""

    async def transfer(self, order: TransferOrder) -> TransferOutcome:
        """Call the target while the caller hears it ring, connect the two, and return when the conversation
        is over or there was none. A queued caller leaves the queue when the target answers. Raises
        `PortError` when it cannot be tried."""
        ...


class NoTransfer:
    """Where calls cannot be put through."""

    async def transfer(self, order: TransferOrder) -> TransferOutcome:
        """Refuse."""
        raise PortError("calls cannot be put through from here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All that a running flow may touch."""

    voice: Voice
    queue: Queue
    connector: Connector
    desktop: Desktop
    transfer: Transfer = field(default_factory=NoTransfer)
