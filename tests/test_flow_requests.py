"""http-request, parse, business-hours, queue-lookup, blind-transfer, and what is to come."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ivr.flow.activities import registry
from ivr.flow.activities.base import Acting, Finish, Leave, Result
from ivr.flow.errors import ActivityError, FlowError
from ivr.flow.ports import (
    AgentOrder,
    HttpResponse,
    PortError,
    Ports,
    QueueStanding,
    TransferOrder,
    TransferOutcome,
)
from ivr.flow.prompts import PromptCatalogue
from ivr.flow.schedule import Schedule
from ivr.flow.testing import START, FakePorts, no_sub_flow
from ivr.flow.values import Value, VariableType
from ivr.flow.variables import Variables, VariableSpec
from ivr.testing.virtual_time import LoopClock, run_virtual

RECORDS: Value = {"records": [{"Id": "001A", "Name": "Acme", "Owner": None}], "totalSize": 1}
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOURS = Schedule.model_validate(
    {
        "time_zone": "UTC",
        "working_hours": [{"name": "Day", "days": ["mon"], "from": "09:00", "to": "17:00"}],
        "holidays": [{"name": "Founding", "date": "2026-11-24"}],
        "overrides": [{"name": "Drill", "from": "2026-11-25T09:00", "to": "2026-11-25T10:00"}],
    }
)


class Stage:
    """One activity on fake ports, in virtual time from `now` on."""

    def __init__(self, now: datetime = NOON) -> None:
        self.fakes = FakePorts()
        self.now = now
        self.took_s = 0.0
        self.variables = Variables(
            (
                VariableSpec(name="text", default=json.dumps(RECORDS)),
                VariableSpec(name="doc", type=VariableType.JSON, default=RECORDS),
                VariableSpec(name="accountId"),
                VariableSpec(name="digits", default="4155550199"),
            ),
            START,
            activities=("Ask",),
            queue_position=self.fakes.queue.position,
        )

    def run(self, kind: str, properties: dict[str, Any], ports: Ports | None = None) -> Result:
        async def scenario() -> Result:
            clock = LoopClock(self.now)
            acting = Acting(
                ports=ports or self.fakes.ports(),
                prompts=PromptCatalogue(language="en-US", prompts={}),
                variables=self.variables,
                default_queue="Default",
                clock=clock,
                run_sub_flow=no_sub_flow,
                schedules={"Support": HOURS},
            )
            try:
                return await registry()[kind].model_validate(properties).run(acting)
            finally:
                self.took_s = clock.monotonic()

        return run_virtual(scenario())

    def leave(self, kind: str, properties: dict[str, Any]) -> Leave:
        result = self.run(kind, properties)
        assert isinstance(result, Leave)
        return result

    @property
    def lines(self) -> list[str]:
        return self.fakes.journal.lines


@pytest.fixture
def stage() -> Stage:
    return Stage()


GET: dict[str, Any] = {"connector": "SF", "path": "/x"}
BUSY = HttpResponse(status=503, body="")
OK = HttpResponse(status=200, body=json.dumps(RECORDS), headers={"x-a": "b"})


@pytest.mark.parametrize(
    ("responses", "retries", "outcome", "tries"),
    [
        ([BUSY, OK], 1, "ok", 2),
        ([BUSY, BUSY, OK], 2, "ok", 3),
        ([BUSY, BUSY], 1, "server_error", 2),
        ([BUSY], 0, "server_error", 1),
        ([HttpResponse(status=404, body="")], 3, "client_error", 1),
        ([OK], 3, "ok", 1),
    ],
)
def test_reads_are_tried_again(
    stage: Stage, responses: list[HttpResponse], retries: int, outcome: str, tries: int
) -> None:
    stage.fakes.connector.responses.extend(responses)
    assert stage.leave("http-request", GET | {"retries": retries}).outcome == outcome
    assert len(stage.lines) == tries


def test_a_time_out_is_tried_again_within_the_activitys_limit(stage: Stage) -> None:
    stage.fakes.journal.fail("request", TimeoutError())
    properties = GET | {"retries": 2, "timeout_s": 1}
    assert stage.leave("http-request", properties).outcome == "timeout"
    assert len(stage.lines) == 3
    limit_s = registry()["http-request"].model_validate(properties).limit_s()
    assert limit_s is not None
    assert limit_s > stage.took_s + 3 * 1  # the pauses, and as long as each try may take


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_writes_are_never_sent_twice(method: str) -> None:
    with pytest.raises(ValueError, match="might be done twice"):
        registry()["http-request"].model_validate(GET | {"method": method, "retries": 1})


def test_values_of_the_answer_become_variables(stage: Stage) -> None:
    stage.fakes.connector.response = OK
    extract = {
        "accountId": "$.records.[0].Id",
        "doc": "$.records[*].Name",
        "text": "$.nobody",
        "digits": "$.records[0].Owner",
    }
    left = stage.leave("http-request", GET | {"extract": extract})
    assert left.assigned == {"accountId": "001A", "doc": ["Acme"]}
    assert left.detail == "200, nothing for text, digits"
    assert left.outputs["httpResponseHeaders"] == {"x-a": "b"}
    assert registry()["http-request"].model_validate(GET | {"extract": extract}).assigns().keys() == set(
        extract
    )


@pytest.mark.parametrize("body", ["", "<html>", "not json"])
def test_an_answer_that_is_no_json_sets_nothing(stage: Stage, body: str) -> None:
    stage.fakes.connector.response = HttpResponse(status=204 if not body else 200, body=body)
    left = stage.leave("http-request", GET | {"extract": {"accountId": "$.x"}})
    assert (left.outcome, left.assigned) == ("ok", {})


def test_headers_and_other_bodies(stage: Stage) -> None:
    properties = GET | {
        "method": "POST",
        "headers": {"X-Caller": "{{ digits }}"},
        "text": "<c>{{ digits }}</c>",
        "content_type": "text/xml",
    }
    stage.run("http-request", properties)
    (request,) = stage.fakes.connector.requests
    assert request.headers == {"X-Caller": "4155550199", "Content-Type": "text/xml"}
    assert request.body == "<c>4155550199</c>"


def test_a_header_cannot_be_split(stage: Stage) -> None:
    with pytest.raises(ActivityError, match="one line"):
        stage.run("http-request", GET | {"headers": {"X-A": "a\nb: c"}})
    assert stage.lines == []


@pytest.mark.parametrize(
    "change",
    [
        {"headers": {"Authorization": "x"}},
        {"headers": {"host": "x"}},
        {"headers": {"A B": "x"}},
        {"text": "x", "body": "{}"},
        {"extract": {"a": "$.["}},
        {"content_type": "x\r\ny"},
        {"retries": 9},
    ],
)
def test_requests_that_make_no_sense(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        registry()["http-request"].model_validate(GET | change)


@pytest.mark.parametrize("source", ["text", "doc"])
def test_parse(stage: Stage, source: str) -> None:
    extract = {"accountId": "$.records[0].Id", "digits": "$.nobody"}
    assert stage.run("parse", {"input": source, "extract": extract}) == Leave(
        assigned={"accountId": "001A"}, detail="nothing for digits"
    )


def test_parse_reads_an_output_whatever_its_case(stage: Stage) -> None:
    stage.variables.set_outputs("Ask", {"httpResponseBody": json.dumps(RECORDS)})
    left = stage.leave("parse", {"input": "Ask.HttpResponseBody", "extract": {"accountId": "$..Id"}})
    assert left.assigned == {"accountId": ["001A"]}


@pytest.mark.parametrize("source", ["digits.x", "accountId", "Ask.json", "nobody", "Ask"])
def test_parse_of_nothing_is_an_error(stage: Stage, source: str) -> None:
    with pytest.raises(FlowError):
        stage.run("parse", {"input": source, "extract": {"accountId": "$.x"}})


def test_parse_of_no_json_is_an_error(stage: Stage) -> None:
    stage.variables.assign("text", "<html>")
    with pytest.raises(ActivityError, match="no JSON"):
        stage.run("parse", {"input": "text", "extract": {"accountId": "$.x"}})


@pytest.mark.parametrize(
    ("day", "outcome", "name"),
    [(23, "workingHours", "Day"), (24, "holidays", "Founding"), (26, "default", "")],
)
def test_business_hours(day: int, outcome: str, name: str) -> None:
    left = Stage(NOON.replace(day=day)).leave("business-hours", {"schedule": "Support"})
    assert (left.outcome, left.outputs["Name"]) == (outcome, name)


def test_business_hours_name_what_holds() -> None:
    left = Stage(NOON.replace(day=25, hour=9)).leave("business-hours", {"schedule": "Support"})
    assert left.outcome == "override"
    assert left.outputs == {
        "Name": "Drill",
        "WorkingHoursShift_Name": "",
        "Holiday_Name": "",
        "Override_Name": "Drill",
    }


def test_an_unknown_schedule_is_an_error(stage: Stage) -> None:
    with pytest.raises(ActivityError, match="no schedule"):
        stage.run("business-hours", {"schedule": "{{ digits }}"})


def test_queue_lookup(stage: Stage) -> None:
    stage.fakes.queue.standing = QueueStanding(waiting=3, oldest_s=61.6, agents_ready=0, agents_signed_in=2)
    left = stage.leave("queue-lookup", {"queue": "Support"})
    assert left.outputs == {
        "PIQ": 4,
        "EWT": -1,
        "CallsQueuedNow": 3,
        "OldestCallTime": 62,
        "LoggedOnAgentsAll": 2,
        "AvailableAgentsAll": 0,
    }
    stage.fakes.queue.place = 2
    assert stage.leave("queue-lookup", {"queue": "Support"}).outputs["PIQ"] == 2


def test_queue_lookup_estimates_the_wait(stage: Stage) -> None:
    stage.fakes.queue.standing = QueueStanding(
        waiting=3, oldest_s=5.0, agents_ready=0, agents_signed_in=2, place_s=45.25
    )
    left = stage.leave("queue-lookup", {"queue": "Support", "lookback_s": 600})
    assert left.outputs["EWT"] == 4 * 45_250
    assert stage.fakes.queue.lookback_s == 600
    stage.fakes.queue.place = 1
    assert stage.leave("queue-lookup", {"queue": "Support"}).outputs["EWT"] == 45_250


def test_a_transfer_that_was_answered_ends_the_flow(stage: Stage) -> None:
    result = stage.run("blind-transfer", {"target": "+1{{ digits }}", "caller_id": "+12065550100"})
    assert result == Finish(hung_up=True, detail="transferred")
    assert stage.fakes.transfer.orders == [
        TransferOrder(target="+14155550199", ring_s=30.0, caller_id="+12065550100")
    ]


@pytest.mark.parametrize("outcome", [o for o in TransferOutcome if o is not TransferOutcome.TALKED])
def test_a_transfer_that_failed_keeps_the_caller(stage: Stage, outcome: TransferOutcome) -> None:
    stage.fakes.transfer.outcome = outcome
    left = stage.leave("blind-transfer", {"target": "100", "refer": True})
    assert (left.outcome, left.outputs) == ("failure", {"FailureReason": str(outcome)})
    assert stage.fakes.transfer.orders[0].refer


def test_a_transfer_to_nobody_is_an_error(stage: Stage) -> None:
    with pytest.raises(ActivityError, match="no target"):
        stage.run("blind-transfer", {"target": "{{ '' }}"})


def test_where_calls_cannot_be_put_through_a_transfer_is_an_error(stage: Stage) -> None:
    fakes = stage.fakes
    ports = Ports(voice=fakes.voice, queue=fakes.queue, connector=fakes.connector, desktop=fakes.desktop)
    with pytest.raises(PortError):
        stage.run("blind-transfer", {"target": "100"}, ports)


def test_a_call_is_queued_for_one_agent(stage: Stage) -> None:
    given = {
        "agent": " {{ digits }} ",
        "queue": "Support",
        "recovery_queue": "Sales",
        "park": False,
        "priority": "2",
    }
    left = stage.leave("queue-to-agent", given)
    assert stage.fakes.queue.orders == [
        AgentOrder(agent="4155550199", queue="Support", recovery_queue="Sales", park=False, priority=2)
    ]
    assert left.outcome == "next"
    assert left.outputs == {"queue": "Support", "agent": "4155550199", "priority": 2}
    needs = registry()["queue-to-agent"].model_validate(given).needs()
    assert [(need.name, need.at) for need in needs] == [
        ("Support", ("queue",)),
        ("Sales", ("recovery_queue",)),
    ]


@pytest.mark.parametrize(
    ("given", "queue"), [({}, "Default"), ({"recovery_queue": "Sales"}, "Sales"), ({"queue": "A"}, "A")]
)
def test_a_call_for_one_agent_counts_for_the_queue_that_is_named(
    stage: Stage, given: dict[str, str], queue: str
) -> None:
    stage.leave("queue-to-agent", {"agent": "sam", **given})
    (order,) = stage.fakes.queue.orders
    assert (order.queue, order.park, order.priority) == (queue, True, None)


def test_an_agent_who_is_not_available_leaves_by_failure_or_to_the_recovery_queue(stage: Stage) -> None:
    stage.fakes.queue.agent_not_available = "signed_out"
    left = stage.leave("queue-to-agent", {"agent": "sam", "queue": "Support"})
    assert (left.outcome, left.outputs["FailureReason"]) == ("failure", "signed_out")
    left = stage.leave("queue-to-agent", {"agent": "sam", "recovery_queue": "Sales"})
    assert (left.outcome, left.outputs["queue"], left.outputs["agent"]) == ("next", "Sales", "")


def test_a_call_for_nobody_is_an_error(stage: Stage) -> None:
    with pytest.raises(ActivityError, match="no agent"):
        stage.run("queue-to-agent", {"agent": "{{ '' }}", "queue": "Support"})
    assert stage.lines == []


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("callback", {"number": "{{ digits }}", "queue": "Support"}),
    ],
)
def test_what_is_to_come_parses_and_leaves_by_error(
    stage: Stage, kind: str, properties: dict[str, Any]
) -> None:
    activity = registry()[kind].model_validate(properties)
    assert not activity.available
    assert [need.name for need in activity.needs()] == ["Support"]
    with pytest.raises(ActivityError, match="not available yet"):
        stage.run(kind, properties)
