"""Who calls, and what the node makes of it: known, unknown, withheld, shared, hostile, or unanswered."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ivr.api.models import CallView
from ivr.salesforce.simulator.faults import FaultKind
from ivr.salesforce.simulator.schema import OBJECTS
from media import listen
from media.sip import header_values
from media.sound import read_mono
from tests.node_support import ALICE, ROOT, UNKNOWN, Scene, run, scene, soon

pytestmark = [pytest.mark.sip, pytest.mark.timeout(120)]

SHIPPED: dict[str, Any] = {"flow": "salesforce_ani_lookup", "flows": ROOT / "config" / "flows"}


def outcomes(view: CallView) -> dict[str, str]:
    """The flow's steps and the edges by which they left."""
    return {e.event: str(e.detail.get("outcome")) for e in view.timeline if e.source == "flow"}


async def _served(stage: Scene, from_uri: str) -> tuple[CallView, str]:
    """A call from the queue to an agent and its end; the record, and the From that the agent's phone got."""
    leg, call_id = await stage.call(from_uri)
    await stage.ready()
    agent, event, _ = await soon(stage.phones["sam"].rung())
    await agent.answer(200)
    await stage.watch.stage("connected", call_id)
    view = await stage.me()
    assert view.call is not None
    await leg.hang_up()
    await stage.watch.stage("wrap_up", call_id)
    await stage.desks["sam"].end_wrap_up(call_id)
    await stage.watch.stage("ended", call_id)
    return await stage.record_of(call_id), header_values(event.headers, "From")[0]


def test_a_known_caller_is_greeted_by_name_and_prioritised(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, **SHIPPED) as stage:
            record, shown = await _served(stage, f'"A" <sip:{ALICE}@127.0.0.1>')
            assert record.match == "one"
            assert outcomes(record)["GreetByName"] == "next"
            assert record.record["priority"] == 2
            assert '"Alice Morgan (Support)"' in shown
            assert ALICE in shown
            await stage.watch.delivery(record.call_id, "delivered")
            assert len(stage.salesforce.comments(record.call_id)) == 1

    run(story())


def test_an_unknown_caller_is_greeted_neutrally_and_nothing_is_written(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, **SHIPPED) as stage:
            record, shown = await _served(stage, f"<sip:{UNKNOWN}@127.0.0.1>")
            assert record.match == "none"
            assert outcomes(record)["GreetNeutral"] == "next"
            assert "GreetByName" not in outcomes(record)
            assert UNKNOWN in shown
            assert not stage.events_of(record, "screen_pop")
            assert stage.events_of(record, "no_comment")
            assert await stage.operator.outbox() == []

    run(story())


@pytest.mark.parametrize(
    "from_uri",
    ['"Anonymous" <sip:anonymous@anonymous.invalid>', "<sip:0000000000@127.0.0.1>"],
)
def test_a_withheld_number_is_a_result_and_is_shown_to_nobody(tmp_path: Path, from_uri: str) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            record, shown = await _served(stage, from_uri)
            assert record.match == "withheld"
            assert record.number == "withheld"
            assert "anonymous@anonymous.invalid" in shown
            assert not stage.events_of(record, "request")

    run(story())


def test_a_private_number_finds_the_customer_and_is_masked(tmp_path: Path) -> None:
    """RFC 3325 9.3: usable inside the trust domain, never shown outside it."""

    async def story() -> None:
        trunk = "trunks: {pbx: {uri: 'sip:127.0.0.1:5999', trusted: true}}"
        async with scene(tmp_path, more=trunk) as stage:
            leg = await stage.caller.call(
                f"sip:support@{stage.sip}",
                stage.sip,
                "<sip:anonymous@anonymous.invalid>",
                headers=(("P-Asserted-Identity", f"<tel:{ALICE}>"), ("Privacy", "id")),
            )
            await soon(leg.answered)
            call_id = await stage.watch.stage("queued")
            desk = await stage.ready()
            agent, event, _ = await soon(stage.phones["sam"].rung())
            await agent.answer(200)
            await stage.watch.stage("connected", call_id)
            view = await desk.me()
            assert view.call is not None
            assert view.call.match.account is not None
            assert view.call.number == "withheld"
            assert ALICE not in view.model_dump_json()
            assert ALICE not in str(event.headers)
            record = await stage.record_of(call_id)
            assert ALICE not in record.model_dump_json()
            await leg.hang_up()
            await soon(agent.ended)

    run(story())


def test_a_number_of_two_accounts_picks_nobody_and_offers_a_choice(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, **SHIPPED) as stage:
            leg, call_id = await stage.call("<sip:+15035550161@127.0.0.1>")
            await stage.ready()
            await stage.answer()
            await stage.watch.stage("connected", call_id)
            call = (await stage.me()).call
            assert call is not None
            assert call.match.result == "many"
            assert call.match.account is None
            assert call.caller_name is None
            assert {c.name for c in call.match.candidates} >= {"Jo Fenwick", "Joanne Fenwick"}
            await leg.hang_up()
            record = await stage.record_of(call_id)
            assert outcomes(record)["GreetNeutral"] == "next"

    run(story())


def test_hostile_names_and_numbers_are_inert(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            record, shown = await _served(
                stage, "\"<img src=x> ' OR Name LIKE '%\" <sip:%27%20OR%201%3D1@127.0.0.1>"
            )
            assert record.match in {"none", "withheld"}
            assert "\r" not in shown
            assert "\n" not in shown
            assert not stage.events_of(record, "request")
            record, shown = await _served(stage, "<sip:+442079460019@127.0.0.1>")
            assert record.match == "one"
            assert shown.count("<sip:") == 1

    run(story())


TROUBLE = [
    (FaultKind.STATUS, "/services/data"),
    (FaultKind.CUT, "/services/data"),
    (FaultKind.GARBAGE, "/services/data"),
    (FaultKind.EMPTY, "/services/data"),
    (FaultKind.REDIRECT, "/services/data"),
    (FaultKind.QUOTA_DAILY, "/services/data"),
    (FaultKind.UNAUTHORIZED, "/services/data"),
    (FaultKind.OAUTH, "/services/oauth2"),
]


@pytest.mark.parametrize(("kind", "path"), TROUBLE)
def test_salesforce_in_trouble_costs_the_name_and_nothing_else(
    tmp_path: Path, kind: FaultKind, path: str
) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            stage.salesforce.fault(kind, path=path)
            await stage.salesforce_logged_out()
            record, _ = await _served(stage, f"<sip:{ALICE}@127.0.0.1>")
            assert record.match == "error"
            assert record.ending == "caller_hung_up"
            assert record.record["queue"] == "Support"

    run(story())


def test_a_slow_salesforce_costs_the_name_and_its_late_answer_is_popped(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, deadline_s=0.5, **SHIPPED) as stage:
            stage.salesforce.fault(FaultKind.SLOW, seconds=1.5, times=1)
            leg, call_id = await stage.call()
            await stage.ready()
            await stage.answer()
            await stage.watch.stage("connected", call_id)
            pop = await stage.watch.until(lambda e: e.type == "screen_pop")
            assert "/Account/" in str(pop.model_extra)
            await leg.hang_up()
            await stage.watch.ended(call_id)
            record = await stage.record_of(call_id)
            assert outcomes(record)["GreetNeutral"] == "next"
            assert "GreetByName" not in outcomes(record)
            assert record.match == "one"

    run(story())


def test_a_late_answer_moves_the_waiting_caller_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, deadline_s=0.5) as stage:
            stage.salesforce.fault(FaultKind.SLOW, seconds=1.5, times=1)
            _, first = await stage.call(f"<sip:{UNKNOWN}@127.0.0.1>")
            _, second = await stage.call()
            await stage.watch.until(
                lambda e: (
                    e.type == "queue"
                    and [c["priority"] for c in (e.model_extra or {})["queue"]["calls"]] == [2, 5]
                )
            )
            queue = await stage.operator.queue("Support")
            assert [call.call_id for call in queue.calls] == [second, first]
            record = await stage.record_of(second)
            assert [d["priority"] for d in stage.events_of(record, "rescored")][-1] == 2

    run(story())


def test_an_answer_after_the_usual_deadline_moves_the_waiting_caller_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            stage.salesforce.fault(FaultKind.SLOW, seconds=3.2, times=1)
            _, call_id = await stage.call()
            await stage.cases_known(call_id)
            record = await stage.record_of(call_id)
            told = stage.events_of(record, "identified")
            assert [(e["result"], e["late"]) for e in told] == [("one", True), ("one", True)]
            assert [d["priority"] for d in stage.events_of(record, "rescored")][-1] == 2

    run(story())


def test_a_longer_deadline_waits_for_one_slow_answer(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, deadline_s=6, **SHIPPED) as stage:
            stage.salesforce.fault(FaultKind.SLOW, seconds=3.2, times=1)
            _, call_id = await stage.call()
            await stage.cases_known(call_id)
            record = await stage.record_of(call_id)
            assert [e["late"] for e in stage.events_of(record, "identified")] == [False, False]

    run(story())


def test_a_colleagues_case_is_shown_and_left_alone(tmp_path: Path) -> None:
    """Ben Castillo has none; Alice Morgan of the same account has two, one of priority High."""

    async def story() -> None:
        async with scene(tmp_path, **SHIPPED) as stage:
            leg, call_id = await stage.call("<sip:+14155550125@127.0.0.1>")
            await stage.ready()
            await stage.answer()
            await stage.watch.stage("connected", call_id)
            call = (await stage.me()).call
            assert call is not None
            shown = [(case.priority, case.own) for case in call.match.cases]
            assert shown == [("High", False), ("Low", False)]
            await leg.hang_up()
            await stage.watch.stage("wrap_up", call_id)
            await stage.desks["sam"].end_wrap_up(call_id)
            await stage.watch.delivery(call_id, "delivered")
            record = await stage.record_of(call_id)
            assert outcomes(record)["CasebyContactId"] == "none"
            assert "SayCase" not in outcomes(record)
            assert (record.record["case_id"], record.record["priority"]) == (None, 4)
            assert stage.salesforce.comments(call_id) == []
            (task,) = stage.salesforce.org.records(OBJECTS["task"])
            assert (task["WhoId"], task["WhatId"]) == (record.record["contact_id"], None)

    run(story())


def test_salesforce_unreachable_from_the_start(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, salesforce="http://127.0.0.1:1") as stage:
            record, _ = await _served(stage, f"<sip:{ALICE}@127.0.0.1>")
            assert record.match == "error"
            assert "unreachable" in stage.events_of(record, "identified")[0]["detail"]

    run(story())


def test_the_caller_hears_speech_then_this_music(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, **SHIPPED) as stage:
            leg = await stage.dial()
            await soon(leg.answered)
            await leg.record(str(tmp_path / "caller.wav"))
            call_id = await stage.watch.stage("queued")
            await asyncio.sleep(6)  # a person listens to "You are next" and some music
            await leg.hang_up()
            await stage.watch.ended(call_id)
            record = await stage.record_of(call_id)
            offsets = {e.event: e.offset_s for e in record.timeline}
            heard = read_mono(tmp_path / "caller.wav", 8000)
            music = read_mono(ROOT / "media" / "sounds" / "defaultmusic_on_hold.wav", 8000)
            start = offsets["music"] - offsets["answered"]
            assert listen.classify(heard[: int(start * 8000)], 8000) is listen.Kind.SPEECH
            part = heard[int((start + 0.5) * 8000) :]
            assert listen.find(part, music, 8000, loop=True).score > 0.85
            assert record.ending == "abandoned_in_queue"

    run(story())
