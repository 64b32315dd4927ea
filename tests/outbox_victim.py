"""A sender that dies: `python -m tests.outbox_victim URL FOLDER CASE CONTACT TIMES`.

For each number from 1 to TIMES a child process delivers one comment and one Task from a database of its own,
and kills itself with SIGKILL at its step of that number; a number beyond the last step lets it finish. Steps
are what can be parted by a death: before and after each request, and before and after each word to the
database. Children are forked, so that the imports are paid once. Prints a line
"exit CODE" for each.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx

from ivr.ids import CallId
from ivr.outbox import OutboxSender
from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.settings import SalesforceSettings
from ivr.store.store import Store
from ivr.store.testing import closed, opened
from ivr.store.values import CALL_TASK, CASE_COMMENT, OutboxDraft, OutboxRow, call_marker
from ivr.testing.clock import EPOCH, ManualClock

CLIENT_ID, CLIENT_SECRET = "3MVG9demoIvrConnector.simulated", "demo-secret-not-for-production"
CHILD_LIMIT_S = 20


def call_of(number: int) -> CallId:
    """The call of a child."""
    return CallId(f"killed-at-step-{number:03d}")


def settings(url: str) -> SalesforceSettings:
    """The demo's org."""
    return SalesforceSettings(
        name="Salesforce", login_url=url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET
    )


class Steps:
    """Counts, and dies."""

    def __init__(self, last: int) -> None:
        self._left = last

    def step(self) -> None:
        """One more."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class DyingTransport(httpx.AsyncHTTPTransport):
    """Steps before a request is sent and after its answer has come."""

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self._steps = steps

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._steps.step()
        response = await super().handle_async_request(request)
        self._steps.step()
        return response


class DyingStore(Store):
    """Steps around the words of the sender."""

    steps: Steps

    async def claim_due(self, limit: int, *, lease_s: float = 120.0) -> tuple[OutboxRow, ...]:
        self.steps.step()
        rows = await super().claim_due(limit, lease_s=lease_s)
        self.steps.step()
        return rows

    async def freeze(self, row_id: int, body: str) -> str:
        self.steps.step()
        standing = await super().freeze(row_id, body)
        self.steps.step()
        return standing

    async def succeeded(self, row_id: int, result_id: str | None) -> None:
        self.steps.step()
        await super().succeeded(row_id, result_id)
        self.steps.step()


async def deliver(url: str, folder: Path, case_id: str, contact_id: str, number: int) -> None:
    """One child's life."""
    clock, steps, call_id = ManualClock(), Steps(number), call_of(number)
    async with (
        DyingStore.open(folder / "ivr.db", folder, clock, "boot-1") as store,
        httpx.AsyncClient(transport=DyingTransport(steps)) as http,
    ):
        assert isinstance(store, DyingStore)
        store.steps = steps
        store.record_opened(opened(call_id, EPOCH))
        comment = OutboxDraft(
            operation=CASE_COMMENT, target={"case_id": case_id, "text": "A note"}, marker=call_marker(call_id)
        )
        task = OutboxDraft(
            operation=CALL_TASK,
            target={"what_id": case_id, "who_id": contact_id},
            marker=call_marker(call_id, "task"),
        )
        await store.close_call(closed(call_id, EPOCH), [comment, task])
        connector = SalesforceConnector(settings(url), http, clock, lambda seen: None)
        sender = OutboxSender(store, {"Salesforce": connector}, {}, clock, lambda record, word, why: None)
        await sender.deliver_due()


def main(url: str, folder: Path, case_id: str, contact_id: str, times: int) -> None:
    """Fork the children, one after the other."""
    for number in range(1, times + 1):
        own = folder / str(number)
        own.mkdir()
        child = os.fork()
        if child == 0:
            signal.alarm(CHILD_LIMIT_S)
            asyncio.run(deliver(url, own, case_id, contact_id, number))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("\nexit", os.waitstatus_to_exitcode(status), flush=True)  # beside the log


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]))
