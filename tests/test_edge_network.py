"""The edge seen from another host: which addresses leave the node, and who gets no answer at all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import structlog

from media.edge.model import EdgePhone
from tests.edge_support import EdgeNode, edge_node, needs_kamailio
from tests.netns import FarCall, FarPeer, Place, far_peer, namespace, needs_netns
from tests.phones import Line
from tests.raw_sip import OFFER, Message, reply

pytestmark = [pytest.mark.sip, pytest.mark.process, needs_kamailio, needs_netns]

NEAR = ("10.98.76.0/24",)
PUBLIC = "203.0.113.5"


def routes_of(message: Message) -> list[str]:
    """Its Record-Route values, as they stand."""
    return [value for key, value in message.headers if key == "Record-Route"]


async def incoming(node: EdgeNode, peer: FarPeer) -> tuple[FarCall, Line, Message]:
    """A call from the far host, answered."""
    call = FarCall(peer, node.port, host=node.host)
    call.invite()
    there = await node.rung()
    await there.leg.answer(200)
    answer = await peer.response(200)
    call.take(answer)
    call.follow(answer.header("Contact"), list(reversed(routes_of(answer))))
    call.ack()
    await there.answered()
    return call, there, answer


async def outgoing(node: EdgeNode, there: Line, peer: FarPeer) -> Message:
    """A worker calls the far host, which answers; the INVITE."""

    def answer(request: Message) -> str | None:
        if request.code or request.method == "ACK":
            return None
        routes = [f"Record-Route: {route}" for route in routes_of(request)]
        contact = f"Contact: <sip:agent@{peer.address}>"
        body = OFFER.format(port=9000).replace("127.0.0.1", peer.host) if request.method == "INVITE" else ""
        return reply(request, 200, "OK", contact, *routes, body=body)

    peer.answers_with(answer)
    leg = await there.leg.worker.dial(f"sip:agent@{peer.address}", peer.address)
    async with asyncio.timeout(30):
        await leg.answered
    invite = await peer.request("INVITE")
    await peer.request("ACK")
    # The far end hangs up, along the route that it was given.
    back = FarCall(peer, node.port, host=node.host, call_id=invite.header("Call-ID"))
    back.follow(invite.header("Contact"), routes_of(invite))
    back.remote_to = invite.header("From")
    to = invite.header("To")
    back.send(back.request("BYE", from_header=f"From: {to};tag=peer", cseq=7))
    await peer.response(200, "BYE")
    async with asyncio.timeout(30):
        await leg.ended
    return invite


def test_no_loopback_address_leaves_the_node(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        changes: dict[str, Any] = {"host": place.ours, "local_networks": NEAR, "workers": 1}
        async with edge_node(tmp_path, **changes) as node, far_peer(place) as peer:
            call, there, answer = await incoming(node, peer)
            assert answer.header("Contact") == f"<sip:w0@{node.address}>"
            invite = await outgoing(node, there, peer)
            assert place.ours in invite.body
            await there.leg.hold(True)
            await peer.request("INVITE")
            call.next("BYE")
            await peer.response(200, "BYE")
            await there.ended()
            call, there, _ = await incoming(node, peer)
            await there.leg.hang_up()
            await peer.request("BYE")
            assert [text for text in peer.wire if "127.0.0.1" in text] == []

    with namespace("10.98.76.2", "10.98.76.1") as place:
        asyncio.run(scenario(place))


def test_the_public_address_is_what_peers_outside_see_and_no_others(tmp_path: Path) -> None:
    async def seen(place: Place, folder: Path, networks: tuple[str, ...]) -> list[str]:
        changes: dict[str, Any] = {
            "host": place.ours,
            "local_networks": networks,
            "public_host": PUBLIC,
            "accept_any": True,
            "workers": 1,
        }
        async with edge_node(folder, **changes) as node, far_peer(place) as peer:
            call, there, answer = await incoming(node, peer)
            shown = PUBLIC if networks != NEAR else place.ours
            assert answer.header("Contact") == f"<sip:w0@{shown}:{node.port}>"
            assert f"c=IN IP4 {shown}" in answer.body
            invite = await outgoing(node, there, peer)
            assert f"{shown}:{node.port}" in invite.header("Via")
            assert f"{shown}:{node.port}" in invite.header("Record-Route")
            assert f"{shown}:{node.port}" in invite.header("Contact")
            assert f"c=IN IP4 {shown}" in invite.body
            call.next("BYE")
            await peer.response(200, "BYE")
            await there.ended()
            return peer.wire

    with namespace("10.98.76.2", "10.98.76.1") as place:
        (tmp_path / "near").mkdir()
        (tmp_path / "far").mkdir()
        near = asyncio.run(seen(place, tmp_path / "near", NEAR))
        far = asyncio.run(seen(place, tmp_path / "far", ("10.1.0.0/16",)))
    assert [text for text in near if PUBLIC in text] == []
    assert [text for text in far if "127.0.0.1" in text] == []


def test_strangers_get_no_answer_and_one_line_in_the_log(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        changes: dict[str, Any] = {
            "host": place.ours,
            "local_networks": ("10.1.0.0/16",),
            "phones": (EdgePhone(user="1001", password="x"),),
        }
        async with edge_node(tmp_path, **changes) as node, far_peer(place) as peer:
            call = FarCall(peer, node.port, host=node.host)
            for method in ("OPTIONS", "INVITE", "REGISTER", "SUBSCRIBE", "BYE", "ACK") * 20:
                call.next(method)
            for junk in ("\x00" * 400, "INVITE sip:x SIP/2.0\r\n\r\n", "REGISTER " + "a" * 9000):
                call.send(junk)
            phone = FarCall(peer, node.port, host=node.host)
            phone.send(
                phone.request("REGISTER")
                .replace("sip:service@", "sip:1001@")
                .replace("sip:raw@", "sip:1001@")
            )
            # A phone of ours is asked for its password, wherever it is.
            assert (await peer.final("REGISTER")).code == 401
            assert {m.method for m in peer.inbox} == {"REGISTER"}
            assert len(peer.inbox) == 1
            assert node.no_call()

    with structlog.testing.capture_logs() as logs, namespace("10.98.76.2", "10.98.76.1") as place:
        asyncio.run(scenario(place))
    refused = [entry for entry in logs if entry["event"] == "edge.refused"]
    assert [entry["source"] for entry in refused if entry["reason"] == "unknown-source"] == ["10.98.76.2"]
    assert len(logs) < 40
