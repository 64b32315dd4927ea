"""Many callers at a pool behind an edge: taken, counted, let go; and what the processes hold meanwhile."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from media.edge.model import EdgeTrunk
from media.pool import Slot
from tests.edge_support import EdgeNode
from tests.phones import HOST, LIMIT_S, Line
from tests.sipp import Outcome

TRUNK = EdgeTrunk(name="carrier", networks=(f"{HOST}/32",))
"""SIPp's address: a trunk may call more often than a stranger."""
ONE_LEG = {"legs_per_customer": 1}
"""Customers who are never put through: four fit in a worker."""


async def take(node: EdgeNode, calls: int) -> list[Line]:
    """Answer the next calls; the worker's ends of them."""
    lines = []
    async with asyncio.TaskGroup() as answering:
        for _ in range(calls):
            lines.append(await node.rung())
            answering.create_task(_answer(lines[-1]))
    return lines


async def _answer(line: Line) -> None:
    await line.leg.answer(200)
    await line.answered()


async def let_go(lines: Iterable[Line]) -> None:
    """Hang up from our side."""
    ended = list(lines)
    await asyncio.gather(*(line.leg.hang_up() for line in ended))
    await all_ended(ended, "us")


async def send_away(lines: Iterable[Line]) -> None:
    """Let the callers hang up: SIPp's do when they are sent an INFO."""
    ended = list(lines)
    await asyncio.gather(*(line.leg.digits("1", "info") for line in ended))
    await all_ended(ended, "peer")


async def all_ended(lines: Iterable[Line], by: str) -> None:
    """Until these calls are over, ended by that side."""
    assert {(await line.ended()).by for line in lines} <= {by}


def lines_of(slot: Slot, lines: Iterable[Line]) -> list[Line]:
    """Those of the calls that are in a slot's worker."""
    return [line for line in lines if line.leg.worker is slot.client]


def ids_of(lines: Iterable[Line]) -> frozenset[str]:
    """The Call-IDs of calls that came in."""
    return frozenset(line.incoming.sip_call_id for line in lines if line.incoming is not None)


def pid_of(slot: Slot) -> int:
    """The process of a slot's worker."""
    assert slot.process is not None
    assert slot.process.pid is not None
    return slot.process.pid


def well(outcome: Outcome) -> Outcome:
    """The outcome of a run in which every call went as the scenario says."""
    assert outcome.code == 0, f"SIPp exits with {outcome.code}: {outcome.errors}"
    return outcome


def senders_of(slot: Slot, senders: Iterable[int]) -> frozenset[int]:
    """Those RTP ports that belong to a slot."""
    return frozenset(port for port in senders if slot.rtp_first <= port <= slot.rtp_last)


async def eventually(reached: Callable[[], bool]) -> None:
    """Until something is so that nobody tells of."""
    async with asyncio.timeout(LIMIT_S):
        while not reached():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.05)


async def idle(slots: Iterable[Slot]) -> None:
    """Until nobody is in any worker, not even a leg that the library has yet to let go."""
    waiting = list(slots)
    await eventually(lambda: all(slot.idle for slot in waiting))


def descriptors(pids: Iterable[int]) -> dict[int, int]:
    """How many files and sockets each process has open."""
    return {pid: len(os.listdir(f"/proc/{pid}/fd")) for pid in pids}


def processes_below(pid: int) -> frozenset[int]:
    """A process's children, and theirs."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found |= {child} | processes_below(child)
    return frozenset(found)


async def restarted(node: EdgeNode) -> None:
    """Until the edge was started again and knows every worker."""

    async def back() -> bool:
        return node.edge.restarts > 0 and node.edge.is_ready

    await node.until_edge(back)
    await node.all_listed()


async def open_in_edge(node: EdgeNode, slot: Slot) -> None:
    """Until the edge gives a worker calls again."""

    async def is_open() -> bool:
        flags, _ = (await node.listed()).get(f"w{slot.number}-{pid_of(slot)}", ("", 0))
        return flags.startswith("A")

    await node.until_edge(is_open)
