"""Trunks and phones at the edge: registrations, calls to what was registered, challenges, and fraud."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from media.edge.model import EdgePhone, EdgeRegistration, EdgeTrunk
from media.messages import Registrar
from tests.edge_support import EdgeNode, edge_node, needs_kamailio
from tests.phones import HOST, Line, Waiting, free_port, phone
from tests.raw_sip import OFFER, Message, RawCall, RawPeer, raw_peer, reply

pytestmark = [pytest.mark.sip, pytest.mark.process, needs_kamailio]

SECRET = 'open sesame: "7" $x'
CONTACT = "ivrc0123456789abcdef01234567"


def carrier(peer: RawPeer, port: int, **changes: object) -> EdgeTrunk:
    """A trunk at a raw peer that registers."""
    registration = EdgeRegistration(
        host="carrier.test",
        address=peer.address,
        contact=CONTACT,
        socket=f"udp:{HOST}:{port}",
        contact_address=f"{HOST}:{port}",
    )
    return EdgeTrunk(
        name="the%20carrier",
        networks=(),
        trusted=True,
        user="alice",
        password=SECRET,
        registration=registration,
    )


def registrar(peer: RawPeer, password: str = SECRET) -> Callable[[Message], str | None]:
    """Answers REGISTER as a registrar that demands digest."""

    def answer(request: Message) -> str | None:
        if request.code or request.method != "REGISTER":
            return None
        if not digest_is_right(request, "Authorization", password):
            return reply(request, 401, "Unauthorized", 'WWW-Authenticate: Digest realm="there", nonce="abc"')
        contact = request.header("Contact").split(";expires")[0]
        return reply(request, 200, "OK", f"Contact: {contact};expires=300")

    return answer


def digest_is_right(request: Message, name: str, password: str) -> bool:
    """RFC 2617 3.2.2, without qop."""
    from hashlib import md5

    given: dict[str, str] = dict(re.findall(r'(\w+)="?([^",]*)"?', request.header(name)))
    if not given:
        return False
    ha1 = md5(f"{given['username']}:{given['realm']}:{password}".encode()).hexdigest()
    ha2 = md5(f"{request.method}:{given['uri']}".encode()).hexdigest()
    right: str = md5(f"{ha1}:{given['nonce']}:{ha2}".encode()).hexdigest()
    return right == given["response"]


def registered(node: EdgeNode) -> Callable[[], bool | None]:
    """Whether the last word is that the trunk is registered."""
    return lambda: (node.registrations and node.registrations[-1].expires_s > 0) or None


def test_a_trunk_registers_with_digest_and_calls_to_its_contact_are_its_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = free_port()
        async with raw_peer() as peer:
            peer.answers_with(registrar(peer))
            async with edge_node(tmp_path, port=port, trunks=(carrier(peer, port),)) as node:
                await node.until(registered(node))
                contact = peer.inbox[-1].header("Contact")
                assert f"sip:{CONTACT}@{HOST}:{port}" in contact
                there = await call_to(node, peer, f"sip:{CONTACT}@{HOST}:{port}")
                assert there.incoming is not None
                headers = dict(there.incoming.headers)
                assert headers["X-IVR-Trunk"] == "the%20carrier"
                assert headers["P-Asserted-Identity"] == "<sip:+14155550123@x>"
                assert there.incoming.request_uri == "sip:alice@carrier.test"
                # The same peer, without the contact: it is nobody.
                there = await call_to(node, peer, f"sip:service@{HOST}:{port}")
                assert there.incoming is not None
                assert not {"X-IVR-Trunk", "P-Asserted-Identity"} & set(dict(there.incoming.headers))

    asyncio.run(scenario())


async def call_to(node: EdgeNode, peer: RawPeer, uri: str) -> Line:
    """An INVITE to a Request-URI; the worker's end of it."""
    raw = RawCall(peer, node.port)
    text = raw.request("INVITE", "P-Asserted-Identity: <sip:+14155550123@x>", body=OFFER.format(port=9000))
    raw.send(text.replace(f"INVITE sip:service@{HOST}:{node.port}", f"INVITE {uri}", 1))
    return await node.rung()


def test_a_registrar_that_says_no_is_asked_again_and_its_answer_is_known(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = free_port()
        async with raw_peer() as peer:
            peer.answers_with(registrar(peer, password="another"))
            changes: dict[str, Any] = {
                "port": port,
                "trunks": (carrier(peer, port),),
                "registration_retry_s": 1,
            }
            async with edge_node(tmp_path, **changes) as node:
                await node.until(lambda: next((r for r in node.registrations if r.code == 401), None))
                peer.answers_with(registrar(peer))
                await node.until(registered(node))

    asyncio.run(scenario())


def test_a_trunk_is_known_by_its_address(tmp_path: Path) -> None:
    async def scenario() -> None:
        trunk = EdgeTrunk(name="pbx", networks=(f"{HOST}/32",), trusted=True)
        async with edge_node(tmp_path, trunks=(trunk,)) as node, raw_peer() as peer:
            there = await call_to(node, peer, f"sip:service@{HOST}:{node.port}")
            assert there.incoming is not None
            headers = dict(there.incoming.headers)
            assert headers["X-IVR-Trunk"] == "pbx"
            assert "P-Asserted-Identity" in headers

    asyncio.run(scenario())


def number(request: Message) -> int:
    """The number in its CSeq."""
    return int(request.header("CSeq").split()[0])


@pytest.mark.parametrize("restarts", [False, True])
def test_a_challenged_call_is_answered_with_the_trunks_credentials(restarts: bool, tmp_path: Path) -> None:
    async def scenario() -> None:
        trunk = EdgeTrunk(name="pbx", networks=("192.0.2.77/32",), user="alice", password=SECRET)
        async with edge_node(tmp_path, trunks=(trunk,)) as node, raw_peer() as peer, phone() as caller:
            await caller.dial(node.address)
            there = await node.rung()
            await there.leg.answer(200)
            await there.answered()
            contact = f"Contact: <sip:x@{peer.address}>"

            def answer(request: Message) -> str | None:
                if request.code or request.method == "ACK":
                    return None
                if request.method == "INVITE":
                    begins = "tag=" not in request.header("To")
                    if begins and not digest_is_right(request, "Proxy-Authorization", SECRET):
                        challenge = 'Proxy-Authenticate: Digest realm="there", nonce="abc"'
                        return reply(request, 407, "Proxy Authentication Required", challenge)
                    routes = [f"Record-Route: {v}" for k, v in request.headers if k == "Record-Route"]
                    return reply(request, 200, "OK", contact, *routes, body=OFFER.format(port=9000))
                return reply(request, 200, "OK")

            peer.answers_with(answer)
            leg = await there.leg.worker.dial(f"sip:x@{peer.address}", peer.address, trunk="pbx")
            async with asyncio.timeout(30):
                await leg.answered
            first = await peer.until_message(lambda m: m.header("Proxy-Authorization") != "")
            await peer.until_message(lambda m: m.method == "ACK" and number(m) == number(first))
            if restarts:
                assert node.edge.pid is not None
                os.killpg(node.edge.pid, signal.SIGKILL)
                await node.until_edge(lambda: back(node))
            await leg.hold(True)
            held = await peer.until_message(lambda m: m.method == "INVITE" and "a=sendonly" in m.body)
            assert number(held) > number(first)
            await peer.until_message(lambda m: m.method == "ACK" and number(m) == number(held))
            await leg.hang_up()
            bye = await peer.request("BYE")
            last = [m for m in peer.inbox if m.method == "INVITE" and not m.code][-1]
            assert "X-IVR-Trunk" not in dict(last.headers)
            # RFC 3261 12.2.1.1: the peer has seen one INVITE more than the worker has sent.
            assert number(bye) > number(last)
            assert number(last) == number(held)
            async with asyncio.timeout(30):
                await leg.ended

    asyncio.run(scenario())


ALICE = EdgePhone(user="1001", password=SECRET)


def account(node_port: int, password: str = SECRET) -> Registrar:
    """How a softphone registers at the edge."""
    return Registrar(
        trunk="edge",
        uri=f"sip:{HOST}:{node_port}",
        address=f"{HOST}:{node_port}",
        user="1001",
        password=password,
    )


def test_a_phone_registers_is_rung_and_survives_the_edge(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = free_port()
        registering = phone(registrars=(account(port),))
        edge = edge_node(tmp_path, port=port, phones=(ALICE,))
        async with edge as node, phone() as caller, registering as agent:
            await agent.until(lambda: next((r for r in agent.registrations if r.expires_s > 0), None))
            here = await caller.dial(node.address)
            there = await node.rung()
            await there.leg.answer(200)
            await there.answered()
            await ring(there, agent, node)
            kept = tmp_path / "kept" / "location"
            await node.until_edge(lambda: is_file(kept))
            assert node.edge.pid is not None
            os.killpg(node.edge.pid, signal.SIGKILL)
            await node.until_edge(lambda: back(node))
            await ring(there, agent, node)
            await here.leg.hang_up()

    asyncio.run(scenario())


async def is_file(path: Path) -> bool:
    """Whether it has been written."""
    return await asyncio.to_thread(path.is_file)


async def back(node: EdgeNode) -> bool:
    """Whether the edge was started again."""
    return node.edge.restarts > 0 and node.edge.is_ready


async def ring(there: Line, agent: Waiting, node: EdgeNode) -> None:
    """The worker calls the registered phone, which answers and is let go."""
    leg = await there.leg.worker.dial(f"sip:1001@{node.address}", node.address)
    line = await agent.rung()  # type: ignore[attr-defined]  # a phone is a Waiting with calls
    await line.leg.answer(200)
    async with asyncio.timeout(30):
        await leg.answered
    await leg.hang_up()
    await line.ended()


def test_a_phone_that_is_not_registered_is_unreachable_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with edge_node(tmp_path, phones=(ALICE,)) as node, phone() as caller:
            await caller.dial(node.address)
            there = await node.rung()
            await there.leg.answer(200)
            await there.answered()
            leg = await there.leg.worker.dial(f"sip:1001@{node.address}", node.address)
            async with asyncio.timeout(30):
                assert (await leg.ended).code == 404

    asyncio.run(scenario())


def test_a_wrong_password_registers_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = free_port()
        wrong = phone(registrars=(account(port, "wrong"),))
        async with edge_node(tmp_path, port=port, phones=(ALICE,)) as node, wrong as agent:
            refusal = await agent.until(lambda: next((r for r in agent.registrations if r.code >= 400), None))
            assert refusal.code in (401, 403)
            assert "1001" not in str(await node.edge.rpc.call("ul.dump"))

    asyncio.run(scenario())


def test_nothing_from_outside_goes_out_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        trunk = EdgeTrunk(name="pbx", networks=(f"{HOST}/32",), trusted=True, user="alice", password=SECRET)
        edge = edge_node(tmp_path, trunks=(trunk,), phones=(ALICE,))
        async with edge as node, raw_peer() as peer, raw_peer() as victim:
            elsewhere = f"sip:+19005550100@{victim.address}"
            raw = RawCall(peer, node.port)
            for start, extra in (
                (elsewhere, ""),
                (
                    f"sip:x@{HOST}:{node.port}",
                    f"Route: <sip:{node.address};lr>, <sip:{victim.address};lr>",
                ),
                (elsewhere, f"Route: <sip:{node.address};lr>"),
                (f"{elsewhere};alias={HOST}~{victim.port}~1", ""),
                (f"sip:w0@{node.address};alias={HOST}~{victim.port}~1", ""),
                (f"sip:1001@{node.address}", "X-IVR-Trunk: pbx"),
            ):
                raw = RawCall(peer, node.port)
                text = raw.request("INVITE", *([extra] if extra else []), body=OFFER.format(port=9000))
                raw.send(text.replace(f"INVITE sip:service@{HOST}:{node.port}", f"INVITE {start}", 1))
                there = await node.rung()  # a worker's, which knows no such number
                await there.leg.hang_up(404, "Not Found")
                assert (await peer.final()).code == 404
            for method in ("BYE", "INVITE", "UPDATE", "ACK"):
                raw = RawCall(peer, node.port)
                raw.remote_to = "<sip:x@x>;tag=made-up"
                text = raw.request(method, f"Route: <sip:{node.address};lr;w=0>")
                raw.send(text.replace(f"sip:service@{HOST}:{node.port}", elsewhere, 1))
                if method != "ACK":
                    assert (await peer.final(method)).code == 481
            assert victim.inbox == []

    asyncio.run(scenario())


def full_trunk(code: int) -> EdgeTrunk:
    """A trunk at our own address that is told this when nobody can take its call."""
    return EdgeTrunk(name="pbx", networks=(f"{HOST}/32",), full_code=code)


async def told(peer: RawPeer, raw: RawCall) -> tuple[int, str, str]:
    """How an INVITE is refused: code, words, Retry-After."""
    raw.invite()
    answer = await peer.until_message(lambda m: m.code >= 200 and m.header("Call-ID") == raw.call_id)
    raw.ack_refusal(answer)
    return answer.code, answer.start.split(" ", 2)[2], answer.header("Retry-After")


@pytest.mark.parametrize(("code", "words"), [(486, "Busy Here"), (480, "Temporarily Unavailable")])
def test_a_full_or_draining_node_tells_a_trunk_what_it_is_to_be_told(
    code: int, words: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        edge = edge_node(tmp_path, workers=1, capacity=1, trunks=(full_trunk(code),))
        async with edge as node, raw_peer() as peer:
            raw = RawCall(peer, node.port)
            raw.invite()
            there = await node.rung()
            assert await told(peer, RawCall(peer, node.port)) == (code, words, "10")  # the pool has said so
            await there.leg.hang_up(404, "Not Found")
            assert (await peer.final()).code == 404
            await there.ended()
            node.pool.open = False  # a drain
            assert await told(peer, RawCall(peer, node.port)) == (code, words, "10")

    asyncio.run(scenario())


def test_a_node_without_a_worker_to_ask_tells_a_trunk_the_same(tmp_path: Path) -> None:
    async def scenario() -> None:
        changes: dict[str, Any] = {"workers": 1, "capacity": 2, "trunks": (full_trunk(603),)}
        async with edge_node(tmp_path, **changes) as node, raw_peer() as peer:
            for _ in range(2):
                raw = RawCall(peer, node.port)
                raw.invite()
                there = await node.rung()
                await there.leg.answer(200)
                await raw.established()
            assert await told(peer, RawCall(peer, node.port)) == (603, "Decline", "10")

    asyncio.run(scenario())


def test_a_trunk_that_calls_too_fast_is_told_the_same(tmp_path: Path) -> None:
    async def scenario() -> None:
        changes: dict[str, Any] = {"trunks": (full_trunk(480),), "trunk_rate": 1}
        async with edge_node(tmp_path, **changes) as node, raw_peer() as peer:
            for _ in range(8):
                RawCall(peer, node.port).invite()
            refusal = await peer.response(480)
            assert refusal.header("Retry-After") == "1"

    asyncio.run(scenario())
