"""From the timelines of calls to pictures: where calls are, how they went, and nothing that is made up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ivr.api.errors import NotFound
from ivr.api.models import CallStage, CallView, TimelineEntry
from ivr.flow.draw.picture import Visit
from ivr.flow.load import load_flow
from ivr.flow.model import Flow, Graph
from ivr.flow_pictures import FlowPictures, counted, steps, walked, whereabouts
from ivr.ids import CallId
from tests.node_support import run, scene

FLOW = load_flow(Path(__file__).parents[1] / "config" / "flows" / "salesforce_ani_lookup.yaml")
START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
HOSTILE = "</svg><script>alert(1)</script>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An entry of a timeline."""

    event: str
    source: str = "flow"
    detail: Mapping[str, object] = field(default_factory=dict)


def step(activity: str, outcome: str = "next", flow: str = "main", **more: object) -> Told:
    return Told(event=activity, detail={"flow": flow, "type": "any", "outcome": outcome, **more})


def main(activity: str, outcome: str = "") -> Visit:
    return Visit(group="main", activity=activity, outcome=outcome)


BEGUN = (step("NewPhoneContact"), step("SetPhoneNumber"))
WAITING = (
    *BEGUN,
    step("Greet"),
    step("AccountByANI", "withheld"),
    step("GreetNeutral"),
    step("QueueContact"),
)
ANSWERED = (*WAITING, step("CasebyContactId", "cancelled"))


def with_rescue(flow: Flow) -> Flow:
    """The flow with an OnGlobalError of its own, made of one of its event flows."""
    graph = flow.events["PhoneContactEnded"]
    rescue = Graph(name="OnGlobalError", start=graph.start, nodes=graph.nodes)
    return replace(flow, events={**flow.events, "OnGlobalError": rescue})


def test_a_call_is_where_its_last_edge_leads() -> None:
    assert whereabouts(FLOW, ()) == (main("NewPhoneContact"),)
    assert whereabouts(FLOW, BEGUN) == (main("Greet"),)
    assert whereabouts(FLOW, WAITING) == (main("CasebyContactId"),)


def test_activities_started_at_invite_do_not_move_the_call() -> None:
    early = step("AccountByANI", "one", early=True)
    assert whereabouts(FLOW, (*BEGUN, early)) == (main("Greet"),)
    assert early.event not in [visit.activity for visit in steps(FLOW, (*BEGUN, early))]


def test_a_call_with_an_agent_is_in_no_activity_but_in_its_event_flow() -> None:
    assert whereabouts(FLOW, ANSWERED) == ()
    popped = (*ANSWERED, step("ScreenPopAccount", flow="AgentAnswered"))
    assert whereabouts(FLOW, popped) == (Visit(group="AgentAnswered", activity="EndFlow"),)
    assert whereabouts(FLOW, (*popped, step("EndFlow", "ended", flow="AgentAnswered"))) == ()


def test_a_main_flow_that_cannot_go_on_is_in_the_global_error_flow() -> None:
    broken = (*BEGUN, step("Greet", "no such edge"))
    assert whereabouts(FLOW, broken) == ()
    flow = with_rescue(FLOW)
    assert whereabouts(flow, broken) == (Visit(group="OnGlobalError", activity="PostComments"),)
    on = (*broken, step("PostComments", flow="OnGlobalError"))
    assert whereabouts(flow, on) == (Visit(group="OnGlobalError", activity="EndFlow"),)
    # Also when it was stopped at an edge that leads on.
    spun = (*BEGUN, step("PostComments", flow="OnGlobalError"))
    assert whereabouts(flow, spun) == (Visit(group="OnGlobalError", activity="EndFlow"),)


def test_calls_are_counted_at_their_activities() -> None:
    overlay = counted(FLOW, [BEGUN, BEGUN, WAITING, ANSWERED])
    assert overlay.counts == {("main", "Greet"): 2, ("main", "CasebyContactId"): 1}


def test_the_way_of_a_call_has_the_edges_that_it_took_and_no_others() -> None:
    overlay = walked(FLOW, ANSWERED, running=False)
    assert [visit.activity for visit in overlay.path] == [told.event for told in ANSWERED]
    assert overlay.path[3] == main("AccountByANI", "withheld")
    assert overlay.counts == {}
    running = walked(FLOW, WAITING, running=True)
    assert running.path[-1] == main("CasebyContactId")
    assert running.counts == {("main", "CasebyContactId"): 1}


@pytest.mark.parametrize(
    "entry",
    [
        Told(event="QueueContact", source="queue", detail={"flow": "main", "outcome": "next"}),
        Told(event="event_failed", detail={"event": "AgentAnswered", "detail": HOSTILE}),
        step(HOSTILE),
        step("Greet", flow=HOSTILE),
        step("Greet", flow="sub-flow other"),
        Told(event="Greet", detail={"outcome": "next"}),
    ],
)
def test_entries_that_are_no_step_of_this_flow_change_nothing(entry: Told) -> None:
    assert list(steps(FLOW, (entry,))) == []
    assert whereabouts(FLOW, (*BEGUN, entry)) == (main("Greet"),)


# --- the node's pictures -----------------------------------------------------------------------------------


def view(*told: Told, flow: str = FLOW.name, version: str = FLOW.stamp, over: bool = True) -> CallView:
    """A call as the node shows it."""
    return CallView(
        call_id="c1",
        stage=CallStage.ENDED if over else CallStage.QUEUED,
        entry_point="Support",
        started_at=START,
        ended_at=START + timedelta(seconds=30) if over else None,
        number="withheld",
        match="withheld",
        queue=None,
        agent=None,
        ending="caller_hung_up" if over else None,
        record={"flow": flow, "flow_version": version},
        timeline=tuple(
            TimelineEntry(at=START, offset_s=1.0, source=t.source, event=t.event, detail=dict(t.detail))
            for t in told
        ),
    )


def call_picture(shown: CallView | None) -> str | None:
    """What the node draws of this call."""

    async def found(_: CallId) -> CallView | None:
        return shown

    return asyncio.run(FlowPictures(lambda: {"file": FLOW}, lambda: (), found).call_picture(CallId("c1")))


def classes(svg: str) -> dict[str, set[str]]:
    """The classes of each box of the main flow, by its name."""
    found: dict[str, set[str]] = {}
    for group in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}g"):
        names = [t.text or "" for t in group.findall("{*}text") if t.get("class") == "name"]
        for name in names:
            found.setdefault(name, set((group.get("class") or "").split()))
    return found


def test_the_picture_of_a_past_call() -> None:
    svg = call_picture(view(*ANSWERED))
    assert svg is not None
    boxes = classes(svg)
    assert "visited" in boxes["GreetNeutral"]
    assert "faded" in boxes["GreetByName"]
    assert svg.count('class="arrow taken"') == len(ANSWERED) - 1


def test_a_call_of_another_version_says_so_and_shows_what_still_fits() -> None:
    svg = call_picture(view(*BEGUN, step("GoneActivity"), version=f"0.9 {HOSTILE}", over=False))
    assert svg is not None
    title = ElementTree.fromstring(svg).findtext("{*}title") or ""
    assert f"the call ran 0.9 {HOSTILE}" in title
    assert "visited" in classes(svg)["SetPhoneNumber"]
    # Where it is now cannot be told from edges that it does not have.
    assert 'class="count"' not in svg


def test_no_call_and_no_flow() -> None:
    assert call_picture(None) is None
    with pytest.raises(NotFound):
        call_picture(view(*BEGUN, flow="gone"))


@pytest.mark.sip
@pytest.mark.timeout(120)
def test_a_real_calls_place_and_its_way(tmp_path: Path) -> None:
    """Over SIP: the caller is counted while it waits, and its way is drawn when it has gone."""

    async def work() -> None:
        async with scene(tmp_path) as stage:
            leg, call_id = await stage.call()
            await stage.watch.stage("queued", call_id)
            flow = (await stage.operator.flows())[0]
            assert flow.calls == 1
            now = await stage.operator.flow_picture(flow.name)
            assert 'class="count"' in now
            assert "1 call now" in now
            await leg.hang_up()
            await stage.watch.ended(call_id)
            after = await stage.operator.flow_picture(flow.name)
            assert 'class="count"' not in after
            way = await stage.operator.call_picture(call_id)
            assert 'class="arrow taken"' in way
            assert (await stage.operator.flows())[0].calls == 0

    run(work())
