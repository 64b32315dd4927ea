"""media/process.py with real processes: ready, crash, hang, stop, and nobody left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.lines import MAX_LINE, LineBudget, LineSplitter
from media.process import (
    Child,
    ChildSpec,
    ChildState,
    CrashReport,
    RestartPolicy,
    StartError,
    Streams,
    lean_env,
    lifeline,
    python_child,
)

FAST = RestartPolicy(first_s=0.001, cap_s=0.01)
# Says hello on stdout, then leaves when its lifeline ends.
HELLO = "import sys; print('hello', flush=True); sys.stdin.read()"


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


async def said_hello(streams: Streams) -> None:
    assert streams.stdout is not None
    line = await streams.stdout.readline()
    if line != b"hello\n":
        raise ValueError(f"said {line!r}")


async def bounded(wait: Awaitable[object]) -> None:
    async with asyncio.timeout(20):
        await wait


def gone(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


# --- the policy ------------------------------------------------------------------------------------------


def test_delays_double_up_to_the_cap() -> None:
    policy = RestartPolicy(first_s=0.1, factor=2, cap_s=1.0, stable_s=30)
    failures, delays = 0, []
    for _ in range(6):
        failures, delay_s = policy.after(failures, lived_s=0.5)
        delays.append(delay_s)
    assert delays == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


def test_a_stable_life_starts_the_delays_anew() -> None:
    policy = RestartPolicy(first_s=0.1, stable_s=30)
    assert policy.after(7, lived_s=30.0) == (1, 0.1)
    assert policy.after(7, lived_s=29.9)[0] == 8


@given(failures=st.integers(0, 10**6), lived_s=st.floats(0, 1e9))
def test_a_delay_is_never_outside_its_bounds(failures: int, lived_s: float) -> None:
    policy = RestartPolicy()
    row, delay_s = policy.after(failures, lived_s)
    assert policy.first_s <= delay_s <= policy.cap_s
    assert 1 <= row <= failures + 1


# --- lines -----------------------------------------------------------------------------------------------


def test_lines_come_whole_and_clean() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"one\ntw") == ["one"]
    assert splitter.feed(b"o\x1b[31m\n\n") == ["two?[31m"]
    assert splitter.feed(b"rest") == []
    assert splitter.close() == ["rest"]


def test_an_endless_line_is_cut_once() -> None:
    splitter = LineSplitter()
    lines = [line for _ in range(10) for line in splitter.feed(b"x" * 4096)]
    assert lines == ["x" * MAX_LINE]
    assert splitter.feed(b"end\nnext\n") == ["next"]


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_no_bytes_break_the_splitter(chunks: list[bytes]) -> None:
    splitter = LineSplitter()
    lines = [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.close()
    assert all(line.isprintable() and 0 < len(line) <= MAX_LINE for line in lines)


def test_a_flood_of_lines_is_limited_and_counted() -> None:
    now = [0.0]
    budget = LineBudget(lambda: now[0], burst=3, per_s=1.0)
    assert [bool(budget.allow(str(n))) for n in range(10)] == [True] * 3 + [False] * 7
    now[0] = 1.0
    assert budget.allow("again") == ["(7 lines dropped)", "again"]


# --- processes -------------------------------------------------------------------------------------------


def test_a_child_is_ready_and_stops_without_leftovers() -> None:
    async def scene() -> None:
        spec = ChildSpec(name="hello", argv=python(HELLO), ready=said_hello, pipe_stdout=True)
        child = Child(spec)
        await child.start()
        pid = child.pid
        assert pid is not None
        assert (child.state, gone(pid)) == (ChildState.READY, False)
        await child.stop()
        assert (child.state, child.pid, gone(pid)) == (ChildState.STOPPED, None, True)

    asyncio.run(scene())


def test_a_child_that_exits_at_start_tells_why() -> None:
    code = "import sys; print('no such voice', file=sys.stderr); sys.exit(3)"

    async def scene() -> None:
        child = Child(ChildSpec(name="broken", argv=python(code), ready=said_hello, pipe_stdout=True))
        with pytest.raises(StartError) as caught:
            await child.start()
        # Whichever is noticed first: the end of the process, or that its pipe ended.
        assert caught.value.name == "broken"
        assert child.state is ChildState.STOPPED

    asyncio.run(scene())


def test_the_last_output_is_in_the_start_error() -> None:
    code = "import sys; print('no such voice', file=sys.stderr); sys.exit(3)"

    async def never(_: Streams) -> None:
        await asyncio.Event().wait()

    async def scene() -> None:
        with pytest.raises(StartError, match="exited with code 3; it said: no such voice") as caught:
            await Child(ChildSpec(name="broken", argv=python(code), ready=never)).start()
        assert caught.value.output == ("no such voice",)

    asyncio.run(scene())


def test_a_child_that_never_gets_ready_is_killed() -> None:
    pids: list[int] = []

    async def never(_: Streams) -> None:
        pids.append(child.pid or 0)
        await asyncio.Event().wait()

    async def scene() -> None:
        with pytest.raises(StartError, match=r"not ready after 0\.05 s"):
            await child.start()
        assert gone(pids[0])

    child = Child(ChildSpec(name="slow", argv=python(HELLO), ready=never, ready_timeout_s=0.05))
    asyncio.run(scene())


def test_a_program_that_does_not_exist_is_a_start_error() -> None:
    with pytest.raises(StartError, match="cannot run /no/such/program"):
        asyncio.run(Child(ChildSpec(name="nobody", argv=("/no/such/program",))).start())


def test_a_cancelled_start_leaves_nothing() -> None:
    pids: list[int] = []

    async def scene() -> None:
        checking = asyncio.Event()

        async def never(_: Streams) -> None:
            pids.append(child.pid or 0)
            checking.set()
            await asyncio.Event().wait()

        child = Child(ChildSpec(name="slow", argv=python(HELLO), ready=never))
        starting = asyncio.create_task(child.start())
        await bounded(checking.wait())
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert gone(pids[0])

    asyncio.run(scene())


def supervised(act: Callable[[Child], None], **options: object) -> tuple[list[CrashReport], list[str]]:
    """Start a child, do something to it, wait until it is ready again; returns what was told."""
    crashes: list[CrashReport] = []
    lines: list[str] = []

    async def scene() -> None:
        starts: asyncio.Queue[int] = asyncio.Queue()

        async def ready(streams: Streams) -> None:
            await said_hello(streams)
            starts.put_nowait(child.pid or 0)

        child = Child(
            ChildSpec(
                name="hello",
                argv=python("import sys; print('last words', file=sys.stderr, flush=True);" + HELLO),
                ready=ready,
                pipe_stdout=True,
                policy=FAST,
                on_line=lines.append,
                on_crash=crashes.append,
                **options,  # type: ignore[arg-type]  # named by the tests below
            )
        )
        async with child:
            first = await starts.get()
            act(child)
            async with asyncio.timeout(20):
                second = await starts.get()
            assert second != first
            assert gone(first)
            assert child.restarts == 1

    asyncio.run(scene())
    return crashes, lines


@pytest.mark.process
def test_a_dead_child_is_replaced_and_reported() -> None:
    def die(child: Child) -> None:
        os.kill(child.pid or 0, signal.SIGSEGV)

    crashes, lines = supervised(die)
    assert [crash.reason for crash in crashes] == ["killed by SIGSEGV"]
    assert crashes[0].output == ("last words",)
    assert crashes[0].restart_in_s == FAST.first_s
    assert lines == ["last words", "last words"]


@pytest.mark.process
def test_a_hung_child_is_killed_and_replaced() -> None:
    healthy = [True]

    async def alive() -> bool:
        answer, healthy[0] = healthy[0], True
        if not answer:
            raise TimeoutError
        return answer

    def hang(child: Child) -> None:
        os.kill(child.pid or 0, signal.SIGSTOP)
        healthy[0] = False

    crashes, _ = supervised(hang, alive=alive, alive_every_s=0.01, alive_misses=1)
    assert [crash.reason for crash in crashes] == ["hung: 1 checks in a row without an answer"]


@pytest.mark.process
def test_a_restart_that_fails_is_tried_again_with_longer_delays(tmp_path: Path) -> None:
    flag = tmp_path / "broken"
    code = f"import os, sys; os.path.exists({str(flag)!r}) and sys.exit(4);" + HELLO
    crashes: list[CrashReport] = []

    async def scene() -> None:
        again = asyncio.Event()

        def crashed(report: CrashReport) -> None:
            crashes.append(report)
            if len(crashes) == 3:
                flag.unlink()
                again.set()

        spec = ChildSpec(
            name="flaky",
            argv=python(code),
            ready=said_hello,
            pipe_stdout=True,
            policy=FAST,
            on_crash=crashed,
        )
        async with Child(spec) as child:
            flag.touch()
            child.kill()
            await bounded(again.wait())

    asyncio.run(scene())
    assert [crash.restart_in_s for crash in crashes] == pytest.approx([0.001, 0.002, 0.004])


@pytest.mark.process
def test_a_deaf_child_is_killed_with_all_that_it_started() -> None:
    code = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "inner = os.fork()\n"
        "if inner: print(inner, flush=True)\n"
        "while True: time.sleep(100)\n"
    )
    inner: list[int] = []

    async def ready(streams: Streams) -> None:
        assert streams.stdout is not None
        inner.append(int(await streams.stdout.readline()))

    async def scene() -> None:
        child = Child(ChildSpec(name="deaf", argv=python(code), ready=ready, pipe_stdout=True))
        await child.start()
        outer = child.pid or 0
        await child.stop(grace_s=0.05)
        assert gone(outer)

    asyncio.run(scene())
    status = Path(f"/proc/{inner[0]}/stat")
    # Its parent is gone too: whoever adopted it may not have reaped it yet.
    assert not status.exists() or status.read_text().split()[2] == "Z"


@pytest.mark.process
@pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="the end of another's child is watched with a pidfd"
)
def test_children_do_not_outlive_a_node_that_is_killed() -> None:
    """A node is a process of its own here: it starts a child with `lifeline()` and is killed with -9."""
    child_code = "from media.process import lifeline; lifeline(); import time; time.sleep(100)"
    node_code = (
        "import asyncio, sys\n"
        "from media.process import Child, ChildSpec, python_child\n"
        "async def main():\n"
        f"    argv = (sys.executable, '-c', {child_code!r})\n"
        "    child = Child(ChildSpec(name='c', argv=argv, env=python_child('media')[1]))\n"
        "    await child.start()\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    env = python_child("media")[1]
    with subprocess.Popen(python(node_code), env=env, stdout=subprocess.PIPE) as node:
        assert node.stdout is not None
        pid = int(node.stdout.readline())
        watch = os.pidfd_open(pid)
        node.kill()
    try:
        assert select.select([watch], [], [], 20)[0], "the child still runs"
    finally:
        os.close(watch)


def test_the_environment_of_a_child_holds_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_SECRET", "hidden")
    env = lean_env(EXTRA="1")
    assert "SF_SECRET" not in env
    assert env["EXTRA"] == "1"
    assert env["PATH"] == os.environ["PATH"]


def test_lifeline_ends_a_busy_process() -> None:
    code = f"from {lifeline.__module__} import lifeline; lifeline()\nprint('up', flush=True)\nwhile 1: pass"
    with subprocess.Popen(
        python(code), env=python_child("media")[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        child.stdin.close()
        assert child.wait(20) == 0
