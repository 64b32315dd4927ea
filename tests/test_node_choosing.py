"""One number, several callers: the agent says who it is, during the call or after it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ivr.api.errors import ApiRefused
from ivr.api.models import AgentCall, CallView, PopOutcome, RecordView
from ivr.salesforce.simulator.faults import FaultKind
from ivr.salesforce.simulator.schema import OBJECTS
from media.leg import Leg
from tests.node_support import ALICE, Scene, run, scene

pytestmark = [pytest.mark.sip, pytest.mark.timeout(120)]

SHARED = "<sip:+15035550161@127.0.0.1>"
"""Jo Fenwick of Fenwick Farms and Joanne Fenwick of Fenwick Dairy Cooperative."""
NOTE = "Asked about the late tanker."


async def _talking(stage: Scene, from_uri: str = SHARED) -> tuple[Leg, str]:
    leg, call_id = await stage.call(from_uri)
    await stage.ready()
    await stage.answer()
    await stage.watch.stage("connected", call_id)
    return leg, call_id


async def _held(stage: Scene) -> AgentCall:
    call = (await stage.me()).call
    assert call is not None
    return call


def _named(call: AgentCall, name: str) -> RecordView:
    return next(record for record in call.match.candidates if record.name == name)


async def _choose(stage: Scene, call_id: str, name: str) -> RecordView:
    record = _named(await _held(stage), name)
    await stage.desks["sam"].choose_caller(call_id, record.object, record.id)
    return record


async def _hung_up(stage: Scene, leg: Leg, call_id: str) -> None:
    await leg.hang_up()
    await stage.watch.stage("wrap_up", call_id)


async def _written(stage: Scene, call_id: str) -> CallView:
    """Wrap-up is finished, and what was to be written stands."""
    await stage.desks["sam"].end_wrap_up(call_id)
    await stage.watch.delivery(call_id, "delivered")
    return await stage.record_of(call_id)


def _comment_on(stage: Scene, call_id: str) -> Mapping[str, object]:
    """The one comment on the call."""
    rows = stage.salesforce.org.records(OBJECTS["casecomment"])
    (row,) = [row for row in rows if call_id in str(row["CommentBody"])]
    return row


async def _looked_up(stage: Scene) -> str:
    """The metric's line."""
    text = await stage.operator.metrics()
    return next(line for line in text.splitlines() if "match" in line and 'result="many"' in line)


def test_chosen_in_the_conversation_he_is_known_as_if_recognised(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            case = stage.salesforce.opens_case("Joanne Fenwick", "Tanker late")
            leg, call_id = await _talking(stage)
            offered = [(c.object, c.account) for c in (await _held(stage)).match.candidates]
            assert sorted(offered) == [
                ("Contact", "Fenwick Dairy Cooperative"),
                ("Contact", "Fenwick Farms"),
            ]
            chosen = await _choose(stage, call_id, "Joanne Fenwick")
            call = await _held(stage)
            assert call.caller_name == "Joanne Fenwick"
            assert call.match.result == "one"
            assert call.match.account is not None
            assert call.match.account.name == "Fenwick Dairy Cooperative"
            assert [(c.id, c.own) for c in call.match.cases] == [(case, True)]
            pop = call.screen_pop
            assert pop is not None
            assert (pop.outcome, call.match.account.id in pop.url) == (PopOutcome.PENDING, True)
            await stage.desks["sam"].save_note(call_id, NOTE, 0)
            await _hung_up(stage, leg, call_id)
            record = await _written(stage, call_id)
            assert record.record["contact_id"] == chosen.id
            assert record.record["account_id"] == call.match.account.id
            assert (record.record["case_id"], record.match) == (case, "one")
            (told,) = stage.events_of(record, "caller_chosen")
            assert told == {"object": "Contact", "id": chosen.id, "agent": "sam"}
            comment = _comment_on(stage, call_id)
            assert comment["ParentId"] == case
            assert NOTE in str(comment["CommentBody"])
            assert (await _looked_up(stage)).endswith(" 1.0"), "the metric counts the look-up"

    run(story())


def test_chosen_in_wrap_up_and_put_right_one_comment_stands_where_it_belongs(tmp_path: Path) -> None:
    """PostComments has run with nobody known; then for the wrong one, who has no case."""

    async def story() -> None:
        async with scene(tmp_path) as stage:
            case = stage.salesforce.opens_case("Joanne Fenwick", "Tanker late")
            leg, call_id = await _talking(stage)
            await _hung_up(stage, leg, call_id)
            assert await stage.operator.outbox() == []
            await stage.desks["sam"].save_note(call_id, NOTE, 0)
            await _choose(stage, call_id, "Jo Fenwick")
            (row,) = await stage.operator.outbox()
            assert (row.operation, row.state) == ("call_task", "held")
            await _choose(stage, call_id, "Joanne Fenwick")
            (row,) = await stage.operator.outbox()
            assert (row.operation, row.state) == ("case_comment", "held")
            record = await _written(stage, call_id)
            assert record.record["case_id"] == case
            comment = _comment_on(stage, call_id)
            assert comment["ParentId"] == case
            assert NOTE in str(comment["CommentBody"])
            tasks = stage.salesforce.org.records(OBJECTS["task"])
            assert [task for task in tasks if task["CallObject"] == call_id] == []
            assert len(await stage.operator.outbox()) == 1

    run(story())


@pytest.mark.parametrize(
    ("kind", "said"), [(FaultKind.SLOW, "no answer in time"), (FaultKind.STATUS, "unavailable")]
)
def test_without_salesforce_the_choice_stands_without_the_cases(
    kind: FaultKind, said: str, tmp_path: Path
) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            stage.salesforce.opens_case("Joanne Fenwick", "Tanker late")
            leg, call_id = await _talking(stage)
            stage.salesforce.fault(kind, seconds=30, path="/composite")
            record = _named(await _held(stage), "Joanne Fenwick")
            match = await stage.desks["sam"].choose_caller(call_id, record.object, record.id)
            assert (match.result, match.cases, match.cases_known) == ("one", (), False)
            assert said in match.detail
            stage.salesforce.faults.clear()
            await _hung_up(stage, leg, call_id)
            after = await _written(stage, call_id)
            assert (after.record["contact_id"], after.record["case_id"]) == (record.id, None)
            (task,) = [t for t in stage.salesforce.org.records(OBJECTS["task"]) if t["CallObject"] == call_id]
            assert task["WhoId"] == record.id

    run(story())


def test_a_late_look_up_does_not_undo_the_choice_and_a_page_is_not_opened_twice(tmp_path: Path) -> None:
    """Two of one account share a number: the account is known, and its cases come after the choice."""

    async def story() -> None:
        async with scene(tmp_path) as stage:
            org = stage.salesforce.org
            for row in list(org.records(OBJECTS["contact"])):
                if row["Name"] in ("Grace Lindqvist", "Samuel Adeyemi"):
                    org.update(OBJECTS["contact"], str(row["Id"]), {"Phone": "(212) 555-0155"})
            case = stage.salesforce.opens_case("Samuel Adeyemi", "Cannot sign")
            stage.salesforce.fault(FaultKind.SLOW, seconds=4.0, times=1, path="/composite")
            leg, call_id = await _talking(stage, "<sip:+12125550155@127.0.0.1>")
            await stage.watch.until(lambda e: e.type == "screen_pop")
            pop = (await _held(stage)).screen_pop
            await _choose(stage, call_id, "Samuel Adeyemi")
            assert (await _held(stage)).screen_pop == pop, "the account's page is there"
            await _late_news(stage, call_id)
            call = await _held(stage)
            assert (call.match.result, call.caller_name) == ("one", "Samuel Adeyemi")
            assert call.match.cases[0].id == case
            await leg.hang_up()

    run(story())


async def _late_news(stage: Scene, call_id: str) -> None:
    """Until the look-up's own answer has come, late."""

    async def come() -> bool:
        told = stage.events_of(await stage.record_of(call_id), "identified")
        return any(news["late"] and news["cases_known"] for news in told)

    while not await come():
        await stage.tick()


def test_who_may_not_be_chosen_when_and_by_whom(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            leg, call_id = await stage.call(SHARED)
            await stage.ready("jin")
            jo = ("Contact", "003000000000001AAA")
            await _refused(stage, "operator", call_id, jo, 409)  # nobody has asked him yet
            await stage.answer("jin")
            await stage.watch.stage("connected", call_id)
            await stage.desks["sam"].sign_in("sam", "secret")
            await _refused(stage, "sam", call_id, jo, 403)
            await _refused(stage, "jin", call_id, jo, 409)  # a record, and none of the candidates
            await _refused(stage, "jin", call_id, ("Contact", "' OR Id != '"), 409)
            call = (await stage.desks["jin"].me()).call
            assert call is not None
            right = (call.match.candidates[0].object, call.match.candidates[0].id)
            await _refused(stage, "jin", call_id, ("Lead", right[1]), 409)
            assert (await stage.operator.choose_caller(call_id, *right)).result == "one"
            await _hung_up(stage, leg, call_id)
            await stage.desks["jin"].end_wrap_up(call_id)
            await stage.watch.stage("ended", call_id)
            await _refused(stage, "jin", call_id, right, 409)

    run(story())


def test_who_is_known_is_not_chosen(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            leg, call_id = await _talking(stage, f"<sip:{ALICE}@127.0.0.1>")
            call = await _held(stage)
            assert (call.match.result, call.match.candidates) == ("one", ())
            assert call.match.account is not None
            await _refused(stage, "sam", call_id, ("Account", call.match.account.id), 409)
            await leg.hang_up()

    run(story())


async def _refused(stage: Scene, who: str, call_id: str, record: tuple[str, str], status: int) -> None:
    client = stage.operator if who == "operator" else stage.desks[who]
    with pytest.raises(ApiRefused) as refusal:
        await client.choose_caller(call_id, *record)
    assert refusal.value.status == status
