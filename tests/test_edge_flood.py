"""Floods: from a stranger, who gets no answer, and from a trunk, which is told to come later. Calls go on."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from media.edge.model import EdgePhone, EdgeTrunk
from tests.edge_crowd import ONE_LEG, idle, ids_of, let_go, pid_of, send_away, take, well
from tests.edge_support import EdgeNode, edge_node, needs_kamailio
from tests.netns import FarCall, FarPeer, Place, far_peer, namespace, needs_netns
from tests.raw_sip import Message
from tests.rtp_meter import RtpMeter, rtp_meter
from tests.sipp import Outcome, needs_sipp, sipp

pytestmark = [
    pytest.mark.sip,
    pytest.mark.process,
    pytest.mark.timeout(150),
    needs_kamailio,
    needs_sipp,
]

FLOOD = 2_000
KNOWN = EdgePhone(user="1001", password="x")
SCANNERS = ("OPTIONS", "REGISTER", "SUBSCRIBE", "INVITE", "BYE", "ACK", "CANCEL", "MESSAGE")


@needs_netns
def test_a_flood_from_a_stranger_is_not_answered_and_disturbs_nobody(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        # The stranger's network is nobody's; ours, on the way to it, is the callers'.
        trunk = EdgeTrunk(name="carrier", networks=(f"{place.ours}/32",))
        edge = edge_node(
            tmp_path,
            host=place.ours,
            workers=4,
            capacity=16,
            pool=ONE_LEG,
            trunks=(trunk,),
            phones=(KNOWN,),
        )
        async with rtp_meter(place.ours) as meter, edge as node, far_peer(place) as stranger:
            outcome = await crowd_meanwhile(node, tmp_path, meter, stranger)
            assert outcome.tally == {"answered": 12, "left": 6, "released": 6}
            assert {message.method for message in stranger.inbox} == {"REGISTER"}
            assert {message.code for message in stranger.inbox} == {401}
            assert node.restarts == []
            assert sum(slot.calls for slot in node.pool.slots) == 12
            await idle(node.pool.slots)

    with structlog.testing.capture_logs() as logs, namespace("10.98.75.2", "10.98.75.1") as place:
        asyncio.run(scenario(place))
    refused = [entry for entry in logs if entry["event"] == "edge.refused"]
    assert [(entry["source"], entry["reason"]) for entry in refused] == [("10.98.75.2", "unknown-source")]
    assert len(logs) < 60


async def crowd_meanwhile(node: EdgeNode, folder: Path, meter: RtpMeter, stranger: FarPeer) -> Outcome:
    """Half of the calls come before the flood and half while it lasts; all of them are good."""
    options = {"host": node.host, "rtp": meter.port, "rate": 10}
    async with sipp("caller", node.address, folder, calls=6, **options) as first:  # type: ignore[arg-type]  # as named
        lines = await take(node, 6)
        senders = await meter.heard(6)
        flooding = asyncio.create_task(flood(node, stranger), name="flood")
        async with sipp("caller", node.address, folder, calls=6, **options) as second:  # type: ignore[arg-type]  # as named
            lines += await take(node, 6)
            await flooding
            senders = await meter.heard(12)
            await meter.more(senders)
            assert meter.lost(senders) == 0
            await send_away(lines[::2])
            await let_go(lines[1::2])
            outcomes = [well(await first.finished()), well(await second.finished())]
    said = tuple(line for outcome in outcomes for line in outcome.said)
    return Outcome(code=0, said=said, errors="")


async def flood(node: EdgeNode, stranger: FarPeer) -> None:
    """Packets of all kinds, until the edge has seen the last: it answers a phone of ours that registers."""
    for number in range(FLOOD):
        call = FarCall(stranger, node.port, host=node.host, call_id=f"flood-{number}")
        call.next(SCANNERS[number % len(SCANNERS)])
        if number % 50 == 0:
            await asyncio.sleep(0)  # the test is the callers as well
    phone = FarCall(stranger, node.port, host=node.host)
    register = phone.request("REGISTER").replace("sip:service@", "sip:1001@").replace("sip:raw@", "sip:1001@")
    while not [message for message in stranger.inbox if message.code == 401]:
        phone.send(register)
        with suppress(TimeoutError):  # lost in the crowd: said again, as RFC 3261 17.1.2.2 has it
            await stranger.until_message(is_challenge, limit_s=0.5)


def is_challenge(message: Message) -> bool:
    """Whether the edge asks for a password."""
    return message.code == 401


def test_a_trunk_above_its_rate_is_told_to_come_later_and_its_calls_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        trunk = EdgeTrunk(name="carrier", networks=("127.0.0.1/32",))
        edge = edge_node(tmp_path, workers=10, capacity=40, pool=ONE_LEG, trunks=(trunk,), trunk_rate=10)
        async with rtp_meter() as meter, edge as node:
            workers = [pid_of(slot) for slot in node.pool.slots]
            async with sipp("caller", node.address, tmp_path, calls=8, rate=4, rtp=meter.port) as before:
                lines = await take(node, 8)
                senders = await meter.heard(8)
                outcome = await surge(node, tmp_path)
                assert outcome.tally["answered"] + outcome.tally["refused"] == 300
                # The trunk's rate for what was too much, the node's own word for what found no place.
                refusals = {line for line in outcome.said if line.startswith("refused")}
                assert "refused 503 retry-after=1" in refusals
                assert refusals <= {"refused 503 retry-after=1", "refused 503 retry-after=10"}
                await meter.more(senders)
                assert meter.lost(senders) == 0
                await send_away(lines)
                assert well(await before.finished()).calls("left") == ids_of(lines)
            assert [pid_of(slot) for slot in node.pool.slots] == workers
            await idle(node.pool.slots)

    asyncio.run(scenario())


async def surge(node: EdgeNode, folder: Path) -> Outcome:
    """Three hundred calls as fast as they can be dialled; whoever is taken is let go at once."""
    taking = asyncio.create_task(let_go_at_once(node), name="taking")
    try:
        async with sipp("caller", node.address, folder, calls=300, rate=1_000) as crowd:
            return well(await crowd.finished())
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)


async def let_go_at_once(node: EdgeNode) -> None:
    """Answer and end whatever comes."""
    while True:
        line = await node.lines.get()
        await line.leg.answer(200)
        await line.leg.answered
        await line.leg.hang_up()
