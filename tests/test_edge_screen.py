"""What the edge keeps away from workers: each rule, with good calls before and after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from media.messages import Digit
from tests.edge_support import EdgeNode, edge_node, needs_kamailio
from tests.phones import Line
from tests.raw_sip import OFFER, Message, RawCall, RawPeer, raw_peer, reply

pytestmark = [pytest.mark.sip, pytest.mark.process, needs_kamailio]

GOOD = OFFER.format(port=9000)


@asynccontextmanager
async def screen(folder: Path, **changes: Any) -> AsyncIterator[tuple[EdgeNode, RawPeer]]:
    """An edge and a peer."""
    async with edge_node(folder, workers=1, capacity=2, **changes) as node, raw_peer() as peer:
        yield node, peer


async def good_call(node: EdgeNode, peer: RawPeer) -> tuple[RawCall, Line]:
    """A call that is set up as it should be."""
    raw = RawCall(peer, node.port)
    raw.invite()
    there = await node.rung()
    await there.leg.answer(200)
    await raw.established()
    await there.answered()
    return raw, there


async def end(raw: RawCall, there: Line) -> None:
    """The caller hangs up."""
    raw.next("BYE")
    await raw.peer.response(200, "BYE")
    await there.ended()


def run(folder: Path, scenario: Callable[[EdgeNode, RawPeer], Awaitable[None]], **changes: Any) -> None:
    """A scenario between two calls, during a third; no worker dies and none is given anything more."""

    async def whole() -> None:
        async with screen(folder, **changes) as (node, peer):
            await end(*await good_call(node, peer))
            during, there = await good_call(node, peer)
            calls = node.pool.slots[0].calls
            await scenario(node, peer)
            assert node.pool.slots[0].calls == calls
            assert node.no_call()
            await end(during, there)
            await end(*await good_call(node, peer))
            assert node.restarts == []

    asyncio.run(whole())


async def refused(node: EdgeNode, peer: RawPeer, code: int, *extra: str, offer: str | None = None) -> None:
    """An INVITE that is answered with this code."""
    raw = RawCall(peer, node.port)
    raw.invite(*extra, offer=offer)
    answer = await peer.final()
    assert answer.code == code
    raw.ack_refusal(answer)


def with_line(old: str, new: str) -> str:
    """The good offer with a part of it changed."""
    assert old in GOOD
    return GOOD.replace(old, new)


BAD_OFFERS = {
    "no c= line": with_line("c=IN IP4 127.0.0.1\r\n", ""),
    "c= with a name": with_line("c=IN IP4 127.0.0.1", "c=IN IP4 media.example.com"),
    "c= with a long name": with_line("c=IN IP4 127.0.0.1", "c=IN IP4 " + "a" * 254),
    "c= with IPv6": with_line("c=IN IP4 127.0.0.1", "c=IN IP6 ::1"),
    "a second c= with a name": GOOD + "c=IN IP4 media.example.com\r\n",
    "audio refused and no c=": with_line("c=IN IP4 127.0.0.1\r\n", "").replace("9000", "0"),
    "audio refused": with_line("m=audio 9000", "m=audio 0"),
    "encrypted only": with_line("RTP/AVP", "RTP/SAVP"),
    "video only": with_line("m=audio", "m=video"),
    "three media": GOOD + "m=video 9002 RTP/AVP 96\r\nm=video 9004 RTP/AVP 97\r\n",
    "no version": with_line("v=0\r\n", ""),
    "another version": with_line("v=0", "v=1"),
    "a control byte": with_line("s=-", "s=\x01"),
    "a zero byte": with_line("s=-", "s=a\x00b"),
    "a line of 250 bytes": with_line("s=-", "s=" + "x" * 250),
    "a=rtcp with a long host": GOOD + "a=rtcp:9001 IN IP4 " + "a" * 200 + "\r\n",
    "a=rtcp with a name": GOOD + "a=rtcp:9001 IN IP4 media.example.com\r\n",
    "strange ptime": GOOD + "a=ptime:7\r\n",
    "huge ptime": GOOD + "a=ptime:65535\r\n",
    "more than 2,000 bytes": GOOD + "a=x:y\r\n" * 300,
    "not SDP at all": "hello\r\n",
    "a line without type": GOOD + "nonsense\r\n",
}


def test_offers_that_no_worker_is_to_see(tmp_path: Path) -> None:
    async def scenario(node: EdgeNode, peer: RawPeer) -> None:
        for name, offer in BAD_OFFERS.items():
            control = "byte" in name and "bytes" not in name
            await refused(node, peer, 400 if control else 488, offer=offer)

    run(tmp_path, scenario, source_rate=1000)


def test_bodies_of_other_types(tmp_path: Path) -> None:
    async def scenario(node: EdgeNode, peer: RawPeer) -> None:
        await refused(node, peer, 488, "Content-Type: multipart/mixed;boundary=x")
        await refused(node, peer, 488, "Content-Type: text/plain")
        await refused(node, peer, 400, "Content-Type: application/sdp", "Content-Type: text/plain")

    run(tmp_path, scenario)


def test_the_same_for_sdp_in_an_ack_and_in_a_reinvite(tmp_path: Path) -> None:
    async def whole() -> None:
        async with screen(tmp_path) as (node, peer):
            raw = RawCall(peer, node.port)
            raw.invite(offer="")
            there = await node.rung()
            await there.leg.answer(200)
            raw.take(await peer.response(200))
            raw.ack(body=BAD_OFFERS["audio refused and no c="])
            raw.ack(body=GOOD)
            await there.answered()
            raw.cseq += 1
            raw.send(raw.request("INVITE", body=BAD_OFFERS["audio refused and no c="]))
            answer = await peer.final()
            assert answer.code == 488
            await end(raw, there)
            await end(*await good_call(node, peer))
            assert node.restarts == []

    asyncio.run(whole())


def test_the_same_for_sdp_in_a_reply(tmp_path: Path) -> None:
    async def whole() -> None:
        async with screen(tmp_path) as (node, peer):
            during, there = await good_call(node, peer)

            def answer(request: Message) -> str | None:
                if request.code or request.method != "INVITE":
                    return None
                contact = f"Contact: <sip:agent@{peer.address}>"
                routes = [f"Record-Route: {v}" for k, v in request.headers if k == "Record-Route"]
                bad = reply(request, 200, "OK", contact, *routes, body=BAD_OFFERS["audio refused and no c="])
                peer.send(bad, request.source)
                return reply(request, 200, "OK", contact, *routes, body=GOOD)

            peer.answers_with(answer)
            leg = await there.leg.worker.dial(f"sip:agent@{peer.address}", peer.address, side=node.address)
            async with asyncio.timeout(30):
                await leg.answered  # by the second: the first is as if it had been lost
            assert node.restarts == []
            await end(during, there)

    asyncio.run(whole())


def test_an_ack_without_to_tag_ends_at_the_edge(tmp_path: Path) -> None:
    async def scenario(node: EdgeNode, peer: RawPeer) -> None:
        raw = RawCall(peer, node.port)
        raw.send(raw.request("ACK", branch="another"))
        await refused(node, peer, 488, offer=BAD_OFFERS["no c= line"])

    run(tmp_path, scenario)


def test_methods(tmp_path: Path) -> None:
    async def scenario(node: EdgeNode, peer: RawPeer) -> None:
        for method in ("SUBSCRIBE", "MESSAGE", "REFER", "NOTIFY", "PUBLISH", "NONSENSE"):
            raw = RawCall(peer, node.port)
            raw.send(raw.request(method))
            answer = await peer.final(method)
            assert answer.code == 405
            assert "INVITE" in answer.header("Allow")
        for method in ("BYE", "INFO", "UPDATE", "PRACK"):
            raw = RawCall(peer, node.port)
            raw.send(raw.request(method))
            assert (await peer.final(method)).code == 481
        raw = RawCall(peer, node.port)
        raw.send(raw.request("OPTIONS"))
        assert (await peer.final("OPTIONS")).code == 200

    run(tmp_path, scenario)


def test_keys_by_info_are_written_anew(tmp_path: Path) -> None:
    async def whole() -> None:
        async with screen(tmp_path) as (node, peer):
            raw, there = await good_call(node, peer)
            raw.next("INFO", "Content-Type: application/dtmf-relay", body="Signal=5\r\nDuration=250\r\n")
            assert (await peer.final("INFO")).code == 200
            # One line without its end: what ends a worker that sees it.
            raw.next("INFO", "Content-Type: application/dtmf-relay", body="Signal=7")
            assert (await peer.final("INFO")).code == 200
            raw.next("INFO", "Content-Type: application/dtmf", body="#")
            assert (await peer.final("INFO")).code == 200
            for bad in ("Signal=55\r\n", "Signal=x\r\n", "Duration=1", ""):
                raw.next("INFO", "Content-Type: application/dtmf-relay", body=bad)
                assert (await peer.final("INFO")).code == 415
            raw.next("INFO", "Content-Type: text/plain", body="hello")
            assert (await peer.final("INFO")).code == 415
            digits = await there.heard.digits(3)
            assert [digit.digit for digit in digits] == ["5", "7", "#"]
            await end(raw, there)
            assert len(there.heard.of(Digit)) == 3
            assert node.restarts == []

    asyncio.run(whole())


def test_long_hosts_in_routing_headers(tmp_path: Path) -> None:
    async def scenario(node: EdgeNode, peer: RawPeer) -> None:
        host = "a" * 250
        await refused(node, peer, 400, f"Record-Route: <sip:{host};lr>")
        await refused(node, peer, 400, f"Contact: <sip:x@{host}>")
        await refused(node, peer, 400, f"Via: SIP/2.0/UDP {host};branch=z9hG4bKx")

    run(tmp_path, scenario)


def test_sizes(tmp_path: Path) -> None:
    async def scenario(node: EdgeNode, peer: RawPeer) -> None:
        await refused(node, peer, 513, f"Subject: {'x' * 3500}")
        await refused(node, peer, 513, f"X-Much: {'x' * 8000}")

    run(tmp_path, scenario)


def test_long_headers_that_are_removed_are_no_hindrance(tmp_path: Path) -> None:
    async def whole() -> None:
        async with screen(tmp_path) as (node, peer):
            raw = RawCall(peer, node.port)
            raw.invite(f"Identity: {'x' * 3000}", f"History-Info: <sip:{'y' * 200}>", f"X-More: {'z' * 1000}")
            there = await node.rung()
            assert there.incoming is not None
            assert len(str(there.incoming.headers)) < 3500
            await there.leg.answer(200)
            await raw.established()
            await end(raw, there)

    asyncio.run(whole())


def test_asserted_identities_of_untrusted_peers_are_removed(tmp_path: Path) -> None:
    async def whole() -> None:
        async with screen(tmp_path) as (node, peer):
            raw = RawCall(peer, node.port)
            raw.invite("P-Asserted-Identity: <sip:+14155550123@x>", "Remote-Party-ID: <sip:+14155550123@x>")
            there = await node.rung()
            assert there.incoming is not None
            names = {name.lower() for name, _ in there.incoming.headers}
            assert not names & {"p-asserted-identity", "remote-party-id"}

    asyncio.run(whole())


def test_max_forwards(tmp_path: Path) -> None:
    async def scenario(node: EdgeNode, peer: RawPeer) -> None:
        raw = RawCall(peer, node.port)
        raw.send(raw.request("INVITE", body=GOOD).replace("Max-Forwards: 70", "Max-Forwards: 0"))
        assert (await peer.final()).code == 483

    run(tmp_path, scenario)


def test_malformed_messages_are_not_answered_by_a_worker(tmp_path: Path) -> None:
    async def scenario(node: EdgeNode, peer: RawPeer) -> None:
        async with raw_peer() as other:
            send_broken(RawCall(other, node.port))
            await refused(node, peer, 488, offer=BAD_OFFERS["no c= line"])

    def send_broken(raw: RawCall) -> None:
        whole = raw.request("INVITE", body=GOOD)
        for broken in (
            whole.replace(f"CSeq: {raw.cseq} INVITE", f"CSeq: {raw.cseq} BYE"),
            whole.replace("SIP/2.0\r\n", "SIP/3.0\r\n", 1),
            whole.replace("Call-ID", "Call-Me"),
            whole.replace(f"Content-Length: {len(GOOD)}", "Content-Length: 9999"),
            whole.replace(f"Content-Length: {len(GOOD)}", "Content-Length: -1"),
            "INVITE",
            "\x00" * 100,
            whole[:80],
        ):
            raw.send(broken)

    run(tmp_path, scenario)


def test_an_invite_that_comes_again_is_the_same_call(tmp_path: Path) -> None:
    async def whole() -> None:
        async with screen(tmp_path) as (node, peer):
            raw = RawCall(peer, node.port)
            text = raw.invite()
            raw.send(text)
            there = await node.rung()
            raw.send(text)
            await there.leg.answer(200)
            await raw.established()
            raw.send(text)
            await end(raw, there)
            raw.send(text)
            async with raw_peer() as other:  # the first gets the answer once more
                await end(*await good_call(node, other))
            assert node.no_call()

    asyncio.run(whole())


def test_one_source_cannot_ask_too_often(tmp_path: Path) -> None:
    async def whole() -> None:
        async with screen(tmp_path, source_rate=3) as (node, peer):
            during, there = await good_call(node, peer)
            calls = [RawCall(peer, node.port) for _ in range(40)]
            for raw in calls:
                raw.invite(offer=BAD_OFFERS["no c= line"])
            # The edge takes them in order: what it has to say of all of them comes before the BYE's answer.
            await end(during, there)
            answered = {m.header("Call-ID") for m in peer.inbox if m.code == 488}
            assert 0 < len(answered) < len(calls)
            assert node.restarts == []

    asyncio.run(whole())
