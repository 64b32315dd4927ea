"""Deaths of workers and of their fork server: callers are told, workers replaced, no process is left."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
import structlog.testing

from media.errors import WorkerLost, WorkerStartError
from media.messages import GetStats
from tests.phones import HOST, connect, gone, phone, silence, talk, within
from tests.raw_sip import RawCall, raw_peer, reply

pytestmark = [pytest.mark.sip, pytest.mark.process, pytest.mark.timeout(60)]


def fork_server_of(pid: int) -> int:
    """The parent of a worker."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


# --- the worker ------------------------------------------------------------------------------------------


def test_a_worker_killed_in_a_call_ends_its_legs_and_is_replaced_on_the_same_port() -> None:
    async def scene() -> None:
        async with phone() as caller, phone() as node:
            here, there = await connect(caller, node)
            second_here, second = await connect(caller, node)
            old, worker = node.pid, there.leg.worker
            os.kill(old, signal.SIGSTOP)
            waiting = asyncio.create_task(worker.request(GetStats(id=worker.next_id(), leg=there.leg.id)))
            playing = asyncio.create_task(second.leg.play(("/nowhere.wav",)))
            await asyncio.sleep(0)
            node.kill_worker()
            for line in (there, second):
                ended = await line.ended()
                assert (ended.by, ended.code, ended.reason) == ("worker", 0, "worker_lost")
            for request in (waiting, playing):
                with pytest.raises(WorkerLost):
                    await within(request)
            with pytest.raises(WorkerLost):
                await there.leg.answer()
            await there.leg.hang_up()  # over already: nothing to complain of
            await node.restarted()
            assert node.restarts == [(0, "signal SIGKILL")]
            assert node.pid != old
            assert node.pool.customers == 0
            for line in (here, second_here):
                assert (await line.ended()).by == "peer"
            here, again = await connect(caller, node)
            await here.leg.hang_up()
            await again.ended()

    asyncio.run(scene())


def test_a_worker_that_hangs_is_killed_and_replaced() -> None:
    async def scene() -> None:
        async with talk() as (_, there, caller, node):
            old = node.pid
            os.kill(old, signal.SIGSTOP)
            with pytest.raises(WorkerLost):
                await there.leg.answer()
            assert (await there.ended()).by == "worker"
            await node.restarted()
            assert node.restarts == [(0, "signal SIGKILL")]
            await gone(old)
            await connect(caller, node)

    asyncio.run(scene())


def test_a_control_process_that_stood_still_does_not_kill_its_workers(tmp_path: Path) -> None:
    """As after a machine's sleep: the clock has gone on, the beats lie unread in the socket."""

    async def scene() -> None:
        asleep_s = 0.0
        loop = asyncio.get_running_loop()
        async with phone() as caller, phone(now=lambda: loop.time() + asleep_s) as node:
            here, there = await connect(caller, node)
            asleep_s = 3600.0
            assert (await there.play(silence(tmp_path, 2.5))).outcome == "finished"  # two looks of the watch
            assert node.restarts == []
            assert not here.leg.ended.done()

    asyncio.run(scene())


def test_a_crash_report_holds_the_librarys_last_words() -> None:
    """One INVITE is enough (no `c=` line for a disabled stream): no screen stands before this worker."""

    async def scene() -> None:
        with structlog.testing.capture_logs() as logs:
            async with phone() as node, raw_peer() as peer:
                offer = f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n"
                RawCall(peer, node.port).invite(offer=offer)
                await node.restarted()
                assert node.restarts == [(0, "signal SIGABRT")]
        (report,) = [entry for entry in logs if entry["event"] == "worker.crashed"]
        assert report["exit"] == "signal SIGABRT"
        assert any("Assertion" in line for line in report["output"])
        assert any("libHandleEvents" in line for line in report["output"])  # and where that was

    asyncio.run(scene())


def test_a_worker_is_replaced_again_and_again() -> None:
    async def scene() -> None:
        async with phone() as caller, phone() as node:
            for times in (1, 2, 3):
                node.kill_worker()
                await node.restarted(times)
            here, _ = await connect(caller, node)
            assert not here.leg.ended.done()

    asyncio.run(scene())


def test_calls_outlive_the_fork_server_and_workers_can_still_be_replaced() -> None:
    async def scene() -> None:
        async with talk() as (here, there, _, node):
            server = fork_server_of(node.pid)
            os.kill(server, signal.SIGKILL)
            await gone(server)
            assert not here.leg.ended.done()
            assert await within(there.leg.read_stats()) is not None
            old = node.pid
            node.kill_worker()
            await there.ended()
            await node.restarted()
            assert node.pid != old
            assert fork_server_of(node.pid) != server

    asyncio.run(scene())


def test_a_port_in_use_is_a_failed_start_that_names_it() -> None:
    async def scene() -> None:
        async with raw_peer() as peer:
            with pytest.raises(WorkerStartError, match=f"{HOST}:{peer.port}/udp"):
                async with phone(listen_port=peer.port):
                    pass

    asyncio.run(scene())


def test_a_pool_is_closed_while_its_worker_is_being_replaced() -> None:
    async def scene() -> None:
        async with phone() as node:
            for times in (1, 2, 3):
                node.kill_worker()
                await node.restarted(times)
            node.kill_worker()
            await node.until(lambda: True if len(node.restarts) == 4 else None)
        assert node.pool.slots[0].process is None

    asyncio.run(scene())


# --- leaving ---------------------------------------------------------------------------------------------


def test_closing_a_pool_ends_each_call_as_its_state_asks_and_leaves_no_process() -> None:
    async def scene() -> None:
        async with raw_peer() as peer:
            async with phone() as node:
                pid = node.pid
                talking, ringing = RawCall(peer, node.port), RawCall(peer, node.port)
                talking.invite()
                line = await node.rung()
                await line.leg.answer(200)
                await talking.established()
                ringing.invite()
                await (await node.rung()).leg.answer(180)
                called = await node.dial(peer.address)
                invite = await peer.request("INVITE")
                peer.send(reply(invite, 180, "Ringing"), invite.source)
                await called.progress(180)
                peer.answers_with(
                    lambda m: reply(m, 200, "OK") if m.method in ("BYE", "CANCEL") and not m.code else None
                )
            assert (await peer.request("BYE")).header("Call-ID") == talking.call_id
            assert (await peer.response(503)).header("Call-ID") == ringing.call_id
            await peer.request("CANCEL")
            for ended in (await line.ended(), await called.ended()):
                assert ended.by == "us"
            await gone(pid)

    asyncio.run(scene())


def test_a_worker_leaves_signals_to_the_node() -> None:
    async def scene() -> None:
        async with talk() as (here, there, _, node):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(node.pid, number)
            assert await within(there.leg.read_stats()) is not None
            assert not here.leg.ended.done()
            assert node.restarts == []

    asyncio.run(scene())


def test_a_flood_of_broken_messages_is_kept_short_and_delays_no_call() -> None:
    async def scene() -> None:
        async with phone() as node, phone() as caller, raw_peer() as peer:
            process = node.pool.slots[0].process
            assert process is not None
            for _ in range(2000):
                peer.send(b"INVITE sip:x SIP/2.0\r\nVia: broken\r\n\r\n", (HOST, node.port))
                await asyncio.sleep(0)
            here, _ = await connect(caller, node)
            assert 0 < len(process.output) <= 40
            assert not here.leg.ended.done()
            assert node.restarts == []

    asyncio.run(scene())
