"""What is counted of refusals and registrations, by the node and by its edge."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from media.edge.counts import FullCalls
from tests.edge_support import edge_node, needs_kamailio
from tests.node_support import Scene, run, scene, soon
from tests.phones import LIMIT_S
from tests.raw_sip import RawCall, raw_peer
from tests.test_edge_trunks import SECRET, registrar

pytestmark = [pytest.mark.sip, pytest.mark.process]

EDGE = pytest.param("edge: kamailio", marks=needs_kamailio, id="kamailio")
TRUNK = """
trunks:
  carrier: {{uri: "sip:{address}", user: alice, password: '{password}', register: true}}
  pbx: {{uri: "sip:192.0.2.1"}}
"""


async def metric(stage: Scene, name: str) -> float:
    """A metric's value, 0 when there is none."""
    lines = (await stage.operator.metrics()).splitlines()
    return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} ")), 0.0)


async def until_metric(stage: Scene, name: str, wanted: float) -> None:
    """Until it is so: metrics are asked for, and tell nobody."""
    async with asyncio.timeout(LIMIT_S):
        while await metric(stage, name) != wanted:
            await stage.tick()


@pytest.mark.parametrize("sip_more", ["edge: none", EDGE])
def test_whether_a_trunk_is_registered_is_a_metric(sip_more: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with raw_peer() as peer:
            more = TRUNK.format(address=peer.address, password=SECRET.replace("${", "$${"))
            peer.answers_with(registrar(peer, password="another"))
            async with scene(tmp_path, sip_more=sip_more, more=more) as stage:
                name = 'ivr_trunk_registered{trunk="carrier"}'
                await until_metric(stage, name, 0.0)
                assert name in await stage.operator.metrics()
                peer.answers_with(registrar(peer))
                await until_metric(stage, name, 1.0)
                assert 'trunk="pbx"' not in await stage.operator.metrics()

    run(story())


@pytest.mark.parametrize("sip_more", ["edge: none", EDGE])
def test_refusals_are_counted_with_their_reason(sip_more: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, sip_more=sip_more) as stage:
            leg = await stage.dial(to="nobody")
            assert (await soon(leg.ended)).code == 404
            leg = await stage.dial()
            await soon(leg.answered)
            stage.node.pool.open = False
            refused = await stage.dial()
            assert (await soon(refused.ended)).code == 503
            stage.node.pool.open = True
            stage.node.pool.slots[0].booked += 1  # the other customer's place: nobody has told the edge
            refused = await stage.dial()
            assert (await soon(refused.ended)).code == 503
            stage.node.pool.slots[0].booked -= 1
            for reason in ("unknown_number", "draining", "capacity"):
                await until_metric(stage, f'ivr_call_refused_total{{reason="{reason}"}}', 1.0)
            assert await metric(stage, 'ivr_call_refused_total{reason="forbidden"}') == 0.0

    run(story())


@needs_kamailio
def test_what_the_edge_turns_away_is_counted_once_a_source_and_reason(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, sip_more="edge: kamailio") as stage, raw_peer() as peer:
            for _ in range(3):
                raw = RawCall(peer, int(stage.sip.rsplit(":", 1)[1]))
                raw.invite(offer="v=0\r\nnonsense\r\n")
                assert (await peer.final()).code == 488
            await until_metric(stage, 'ivr_edge_source_refused_total{reason="sdp"}', 1.0)

    run(story())


@needs_kamailio
def test_calls_that_no_worker_is_free_for_are_counted_by_the_edge(tmp_path: Path) -> None:
    async def scenario() -> None:
        counts: list[int] = []
        changes: dict[str, Any] = {"workers": 1, "capacity": 2}
        async with edge_node(tmp_path, **changes) as node, raw_peer() as peer:
            full = FullCalls(counts.append)
            await full.look(node.edge.rpc)
            assert counts == []
            for _ in range(2):
                raw = RawCall(peer, node.port)
                raw.invite()
                there = await node.rung()
                await there.leg.answer(200)
                await raw.established()
            for _ in range(2):
                raw = RawCall(peer, node.port)
                raw.invite()
                assert (await peer.response(503)).header("Call-ID") == raw.call_id
                await full.look(node.edge.rpc)
            assert counts == [1, 1]
            await full.look(node.edge.rpc)
            assert counts == [1, 1]

    asyncio.run(scenario())
