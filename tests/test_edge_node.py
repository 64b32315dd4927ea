"""A whole node behind the edge: a caller and an agent, a worker that dies, a drain, new definitions."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ivr.api.models import AgentStatus
from ivr.config import load_config
from ivr.config.errors import ConfigError
from ivr.peers import agent_address
from ivr.serving import drain, reload
from ivr.waiting import any_of
from media.leg import Leg
from tests.edge_support import needs_kamailio
from tests.node_support import Scene, run, scene, soon, write_config
from tests.raw_sip import RawCall, raw_peer

pytestmark = [pytest.mark.sip, pytest.mark.process, needs_kamailio]
EDGE = "edge: kamailio"


def test_a_call_from_ring_to_write_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with scene(tmp_path, sip_more=EDGE) as s:
            await s.ready()
            leg, call_id = await s.call()
            agent = await s.answer()
            await s.watch.stage("connected", call_id)
            await leg.hang_up()
            await soon(agent.ended)
            assert await s.watch.ended(call_id) == "caller_hung_up"
            invite = s.events_of(await s.record_of(call_id), "invite")[0]
            assert invite["source"].startswith("127.0.0.1:")
            assert (await s.operator.node()).workers == 1
            await s.watch.agent("sam", AgentStatus.WRAP_UP)

    run(scenario())


def test_a_worker_that_is_killed_lets_both_go_and_the_record_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with scene(tmp_path, sip_more=EDGE) as s:
            await s.ready()
            leg, call_id = await s.call()
            agent = await s.answer()
            await s.watch.stage("connected", call_id)
            process = s.node.pool.slots[0].process
            assert process is not None
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            await soon(leg.ended)
            await soon(agent.ended)
            assert await s.watch.ended(call_id) == "worker_lost"
            await (await again(s)).hang_up()

    run(scenario())


def test_two_nodes_that_start_at_once_share_no_worker_port(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            scenes = []
            for name in ("one", "other"):
                (tmp_path / name).mkdir()
                scenes.append(scene(tmp_path / name, sip_more=EDGE))
            first, second = await asyncio.gather(*(stack.enter_async_context(one) for one in scenes))
            ports = [slot.port for s in (first, second) for slot in s.node.pool.slots]
            assert len(ports) == len(set(ports)) == 2
            for s in (first, second):
                leg, _ = await s.call()
                await leg.hang_up()

    run(scenario())


async def again(s: Scene) -> Leg:
    """A new call, once the worker is there again; until then callers are told 503."""
    while True:
        leg = await s.dial()
        await soon(any_of(leg.answered, leg.ended))
        if leg.answered.done():
            return leg
        assert leg.ended.result().code == 503


def test_a_drain_refuses_new_calls_and_lets_the_others_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with scene(tmp_path, sip_more=EDGE) as s, raw_peer() as peer:
            leg, call_id = await s.call()
            draining = asyncio.create_task(drain(s.node, asyncio.Event(), 30.0))
            await asyncio.sleep(0)
            raw = RawCall(peer, int(s.sip.rsplit(":", 1)[1]))
            raw.invite()
            answer = await peer.final()
            assert (answer.code, answer.header("Retry-After")) == (503, "10")
            raw.ack_refusal(answer)
            assert not leg.ended.done()
            await leg.hang_up()
            await soon(draining)
            assert await s.watch.ended(call_id) == "abandoned_in_queue"

    run(scenario())


def test_new_definitions_count_and_wrong_ones_do_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with scene(tmp_path, sip_more=EDGE) as s:
            before = s.config_path.read_text()
            leg = await s.dial(to="sales")
            assert (await soon(leg.ended)).code == 404
            after = before.replace('"service"]', '"service", "sales"]').replace("Sam Park", "Sam Lee")
            s.config_path.write_text(after)
            assert await reload(s.node, lambda: load_config(s.config_path, env=os.environ))
            assert (await s.ready()) is not None
            assert s.node.reception.services.config.agents["sam"].name == "Sam Lee"
            s.config_path.write_text(before.replace("teams: [Tier1]", "teams: [Nobody]"))
            assert not await reload(s.node, lambda: load_config(s.config_path, env=os.environ))
            leg = await s.dial(to="sales")
            await soon(leg.answered)
            agent = await s.answer()
            await leg.hang_up()
            await soon(agent.ended)

    run(scenario())


# --- configuration ---------------------------------------------------------------------------------------

PHONE = """
  kim: {{name: Kim, phone: {{user: "1001", password: secret}}, sign_in: {{password_hash: "{hash}"}}}}
"""


def test_an_agent_at_a_registered_phone_needs_no_endpoint(tmp_path: Path) -> None:
    path = write_config(tmp_path, sip_more=EDGE)
    text = path.read_text()
    line = next(line for line in text.splitlines() if line.strip().startswith("jin:"))
    hash_ = line.split('password_hash: "')[1].split('"')[0]
    path.write_text(text.replace(line, line + PHONE.format(hash=hash_).rstrip()))
    config = load_config(path, env=os.environ)
    kim = config.agents["kim"]
    assert kim.endpoint == "sip:1001@phones.invalid"
    address = asyncio.run(agent_address(kim.endpoint, config))
    assert address == str(config.sip.listen[0]).removeprefix("udp:")
    path.write_text(path.read_text().replace(EDGE, "edge: none"))
    with pytest.raises(ConfigError, match="phones register at an edge only"):
        load_config(path, env=os.environ)
