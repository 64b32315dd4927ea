"""What fails behind the phone, and what must hold: no caller in silence, nothing said or noted lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from ivr.api.client import ApiClient
from ivr.api.models import AgentStatus
from ivr.api.tokens import operator_token
from ivr.app import start
from ivr.config import load_config
from ivr.demo.people import Phone, phone
from ivr.errors import CannotStart
from ivr.waiting import any_of
from media import listen
from media.process import Child, ChildSpec, Streams, python_child
from media.sound import read_mono
from tests.node_support import (
    ALICE,
    ROOT,
    Salesforce,
    Watch,
    free_port,
    rtp_base,
    run,
    scene,
    simulated_salesforce,
    soon,
    write_config,
)

pytestmark = [pytest.mark.sip, pytest.mark.timeout(150)]


def test_a_worker_killed_in_a_call_releases_both_and_is_replaced(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            leg, call_id = await stage.call()
            await stage.ready()
            agent = await stage.answer()
            await stage.watch.stage("connected", call_id)
            slot = stage.node.pool.slots[0]
            assert slot.process is not None
            assert slot.process.pid is not None
            before = slot.client
            os.kill(slot.process.pid, signal.SIGKILL)
            assert await stage.watch.ended(call_id) == "worker_lost"
            assert (await soon(leg.ended)).by == "peer"
            assert (await soon(agent.ended)).by == "peer"
            await stage.watch.agent("sam", AgentStatus.WRAP_UP)
            await stage.desks["sam"].save_note(call_id, "Cut off.", 0)
            await stage.desks["sam"].end_wrap_up(call_id)
            await stage.watch.delivery(call_id, "delivered")
            (comment,) = stage.salesforce.comments(call_id)
            assert "Cut off." in comment
            async with asyncio.timeout(20):
                while slot.client is None or slot.client is before:
                    await stage.tick()
            assert "ivr_worker_restarts_total 1.0" in await stage.operator.metrics()
            again = await stage.dial()
            await soon(again.answered)

    run(story())


def test_speech_that_hangs_is_replaced_by_a_recording(tmp_path: Path) -> None:
    async def story() -> None:
        flows = {"flow": "salesforce_ani_lookup", "flows": ROOT / "config" / "flows"}
        async with scene(tmp_path, **flows) as stage:
            await stage.speech_warm()
            for pid in children_of(os.getpid(), "media.speech.process"):
                os.kill(pid, signal.SIGSTOP)
            leg = await stage.dial()
            await soon(leg.answered)
            await leg.record(str(tmp_path / "caller.wav"))
            call_id = await stage.watch.stage("queued")
            await asyncio.sleep(3)  # the caller listens
            await leg.hang_up()
            await stage.watch.ended(call_id)
            record = await stage.record_of(call_id)
            failed = stage.events_of(record, "speech_failed")
            assert failed
            assert failed[0]["plays"] == "one_moment.wav"
            heard = read_mono(tmp_path / "caller.wav", 8000)
            moment = read_mono(ROOT / "media" / "sounds" / "one_moment.wav", 8000)
            assert listen.longest_silence_s(heard, 8000) < 2.5
            assert listen.find(moment, heard, 8000).score > 0.8

    run(story())


def children_of(pid: int, word: str) -> list[int]:
    """Child processes whose command line holds a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
            line = (path / "cmdline").read_text()
        except (OSError, IndexError):
            continue
        if parent == pid and word in line:
            found.append(int(path.name))
    return found


def write_lock(path: Path) -> sqlite3.Connection:
    """The database's one write lock, taken from the node's writer between two of its transactions."""
    lock = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN IMMEDIATE")
    return lock


def test_a_locked_database_holds_up_no_call_and_loses_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path) as stage:
            lock = await asyncio.to_thread(write_lock, tmp_path / "data" / "ivr.db")
            try:
                leg, call_id = await stage.call()
                desk = await stage.ready()
                agent = await stage.answer()
                await stage.watch.stage("connected", call_id)
                await desk.save_note(call_id, "Written while it was locked.", 0)
                await leg.hang_up()
                await soon(agent.ended)
                await stage.watch.stage("wrap_up", call_id)
                await desk.end_wrap_up(call_id)
                await stage.watch.stage("ended", call_id)
            finally:
                lock.execute("ROLLBACK")
                lock.close()
            await stage.watch.delivery(call_id, "delivered")
            (comment,) = stage.salesforce.comments(call_id)
            assert "Written while it was locked." in comment
            record = await stage.record_of(call_id)
            assert record.ending == "caller_hung_up"

    run(story())


@pytest.mark.parametrize(("damage", "words"), [("missing", "is in none of"), ("broken", "mine.wav")])
def test_a_missing_or_broken_sound_stops_the_start_with_its_name(
    tmp_path: Path, damage: str, words: str
) -> None:
    async def story() -> None:
        sounds = tmp_path / "sounds"
        sounds.mkdir()
        if damage == "broken":
            (sounds / "mine.wav").write_bytes(b"RIFF this is no sound")
        path = write_config(tmp_path, more=f"sounds_dir: {sounds}")
        text = path.read_text().replace("ring_s: 20", "ring_s: 20, music: mine.wav")
        path.write_text(text)
        with pytest.raises(CannotStart) as caught:
            async with start(load_config(path, env=os.environ), desktop=False):
                pass
        assert any(words in reason and "mine.wav" in reason for reason in caught.value.reasons)

    run(story())


def test_a_taken_sip_port_stops_the_start_and_says_which(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        async with phone(port, rtp_base()):
            path = write_config(tmp_path, sip=port)
            with pytest.raises(CannotStart, match=f"cannot listen on 127.0.0.1:{port}"):
                async with start(load_config(path, env=os.environ), desktop=False, port_wait_s=0.0):
                    pass

    run(story())


def test_a_public_address_is_refused_in_direct_mode(tmp_path: Path) -> None:
    from ivr.config import ConfigError

    path = write_config(tmp_path)
    path.write_text(path.read_text().replace("udp:127.0.0.1", "udp:8.8.8.8"))
    with pytest.raises(ConfigError, match=r"8\.8\.8\.8"):
        load_config(path, env=os.environ)


@asynccontextmanager
async def node_process(config: Path) -> AsyncIterator[Child]:
    """`ivr serve` as a process of its own."""
    argv, env = python_child("ivr.cli.entry")
    ready_line = asyncio.Event()

    def on_line(line: str) -> None:
        sys.stdout.write(line + "\n")
        if line.startswith("ready "):
            ready_line.set()

    async def ready(_: Streams) -> None:
        await ready_line.wait()
        ready_line.clear()

    arguments = ("serve", "--config", str(config), "--until-stdin-closes", "--no-desktop")
    spec = ChildSpec(
        name="node", argv=(*argv, *arguments), env=env, ready=ready, ready_timeout_s=60, on_line=on_line
    )
    async with Child(spec) as child:
        yield child


def replace_in(path: Path, old: str, new: str) -> None:
    """Change a text in a file."""
    path.write_text(path.read_text().replace(old, new))


@asynccontextmanager
async def people(config: Path) -> AsyncIterator[tuple[Phone, Phone, Salesforce]]:
    """A caller, Sam's phone and Salesforce, for a node in another process."""
    async with AsyncExitStack() as stack:
        salesforce = await stack.enter_async_context(simulated_salesforce())
        replace_in(config, "http://127.0.0.1:1", salesforce.url)
        settings = load_config(config, env=os.environ)
        caller = await stack.enter_async_context(phone(free_port(), rtp_base()))
        sam = await stack.enter_async_context(phone(settings.agents["sam"].destination.port, rtp_base()))
        yield caller, sam, salesforce


def test_a_killed_control_process_ends_calls_kindly_and_the_next_writes_back_once(tmp_path: Path) -> None:
    async def story() -> None:
        api_port = free_port()
        config = write_config(tmp_path)
        replace_in(config, 'http: {listen: "127.0.0.1:0"}', f'http: {{listen: "127.0.0.1:{api_port}"}}')
        url = f"http://127.0.0.1:{api_port}"
        async with people(config) as (caller, sam, salesforce):
            settings = load_config(config, env=os.environ)
            sip = f"127.0.0.1:{settings.sip.listen[0].port}"
            async with node_process(config) as node, ApiClient(url) as desk:
                async with ApiClient(url, operator_token(settings.node.data_dir)) as operator:
                    watch = Watch(operator)
                    watching = asyncio.create_task(watch.run())
                    leg = await caller.call(f"sip:support@{sip}", sip, f"<sip:{ALICE}@127.0.0.1>")
                    await soon(leg.answered)
                    call_id = await watch.stage("queued")
                    await desk.sign_in("sam", "secret")
                    await desk.set_state("sam", AgentStatus.READY)
                    agent, _, _ = await soon(sam.rung())
                    await agent.answer(200)
                    await watch.stage("connected", call_id)
                    await desk.save_note(call_id, "Noted before the crash.", 0)
                    watching.cancel()
                    await asyncio.gather(watching, return_exceptions=True)
                recording = await leg.record(str(tmp_path / "caller.wav"))
                assert node.pid is not None
                os.kill(node.pid, signal.SIGKILL)
                ended = await soon(leg.ended)
                assert ended.by == "peer"
                assert recording
                await soon(agent.ended)
                # The keeper has started the next node meanwhile; it takes over the port and the records.
                async with ApiClient(url, operator_token(settings.node.data_dir)) as operator:
                    await soon(_until_recovered(operator, call_id))
                    record = await operator.call(call_id)
                    assert record.ending == "control_lost"
                    await soon(_until_comment(salesforce, call_id))
                    again = await caller.call(f"sip:support@{sip}", sip, f"<sip:{ALICE}@127.0.0.1>")
                    await soon(again.answered)
                    await again.hang_up()
                    await soon(again.ended)
            (comment,) = salesforce.comments(call_id)
            assert "Noted before the crash." in comment
            heard = read_mono(tmp_path / "caller.wav", 8000)
            farewell = read_mono(ROOT / "media" / "sounds" / "technical_problem.wav", 8000)
            assert listen.find(farewell, heard, 8000).score > 0.8

    run(story())


async def _until_recovered(operator: ApiClient, call_id: str) -> None:
    from ivr.api.errors import NodeUnreachable

    while True:
        try:
            if (await operator.call(call_id)).ending is not None:
                return
        except NodeUnreachable:
            pass
        await asyncio.sleep(0.2)  # nobody tells when a node is back


async def _until_comment(salesforce: Salesforce, call_id: str) -> None:
    while not salesforce.comments(call_id):  # noqa: ASYNC110 - the simulator has no events
        await asyncio.sleep(0.1)


def test_sigterm_lets_a_call_finish_and_takes_no_new_one(tmp_path: Path) -> None:
    async def story() -> None:
        config = write_config(tmp_path)
        async with people(config) as (caller, _, _), node_process(config) as node:
            settings = load_config(config, env=os.environ)
            sip = f"127.0.0.1:{settings.sip.listen[0].port}"
            leg = await caller.call(f"sip:support@{sip}", sip, f"<sip:{ALICE}@127.0.0.1>")
            await soon(leg.answered)
            stopping = asyncio.create_task(node.stop(grace_s=40))
            while True:
                refused = await caller.call(f"sip:support@{sip}", sip, "<sip:+12065550199@127.0.0.1>")
                await soon(any_of(refused.answered, refused.ended))
                if refused.ended.done():
                    break
                await refused.hang_up()  # asked before the signal was handled
                await soon(refused.ended)
            assert refused.ended.result().code == 503
            assert not leg.ended.done()
            await leg.hang_up()
            await soon(stopping)

    run(story())
