"""The one call of the demo, as its two people live it: each step awaited, each claim a `Proof`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from ivr.api.client import ApiClient
from ivr.api.models import AgentCall, AgentStatus, CallView, PopOutcome, StreamEvent
from ivr.demo.evidence import Proof, heard_music, heard_speech, heard_tone, never_silent
from ivr.demo.people import AGENT_TONE_HZ, CALLER_TONE_HZ, RATE, Phone
from media.leg import Leg
from media.sip import header_values, parse_address
from media.sound import read_mono

CALLER_NUMBER = "+14155550123"
CALLER_NAME = "Alice Morgan"
ACCOUNT = "Blue Harbor Logistics"
TYPED = ("Asked about the container at customs. ", "Certificate of origin was sent on Tuesday. ")
LAST_SENTENCE = "I will call back tomorrow at nine."
MUSIC_S = 8.0
RING_S = 1.0
TALK_S = 4.0
STEP_TIMEOUT_S = 20.0
EDGE_S = 0.5
"""Left out at both ends of a stretch of audio: times of the two sides differ by jitter and packets."""


T = TypeVar("T")


class StepFailed(Exception):
    """A step did not happen in time; the text names it."""


class Watcher:
    """Remembers the node's event stream and waits for what is in it."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._events: list[StreamEvent] = []
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Listen until cancelled."""
        async with aclosing(self._client.events()) as events:
            async for event in events:
                async with self._news:
                    self._events.append(event)
                    self._news.notify_all()

    async def until(self, what: str, wanted: Callable[[StreamEvent], bool]) -> StreamEvent:
        """The first event that is wanted, past ones included. Raises StepFailed."""
        try:
            async with asyncio.timeout(STEP_TIMEOUT_S), self._news:
                while True:
                    found = next((event for event in self._events if wanted(event)), None)
                    if found is not None:
                        return found
                    await self._news.wait()
        except TimeoutError:
            raise StepFailed(f"{what}: not within {STEP_TIMEOUT_S:.0f} s") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who and what takes part."""

    caller: Phone
    agent: Phone
    operator: ApiClient
    desk: ApiClient
    watch: Watcher
    salesforce_url: str
    sip: str
    out: Path
    caller_tone: Path
    agent_tone: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """The call and what proves it."""

    proofs: tuple[Proof, ...]
    call: CallView


async def play(cast: Cast) -> Played:
    """The whole call. Raises StepFailed when a step does not happen."""
    proofs: list[Proof] = []
    caller, call_id = await _arrive(cast)
    ringing = await _ring(cast, proofs)
    answered = await _answer(cast, ringing)
    await _pop_told(cast, proofs)
    await asyncio.sleep(TALK_S)  # they talk
    revision = await _type(cast, call_id, TYPED)
    await caller.hang_up()
    await _within("the agent's leg ends", answered.ended)
    await _type_last(cast, call_id, revision)
    await cast.desk.end_wrap_up(call_id)
    await cast.watch.until("the comment is delivered", lambda e: e.type == "outbox" and e.call_id == call_id)
    call = await cast.operator.call(call_id)
    proofs += await asyncio.to_thread(_listen, cast, call)
    proofs.append(_recognised(call))
    proofs.append(await _commented(cast, call))
    proofs.append(_closed(call))
    return Played(proofs=tuple(proofs), call=call)


async def _arrive(cast: Cast) -> tuple[Leg, str]:
    """The caller dials, is answered, and waits with music."""
    from_uri = f'"A. Morgan" <sip:{CALLER_NUMBER}@127.0.0.1>'
    leg = await cast.caller.call(f"sip:support@{cast.sip}", cast.sip, from_uri)
    await _within("the node answers", leg.answered)
    await leg.record(str(cast.out / "caller.wav"))
    await leg.start_loop(str(cast.caller_tone))
    queued = await cast.watch.until("the call is queued", lambda e: _call(e).get("stage") == "queued")
    await asyncio.sleep(MUSIC_S)  # the caller waits, hearing the queue's music
    return leg, str(queued.call_id)


async def _ring(cast: Cast, proofs: list[Proof]) -> Leg:
    """The agent gets ready; the phone rings and shows who calls."""
    await cast.desk.set_state("sam", AgentStatus.READY)
    leg, event, _ = await _within("the agent's phone rings", cast.agent.rung())
    shown = parse_address(header_values(event.headers, "From")[0])
    number = shown.uri.user if shown and shown.uri else None
    name = (shown.display if shown else None) or ""
    proofs.append(
        Proof(
            step="the agent's phone showed name, queue and number",
            proved=CALLER_NAME in name and "Support" in name and number == CALLER_NUMBER,
            detail=f"{name} {number}",
        )
    )
    await leg.answer(180)
    await asyncio.sleep(RING_S)  # the agent lets it ring
    return leg


async def _answer(cast: Cast, leg: Leg) -> Leg:
    await leg.answer(200)
    await leg.record(str(cast.out / "agent.wav"))
    await leg.start_loop(str(cast.agent_tone))
    return leg


async def _pop_told(cast: Cast, proofs: list[Proof]) -> None:
    """The desktop is told to open the account's page. There is no browser here: the address is asked for, and
    the desk acknowledges as a browser's tab would have. `tests/test_desktop_node.py` has the browser."""
    await cast.watch.until("the screen pop", lambda e: e.type == "screen_pop")
    held = await _held_call(cast)
    pop = held.screen_pop
    assert pop is not None
    async with httpx.AsyncClient(trust_env=False) as http:
        page = await http.get(pop.url)
    await cast.desk.acknowledge_pop(held.call_id, pop.id, PopOutcome.OPENED)
    answers = page.status_code == 200 and ACCOUNT in page.text
    acknowledged = (await _held_call(cast)).screen_pop
    told = acknowledged is not None and acknowledged.outcome is PopOutcome.OPENED
    cases = [case.number for case in held.match.cases]
    proofs.append(
        Proof(
            step="the screen pop's address answers, and the desk acknowledged it",
            proved=answers and told and len(cases) == 2,
            detail=f"{pop.url}, open cases {', '.join(cases)}",
        )
    )


async def _held_call(cast: Cast) -> AgentCall:
    held = (await cast.desk.me()).call
    if held is None:
        raise StepFailed("the agent's desktop shows no call")
    return held


async def _type(cast: Cast, call_id: str, sentences: tuple[str, ...]) -> int:
    """Notes saved as they are typed."""
    text, revision = "", 0
    for sentence in sentences:
        text += sentence
        revision = (await cast.desk.save_note(call_id, text, revision)).revision
    return revision


async def _type_last(cast: Cast, call_id: str, revision: int) -> None:
    """After the hang-up, during wrap-up."""
    await cast.watch.until("wrap-up", lambda e: _agent(e).get("status") == "wrap_up")
    await cast.desk.save_note(call_id, "".join(TYPED) + LAST_SENTENCE, revision)


def _listen(cast: Cast, call: CallView) -> list[Proof]:
    """Judge the recordings by their content, at the times that the timeline gives."""
    heard = read_mono(cast.out / "caller.wav", RATE)
    agent = read_mono(cast.out / "agent.wav", RATE)
    music = read_mono(_sound("defaultmusic_on_hold.wav"), RATE)
    answered = _offset(call, "sip", "answered")
    music_from = _offset(call, "media", "music") - answered
    talk_from = _offset(call, "agent", "answered") - answered
    conversation = heard[int((talk_from + EDGE_S) * RATE) : -int(EDGE_S * RATE)]
    return [
        heard_speech(heard, RATE, music_from),
        heard_music(heard, music, RATE, music_from + EDGE_S, talk_from - EDGE_S),
        heard_tone("caller", "agent", conversation, RATE, AGENT_TONE_HZ),
        heard_tone("agent", "caller", agent[int(EDGE_S * RATE) : -int(EDGE_S * RATE)], RATE, CALLER_TONE_HZ),
        never_silent(heard, RATE),
    ]


def _recognised(call: CallView) -> Proof:
    identified = [e for e in call.timeline if e.event == "identified"]
    greeted = any(e.event == "GreetByName" and e.detail.get("outcome") == "next" for e in call.timeline)
    return Proof(
        step="recognised in Salesforce by number, greeted by name",
        proved=call.match == "one" and bool(identified) and greeted,
        detail=f"match {call.match}, account {call.record['account_id']}, priority {call.record['priority']}",
    )


async def _commented(cast: Cast, call: CallView) -> Proof:
    """What stands on the case in Salesforce, asked of Salesforce itself."""
    async with httpx.AsyncClient(trust_env=False) as http:
        records = (await http.get(f"{cast.salesforce_url}/simulator/records/CaseComment")).json()
    rows: list[dict[str, Any]] = records["records"] if isinstance(records, dict) else records
    mine = [row for row in rows if call.call_id in str(row.get("CommentBody"))]
    text = str(mine[0]["CommentBody"]) if mine else ""
    whole = all(part.strip() in text for part in (*TYPED, LAST_SENTENCE)) and "Started:" in text
    right_case = bool(mine) and mine[0].get("ParentId") == call.record["case_id"]
    return Proof(
        step="note, call id and times stand on the case, once",
        proved=len(mine) == 1 and whole and right_case,
        detail=f"{len(mine)} comment on case {call.record['case_id']}, last sentence "
        + ("in it" if LAST_SENTENCE in text else "missing"),
    )


def _closed(call: CallView) -> Proof:
    return Proof(
        step="one record, one classified ending",
        proved=call.ending == "caller_hung_up" and bool(call.record["rtp"]),
        detail=f"{call.ending}, {len(call.timeline)} timeline entries",
    )


def _offset(call: CallView, source: str, event: str) -> float:
    found = next((e for e in call.timeline if e.source == source and e.event == event), None)
    if found is None:
        raise StepFailed(f"the timeline has no {source} {event}")
    return found.offset_s


def _sound(name: str) -> Path:
    from importlib.resources import files

    return Path(str(files("media"))) / "sounds" / name


def _call(event: StreamEvent) -> dict[str, Any]:
    extra = event.model_extra or {}
    call = extra.get("call")
    return call if event.type == "call" and isinstance(call, dict) else {}


def _agent(event: StreamEvent) -> dict[str, Any]:
    extra = event.model_extra or {}
    agent = extra.get("agent")
    return agent if event.type == "agent" and isinstance(agent, dict) else {}


async def _within(what: str, awaited: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            return await awaited
    except TimeoutError:
        raise StepFailed(f"{what}: not within {STEP_TIMEOUT_S:.0f} s") from None
