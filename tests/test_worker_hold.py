"""Holds by re-INVITE in both directions, and that audio comes back as it was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from media.listen import rms_dbfs, tone_share
from media.messages import MediaChanged
from tests.phones import HOST, RATE, Line, connect, heard_in, phone, silence, talk, tone, within
from tests.raw_sip import RawCall, RawPeer, raw_peer, rtp_port

pytestmark = [pytest.mark.sip, pytest.mark.timeout(60)]

LOW, HIGH = 440.0, 1000.0


async def heard_by(line: Line, clock: Line, folder: Path, name: str) -> tuple[float, float, float]:
    """Level and shares of both tones in what a line hears in the next half second."""
    recording = await line.leg.record(str(folder / name))
    await clock.play(silence(folder, 0.7))
    await line.leg.stop_record(recording)
    samples = heard_in(folder / name)[RATE // 5 :]
    return rms_dbfs(samples), tone_share(samples, RATE, LOW), tone_share(samples, RATE, HIGH)


async def hold(holder: Line, peer: Line, *, on: bool) -> MediaChanged:
    """Hold or resume, until both sides are through with it; returns what the peer's side was told."""
    past, told = len(holder.heard.events), len(peer.heard.events)
    await holder.leg.hold(on)
    await holder.heard.until_event(MediaChanged, lambda event: event.active != on, past=past)
    return await peer.media(held=on, past=told)


# --- a phone holds us ------------------------------------------------------------------------------------


def test_an_agents_hold_and_its_end_are_told_and_the_mix_comes_back(tmp_path: Path) -> None:
    async def scene() -> None:
        async with phone() as node, phone() as phones:
            caller_here, caller = await connect(phones, node)
            agent_here, agent = await connect(phones, node)
            clock_here, clock = await connect(phones, node)
            await caller_here.leg.start_loop(str(tone(tmp_path, LOW, 1.0)))
            await agent_here.leg.start_loop(str(tone(tmp_path, HIGH, 1.0)))
            await agent.leg.worker.mix({caller.leg: (agent.leg,), agent.leg: (caller.leg,)})
            for _ in range(2):
                assert (await hold(agent_here, agent, on=True)).active
                await hold(agent_here, agent, on=False)
            _, low, _ = await heard_by(agent_here, clock, tmp_path, "agent.wav")
            _, _, high = await heard_by(caller_here, clock, tmp_path, "caller.wav")
            assert low > 0.9
            assert high > 0.9
            assert not clock_here.leg.ended.done()

    asyncio.run(scene())


def offer(port: int, version: int, direction: str = "sendrecv", host: str = HOST) -> str:
    return (
        f"v=0\r\no=- 7 {version} IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na={direction}\r\n"
    )


async def reinvite(call: RawCall, peer: RawPeer, body: str) -> str:
    """Offer anew in the dialog; returns the answer's direction."""
    call.next("INVITE", body=body)
    answer = await peer.response(200)
    call.ack()
    lines = answer.body.split("\r\n")
    return next((line for line in lines if line in DIRECTIONS), "a=sendrecv")


DIRECTIONS = ("a=sendonly", "a=recvonly", "a=inactive", "a=sendrecv")


@pytest.mark.parametrize(
    ("direction", "host", "answered"),
    [
        ("sendonly", HOST, "a=recvonly"),
        ("inactive", HOST, "a=inactive"),
        ("sendrecv", "0.0.0.0", "a=sendrecv"),
        ("inactive", "0.0.0.0", "a=inactive"),
    ],
)
def test_each_way_to_hold_is_told_and_music_comes_back(
    tmp_path: Path, direction: str, host: str, answered: str
) -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer, rtp_port() as rtp:
            call = RawCall(peer, node.port)
            call.invite(offer=offer(rtp.port, 1))
            line = await node.rung()
            await line.leg.answer(200)
            await call.established()
            await line.media(held=False)
            await line.leg.start_loop(str(tone(tmp_path, LOW, 1.0)))
            await rtp.more()
            past = len(line.heard.events)
            assert await reinvite(call, peer, offer(rtp.port, 2, direction, host)) == answered
            await line.media(held=True, past=past)
            silent = rtp.packets
            await line.play(silence(tmp_path, 0.3))
            assert rtp.packets - silent < 5  # what was on its way
            await line.leg.start_loop(str(tone(tmp_path, LOW, 1.0)))
            past = len(line.heard.events)
            assert await reinvite(call, peer, offer(rtp.port, 3)) == "a=sendrecv"
            await line.media(held=False, past=past)
            await rtp.more(20)
            call.next("BYE")
            assert (await line.ended()).by == "peer"

    asyncio.run(scene())


def test_a_change_that_is_no_hold_does_not_break_the_music(tmp_path: Path) -> None:
    """recvonly: the phone only listens. Then another port, as after a hand-over of the phone."""

    async def scene() -> None:
        async with phone() as node, raw_peer() as peer, rtp_port() as rtp, rtp_port() as other:
            call = RawCall(peer, node.port)
            call.invite(offer=offer(rtp.port, 1))
            line = await node.rung()
            await line.leg.answer(200)
            await call.established()
            await line.leg.start_loop(str(tone(tmp_path, LOW, 1.0)))
            await rtp.more()
            assert await reinvite(call, peer, offer(rtp.port, 2, "recvonly")) == "a=sendonly"
            await rtp.more()
            assert await reinvite(call, peer, offer(other.port, 3)) == "a=sendrecv"
            await other.more()
            moved = await line.heard.until_event(
                MediaChanged, lambda event: event.remote_rtp == f"{HOST}:{other.port}"
            )
            assert not moved.held

    asyncio.run(scene())


# --- we hold a phone -------------------------------------------------------------------------------------


def test_a_phone_that_we_hold_hears_our_music_and_comes_back(tmp_path: Path) -> None:
    async def scene() -> None:
        async with phone() as node, phone() as phones:
            here, there = await connect(phones, node)
            _, clock = await connect(phones, node)
            await here.leg.start_loop(str(tone(tmp_path, LOW, 1.0)))
            await here.media(held=False)
            await hold(there, here, on=True)
            await there.leg.start_loop(str(tone(tmp_path, HIGH, 1.0)))
            _, _, high = await heard_by(here, clock, tmp_path, "held.wav")
            assert high > 0.9
            await hold(there, here, on=False)
            _, _, high = await heard_by(here, clock, tmp_path, "back.wav")
            _, low, _ = await heard_by(there, clock, tmp_path, "said.wav")
            assert high > 0.9
            assert low > 0.9

    asyncio.run(scene())


def test_music_that_plays_when_we_hold_goes_on(tmp_path: Path) -> None:
    async def scene() -> None:
        async with talk() as (here, there, phones, node):
            _, clock = await connect(phones, node)
            await there.leg.start_loop(str(tone(tmp_path, HIGH, 1.0)))
            await hold(there, here, on=True)
            _, _, high = await heard_by(here, clock, tmp_path, "held.wav")
            assert high > 0.9

    asyncio.run(scene())


def test_a_second_hold_while_one_is_under_way_fails_and_harms_nothing() -> None:
    async def scene() -> None:
        async with talk() as (here, there, _, node):
            first = asyncio.create_task(there.leg.hold(True))
            second = asyncio.create_task(there.leg.hold(False))
            results = await within(asyncio.gather(first, second, return_exceptions=True))
            assert results[0] is None
            await here.media(held=True)
            assert not there.leg.ended.done()
            assert node.restarts == []

    asyncio.run(scene())
