"""The peers of a worker that dies hear of it at once: a BYE each, the way that the worker's own would go."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from media.messages import Answered, DialogState
from media.sip.bye import CSEQ
from tests.edge_support import EdgeNode, edge_node, needs_kamailio
from tests.phones import Line, Phone, phone
from tests.raw_sip import OFFER, Message, RawCall, RawPeer, raw_peer, reply
from tests.test_edge_calls import call, loads, pid_of, restarted

pytestmark = [pytest.mark.sip, pytest.mark.process, pytest.mark.timeout(60)]


def routes_of(message: Message) -> list[str]:
    """Its Route values."""
    return [value for key, value in message.headers if key == "Route"]


async def called(peer: RawPeer, node: Phone, *headers: str) -> tuple[RawCall, Line]:
    """A call of the peer, answered."""
    raw = RawCall(peer, node.port)
    raw.invite(*headers)
    there = await node.rung()
    await there.leg.answer(200)
    await raw.established()
    await there.answered()
    return raw, there


def test_a_caller_gets_it_where_he_is_now_along_his_route() -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            near = f"<sip:{peer.address};lr;x=1>"
            raw, there = await called(peer, node, f"Record-Route: {near}, <sip:192.0.2.1;lr>")
            moved = raw.request("UPDATE", cseq=2).replace("Contact: <sip:raw@", "Contact: <sip:moved@")
            raw.send(moved)
            await peer.response(200, "UPDATE")
            await there.heard.until_event(DialogState, lambda event: "moved@" in event.target)
            peer.answers_with(lambda m: reply(m, 200, "OK") if m.method == "BYE" else None)
            node.kill_worker()
            bye = await peer.request("BYE")
            assert bye.start == f"BYE sip:moved@{peer.address} SIP/2.0"
            assert routes_of(bye) == [near, "<sip:192.0.2.1;lr>"]
            assert (bye.header("Call-ID"), bye.header("From")) == (raw.call_id, raw.remote_to)
            assert bye.header("To").endswith(">;tag=raw")
            assert bye.source == ("127.0.0.1", node.port)
            await node.restarted()
            assert peer.count("BYE") == 1

    asyncio.run(scene())


def test_whom_we_called_gets_it_along_the_route_that_he_gave() -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            peer.answers_with(lambda m: _agent(m, peer))
            there = await node.dial(peer.address)
            await there.answered()
            invite = await peer.request("INVITE")
            node.kill_worker()
            bye = await peer.request("BYE")
            assert bye.start == f"BYE sip:agent@{peer.address} SIP/2.0"
            assert routes_of(bye) == [f"<sip:{peer.address};lr>", "<sip:192.0.2.1;lr>"]
            assert bye.header("From") == invite.header("From")
            assert bye.header("To").endswith(";tag=peer")
            assert int(bye.header("CSeq").split()[0]) == CSEQ > int(invite.header("CSeq").split()[0])

    asyncio.run(scene())


def _agent(message: Message, peer: RawPeer) -> str | None:
    if message.code or message.method == "ACK":
        return None
    routes = (f"Record-Route: <sip:192.0.2.1;lr>, <sip:{peer.address};lr>",)
    contact = f"Contact: <sip:agent@{peer.address}>"
    body = OFFER.format(port=9) if message.method == "INVITE" else ""
    return reply(message, 200, "OK", contact, *routes, body=body)


def test_a_peer_that_is_silent_hears_it_twice_and_holds_up_no_successor() -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer, phone() as other:
            await called(peer, node)
            here = await other.dial(node.address)
            there = await node.rung()
            await there.leg.answer(200)
            await here.answered()
            node.kill_worker()
            first, second = [await peer.request("BYE") for _ in range(2)]
            assert first.header("Via") == second.header("Via")
            assert (await here.ended()).by == "peer"
            await node.restarted()
            assert peer.count("BYE") == 2
            await called(peer, node)

    asyncio.run(scene())


def test_a_call_that_was_answered_and_not_acknowledged_is_ended_too() -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            raw = RawCall(peer, node.port)
            raw.invite()
            there = await node.rung()
            await there.leg.answer(200)
            raw.take(await peer.response(200))
            await there.heard.until_event(DialogState)
            assert there.heard.of(Answered) == []
            node.kill_worker()
            assert (await peer.request("BYE")).header("From") == raw.remote_to

    asyncio.run(scene())


def test_a_call_that_has_ended_gets_no_bye() -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            raw, there = await called(peer, node)
            raw.next("BYE")
            await there.ended()
            _, second = await called(peer, node)
            node.kill_worker()
            bye = await peer.request("BYE")
            assert second.incoming is not None
            assert bye.header("Call-ID") == second.incoming.sip_call_id != raw.call_id
            await node.restarted()
            assert {m.header("Call-ID") for m in peer.inbox if m.start.startswith("BYE")} == {
                bye.header("Call-ID")
            }

    asyncio.run(scene())


# --- behind an edge --------------------------------------------------------------------------------------


async def edge_started_again(node: EdgeNode) -> None:
    """The edge dies, with all that it knew of calls, and is back."""
    pid = node.edge.pid
    assert pid is not None
    os.killpg(pid, signal.SIGKILL)
    await node.until_edge(lambda: restarted(node))
    await node.all_listed()


@needs_kamailio
def test_calls_from_before_an_edge_restart_are_ended_when_their_worker_dies(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path, workers=2) as node, phone() as caller, phone() as agent:
            calls = [await call(caller, node) for _ in range(4)]
            _, talking = calls[0]
            await talking.leg.worker.dial(f"sip:agent@{agent.address}", agent.address, side=node.address)
            agents = await agent.rung()
            await agents.leg.answer(200)
            await agents.answered()
            await edge_started_again(node)
            slot, pid = pid_of(node, talking)
            lost = [(here, there) for here, there in calls if there.leg.worker is talking.leg.worker]
            assert len(lost) == 2
            os.kill(pid, signal.SIGKILL)
            for here, there in lost:
                assert (await here.ended()).by == "peer"
                assert (await there.ended()).by == "worker"
            assert (await agents.ended()).by == "peer"
            await node.until(lambda: node.pool.slots[slot].process or None)
            await node.all_listed()
            for here, there in calls:
                if (here, there) not in lost:
                    assert not here.leg.ended.done()
                    await here.leg.hang_up()
                    assert (await there.ended()).by == "peer"
            await node.until_edge(lambda: loads(node, {0}))

    asyncio.run(scenario())


@needs_kamailio
def test_what_the_edge_remembers_of_a_dead_workers_calls_ends_with_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path, workers=1) as node, phone() as caller:
            here, there = await call(caller, node)
            os.kill(pid_of(node, there)[1], signal.SIGKILL)
            assert (await here.ended()).by == "peer"

            async def forgotten() -> bool:
                return int((await node.edge.rpc.call("dlg.stats_active"))["ongoing"]) == 0

            await node.until_edge(forgotten)

    asyncio.run(scenario())
