"""Keys and transfers on a whole node, with real telephones that press them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.api.models import AgentStatus
from media.leg import Leg
from media.messages import Incoming
from tests.node_support import Scene, free_port, run, scene, soon
from tests.phones import Heard, Samples, loudest_tone
from tests.raw_sip import Message, RawCall, raw_peer, reply

pytestmark = [pytest.mark.sip, pytest.mark.timeout(120)]

OURS = "+14155550100"
AGENT_TONE_HZ = 880.0
RINGBACK_HZ = (440.0, 480.0)
FLOW = """\
name: keypad
version: "7"
variables:
  account: {{label: Account, agent_viewable: true}}
  choice: {{default: none}}
start: Begin
activities:
  Begin: {{type: start, edges: {{next: {first}}}}}
  Queued: {{type: queue-contact, queue: Support, edges: {{next: Ask, error: Ask}}}}
  # A minute of music: who is not heard pressing a key waits for long.
  Ask:
    type: menu
    prompts: [{{file: defaultmusic_on_hold.wav}}]
    choices: {{"1": account, "2": queue, "9": transfer}}
    edges: {{"1": Number, "2": Wait, "9": Through, timeout: Wait, invalid: Wait, error: Wait}}
  Number:
    type: collect-digits
    prompts: [{{file: defaultmusic_on_hold.wav}}]
    max_digits: 8
    inter_digit_s: 20
    variable: account
    edges: {{next: Through, timeout: Wait, invalid: Wait, error: Wait}}
  Through:
    type: blind-transfer
    target: "{target}"
    ring_s: {ring_s}
    refer: {refer}
    edges: {{failure: Wait, error: Wait}}
  Wait: {{type: queue-contact, queue: Support, edges: {{next: Music, error: Music}}}}
  Music: {{type: play-music, file: defaultmusic_on_hold.wav, edges: {{next: Music, error: Music}}}}
"""


@asynccontextmanager
async def keypad(
    folder: Path,
    *,
    first: str = "Ask",
    trunk: bool = False,
    refer: str = "false",
    ring_s: int = 60,
    **changes: Any,
) -> AsyncIterator[Scene]:
    """A node with this flow; jin is no agent here, but whoever calls are put through to."""
    flows, jin = folder / "flows", free_port()
    flows.mkdir()
    target = "(206) 555-0199" if trunk else f"sip:jin@127.0.0.1:{jin}"
    text = FLOW.format(first=first, target=target, refer=refer, ring_s=ring_s)
    (flows / "keypad.yaml").write_text(text, encoding="utf-8")
    if trunk:
        changes["more"] = f'trunks: {{carrier: {{uri: "sip:127.0.0.1:{jin}"}}}}'
    answer = f'at_once, outdial_ani: "{OURS}"'
    async with scene(folder, flow="keypad", flows=flows, jin=jin, answer=answer, **changes) as stage:
        yield stage


async def dialled(stage: Scene, stage_: str = "treatment") -> tuple[Leg, str]:
    """A caller who is answered and hears the first prompt."""
    leg = await stage.dial()
    heard = Heard(leg)
    await soon(leg.answered)
    call_id = await stage.watch.stage(stage_)
    await soon(_media(leg, heard))
    return leg, call_id


async def _media(leg: Leg, heard: Heard) -> None:
    await heard.until(lambda: True if leg.media is not None and leg.media.active else None)


def header(event: Incoming, name: str) -> str:
    return next(value for key, value in event.headers if key == name)


async def done(stage: Scene, call_id: str, activity: str) -> None:
    """Until the flow has left an activity, or something else is on the timeline."""
    async with asyncio.timeout(30):
        while not stage.events_of(await stage.record_of(call_id), activity):
            await stage.tick()


async def hears(stage: Scene, path: Path, *frequencies_hz: float) -> None:
    """Until a recording that still goes on holds one of these tones."""
    async with asyncio.timeout(30):
        while not set(frequencies_hz) & set(loudest_tone(_recorded(path), (*frequencies_hz, 523.25))):
            await stage.tick()


def _recorded(path: Path) -> Samples:
    """What a file under way holds; its header says how much only when it is closed."""
    data = path.read_bytes()[44:] if path.is_file() else b""
    samples: Samples = np.frombuffer(data[: len(data) // 2 * 2], np.int16).astype(np.float32)
    return samples / np.float32(32768)


def test_keys_lead_through_menu_and_number_to_a_transfer(tmp_path: Path) -> None:
    async def story() -> None:
        async with keypad(tmp_path) as stage:
            leg, call_id = await dialled(stage)
            await leg.digits("1")
            await done(stage, call_id, "Ask")
            await leg.digits("4711", "info")  # quicker than keys in RTP, hence the wait
            await leg.digits("#")
            far, invite, _ = await soon(stage.phones["jin"].rung())
            assert f"sip:{OURS}@" in header(invite, "From")
            view = await stage.record_of(call_id)
            steps = {entry.event: entry.detail for entry in view.timeline}
            assert steps["Ask"]["outcome"] == "1"
            assert steps["Number"]["detail"] == "4 digits"
            assert "barge_in" in steps
            assert "4711" not in str([entry.detail for entry in view.timeline])
            assert view.record["flow_version"].startswith("7 (")

            recording = tmp_path / "caller.wav"
            await leg.record(str(recording))
            await far.answer(180)
            await hears(stage, recording, *RINGBACK_HZ)
            await far.answer(183)
            await far.start_loop(str(stage.tone))
            await hears(stage, recording, AGENT_TONE_HZ)
            assert not leg.ended.done()

            here, there = Heard(leg), Heard(far)
            await far.answer(200)
            await soon(far.answered)
            await stage.watch.stage("connected", call_id)
            await leg.digits("5#")
            assert [d.digit for d in await there.digits(2)] == ["5", "#"]
            await far.digits("9")
            assert [d.digit for d in await here.digits(1)] == ["9"]

            await far.hold(True)
            await done(stage, call_id, "holds")
            await far.hold(False)
            await done(stage, call_id, "resumes")
            again = tmp_path / "again.wav"
            await leg.record(str(again))
            await hears(stage, again, AGENT_TONE_HZ)

            await far.hang_up()
            assert (await soon(leg.ended)).by == "peer"
            assert await stage.watch.ended(call_id) == "transferred"

    run(story())


def test_the_caller_hangs_up_on_whom_he_was_put_through_to(tmp_path: Path) -> None:
    async def story() -> None:
        async with keypad(tmp_path) as stage:
            leg, call_id = await dialled(stage)
            await leg.digits("9")
            far, _, _ = await soon(stage.phones["jin"].rung())
            await far.answer(200)
            await stage.watch.stage("connected", call_id)
            await leg.hang_up()
            assert (await soon(far.ended)).by == "peer"
            assert await stage.watch.ended(call_id) == "transferred"

    run(story())


def test_a_caller_who_hangs_up_while_it_rings_leaves_nothing_behind(tmp_path: Path) -> None:
    async def story() -> None:
        async with keypad(tmp_path) as stage:
            leg, call_id = await dialled(stage)
            await leg.digits("9")
            far, _, _ = await soon(stage.phones["jin"].rung())
            await far.answer(180)
            await leg.hang_up()
            assert (await soon(far.ended)).by == "peer"
            assert await stage.watch.ended(call_id) == "abandoned_in_treatment"

    run(story())


@pytest.mark.parametrize(("code", "why"), [(486, "busy"), (603, "declined"), (404, "unreachable")])
def test_a_transfer_to_a_number_that_is_refused(tmp_path: Path, code: int, why: str) -> None:
    async def story() -> None:
        async with keypad(tmp_path, trunk=True) as stage:
            leg, call_id = await dialled(stage)
            await leg.digits("9")
            far, invite, _ = await soon(stage.phones["jin"].rung())
            assert invite.request_uri.startswith("sip:+12065550199@127.0.0.1")
            await far.hang_up(code)
            await stage.watch.stage("queued", call_id)
            (step,) = stage.events_of(await stage.record_of(call_id), "Through")
            assert (step["outcome"], step["detail"]) == ("failure", why)
            assert not leg.ended.done()
            await leg.hang_up()

    run(story())


def test_agents_are_not_rung_for_a_caller_who_is_being_put_through(tmp_path: Path) -> None:
    async def story() -> None:
        async with keypad(tmp_path, first="Queued") as stage:
            leg, call_id = await dialled(stage, "queued")
            await leg.digits("9")
            far, _, _ = await soon(stage.phones["jin"].rung())
            await stage.ready("sam")
            assert (await stage.operator.queue("Support")).calls[0].call_id == call_id
            await far.hang_up(486)
            await stage.answer("sam")
            await stage.watch.stage("connected", call_id)
            assert (await stage.me("sam")).status is AgentStatus.TALKING
            view = await stage.record_of(call_id)
            order = [entry.event for entry in view.timeline if entry.event in ("Through", "offered")]
            assert order == ["Through", "offered"]
            await leg.hang_up()

    run(story())


def test_an_agent_who_is_being_rung_is_let_go(tmp_path: Path) -> None:
    async def story() -> None:
        async with keypad(tmp_path, first="Queued") as stage:
            leg, call_id = await dialled(stage, "queued")
            await stage.ready("sam")
            sams, _, _ = await soon(stage.phones["sam"].rung())
            await sams.answer(180)
            await leg.digits("9")
            assert (await soon(sams.ended)).by == "peer"
            far, _, _ = await soon(stage.phones["jin"].rung())
            assert (await stage.me("sam")).status is AgentStatus.READY
            await far.answer(200)
            await stage.watch.stage("connected", call_id)
            assert (await stage.operator.queue("Support")).calls == ()
            await far.hang_up()
            assert await stage.watch.ended(call_id) == "transferred"
            assert (await stage.me("sam")).status is AgentStatus.READY

    run(story())


@asynccontextmanager
async def referring(folder: Path, **changes: Any) -> AsyncIterator[tuple[Scene, RawCall, Message, str]]:
    """A caller made by hand who has pressed 9: the REFER that he was sent, and the call's id."""
    async with keypad(folder, refer="true", **changes) as stage, raw_peer() as peer:
        call = RawCall(peer, int(stage.sip.rpartition(":")[2]))
        call.invite()
        await call.established()
        call_id = await stage.watch.stage("treatment")
        call.next("INFO", "Content-Type: application/dtmf-relay", body="Signal=9\r\nDuration=160\r\n")
        yield stage, call, await peer.request("REFER"), call_id


def notify(call: RawCall, status: str, state: str) -> None:
    """The caller's side tells how the target answers."""
    headers = ("Event: refer", f"Subscription-State: {state}", "Content-Type: message/sipfrag;version=2.0")
    call.next("NOTIFY", *headers, body=f"SIP/2.0 {status}\r\n")


def test_a_transfer_by_refer(tmp_path: Path) -> None:
    async def story() -> None:
        async with referring(tmp_path) as (stage, call, asked, call_id):
            assert asked.header("Refer-To").strip("<>").startswith("sip:jin@127.0.0.1:")
            call.peer.send(reply(asked, 202, "Accepted"), asked.source)
            notify(call, "100 Trying", "active;expires=60")
            await call.peer.response(200, "NOTIFY")
            notify(call, "200 OK", "terminated;reason=noresource")
            bye = await call.peer.request("BYE")
            call.peer.send(reply(bye, 200, "OK"), bye.source)
            assert await stage.watch.ended(call_id) == "transferred"

    run(story())


def test_a_peer_that_has_agreed_and_hangs_up_has_gone_to_the_target(tmp_path: Path) -> None:
    async def story() -> None:
        async with referring(tmp_path) as (stage, call, asked, call_id):
            call.peer.send(reply(asked, 202, "Accepted"), asked.source)
            notify(call, "180 Ringing", "active;expires=60")
            await call.peer.response(200, "NOTIFY")
            call.next("BYE")
            assert await stage.watch.ended(call_id) == "transferred"

    run(story())


@pytest.mark.parametrize(
    ("status", "why"), [("486 Busy Here", "busy"), ("404 Not Found", "unreachable"), ("", "no_answer")]
)
def test_a_refer_that_comes_to_nothing(tmp_path: Path, status: str, why: str) -> None:
    async def story() -> None:
        async with referring(tmp_path, ring_s=60 if status else 1) as (stage, call, asked, call_id):
            call.peer.send(reply(asked, 202, "Accepted"), asked.source)
            if status:
                notify(call, status, "terminated;reason=noresource")
            await stage.watch.stage("queued", call_id)
            (step,) = stage.events_of(await stage.record_of(call_id), "Through")
            assert (step["outcome"], step["detail"]) == ("failure", why)
            call.next("BYE")
            assert await stage.watch.ended(call_id) == "abandoned_in_queue"

    run(story())


def test_a_telephone_that_is_not_to_be_referred(tmp_path: Path) -> None:
    async def story() -> None:
        async with keypad(tmp_path, refer="true") as stage:
            leg, call_id = await dialled(stage)
            await leg.digits("9")
            await stage.watch.stage("queued", call_id)
            (step,) = stage.events_of(await stage.record_of(call_id), "Through")
            assert (step["outcome"], step["detail"]) == ("failure", "declined")
            await leg.hang_up()

    run(story())


LANGUAGES = """\
name: languages
version: "1"
variables:
  Global_Language: {}
start: Begin
activities:
  Begin: {type: start, edges: {next: Choose}}
  Choose:
    type: menu
    prompts: [{text: "For English, press one."}, {text: "한국어는 이 번을 누르십시오."}]
    choices: {"1": English, "2": Korean}
    first_digit_s: 30
    edges: {"1": Wait, "2": InKorean, timeout: Wait, invalid: Wait, error: Wait}
  InKorean:
    type: set-variable
    set: {Global_Language: ko-KR}
    edges: {next: Greet, error: Wait}
  Greet:
    type: play-message
    prompts: [{key: hello}, {key: position_in_queue, with: {position: 3}}]
    edges: {next: Wait, error: Failed}
  Failed: {type: end}
  Wait: {type: queue-contact, queue: Support, edges: {next: Music, error: Music}}
  Music: {type: play-music, file: defaultmusic_on_hold.wav, offset_s: 5, edges: {next: Music, error: Music}}
"""


def test_a_caller_chooses_a_language_and_is_spoken_to_in_it(tmp_path: Path) -> None:
    async def story() -> None:
        flows = tmp_path / "flows"
        flows.mkdir()
        (flows / "languages.yaml").write_text(LANGUAGES, encoding="utf-8")
        async with scene(tmp_path, flow="languages", flows=flows) as stage:
            leg, call_id = await dialled(stage)
            await leg.digits("2")
            await stage.watch.stage("queued", call_id)
            await done(stage, call_id, "music")
            view = await stage.record_of(call_id)
            assert [step["outcome"] for step in stage.events_of(view, "Greet")] == ["next"]
            assert stage.events_of(view, "speech_failed") == []
            assert list((tmp_path / "data" / "sounds").glob("*-from-5000.wav"))
            await leg.hang_up()

    run(story())
