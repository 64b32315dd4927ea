"""What a run costs while it goes on: the node part by part, the tools beside it, and everybody else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.clock import Clock
from ivr.load.processes import PROC, TICK_S, PartUse, Process, Snapshot, scan, snapshot, used


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reading of all meters. `node` is None when the node is not ours; `wall_ns` is the wall clock."""

    wall_ns: int
    node: Snapshot | None
    ours: Snapshot
    busy_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What was used between two readings, in cores (CPU seconds a second).

    `beside`: the tools of the run by name, which are no part of the node. `others`: all other programs on
    this machine; what they take is missing to the run.
    """

    seconds: float
    parts: tuple[PartUse, ...]
    beside: Mapping[str, float]
    others: float

    @property
    def node_cores(self) -> float:
        """The whole node."""
        return sum(part.cores for part in self.parts)

    @property
    def node_pss(self) -> int:
        """The node's memory in bytes."""
        return sum(part.pss for part in self.parts)


class Meter:
    """Reads /proc for a node (None: not on this machine, or not ours) and the tools beside it."""

    def __init__(self, node: int | None, beside: Mapping[str, int], clock: Clock) -> None:
        self._node = node
        self._beside = {**beside, "this program": os.getpid()}
        self._clock = clock

    async def read(self, *, memory: bool = False) -> Reading:
        """One reading; with `memory` also what each process holds."""
        return await asyncio.to_thread(self._read, memory)

    def use(self, before: Reading, after: Reading) -> Use:
        """What was used between two readings."""
        seconds = after.ours.at_s - before.ours.at_s
        ours = _cpu_s(after.ours, before.ours)
        return Use(
            seconds=seconds,
            parts=used(before.node, after.node) if before.node and after.node else (),
            beside={name: self._cores(pid, before, after) for name, pid in self._beside.items()},
            others=max(0.0, after.busy_s - before.busy_s - ours) / seconds,
        )

    def _read(self, memory: bool) -> Reading:
        monotonic, all_ = self._clock.monotonic, scan()
        return Reading(
            wall_ns=int(self._clock.now().timestamp() * 1e9),
            node=self._node_now(all_, memory=memory),
            ours=snapshot(os.getpid(), monotonic, everybody=all_),
            busy_s=busy_s((PROC / "stat").read_text()),
        )

    def _node_now(self, all_: Mapping[int, Process], *, memory: bool) -> Snapshot | None:
        if self._node is None:
            return None
        return snapshot(self._node, self._clock.monotonic, memory=memory, everybody=all_)

    def _cores(self, pid: int, before: Reading, after: Reading) -> float:
        was, now = before.ours.processes.get(pid), after.ours.processes.get(pid)
        if was is None or now is None:
            return 0.0
        return (now.cpu_s - was.cpu_s) / (after.ours.at_s - before.ours.at_s)


def busy_s(stat: str) -> float:
    """CPU seconds that all programs have used, from /proc/stat (proc(5)): all but idle and waiting."""
    fields = [int(field) for field in stat.splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) * TICK_S


def machine() -> dict[str, str]:
    """What the run was made on."""
    text = Path("/proc/cpuinfo").read_text(errors="replace")
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    system = os.uname()
    return {
        "processor": names[0] if names else system.machine,
        "cores": str(os.cpu_count()),
        "system": f"{system.sysname} {system.release}",
    }


def _cpu_s(after: Snapshot, before: Snapshot) -> float:
    return sum(
        process.cpu_s - (was.cpu_s if (was := before.processes.get(pid)) is not None else 0.0)
        for pid, process in after.processes.items()
    )
