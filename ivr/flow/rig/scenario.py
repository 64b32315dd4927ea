"""What a scenario file may say: the people, what the systems answer, and what must have happened.

Times are seconds; those of agents and of calls ahead count from the INVITE.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from ivr.acd.model import OfferFailure
from ivr.ending import Ending
from ivr.flow.ports import TransferOutcome
from ivr.salesforce.model import MatchResult
from ivr.testing.clock import EPOCH

ANY_NUMBER = "..."
"""In a list of what is expected: any number of further elements, also none."""

Seconds = Annotated[float, Field(ge=0, le=86_400)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
_Digits = Annotated[
    str,
    BeforeValidator(lambda v: str(v) if isinstance(v, int) and not isinstance(v, bool) else v),
    Field(pattern=r"^[0-9*#A-D]{1,40}$"),
]


class Part(BaseModel):
    """Base of what a scenario file is made of."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class CallerState(StrEnum):
    """Stations that a caller can wait for."""

    ANSWERED = "answered"
    QUEUED = "queued"
    CONNECTED = "connected"


class Deed(Part):
    """One thing that the caller does; exactly one of its properties."""

    hear: Text | None = None
    """Wait until something that contains this text begins: a prompt, or a file's name, music too."""
    until: CallerState | None = None
    wait_s: Seconds | None = None
    press: _Digits | None = None
    speak: Text | None = None
    hang_up: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"one of {', '.join(type(self).model_fields)} is expected")
        return self


_Deed = Annotated[Deed, BeforeValidator(lambda v: {"hang_up": True} if v == "hang_up" else v)]


class Caller(Part):
    """Who calls and what he does, in order. `number` null: withheld. After his last deed he listens on."""

    number: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")] | None = "+14155550123"
    dials: Text = "+14155550100"
    does: Annotated[tuple[_Deed, ...], Field(max_length=100)] = ()


class AccountEntry(Part):
    """The caller's account."""

    id: Text = "001000000000001AAA"
    name: Text
    priority: Text | None = None
    sla: Text | None = None


class ContactEntry(Part):
    """The caller himself."""

    id: Text = "003000000000001AAA"
    name: Text
    object: Literal["Contact", "Lead"] = "Contact"


class CaseEntry(Part):
    """An open case of his."""

    id: Text = "500000000000001AAA"
    number: Text
    subject: Text = "A question"
    priority: Text | None = None
    status: Text | None = None


class HttpAnswer(Part):
    """An answer to http-request, for the first `times` requests that it fits (null: all)."""

    connector: Text | None = None
    method: Text | None = None
    path: Text | None = None
    """A part of the path."""
    status: Annotated[int, Field(ge=100, le=599)] = 200
    json_: Annotated[JsonValue, Field(alias="json")] = None
    body: Text | None = None
    after_s: Seconds = 0.2
    fails: Text | None = None
    """No answer: the connection fails with this text."""
    times: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.body is not None and self.json_ is not None:
            raise ValueError("body and json are two ways to say the same")
        return self


class Salesforce(Part):
    """What Salesforce answers, and when. `finds` null: one where there is a contact or an account, else
    none."""

    finds: MatchResult | None = None
    account: AccountEntry | None = None
    contact: ContactEntry | None = None
    cases: Annotated[tuple[CaseEntry, ...], Field(max_length=50)] = ()
    find_after_s: Seconds = 0.3
    cases_after_s: Seconds = 0.3
    cases_fail: Text | None = None
    writes_fail: Text | None = None
    deadline_s: Seconds = 2.5
    http: Annotated[tuple[HttpAnswer, ...], Field(max_length=100)] = ()

    @property
    def result(self) -> MatchResult:
        """What the look-up finds."""
        found = self.contact is not None or self.account is not None
        return self.finds or (MatchResult.ONE if found else MatchResult.NONE)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        nobody = self.contact is None and self.account is None
        if self.result is MatchResult.ONE and nobody:
            raise ValueError("finds one: contact, account or both are expected")
        if self.finds is MatchResult.MANY and self.contact is not None:
            raise ValueError("finds many: then there is no contact; account, when all are of one account")
        if self.finds is MatchResult.WITHHELD:
            raise ValueError("withheld is the caller's doing: number: null")
        if self.cases and nobody:
            raise ValueError("cases belong to a contact or an account")
        return self


class Offer(Part):
    """What an agent does when his phone rings. `talks_s` null: he talks until the caller hangs up."""

    fails: OfferFailure | None = None
    answers_after_s: Seconds = 1.0
    talks_s: Seconds | None = None


_FAILS = frozenset(failure.value for failure in OfferFailure)
_Offer = Annotated[
    Offer, BeforeValidator(lambda v: {"fails": v} if isinstance(v, str) and v in _FAILS else v)
]


class ScriptedAgent(Part):
    """An agent. `offers`: one for each time his phone rings, the last also for all that follow.

    `queues` null: all; `ready_at_s` null: never. After he let a call down he is ready `ready_again_s` later;
    null: no more."""

    queues: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    ready_at_s: Seconds | None = 0.0
    ready_again_s: Seconds | None = None
    offers: Annotated[tuple[_Offer, ...], Field(min_length=1, max_length=20)] = (Offer(),)


class ScriptedQueue(Part):
    """A queue. `ahead`: a caller of higher priority for each, who leaves at that second."""

    ring_s: Seconds = 20.0
    music: Text = "defaultmusic_on_hold.wav"
    ahead: Annotated[tuple[Seconds, ...], Field(max_length=50)] = ()


class ScriptedTransfer(Part):
    """Somebody outside who is called; `to` is a part of the address. `outcome` comes after `after_s`."""

    to: Text
    outcome: TransferOutcome = TransferOutcome.TALKED
    after_s: Seconds = 2.0
    talks_s: Seconds = 30.0


_Edges = Annotated[
    tuple[Text, ...],
    BeforeValidator(lambda v: (v,) if isinstance(v, str) else v),
    Field(min_length=1, max_length=20),
]


class Force(Part):
    """An activity leaves by these edges without doing anything: one for each run; `then` runs it as it is
    when they are used up, else the last stays."""

    edges: _Edges
    then_runs: bool = False


def _force(value: object) -> object:
    match value:
        case str():
            return {"edges": (value,)}
        case list() | tuple():
            return {"edges": tuple(value), "then_runs": True}
        case _:
            return value


_Force = Annotated[Force, BeforeValidator(_force)]


class ExpectQueued(Part):
    """The caller's place when the call ended or was answered."""

    queue: Text
    priority: Annotated[int, Field(ge=1, le=9)] | None = None


class ExpectWritten(Part):
    """What goes into the outbox: a comment on `case`, or a Task on the record `task_on`."""

    case: Text | None = None
    task_on: Text | None = None
    text: Text


_Written = Annotated[ExpectWritten, BeforeValidator(lambda v: {"text": v} if isinstance(v, str) else v)]
_Queued = Annotated[ExpectQueued, BeforeValidator(lambda v: {"queue": v} if isinstance(v, str) else v)]


class Within(Part):
    """Seconds from the INVITE by which it must have happened."""

    queued: Seconds | None = None
    connected: Seconds | None = None
    ended: Seconds | None = None


class Expect(Part):
    """What must have happened; what is left out is not looked at. Lists are complete and in order, "..."
    stands for any number of elements."""

    said: tuple[Text, ...] | None = None
    """Texts and recordings that the caller heard."""
    music: tuple[Text, ...] | None = None
    asked: tuple[Text, ...] | None = None
    """Requests: "find NUMBER", "open_cases", "METHOD PATH"."""
    queued: _Queued | Literal[False] | None = None
    rescored: bool | None = None
    agent: Text | Literal[False] | None = None
    """Who answered."""
    transferred: tuple[Text, ...] | None = None
    popped: tuple[Text, ...] | None = None
    written: tuple[_Written, ...] | None = None
    ended: Ending | None = None
    walked: tuple[Text, ...] | None = None
    """Activities of the main flow."""
    variables: dict[str, str | None] | None = None
    """Values of variables that agents see; null: unset."""
    within_s: Within | None = None
    silence_at_most_s: Seconds | None = None
    """Before an agent answers."""


class Scenario(Part):
    """One call."""

    description: str = ""
    begins: AwareDatetime = EPOCH
    """When the INVITE comes, with its offset from UTC: for business hours and dates."""
    caller: Caller = Caller()
    salesforce: Salesforce = Salesforce()
    agents: Annotated[dict[Text, ScriptedAgent], Field(max_length=20)] = {}
    queues: Annotated[dict[Text, ScriptedQueue], Field(max_length=20)] = {}
    transfers: Annotated[tuple[ScriptedTransfer, ...], Field(max_length=20)] = ()
    force: dict[Text, _Force] = {}
    stays_s: Annotated[float, Field(gt=0, le=86_400)] = 600.0
    """The call must be over after so many seconds."""
    sip: bool = True
    """False: only in virtual time, for what real peers cannot be made to do."""
    expect: Expect = Expect()


class Suite(Part):
    """A scenario file. Paths count from its folder; `prompts` null: ../prompts beside the flow's folder."""

    flow: Text
    prompts: Text | None = None
    language: Text = "en-US"
    coverage: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Per cent of the flow's edges that the scenarios must take together."""
    shared: JsonValue = None
    """Anything: a place for YAML anchors that scenarios refer to."""
    scenarios: Annotated[dict[Text, Scenario], Field(min_length=1, max_length=200)]
