"""Agents: who is rung, what their phones and desktops show, what happens when they do not answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.api.errors import ApiRefused, Conflict
from ivr.api.models import AgentStatus
from media import listen
from media.sound import read_mono
from tests.node_support import ALICE, ROOT, UNKNOWN, Scene, run, scene, soon

pytestmark = [pytest.mark.sip, pytest.mark.timeout(120)]


async def _talking(stage: Scene, call_id: str, agent: str) -> None:
    await stage.watch.stage("connected", call_id)
    view = await stage.me(agent)
    assert view.status is AgentStatus.TALKING


def test_an_agent_who_does_not_answer_is_set_aside_and_the_next_is_rung(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, ring_s=1) as stage:
            leg, call_id = await stage.call()
            await stage.ready("sam")
            sams, _, _ = await soon(stage.phones["sam"].rung())
            await sams.answer(180)
            ended = await soon(sams.ended)
            assert ended.by == "peer"
            await stage.watch.agent("sam", AgentStatus.NOT_READY, "RONA")
            queue = await stage.operator.queue("Support")
            assert [c.call_id for c in queue.calls] == [call_id]
            await stage.ready("jin")
            await stage.answer("jin")
            await _talking(stage, call_id, "jin")
            await leg.hang_up()

    run(story())


@pytest.mark.parametrize(
    ("code", "reason"), [(486, "busy"), (603, "declined"), (302, "declined"), (500, "unreachable")]
)
def test_an_agent_who_refuses_is_set_aside_with_the_reason(tmp_path: Path, code: int, reason: str) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            leg, call_id = await stage.call()
            await stage.ready("sam")
            sams, _, _ = await soon(stage.phones["sam"].rung())
            target = (("Contact", "<sip:9999@127.0.0.1:9>"),) if code == 302 else ()
            await sams.hang_up(code, "", target)
            await stage.watch.agent("sam", AgentStatus.NOT_READY, reason)
            await stage.ready("jin")
            await stage.answer("jin")
            await _talking(stage, call_id, "jin")
            record = await stage.record_of(call_id)
            assert stage.events_of(record, "agent_leg_ended")[0]["code"] == code
            await leg.hang_up()

    run(story())


def test_an_agent_whose_phone_is_not_there(tmp_path: Path) -> None:
    async def story() -> None:
        # Nothing listens there, and the caller's place is kept for the one who is there.
        async with scene(tmp_path, ring_s=3, sam=9) as stage:
            leg, call_id = await stage.call()
            await stage.ready("sam")
            await stage.watch.until(
                lambda e: (
                    e.type == "agent"
                    and (e.model_extra or {})["agent"]["id"] == "sam"
                    and (e.model_extra or {})["agent"]["status"] == "not_ready"
                    and (e.model_extra or {})["agent"]["reason"] in ("unreachable", "RONA")
                )
            )
            await stage.ready("jin")
            await stage.answer("jin")
            await _talking(stage, call_id, "jin")
            await leg.hang_up()

    run(story())


def _for_jin(folder: Path, more: str) -> Path:
    """A folder with the quick flow, which queues for Jin alone."""
    text = (ROOT / "tests" / "data" / "flows" / "quick.yaml").read_text(encoding="utf-8")
    contact = "    type: queue-contact\n    queue: Support\n    priority: by_case_and_customer\n"
    edges = "    edges: {next: AccountByANI}\n"
    assert contact + edges in text
    agent = f"    type: queue-to-agent\n    agent: Jin Lee\n    queue: Support\n{more}"
    agent += "    edges: {next: AccountByANI, failure: Music}\n"
    flows = folder / "flows"
    flows.mkdir()
    (flows / "quick.yaml").write_text(text.replace(contact + edges, agent), encoding="utf-8")
    return flows


def test_a_call_for_one_agent_waits_for_him_and_rings_nobody_else(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, flows=_for_jin(tmp_path, "")) as stage:
            await stage.ready("sam")
            await stage.desks["jin"].sign_in("jin", "secret")
            leg, call_id = await stage.call()
            await stage.watch.agent("jin", AgentStatus.NOT_READY)
            assert (await stage.me("sam")).status is AgentStatus.READY
            (queued,) = (await stage.operator.queue("Support")).calls
            assert (queued.call_id, queued.position) == (call_id, 1)
            await stage.ready("jin")
            await stage.answer("jin")
            await _talking(stage, call_id, "jin")
            assert (await stage.me("sam")).status is AgentStatus.READY
            record = await stage.record_of(call_id)
            assert stage.events_of(record, "queued")[0]["agent"] == "jin"
            assert [offer["agent"] for offer in stage.events_of(record, "offered")] == ["jin"]
            await leg.hang_up()

    run(story())


def test_a_call_that_its_one_agent_does_not_answer_goes_to_the_recovery_queue(tmp_path: Path) -> None:
    async def story() -> None:
        flows = _for_jin(tmp_path, "    park: false\n    recovery_queue: Support\n")
        async with scene(tmp_path, ring_s=1, flows=flows) as stage:
            await stage.ready("sam")
            await stage.ready("jin")
            leg, call_id = await stage.call()
            jins, _, _ = await soon(stage.phones["jin"].rung())
            await jins.answer(180)
            await soon(jins.ended)
            await stage.answer("sam")
            await _talking(stage, call_id, "sam")
            await stage.watch.agent("jin", AgentStatus.NOT_READY, "RONA")
            record = await stage.record_of(call_id)
            assert [offer["agent"] for offer in stage.events_of(record, "offered")] == ["jin", "sam"]
            (recovered,) = stage.events_of(record, "recovered")
            assert (recovered["agent"], recovered["queue"]) == ("jin", "Support")
            assert len(stage.events_of(record, "queued")) == 1
            await leg.hang_up()

    run(story())


def test_callers_are_served_by_priority_then_time(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            _, ordinary = await stage.call(f"<sip:{UNKNOWN}@127.0.0.1>")
            leg, urgent = await stage.call()
            await stage.watch.until(
                lambda e: (
                    e.type == "queue"
                    and [c["priority"] for c in (e.model_extra or {})["queue"]["calls"]] == [2, 5]
                )
            )
            await stage.ready()
            await stage.answer()
            await _talking(stage, urgent, "sam")
            queue = await stage.operator.queue("Support")
            assert [c.call_id for c in queue.calls] == [ordinary]
            await leg.hang_up()

    run(story())


def test_a_hold_by_the_agents_phone_gives_the_caller_music(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            leg, call_id = await stage.call()
            await stage.ready()
            agent = await stage.answer()
            await _talking(stage, call_id, "sam")
            await agent.hold(True)
            await stage.watch.stage("on_hold", call_id)
            first = await leg.record(str(tmp_path / "held.wav"))
            await asyncio.sleep(3)  # the caller listens
            await leg.stop_record(first)
            before = len(stage.watch.events)
            await agent.hold(False)
            await stage.watch.until(
                lambda e: (
                    e.seq > stage.watch.events[before - 1].seq
                    and e.type == "call"
                    and (e.model_extra or {})["call"]["stage"] == "connected"
                )
            )
            await agent.start_loop(str(stage.tone))
            second = await leg.record(str(tmp_path / "back.wav"))
            await asyncio.sleep(2)  # and hears the agent again
            await leg.stop_record(second)
            music = read_mono(ROOT / "media" / "sounds" / "defaultmusic_on_hold.wav", 8000)
            held = read_mono(tmp_path / "held.wav", 8000)
            back = read_mono(tmp_path / "back.wav", 8000)
            assert listen.find(held[4000:], music, 8000, loop=True).score > 0.85
            assert listen.tone_share(back[4000:], 8000, 880.0) > 0.9
            await leg.hang_up()
            await soon(agent.ended)

    run(story())


def test_notes_pop_and_wrap_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            leg, call_id = await stage.call()
            desk = await stage.ready()
            agent = await stage.answer()
            await stage.watch.until(lambda e: e.type == "screen_pop")
            call = (await desk.me()).call
            assert call is not None
            assert call.screen_pop is not None
            assert [case.priority for case in call.match.cases] == ["High", "Low"]
            first = await desk.save_note(call_id, "One.", 0)
            with pytest.raises(Conflict):
                await desk.save_note(call_id, "Other.", 0)
            await desk.set_variable(call_id, "reason", "customs")
            with pytest.raises(ApiRefused):
                await desk.set_variable(call_id, "phoneNumber", "1")
            await leg.hang_up()
            await soon(agent.ended)
            await stage.watch.stage("wrap_up", call_id)
            await desk.save_note(call_id, "One. Two: <b>'; --", first.revision)
            assert stage.salesforce.comments(call_id) == []
            await desk.end_wrap_up(call_id)
            await stage.watch.delivery(call_id, "delivered")
            (comment,) = stage.salesforce.comments(call_id)
            assert "One. Two: <b>'; --" in comment
            assert "Agent: Sam Park" in comment
            with pytest.raises(ApiRefused):
                await desk.save_note(call_id, "Too late.", 2)
            await stage.watch.agent("sam", AgentStatus.READY)

    run(story())


def test_wrap_up_ends_by_its_timer_and_lets_the_comment_go(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, wrap_up_s=1) as stage:
            leg, call_id = await stage.call()
            await stage.ready()
            agent = await stage.answer()
            await _talking(stage, call_id, "sam")
            await agent.hang_up()
            await soon(leg.ended)
            assert await stage.watch.ended(call_id) == "agent_hung_up"
            await stage.watch.delivery(call_id, "delivered")
            assert len(stage.salesforce.comments(call_id)) == 1

    run(story())


def test_p_asserted_identity_carries_the_customer_where_configured(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, sip_more="agent_caller_id: p-asserted-identity") as stage:
            leg, _ = await stage.call()
            await stage.ready()
            _, event, _ = await soon(stage.phones["sam"].rung())
            headers = dict(event.headers)
            assert ALICE in headers["P-Asserted-Identity"]
            assert ALICE not in headers["From"]
            await leg.hang_up()

    run(story())
