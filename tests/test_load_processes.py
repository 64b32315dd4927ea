"""Load runs: CPU and memory of a tree of processes, read from a made-up /proc and from the real one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ivr.load.meter import busy_s
from ivr.load.processes import TICK_S, Part, Snapshot, read_pss, read_stat, snapshot, used

SERVER = "python -P -c from multiprocessing.forkserver import main; main(5)"
TREE = {
    10: (1, "python -m ivr.cli.entry serve"),
    11: (10, SERVER),
    12: (11, SERVER),
    13: (11, SERVER),
    14: (10, "python -P -m media.edge.guard kamailio -f x"),
    15: (14, "/usr/sbin/kamailio -f x"),
    16: (10, "python -m media.speech.entry"),
    17: (10, "python -m ivr.desktop.process"),
    18: (10, "python -P -c from multiprocessing.resource_tracker import main;main(16)"),
    99: (1, "somebody else"),
}


def stat_line(pid: int, parent: int, ticks: int, started: int = 5) -> str:
    """A line of /proc/PID/stat with a name that is meant to confuse."""
    rest = " ".join(["0"] * 9)
    tail = " ".join(["0"] * 6)
    return f"{pid} (a) b (c) S {parent} {rest} {ticks} {ticks} {tail} {started} 0 0\n"


def fake_proc(folder: Path, ticks: int, *, restarted: int | None = None) -> Path:
    """A /proc with the tree above; everybody has used so many ticks in user and in system mode."""
    for pid, (parent, command) in TREE.items():
        place = folder / str(pid)
        place.mkdir(parents=True, exist_ok=True)
        started = 77 if pid == restarted else 5
        (place / "stat").write_text(stat_line(pid, parent, ticks, started))
        (place / "cmdline").write_bytes(command.replace(" ", "\0").encode())
        (place / "smaps_rollup").write_text(f"x\nRss: 9 kB\nPss:    {pid} kB\nPss_Dirty: 1 kB\n")
    return folder


def two_snapshots(folder: Path, *, restarted: int | None = None) -> tuple[Snapshot, Snapshot]:
    """Before and after ten seconds, in which each process used 50 + 50 ticks."""
    before = snapshot(10, lambda: 100.0, proc=fake_proc(folder, 50))
    after = snapshot(10, lambda: 110.0, memory=True, proc=fake_proc(folder, 100, restarted=restarted))
    return before, after


def test_a_stat_line_is_read_past_brackets_in_the_name() -> None:
    found = read_stat(stat_line(7, 3, 50), "x")
    assert (found.pid, found.parent, found.started) == (7, 3, 5)
    assert found.cpu_s == pytest.approx(100 * TICK_S)


def test_pss_is_the_line_of_that_name() -> None:
    assert read_pss("a-b rollup\nRss: 5 kB\nPss:   12 kB\nPss_Anon: 3 kB\n") == 12 * 1024


def test_a_tree_is_told_apart_by_part(tmp_path: Path) -> None:
    parts = {use.part: use for use in used(*two_snapshots(tmp_path))}
    assert {part: use.processes for part, use in parts.items()} == {
        Part.CONTROL: 1, Part.WORKER: 2, Part.FORKSERVER: 1, Part.EDGE: 2, Part.SPEECH: 1, Part.DESKTOP: 1,
        Part.OTHER: 1,
    }  # fmt: skip
    workers = parts[Part.WORKER]
    assert workers.cpu_s == pytest.approx(200 * TICK_S)
    assert workers.cores == pytest.approx(20 * TICK_S)
    assert (workers.pss, workers.pss_most) == (25 * 1024, 13 * 1024)


def test_a_process_with_a_number_that_was_anothers_counts_from_its_start(tmp_path: Path) -> None:
    parts = {use.part: use for use in used(*two_snapshots(tmp_path, restarted=12))}
    assert parts[Part.WORKER].cpu_s == pytest.approx(300 * TICK_S)


def test_a_tree_that_has_gone_is_empty(tmp_path: Path) -> None:
    gone = snapshot(4711, lambda: 1.0, proc=fake_proc(tmp_path, 1))
    assert (dict(gone.processes), used(gone, gone)) == ({}, ())


def test_the_machine_is_busy_with_all_but_idling_and_waiting() -> None:
    assert busy_s("cpu  10 20 30 4000 500 60 70 80 90 100\ncpu0 1 1\n") == pytest.approx(270 * TICK_S)


@pytest.mark.process
def test_a_real_child_is_found_with_its_memory() -> None:
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = snapshot(os.getpid(), time.monotonic, memory=True)
        child.communicate(timeout=20)
    assert found.processes[child.pid].parent == os.getpid()
    assert found.pss[child.pid] > 1 << 20
