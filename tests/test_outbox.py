"""The sender: comments and Tasks, in good days and bad; and what is planned for a call."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from ivr.call_task import task_values
from ivr.ids import CallId
from ivr.outbox import FIRST_RETRY_S, MAX_ATTEMPTS, OutboxSender, retry_delay_s
from ivr.salesforce.simulator.faults import Fault, FaultKind
from ivr.salesforce.simulator.schema import OBJECTS
from ivr.salesforce.testing import SimulatedOrg, simulated, simulated_over_tcp
from ivr.store.store import Store
from ivr.store.testing import closed, opened
from ivr.store.values import (
    CALL_TASK,
    CASE_COMMENT,
    RECORD_CONNECTOR,
    CallRecord,
    CommentRules,
    OutboxDraft,
    OutboxRow,
    OutboxState,
    Recovered,
    WriteRules,
    call_marker,
)
from ivr.telemetry.metrics import Metrics
from ivr.testing.clock import EPOCH, ManualClock
from ivr.writes import Known, planned, task_links

CALL = CallId("call-0001-0001")
CASE, CONTACT, LEAD, ACCOUNT = (
    "500gK0000000001QAA",
    "003gK0000000001QAA",
    "00QgK0000000001QAA",
    "001gK0000000001QAA",
)


@dataclass(kw_only=True)
class Stage:
    """A store with one call, and senders on it."""

    org: SimulatedOrg
    store: Store
    clock: ManualClock
    told: list[tuple[str, str]] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)

    def sender(self, store: Store | None = None) -> OutboxSender:
        return OutboxSender(
            store or self.store,
            {"Salesforce": self.org.connector},
            {"alice": "Alice Kim"},
            self.clock,
            lambda record, outcome, detail: self.told.append((outcome, detail)),
        )

    async def end_call(self, *drafts: OutboxDraft) -> None:
        self.store.record_opened(opened(CALL, EPOCH))
        self.store.record_updated(
            CALL, answered_at=EPOCH, queue="Support", queued_at=EPOCH,
            agent_answered_at=EPOCH + timedelta(seconds=30), agent="alice",
        )  # fmt: skip
        await self.store.save_note(CALL, "alice", "wants a refund", 0)
        await self.store.close_call(closed(CALL, EPOCH + timedelta(seconds=95)), drafts)

    async def rows(self) -> dict[str, OutboxRow]:
        return {row.operation: row for row in await self.store.outbox_rows()}

    def tasks(self) -> list[dict[str, object]]:
        return [dict(record) for record in self.org.org.records(OBJECTS["task"])]

    @property
    def case_id(self) -> str:
        return self.org.id_of("Case", "Lost parcel")

    def comment(self) -> OutboxDraft:
        return OutboxDraft(
            operation=CASE_COMMENT,
            target={"connector": "Salesforce", "case_id": self.case_id, "text": ""},
            marker=call_marker(CALL),
        )

    def task(self, **links: str) -> OutboxDraft:
        links = links or {"what_id": self.case_id, "who_id": self.org.id_of("Contact", "Alice Morgan")}
        target = {"connector": "Salesforce", "text": "", "subject": "Call", "status": "Completed", **links}
        return OutboxDraft(operation=CALL_TASK, target=target, marker=call_marker(CALL, "task"))


@asynccontextmanager
async def stage(folder: Path, *, tcp: bool = False) -> AsyncIterator[Stage]:
    clock = ManualClock()
    async with (
        (simulated_over_tcp if tcp else simulated)() as org,
        Store.open(folder / "ivr.db", folder, clock, "boot-1", busy_timeout_s=2.0) as store,
    ):
        yield Stage(org=org, store=store, clock=clock)


# --- delivery --------------------------------------------------------------------------------------------


def test_a_call_is_a_comment_and_a_task(tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path) as on:
            await on.end_call(on.comment(), on.task())
            await on.sender().deliver_due()
            (made,) = on.org.comments(on.case_id)
            assert "wants a refund" in made
            (task,) = on.tasks()
            assert {k: task[k] for k in ("Subject", "Status", "TaskSubtype", "CallType", "CallObject")} == {
                "Subject": "Call",
                "Status": "Completed",
                "TaskSubtype": "Call",
                "CallType": "Inbound",
                "CallObject": CALL,
            }
            assert (task["CallDurationInSeconds"], task["CallDisposition"]) == (95, "Answered")
            assert (task["ActivityDate"], task["WhatId"]) == ("2025-01-01", on.case_id)
            assert task["WhoId"] == on.org.id_of("Contact", "Alice Morgan")
            assert "wants a refund" in str(task["Description"])
            assert sorted(on.told) == [("delivered", "created"), ("delivered", "task created")]
            assert await on.store.outbox_depth() == 0
            await on.sender().deliver_due()
            assert (len(on.tasks()), len(on.org.comments(on.case_id))) == (1, 1)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "operation"), [("/sobjects/CaseComment", CASE_COMMENT), ("/sobjects/Task", CALL_TASK)]
)
def test_a_lost_answer_makes_no_second_record(path: str, operation: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path, tcp=True) as on:
            await on.org.connector.login()
            on.org.fault(FaultKind.LOST_ANSWER, path=path)
            await on.end_call(on.comment(), on.task())
            sender = on.sender()
            await sender.deliver_due()
            row = (await on.rows())[operation]
            assert (row.state, row.attempts) == (OutboxState.DUE, 1)
            assert "ConnectionLost" in str(row.last_error)
            assert row.due_at == on.clock.now() + timedelta(seconds=FIRST_RETRY_S)
            on.clock.advance(FIRST_RETRY_S)
            await sender.deliver_due()
            assert (len(on.tasks()), len(on.org.comments(on.case_id))) == (1, 1)
            assert (await on.rows())[operation].state is OutboxState.DONE
            assert on.told[-1][1].endswith("already_there")

    asyncio.run(main())


def test_two_senders_of_two_processes_make_one_of_each(tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path, tcp=True) as on:
            other = Store.open(
                tmp_path / "ivr.db", tmp_path / "other", on.clock, "boot-2", busy_timeout_s=5.0
            )
            (tmp_path / "other").mkdir()
            async with other as second:
                await on.end_call(on.comment(), on.task())
                senders = [on.sender(), on.sender(), on.sender(second)]
                await asyncio.gather(*(sender.deliver_due() for sender in senders))
                assert (len(on.tasks()), len(on.org.comments(on.case_id))) == (1, 1)
                assert sorted(word for word, _ in on.told) == ["delivered", "delivered"]

    asyncio.run(main())


def test_a_dead_sender_s_attempt_is_given_time_to_be_seen(tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path) as on:
            await on.end_call(on.task())
            (row,) = await on.store.claim_due(1)
            await on.store.freeze(row.id, "{}")
        async with (
            simulated() as org,
            Store.open(tmp_path / "ivr.db", tmp_path, on.clock, "boot-2") as store,
        ):
            on.org, on.store = org, store
            await store.recover(on.clock.now())
            sender = on.sender()
            await sender.deliver_due()
            assert org.seen == []
            assert (await on.rows())[CALL_TASK].due_at == on.clock.now() + timedelta(seconds=FIRST_RETRY_S)
            on.clock.advance(FIRST_RETRY_S)
            await sender.deliver_due()
            assert on.told, "now it is tried"

    asyncio.run(main())


def test_what_can_never_succeed_is_dead_with_an_alert_until_retried(tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path) as on:
            await on.end_call(on.task(what_id="null"))
            sender = on.sender()
            with structlog.testing.capture_logs() as logs:
                await sender.deliver_due()
            (alert,) = [line for line in logs if line["event"] == "outbox.dead"]
            assert (alert["log_level"], alert["alert"], alert["operation"]) == ("error", True, CALL_TASK)
            row = (await on.rows())[CALL_TASK]
            assert (row.state, on.told[0][0]) == (OutboxState.DEAD, "dead")
            assert await on.store.outbox_depth() == 0
            await on.store.retry(row.id)
            on.clock.advance(FIRST_RETRY_S)
            await sender.deliver_due()
            assert (await on.rows())[CALL_TASK].attempts == 2

    asyncio.run(main())


def test_a_missing_permission_waits_for_whoever_gives_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path) as on:
            on.org.faults.add(Fault(kind=FaultKind.DENIED, path="/sobjects/Task", times=MAX_ATTEMPTS))
            await on.end_call(on.task())
            sender = on.sender()
            for attempt in range(1, MAX_ATTEMPTS):
                await sender.deliver_due()
                assert (await on.rows())[CALL_TASK].attempts == attempt
                on.clock.advance(retry_delay_s(attempt))
            assert {word for word, _ in on.told} == {"retry"}
            await sender.deliver_due()
            assert on.told[-1][0] == "dead"
            assert (await on.rows())[CALL_TASK].state is OutboxState.DEAD

    asyncio.run(main())


@given(st.integers(min_value=0, max_value=10_000))
def test_retries_grow_and_never_meet_the_attempt_before(attempts: int) -> None:
    assert FIRST_RETRY_S <= retry_delay_s(attempts) <= retry_delay_s(attempts + 1) <= 3600.0


def test_a_row_of_an_unknown_kind_or_connector_stops_nobody(tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path) as on:
            odd = OutboxDraft(operation="fax", target={}, marker="[fax:0001]")
            gone = dataclasses.replace(
                on.comment(), target={"connector": "Old", "case_id": on.case_id}, marker="[g:0001]"
            )
            await on.end_call(odd, gone, on.task())
            await on.sender().deliver_due()
            states = {row.marker: row.state for row in await on.store.outbox_rows()}
            assert states == {
                "[fax:0001]": OutboxState.DEAD,
                "[g:0001]": OutboxState.DEAD,
                call_marker(CALL, "task"): OutboxState.DONE,
            }

    asyncio.run(main())


# --- what is planned -------------------------------------------------------------------------------------

WITH_CASE = Known(case_id=CASE, contact_id=CONTACT, account_id=ACCOUNT)
WITHOUT = Known(contact_id=CONTACT, account_id=ACCOUNT)


@pytest.mark.parametrize(
    ("rules", "known", "answered", "operations"),
    [
        (WriteRules(), WITH_CASE, True, (CASE_COMMENT,)),
        (WriteRules(call_task=True), WITH_CASE, True, (CASE_COMMENT, CALL_TASK)),
        (WriteRules(case_comment=False, call_task=True), WITH_CASE, True, (CALL_TASK,)),
        (WriteRules(case_comment=False), WITH_CASE, True, ()),
        (WriteRules(), WITHOUT, True, (CALL_TASK,)),
        (WriteRules(no_case="account"), WITHOUT, False, (CALL_TASK,)),
        (WriteRules(no_case="nothing", call_task=True), WITHOUT, True, ()),
        (WriteRules(call_task=True), Known(), True, ()),
        (WriteRules(abandoned=False, call_task=True), WITH_CASE, False, ()),
        (WriteRules(abandoned=False), WITH_CASE, True, (CASE_COMMENT,)),
    ],
)
def test_what_is_written(
    rules: WriteRules, known: Known, answered: bool, operations: tuple[str, ...]
) -> None:
    assert planned(rules, known, answered=answered) == operations


@pytest.mark.parametrize(
    ("no_case", "known", "links"),
    [
        ("contact", WITH_CASE, {"who_id": CONTACT, "what_id": CASE}),
        ("contact", WITHOUT, {"who_id": CONTACT}),
        ("account", WITHOUT, {"what_id": ACCOUNT}),
        ("contact", Known(account_id=ACCOUNT), {"what_id": ACCOUNT}),
        ("account", Known(contact_id=LEAD), {"who_id": LEAD}),
        ("contact", Known(case_id=CASE, contact_id=LEAD), {"what_id": CASE}),
        ("nothing", WITHOUT, {}),
        ("contact", Known(), {}),
    ],
)
def test_what_a_task_hangs_on(no_case: str, known: Known, links: dict[str, str]) -> None:
    assert task_links(WriteRules(no_case=no_case), known) == links


@pytest.mark.parametrize(
    ("answered", "ending", "disposition"),
    [
        (True, "caller_hung_up", "Answered"),
        (True, "worker_lost", "Cut off"),
        (False, "abandoned_in_queue", "Abandoned"),
        (False, "ended_by_flow", "Not answered"),
        (False, "control_lost", "Cut off"),
    ],
)
def test_a_task_says_how_the_call_went(answered: bool, ending: str, disposition: str) -> None:
    at = EPOCH + timedelta(seconds=5) if answered else None
    record = dataclasses.replace(record_of(), agent_answered_at=at, ending=ending)
    values = task_values(record, {"who_id": LEAD}, "x" * 40_000)
    assert (values["CallDisposition"], values["WhoId"]) == (disposition, LEAD)
    assert "WhatId" not in values
    assert len(str(values["Description"])) == 32_000


def test_a_call_that_was_never_answered_lasted_no_time() -> None:
    record = dataclasses.replace(record_of(), answered_at=None)
    assert task_values(record, {"subject": "s" * 300}, "")["CallDurationInSeconds"] == 0
    assert len(str(task_values(record, {"subject": "s" * 300}, "")["Subject"])) == 255


def record_of() -> CallRecord:
    """A record with the times set and little else."""
    nothing = dict.fromkeys((f.name for f in dataclasses.fields(CallRecord)), None)
    known = {
        "call_id": CALL, "started_at": EPOCH, "answered_at": EPOCH, "ended_at": EPOCH + timedelta(seconds=9),
        "presentation": "allowed", "rtp": {}, "detail": {},
    }  # fmt: skip
    return CallRecord(**{**nothing, **known})  # type: ignore[arg-type]  # a test needs only some of them


def test_a_crash_leaves_no_task_unmade(tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path) as on:
            on.store.record_opened(opened(CALL, EPOCH))
            on.store.record_updated(CALL, contact_id=CONTACT, account_id=ACCOUNT)
            await on.store.settle()
        async with Store.open(tmp_path / "ivr.db", tmp_path, on.clock, "boot-2") as store:
            writes = WriteRules(task_subject="Phone call", task_status="Closed")
            rules = CommentRules(writes={"Salesforce": writes})
            assert await store.recover(EPOCH, rules) == Recovered(calls=1, comments=1, released=0)
            (row,) = await store.outbox_rows()
            assert (row.operation, row.marker) == (CALL_TASK, call_marker(CALL, "task"))
            assert row.target == {
                "connector": "Salesforce", "who_id": CONTACT, "subject": "Phone call", "status": "Closed"
            }  # fmt: skip

    asyncio.run(main())


def test_a_crash_without_rules_for_tasks_writes_comments_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with stage(tmp_path) as on:
            on.store.record_opened(opened(CALL, EPOCH))
            on.store.record_updated(CALL, contact_id=CONTACT)
            await on.store.settle()
        async with Store.open(tmp_path / "ivr.db", tmp_path, on.clock, "boot-2") as store:
            assert (await store.recover(EPOCH, CommentRules())).comments == 0

    asyncio.run(main())


@pytest.mark.parametrize(
    ("detail", "connector", "operations"),
    [
        ({}, "Home", [CASE_COMMENT]),
        ({RECORD_CONNECTOR: "Home"}, "Home", [CASE_COMMENT]),
        ({RECORD_CONNECTOR: "Field"}, "Field", [CALL_TASK, CASE_COMMENT]),
        ({RECORD_CONNECTOR: "Gone"}, "Gone", [CASE_COMMENT]),
    ],
)
def test_a_crash_is_written_about_where_the_caller_is_known(
    detail: dict[str, str], connector: str, operations: list[str], tmp_path: Path
) -> None:
    async def main() -> None:
        async with stage(tmp_path) as on:
            on.store.record_opened(opened(CALL, EPOCH))
            on.store.record_updated(CALL, case_id=CASE, contact_id=CONTACT, detail=detail)
            await on.store.settle()
        rules = CommentRules(writes={"Home": WriteRules(), "Field": WriteRules(call_task=True)})
        async with Store.open(tmp_path / "ivr.db", tmp_path, on.clock, "boot-2") as store:
            await store.recover(EPOCH, rules)
            rows = await store.outbox_rows()
            assert sorted(row.operation for row in rows) == operations
            assert {row.target["connector"] for row in rows} == {connector}

    asyncio.run(main())
