"""CPU and memory of a tree of processes, from /proc, part by part."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

PROC = Path("/proc")
TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


class Part(StrEnum):
    """The parts of a node that are counted."""

    CONTROL = "control process"
    WORKER = "media worker"
    FORKSERVER = "worker starter"
    EDGE = "Kamailio"
    SPEECH = "speech"
    DESKTOP = "desktop"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process as /proc shows it; `cpu_s` is its own, children not counted."""

    pid: int
    parent: int
    command: str
    cpu_s: float
    started: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All processes of a tree at a moment, and the memory of each (PSS, bytes) where it was asked for."""

    at_s: float
    root: int
    processes: Mapping[int, Process]
    pss: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartUse:
    """What one part used between two snapshots. `cores` is CPU seconds a second; PSS in bytes, at the end."""

    part: Part
    processes: int
    cpu_s: float
    cores: float
    pss: int
    pss_most: int


def read_stat(text: str, command: str) -> Process:
    """One line of /proc/PID/stat (proc(5)). The name in brackets may hold brackets and blanks."""
    pid, rest = text.split(" (", 1)
    fields = rest.rsplit(")", 1)[1].split()
    return Process(
        pid=int(pid),
        parent=int(fields[1]),
        command=command,
        cpu_s=(int(fields[11]) + int(fields[12])) * TICK_S,
        started=int(fields[19]),
    )


def read_pss(text: str) -> int:
    """The proportional set size in bytes from /proc/PID/smaps_rollup."""
    line = next(line for line in text.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) * 1024


def snapshot(
    root: int,
    monotonic: Callable[[], float],
    *,
    memory: bool = False,
    proc: Path = PROC,
    everybody: Mapping[int, Process] | None = None,
) -> Snapshot:
    """The tree under a process. With `memory` its PSS too, for which the kernel walks through all pages.

    `everybody` saves reading /proc anew for a second tree of the same moment."""
    tree = _tree(root, everybody if everybody is not None else scan(proc))
    pss = {pid: size for pid in tree if (size := _pss(proc, pid)) is not None} if memory else {}
    return Snapshot(at_s=monotonic(), root=root, processes=tree, pss=pss)


def part_of(process: Process, parents: Mapping[int, Process], root: int) -> Part:
    """Which part of a node a process is, by how it was started."""
    if process.pid == root:
        return Part.CONTROL
    parent = parents.get(process.parent)
    if "forkserver" in process.command:
        return Part.WORKER if parent is not None and "forkserver" in parent.command else Part.FORKSERVER
    for word, part in (("kamailio", Part.EDGE), ("media.edge", Part.EDGE), ("media.speech", Part.SPEECH)):
        if word in process.command:
            return part
    return Part.DESKTOP if "ivr.desktop" in process.command else Part.OTHER


def used(before: Snapshot, after: Snapshot) -> tuple[PartUse, ...]:
    """What each part used between two snapshots of one tree; memory is that of the second."""
    seconds = after.at_s - before.at_s
    cpu: defaultdict[Part, float] = defaultdict(float)
    members: defaultdict[Part, list[int]] = defaultdict(list)
    for process in after.processes.values():
        part = part_of(process, after.processes, after.root)
        cpu[part] += process.cpu_s - _earlier(before, process)
        members[part].append(process.pid)
    return tuple(
        PartUse(
            part=part,
            processes=len(members[part]),
            cpu_s=cpu[part],
            cores=cpu[part] / seconds if seconds > 0 else 0.0,
            pss=sum(after.pss.get(pid, 0) for pid in members[part]),
            pss_most=max(after.pss.get(pid, 0) for pid in members[part]),
        )
        for part in Part
        if part in members
    )


def _earlier(before: Snapshot, process: Process) -> float:
    """What a process had used before; a number may have been given to another one meanwhile."""
    known = before.processes.get(process.pid)
    return known.cpu_s if known is not None and known.started == process.started else 0.0


def scan(proc: Path = PROC) -> dict[int, Process]:
    """All processes of the machine."""
    found: dict[int, Process] = {}
    for folder in proc.iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it has gone meanwhile
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                process = read_stat((folder / "stat").read_text(errors="replace"), command)
                found[process.pid] = process
    return found


def _tree(root: int, everybody: Mapping[int, Process]) -> dict[int, Process]:
    children: defaultdict[int, list[Process]] = defaultdict(list)
    for process in everybody.values():
        children[process.parent].append(process)
    tree: dict[int, Process] = {}
    waiting = [everybody[root]] if root in everybody else []
    while waiting:
        process = waiting.pop()
        tree[process.pid] = process
        waiting += children[process.pid]
    return tree


def _pss(proc: Path, pid: int) -> int | None:
    with suppress(OSError, StopIteration):
        return read_pss((proc / str(pid) / "smaps_rollup").read_text())
    return None
