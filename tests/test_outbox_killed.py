"""kill -9 between any two steps of the sender: afterwards there is exactly one comment and one Task."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from ivr.outbox import FIRST_RETRY_S, OutboxSender
from ivr.salesforce.simulator.schema import OBJECTS
from ivr.salesforce.testing import SimulatedOrg, simulated_over_tcp
from ivr.store.store import Store
from ivr.store.values import OutboxState, call_marker
from ivr.testing.clock import EPOCH, ManualClock
from tests.outbox_victim import CLIENT_ID, call_of

ROOT = Path(__file__).parents[1]
STEPS = 22
"""Claim 2 (and once more 2 for nothing left), login 2, and for each of two rows freeze, find, create and
success, 2 each; the last number is beyond them all."""
LIMIT_S = 45.0


async def die_everywhere(org: SimulatedOrg, folder: Path, case_id: str, contact_id: str) -> list[int]:
    """The exit codes of the children."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.outbox_victim",
        org.settings.login_url, str(folder), case_id, contact_id, str(STEPS + 1),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(LIMIT_S):
            out, err = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode == 0, err.decode()
    lines = (line.split() for line in out.decode().splitlines())
    return [int(words[1]) for words in lines if words[:1] == ["exit"]]


async def restart(org: SimulatedOrg, folder: Path) -> None:
    """What the next start of the node does with the outbox that it finds."""
    clock = ManualClock(EPOCH)
    clock.advance(3600)
    async with Store.open(folder / "ivr.db", folder, clock, "boot-2") as store:
        await store.recover(clock.now())
        sender = OutboxSender(store, {"Salesforce": org.connector}, {}, clock, lambda record, word, why: None)
        await sender.deliver_due()
        clock.advance(FIRST_RETRY_S + 1)
        await sender.deliver_due()
        assert {row.state for row in await store.outbox_rows()} == {OutboxState.DONE}


@pytest.mark.process
def test_one_comment_and_one_task_wherever_it_dies(tmp_path: Path) -> None:
    async def main() -> None:
        async with simulated_over_tcp() as org:
            assert org.settings.client_id == CLIENT_ID
            case_id, contact_id = org.id_of("Case", "Lost parcel"), org.id_of("Contact", "Alice Morgan")
            codes = await die_everywhere(org, tmp_path, case_id, contact_id)
            assert codes == [*[-signal.SIGKILL] * STEPS, 0]
            for number in range(1, STEPS + 2):
                await restart(org, tmp_path / str(number))
            comments = org.comments(case_id)
            tasks = [task["CallObject"] for task in org.org.records(OBJECTS["task"])]
            for number in range(1, STEPS + 2):
                call_id = call_of(number)
                mine = [text for text in comments if call_marker(call_id) in text]
                assert (len(mine), tasks.count(call_id)) == (1, 1), f"died at step {number}"
            assert len(tasks) == STEPS + 1

    asyncio.run(main())
