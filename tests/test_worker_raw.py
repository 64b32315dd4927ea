"""What peers send that a good phone would not, and what must not move a worker: transfers, text, noise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.phones import HOST, Line, Phone, phone, talk, tone
from tests.raw_sip import OFFER, RawCall, RawPeer, raw_peer, rtp_port

pytestmark = [pytest.mark.sip, pytest.mark.timeout(60)]

Scene = Callable[[Phone, RawPeer, RawCall], Awaitable[None]]


def run_raw(scene: Scene) -> None:
    """Run a scene with a node and a raw peer, then see that the worker has lived and takes calls."""

    async def main() -> None:
        async with phone() as node, raw_peer() as peer:
            await scene(node, peer, RawCall(peer, node.port))
            await takes_a_call(node, peer)
            assert node.restarts == []

    asyncio.run(main())


async def takes_a_call(node: Phone, peer: RawPeer) -> None:
    """A plain call from the raw peer."""
    call = RawCall(peer, node.port)
    await established(node, call)
    call.next("BYE")
    await peer.until_message(lambda m: m.code == 200 and m.header("CSeq") == f"{call.cseq} BYE")


async def established(node: Phone, call: RawCall) -> Line:
    """Invite, answer, acknowledge; what has rung before is left ringing."""
    call.invite()
    line = await node.rung()
    while line.incoming is None or line.incoming.sip_call_id != call.call_id:
        line = await node.rung()
    await line.leg.answer(200)
    await call.established()
    await line.answered()
    return line


# --- transfers -------------------------------------------------------------------------------------------


def test_refer_is_declined_and_nothing_is_dialled() -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        async with raw_peer() as victim:
            line = await established(node, call)
            call.next("REFER", f"Refer-To: <sip:premium@{victim.address}>")
            assert (await peer.final("REFER")).code == 603
            call.next("BYE")
            assert (await line.ended()).by == "peer"
            # What comes to the victim first is a call that was asked for later.
            await node.dial(victim.address, uri=f"sip:later@{victim.address}")
            invite = await victim.request("INVITE")
            assert invite.start.startswith("INVITE sip:later@")
            assert victim.count("INVITE") == len(victim.inbox)

    run_raw(scene)


def test_refer_outside_a_dialog_dials_nothing() -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        async with raw_peer() as victim:
            call.send(call.request("REFER", f"Refer-To: <sip:premium@{victim.address}>"))
            await takes_a_call(node, peer)
            assert victim.inbox == []

    run_raw(scene)


def test_an_invite_that_would_replace_a_call_leaves_it_alone() -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        line = await established(node, call)
        to_tag = call.remote_to.partition("tag=")[2]
        thief = RawCall(peer, node.port)
        thief.invite(f"Replaces: {call.call_id};to-tag={to_tag};from-tag=raw")
        answer = await peer.final()
        thief.ack_refusal(answer)
        assert answer.header("Call-ID") == thief.call_id
        assert answer.code == 603
        assert node.no_call()
        assert not line.leg.ended.done()
        call.next("BYE")
        assert (await line.ended()).by == "peer"

    run_raw(scene)


# --- offers and answers ----------------------------------------------------------------------------------


def test_a_late_offer_is_answered_with_ours_and_a_prompt_is_heard(tmp_path: Path) -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        async with rtp_port() as rtp:
            call.invite(offer="")
            line = await node.rung()
            await line.leg.answer(200)
            playing = asyncio.create_task(line.play(tone(tmp_path, 440.0, 0.5)))
            answer = await peer.response(200)
            assert "m=audio" in answer.body
            call.take(answer)
            call.ack(body=OFFER.format(port=rtp.port))
            await line.answered()
            await line.media(held=False)
            await rtp.more(20)
            assert (await playing).outcome == "finished"
            call.next("BYE")
            await line.ended()

    run_raw(scene)


def test_a_silent_call_still_sends_audio() -> None:
    """Nothing is played or mixed: peers and gateways that end calls without RTP must not end this one."""

    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        async with rtp_port() as rtp:
            call.rtp_port = rtp.port
            line = await established(node, call)
            await rtp.more(120)
            call.next("BYE")
            await line.ended()

    run_raw(scene)


def test_an_offer_without_a_codec_of_ours_is_refused_and_told_as_no_call() -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        call.invite(
            offer=OFFER.replace("0 101", "9 97").replace("rtpmap:0 PCMU", "rtpmap:97 SPEEX").format(port=9)
        )
        answer = await peer.final()
        call.ack_refusal(answer)
        assert answer.code in (415, 488)

    run_raw(scene)


# --- lost, late and repeated -----------------------------------------------------------------------------


def test_an_invite_that_comes_again_is_one_call() -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        invite = call.invite()
        call.send(invite)
        line = await node.rung()
        call.send(invite)
        await line.leg.answer(180)
        await line.leg.answer(200)
        await call.established()
        await line.answered()
        # From here on the library knows nothing of the transaction.
        call.send(invite)
        assert (await peer.response(482)).header("Call-ID") == call.call_id
        assert not line.leg.ended.done()
        call.next("BYE")
        await line.ended()
        call.send(invite)
        await peer.response(482)
        assert node.no_call()

    run_raw(scene)


def test_a_cancel_before_the_answer_ends_the_leg() -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        call.invite()
        line = await node.rung()
        await line.leg.answer(180)
        await peer.response(180)
        call.cancel()
        assert (await peer.final("CANCEL")).code == 200
        refusal = await peer.response(487)
        call.ack_refusal(refusal)
        ended = await line.ended()
        assert (ended.by, ended.code) == ("peer", 487)

    run_raw(scene)


def test_a_cancel_that_comes_with_the_invite() -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        with node.standing_still():
            call.invite()
            call.cancel()
        line = await node.rung()
        ended = await line.ended()
        assert (ended.by, ended.code) == ("peer", 487)
        call.ack_refusal(await peer.response(487))

    run_raw(scene)


def test_a_cancel_just_after_the_answer_changes_nothing() -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        call.invite()
        line = await node.rung()
        await line.leg.answer(200)
        answer = await peer.response(200)
        call.cancel()
        await peer.final("CANCEL")
        call.take(answer)
        call.ack()
        await line.answered()
        assert not line.leg.ended.done()
        call.next("BYE")
        assert (await line.ended()).by == "peer"

    run_raw(scene)


def test_a_peer_that_never_acknowledges_can_be_hung_up() -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        call.invite()
        line = await node.rung()
        await line.leg.answer(200)
        await peer.response(200)
        await peer.response(200)  # sent again: it waits for the ACK
        await takes_a_call(node, peer)
        await line.leg.hang_up()
        ended = await line.ended()
        assert (ended.by, ended.code) == ("us", 200)
        assert not line.leg.answered.done()

    run_raw(scene)


def test_a_bye_that_comes_twice_and_one_for_no_call() -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        line = await established(node, call)
        call.cseq += 1
        bye = call.request("BYE")
        call.send(bye)
        call.send(bye)
        assert (await line.ended()).by == "peer"
        stranger = RawCall(peer, node.port)
        stranger.remote_to = f"<sip:x@{HOST}>;tag=nobody"
        stranger.next("BYE")
        assert (await peer.until_message(lambda m: m.code >= 300 and m.method == "BYE")).code == 481

    run_raw(scene)


# --- text ------------------------------------------------------------------------------------------------

NAMES = {
    "Latin-1": ('"Jos\udce9 Mu\udcf1oz" <sip:1@x>', '"José Muñoz" <sip:1@x>'),
    "UTF-8": ('"김철수" <sip:1@x>', '"김철수" <sip:1@x>'),
    "broken UTF-8": ('"\udced\udca0\udc80 \udcc3(" <sip:1@x>', '"\xed\xa0  Ã(" <sip:1@x>'),
    "both": ('"김\udce9" <sip:1@x>', None),
    "controls": ('"a\x07\x1b[31mb\x7f" <sip:1@x>', '"a [31mb " <sip:1@x>'),
    "long": (f'"{"n" * 2500}" <sip:1@x>', f'"{"n" * 2500}" <sip:1@x>'),
    "markup": ('"<script>&amp;\' OR 1=1 --" <sip:1@x>', '"<script>&amp;\' OR 1=1 --" <sip:1@x>'),
    "no address": ("anonymous", None),
}


@pytest.mark.parametrize("name", NAMES)
def test_text_of_any_kind_arrives_clean_or_not_at_all(name: str) -> None:
    sent, shown = NAMES[name]

    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        call.invite(f"X-Note: {sent[:900]}", from_header=f"From: {sent};tag=t1")
        if shown is None:
            return  # whether the library takes it is its own affair: what comes later must be taken
        line = await node.rung()
        assert line.incoming is not None
        fields = dict(line.incoming.headers)
        assert (fields["From"], fields["X-Note"]) == (f"{shown};tag=t1", shown[:900])
        assert line.incoming.from_tag == "t1"
        await line.leg.hang_up(404, "Not Found")
        assert (await line.ended()).code == 404

    run_raw(scene)


@pytest.mark.parametrize("size", [3_500, 4_000, 8_000, 60_000])
def test_a_message_larger_than_the_library_takes_harms_nothing(size: int) -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        call.invite(from_header=f'From: "{"n" * size}" <sip:1@x>;tag=t')

    run_raw(scene)


def test_compact_and_folded_headers() -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        lines = call.request("INVITE", "Subject: one\r\n two", body=OFFER.format(port=9), cseq=1)
        for long, short in (("From", "f"), ("To", "t"), ("Call-ID", "i"), ("Contact", "m"), ("Via", "v")):
            lines = lines.replace(f"\r\n{long}: ", f"\r\n{short}: ")
        call.send(lines.replace("Content-Type: ", "c: ").replace("Content-Length: ", "l: "))
        line = await node.rung()
        assert line.incoming is not None
        fields = dict(line.incoming.headers)
        assert fields["From"] == f"<sip:raw@{peer.address}>;tag=raw"
        assert line.incoming.sip_call_id == fields["Call-ID"] == call.call_id
        assert {"To", "Contact", "Via"} <= fields.keys()
        assert fields["Subject"] == "one two"
        await line.leg.answer(200)
        await call.established()
        call.next("BYE")
        await line.ended()

    run_raw(scene)


def test_requests_outside_a_call_are_no_calls() -> None:
    async def scene(node: Phone, peer: RawPeer, call: RawCall) -> None:
        for method in ("OPTIONS", "REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH", "NONSENSE"):
            stray = RawCall(peer, node.port)
            stray.send(stray.request(method))
        assert (await peer.final("OPTIONS")).code == 200
        await takes_a_call(node, peer)
        assert node.no_call()

    run_raw(scene)


def test_two_peers_talk_through_all_this(tmp_path: Path) -> None:
    """Noise at the SIP port does not stop the music of a call."""

    async def scene() -> None:
        async with talk() as (here, there, _, node), raw_peer() as peer:
            playing = asyncio.create_task(there.play(tone(tmp_path, 440.0, 0.5)))
            noise = (
                b"\0" * 500,
                b"\r\n",
                b"INVITE",
                b"SIP/2.0 200\r\n\r\n",
                b"\xff" * 1400,
                b"INVITE sip:\r\n\r\n",
            )
            for data in noise * 10:
                peer.send(data, (HOST, node.port))
            assert (await playing).outcome == "finished"
            assert not here.leg.ended.done()
            assert node.restarts == []

    asyncio.run(scene())
