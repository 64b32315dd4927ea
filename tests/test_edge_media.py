"""Peers behind NAT, who cannot know their address, and a registered softphone as an agent's endpoint."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

import pytest

from ivr.demo.people import write_tone
from media import listen
from media.edge.model import REALM, EdgePhone
from media.leg import Leg
from media.messages import Registrar
from tests.edge_crowd import eventually, restarted
from tests.edge_support import EdgeNode, edge_node, needs_kamailio
from tests.node_support import run, scene, soon
from tests.phones import HOST, RATE, Line, heard_in, phone, within
from tests.raw_sip import OFFER, Message, RawCall, RawPeer, raw_peer, reply
from tests.rtp_meter import RtpMeter, rtp_meter

pytestmark = [pytest.mark.sip, pytest.mark.process, pytest.mark.timeout(120), needs_kamailio]

PRIVATE = "127.77.0.5"
"""The address that a peer has in a network of his own. From ours nothing must be sent to it."""
ALICE = EdgePhone(user="1001", password="secret")


@dataclass(slots=True)
class Natted(RawCall):
    """A dialog of a peer that writes its private address everywhere: Via, Contact, SDP."""

    private: str = ""
    rport: bool = True

    def request(self, method: str, *extra: str, **options: object) -> str:
        text = RawCall.request(self, method, *extra, **options)  # type: ignore[arg-type]  # as it is
        return hidden(text if self.rport else text.replace(";rport", ""), self.peer, self.private)


def hidden(text: str, peer: RawPeer, private: str) -> str:
    """A message in which the peer's address is the private one; an SDP of the same length."""
    head, _, body = text.replace(peer.address, private).partition("\r\n\r\n")
    body = body.replace("IP4 127.0.0.1", f"IP4 {PRIVATE}")
    head = re.sub(r"Content-Length: \d+", f"Content-Length: {len(body)}", head)
    return f"{head}\r\n\r\n{body}"


@asynccontextmanager
async def private_host() -> AsyncIterator[RawPeer]:
    """Whoever is reached by the private address: not the peer, and nobody that we should write to."""
    loop = asyncio.get_running_loop()
    _, nobody = await loop.create_datagram_endpoint(RawPeer, local_addr=(PRIVATE, 0))
    try:
        yield nobody
    finally:
        nobody.close()


def media_of(message: Message) -> tuple[str, int]:
    """Where the SDP of a message wants audio."""
    host = re.search(r"^c=IN IP4 (\S+)", message.body, re.MULTILINE)
    port = re.search(r"^m=audio (\d+)", message.body, re.MULTILINE)
    assert host is not None
    assert port is not None
    return host[1], int(port[1])


async def talks(meter: RtpMeter, place: tuple[str, int]) -> None:
    """A peer whose SDP lies speaks from where he really is, and hears."""
    assert meter.streams == {}
    meter.speak(place)
    (sender,) = await meter.heard(1)
    assert sender == place[1]
    await meter.more([sender], 25)
    assert meter.lost([sender]) == 0
    meter.hush()


@pytest.mark.parametrize("rport", [True, False], ids=["rport", "no rport"])
def test_a_caller_behind_nat_is_answered_heard_and_reached(tmp_path: Path, rport: bool) -> None:
    async def scenario() -> None:
        nat = (raw_peer(), private_host(), rtp_meter())
        async with edge_node(tmp_path) as node, nat[0] as peer, nat[1] as nobody, nat[2] as meter:
            call = Natted(peer, node.port, private=f"{PRIVATE}:{nobody.port}", rport=rport)
            call.invite()
            there = await node.rung()
            await there.leg.answer(200)
            answer = await call.established()
            await there.answered()
            await talks(meter, media_of(answer))
            await there.leg.hold(True)  # a request of ours in the dialog
            invite = await peer.request("INVITE")
            body = hidden(OFFER.format(port=9), peer, call.private)
            peer.send(reply(invite, 200, "OK", f"Contact: <sip:raw@{call.private}>", body=body), call.target)
            await peer.request("ACK")
            await there.leg.hang_up()
            peer.send(reply(await peer.request("BYE"), 200, "OK"), call.target)
            await there.ended()
            assert nobody.inbox == []

    asyncio.run(scenario())


def authorization(challenge: Message, method: str, uri: str) -> str:
    """RFC 2617 3.2.2, with qop."""
    given: dict[str, str] = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge.header("WWW-Authenticate")))
    ha2 = md5(f"{method}:{uri}".encode()).hexdigest()
    text = f"{ALICE.ha1}:{given['nonce']}:00000001:cafe:auth:{ha2}"
    response = md5(text.encode()).hexdigest()
    parts = {"username": ALICE.user, "realm": REALM, "nonce": given["nonce"], "uri": uri, "cnonce": "cafe"}
    quoted = ", ".join(f'{key}="{value}"' for key, value in parts.items())
    return f'Authorization: Digest {quoted}, qop=auth, nc=00000001, response="{response}"'


async def register(call: Natted) -> None:
    """Register as Alice, with the password when asked for it."""

    def text(*extra: str) -> str:
        made = call.request("REGISTER", "Expires: 300", *extra)
        made = made.replace(f"REGISTER sip:service@{HOST}", f"REGISTER sip:{HOST}")
        return made.replace("sip:service@", "sip:1001@").replace("sip:raw@", "sip:1001@")

    call.send(text())
    challenge = await call.peer.response(401, "REGISTER")
    call.cseq += 1
    call.send(text(authorization(challenge, "REGISTER", f"sip:{HOST}:{call.port}")))
    await call.peer.response(200, "REGISTER")


def test_a_phone_behind_nat_is_rung_where_it_was_seen_and_survives_the_edge(tmp_path: Path) -> None:
    async def scenario() -> None:
        nat = (raw_peer(), private_host(), raw_peer())
        edge = edge_node(tmp_path, phones=(ALICE,))
        async with edge as node, nat[0] as peer, nat[1] as nobody, nat[2] as caller:
            alice = Natted(peer, node.port, private=f"{PRIVATE}:{nobody.port}")
            await register(alice)
            raw = RawCall(caller, node.port)
            raw.invite()
            there = await node.rung()
            await there.leg.answer(200)
            await raw.established()
            await talk_to(there, node, alice)
            kept = tmp_path / "kept" / "location"
            await eventually(kept.is_file)
            assert node.edge.pid is not None
            os.killpg(node.edge.pid, signal.SIGKILL)
            await restarted(node)
            await talk_to(there, node, alice)
            assert nobody.inbox == []

    asyncio.run(scenario())


async def talk_to(there: Line, node: EdgeNode, alice: Natted) -> None:
    """A worker calls the phone, which answers with its private address; they talk, and we hang up."""
    peer = alice.peer

    def answer(request: Message) -> str | None:
        if request.code or request.method == "ACK":
            return None
        routes = [f"Record-Route: {value}" for key, value in request.headers if key == "Record-Route"]
        body = OFFER.format(port=9) if request.method == "INVITE" else ""
        return hidden(
            reply(request, 200, "OK", f"Contact: <sip:1001@{peer.address}>", *routes, body=body),
            peer,
            alice.private,
        )

    peer.answers_with(answer)
    async with rtp_meter() as meter:
        leg = await there.leg.worker.dial(f"sip:1001@{node.address}", node.address)
        await within(leg.answered)
        invite = await peer.request("INVITE")
        assert f"sip:1001@{alice.private}" in invite.start
        await peer.request("ACK")
        await talks(meter, media_of(invite))
        await leg.hang_up()
        await peer.request("BYE")
        await within(leg.ended)


# --- a whole node ----------------------------------------------------------------------------------------

KIM = 'phone: {user: "1001", password: secret}'


def at_a_softphone(text: str) -> str:
    """Sam has a phone that registers, instead of an endpoint with an address."""
    return re.sub(r'endpoint: "sip:sam@[^"]*"', KIM, text)


def test_an_agent_at_a_registered_softphone_is_bridged_both_ways(tmp_path: Path) -> None:
    async def story() -> None:
        async with scene(tmp_path, at_a_softphone, sip_more="edge: kamailio") as s:
            account = Registrar(
                trunk="edge", uri=f"sip:{s.sip}", address=s.sip, user="1001", password="secret"
            )
            async with phone(registrars=(account,)) as softphone:
                await softphone.until(lambda: next((r for r in softphone.registrations if r.expires_s), None))
                await s.ready()
                caller, call_id = await s.call()
                agent = (await softphone.rung()).leg
                await agent.answer(200)
                await s.watch.stage("connected", call_id)
                speaks = write_tone(tmp_path / "caller.wav", 523.25)
                await caller.start_loop(str(speaks))
                await agent.start_loop(str(s.tone))
                assert await heard(caller, tmp_path / "at-caller.wav", 880.0) > 0.9
                assert await heard(agent, tmp_path / "at-agent.wav", 523.25) > 0.9
                await caller.hang_up()
                await soon(agent.ended)
                assert await s.watch.ended(call_id) == "caller_hung_up"

    run(story())


async def heard(leg: Leg, file: Path, frequency_hz: float) -> float:
    """The share of a tone in the end of what a leg hears in two seconds."""
    recording = await leg.record(str(file))
    await eventually(lambda: file.exists() and file.stat().st_size > 2 * 2 * RATE)
    await leg.stop_record(recording)
    return listen.tone_share(heard_in(file)[-RATE // 2 :], RATE, frequency_hz)
