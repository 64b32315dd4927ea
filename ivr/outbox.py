"""Delivers what is written to Salesforce after calls: at least once to the connector, made once there.

A row is claimed, its body composed from record and note and frozen, then sent; a comment that stands already
is recognised by its marker, a Task by its call id. What may succeed later is tried again with growing
distance, the rest is set aside as dead for a person to look at.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol

import structlog

from ivr.call_task import task_values
from ivr.clock import Clock
from ivr.comment import comment_text
from ivr.salesforce.errors import SalesforceError, SetupFault
from ivr.salesforce.tasks import TaskValues
from ivr.salesforce.wire import Observe
from ivr.salesforce.writeback import WriteResult
from ivr.store.errors import StoreError
from ivr.store.store import Store
from ivr.store.values import CALL_TASK, CASE_COMMENT, CallRecord, OutboxRow

BATCH = 8
IDLE_S = 5.0
"""How often to look for rows whose retry or time limit has come; a release looks at once."""
MAX_ATTEMPTS = 60
"""About two days."""
FIRST_RETRY_S = 15.0
MAX_RETRY_S = 3600.0

log = structlog.get_logger()


Delivered = Callable[[CallRecord, str, str], None]
"""Told of each attempt: the call's record, "delivered", "retry" or "dead", and what Salesforce said."""


class WriteTarget(Protocol):
    """What the sender needs of a connector."""

    async def add_case_comment(
        self, case_id: str, body: str, marker: str, observe: Observe | None = None
    ) -> WriteResult: ...

    async def add_task(self, values: TaskValues, observe: Observe | None = None) -> WriteResult: ...

    def wrote(self, operation: str, outcome: str) -> None: ...


def retry_delay_s(attempts: int) -> float:
    """Seconds to the next attempt after so many: 15 s, doubling, at most an hour. The first is longer than
    a write may take, so that an attempt never meets the one before it."""
    return min(MAX_RETRY_S, FIRST_RETRY_S * 2.0 ** min(max(attempts - 1, 0), 16))


class OutboxSender:
    """One task of the node. `delivered` is told of each row that is done or dead."""

    def __init__(
        self,
        store: Store,
        connectors: Mapping[str, WriteTarget],
        agent_names: Mapping[str, str],
        clock: Clock,
        delivered: Delivered,
    ) -> None:
        self._store = store
        self._connectors = connectors
        self._agent_names = agent_names
        self._clock = clock
        self._delivered = delivered
        self._began = clock.monotonic()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            try:
                await self.deliver_due()
            except StoreError as exc:
                log.warning("outbox.store_refuses", error=str(exc))
            except Exception:  # a root: write-back goes on whatever one round met
                log.exception("outbox.round_failed")
            await self._store.wait_due(IDLE_S)

    async def deliver_due(self) -> None:
        """One round: an attempt at every row whose time has come. Raises StoreError."""
        while rows := await self._store.claim_due(BATCH):
            await asyncio.gather(*(self._deliver(row) for row in rows))

    async def _deliver(self, row: OutboxRow) -> None:
        try:
            await self._attempt(row)
        except StoreError as exc:
            # The lease brings the row back; the marker keeps a comment that was made from being made again.
            log.warning("outbox.store_refuses", row=row.id, error=str(exc))
        except Exception:  # a root: one row must not stop the others; its lease brings it back
            log.exception("outbox.row_failed", row=row.id)

    async def _attempt(self, row: OutboxRow) -> None:
        record = await self._store.call(row.call_id)
        settling_s = self._settling_s(row)
        if settling_s > 0:
            retry_at = self._clock.now() + timedelta(seconds=settling_s)
            await self._store.failed(row.id, "waits until a former attempt is over", retry_at)
            return
        try:
            result = await self._send(row, record)
        except SalesforceError as exc:
            # What somebody must set right (a secret, a permission) will be: the comment waits for it.
            retryable = exc.retryable or isinstance(exc, SetupFault)
            await self._failed(row, record, f"{type(exc).__name__}: {exc}", retryable=retryable)
        except (KeyError, ValueError) as exc:
            await self._failed(row, record, f"cannot be sent as it is: {exc!r}", retryable=False)
        else:
            await self._store.succeeded(row.id, result.id)
            log.info(
                "outbox.delivered",
                call_id=row.call_id,
                operation=row.operation,
                outcome=result.outcome.value,
                row=row.id,
            )
            detail = result.outcome.value
            self._tell(row, record, "delivered", f"task {detail}" if row.operation == CALL_TASK else detail)

    async def _send(self, row: OutboxRow, record: CallRecord) -> WriteResult:
        if row.operation not in (CASE_COMMENT, CALL_TASK):
            raise ValueError(f"unknown operation {row.operation}")
        connector = self._connector(row.target.get("connector"))
        body = row.body or await self._store.freeze(row.id, await self._compose(row, record))
        if row.operation == CALL_TASK:
            return await connector.add_task(json.loads(body))
        return await connector.add_case_comment(row.target["case_id"], body, row.marker)

    def _settling_s(self, row: OutboxRow) -> float:
        """How long a former boot's attempt may still be at work at Salesforce: a sender that died left no
        answer, and reading too early would miss what it wrote."""
        if row.attempts <= 1 or row.body is None:
            return 0.0
        return self._began + FIRST_RETRY_S - self._clock.monotonic()

    def _tell(self, row: OutboxRow, record: CallRecord, outcome: str, detail: str) -> None:
        self._delivered(record, outcome, detail)
        connector = self._connectors.get(row.target.get("connector") or next(iter(self._connectors), ""))
        if connector is not None:
            connector.wrote(row.operation, outcome)

    def _connector(self, name: str | None) -> WriteTarget:
        if name is None:  # a row that a start had to add does not know its connector
            name = next(iter(self._connectors), "")
        return self._connectors[name]

    async def _compose(self, row: OutboxRow, record: CallRecord) -> str:
        note = await self._store.note(row.call_id)
        name = self._agent_names.get(record.agent) if record.agent else None
        text = comment_text(record, note, name, row.target.get("text", ""), row.marker)
        return json.dumps(task_values(record, row.target, text)) if row.operation == CALL_TASK else text

    async def _failed(self, row: OutboxRow, record: CallRecord, error: str, *, retryable: bool) -> None:
        dead = not retryable or row.attempts >= MAX_ATTEMPTS
        retry_at = None if dead else self._clock.now() + timedelta(seconds=retry_delay_s(row.attempts))
        await self._store.failed(row.id, error, retry_at)
        if dead:
            log.error(
                "outbox.dead",
                alert=True,
                call_id=row.call_id,
                row=row.id,
                operation=row.operation,
                error=error,
                advice="mend the cause, then: ivr outbox retry ID",
            )
        else:
            log.warning("outbox.retry", call_id=row.call_id, row=row.id, attempts=row.attempts, error=error)
        self._tell(row, record, "dead" if dead else "retry", error)
