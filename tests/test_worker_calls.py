"""Calls of a worker over real SIP: answered, refused, ended, dialled, and what the other side sees of it."""

from __future__ import annotations

import asyncio

import pytest

from media.errors import CommandFailed
from media.messages import Answer, Dial, Hangup, LegId, Progress, Record, RecordingId
from tests.phones import connect, phone, talk, within
from tests.raw_sip import RawCall, raw_peer, reply

pytestmark = [pytest.mark.sip, pytest.mark.timeout(60)]


def test_a_call_rings_is_answered_and_ended_by_the_caller() -> None:
    async def scene() -> None:
        async with phone() as node, phone() as caller:
            here = await caller.dial(node.address, from_uri='"Ann B." <sip:+1555@127.0.0.1>')
            there = await node.rung()
            assert there.incoming is not None
            assert there.incoming.request_uri == f"sip:service@{node.address}"
            assert there.incoming.source == caller.address
            assert dict(there.incoming.headers)["From"].startswith('"Ann B." <sip:+1555@127.0.0.1>;tag=')
            assert there.incoming.from_tag
            await there.leg.answer(180)
            await here.progress(180)
            await there.leg.answer(200)
            await here.answered()
            await there.answered()
            await here.leg.hang_up()
            mine, theirs = await here.ended(), await there.ended()
            assert (mine.by, mine.code) == ("us", 200)
            assert (theirs.by, theirs.code) == ("peer", 200)

    asyncio.run(scene())


def test_the_called_side_hangs_up() -> None:
    async def scene() -> None:
        async with talk() as (here, there, _, _):
            await there.leg.hang_up()
            mine, theirs = await here.ended(), await there.ended()
            assert (mine.by, mine.code) == ("peer", 200)
            assert (theirs.by, theirs.code, theirs.reason) == ("us", 200, "OK")

    asyncio.run(scene())


def test_a_leg_hung_up_right_after_its_answer_was_answered() -> None:
    """The BYE may go out before the ACK has come; the library then calls it declined."""

    async def scene() -> None:
        async with phone() as node, phone() as caller:
            here = await caller.dial(node.address)
            there = await node.rung()
            await there.leg.answer(200)
            await there.leg.hang_up()
            assert (await there.ended()).code == 200
            assert (await here.ended()).by == "peer"

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("code", "reason"), [(404, "Not Found"), (503, "Service Unavailable"), (486, "Busy Here")]
)
def test_a_refusal_is_on_the_wire_as_it_was_asked_for(code: int, reason: str) -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            call = RawCall(peer, node.port)
            call.invite()
            line = await node.rung()
            headers = (("Retry-After", "17"), ("Reason", 'Q.850;cause=42\r\nX-More: "1"'))
            await line.leg.hang_up(code, f"{reason}\r\nX-Evil: 1", headers)
            answer = await peer.final()
            call.ack_refusal(answer)
            assert answer.start == f"SIP/2.0 {code} {reason} X-Evil: 1"
            assert answer.header("Retry-After") == "17"
            assert answer.header("Reason") == 'Q.850;cause=42 X-More: "1"'
            assert answer.header("X-Evil") == answer.header("X-More") == ""
            ended = await line.ended()
            assert (ended.by, ended.code) == ("us", code)

    asyncio.run(scene())


def test_a_caller_who_gives_up_while_it_rings() -> None:
    async def scene() -> None:
        async with phone() as node, phone() as caller:
            here = await caller.dial(node.address)
            there = await node.rung()
            await there.leg.answer(180)
            await here.progress(180)
            await here.leg.hang_up()
            ended = await there.ended()
            assert (ended.by, ended.code) == ("peer", 487)
            assert (await here.ended()).by == "us"

    asyncio.run(scene())


# --- what a called phone answers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (486, "Busy Here"),
        (603, "Decline"),
        (408, "Request Timeout"),
        (500, "Broken"),
        (404, "J\udce9r\udcf4me"),
    ],
)
def test_a_phones_refusal_is_how_the_leg_ends(code: int, reason: str) -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            line = await node.dial(peer.address)
            invite = await peer.request("INVITE")
            peer.send(reply(invite, code, reason), invite.source)
            ended = await line.ended()
            text = reason.encode("utf-8", "surrogateescape").decode("latin-1")
            assert (ended.by, ended.code, ended.reason) == ("peer", code, text)
            await peer.request("ACK")

    asyncio.run(scene())


def test_a_redirection_ends_the_leg_and_is_not_followed() -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer, raw_peer() as elsewhere:
            line = await node.dial(peer.address)
            invite = await peer.request("INVITE")
            answer = reply(invite, 302, "Moved Temporarily", f"Contact: <sip:x@{elsewhere.address}>")
            peer.send(answer, invite.source)
            ended = await line.ended()
            assert (ended.by, ended.code, ended.reason) == ("peer", 302, "Moved Temporarily")
            # A call that comes after it shows that nothing was on its way.
            await node.dial(elsewhere.address, uri=f"sip:next@{elsewhere.address}")
            other = await elsewhere.request("INVITE")
            elsewhere.send(reply(other, 486, "Busy Here"), other.source)
            assert {message.start.split(":")[1].split("@")[0] for message in elsewhere.inbox} == {"next"}

    asyncio.run(scene())


def test_a_phone_rings_several_times_and_its_early_progress_is_told() -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            line = await node.dial(peer.address)
            invite = await peer.request("INVITE")
            for code, reason in ((100, "Trying"), (180, "Ringing"), (183, "Session Progress")):
                peer.send(reply(invite, code, reason), invite.source)
            await line.progress(183)
            assert [event.code for event in line.heard.of(Progress)] == [180, 183]
            await line.leg.hang_up()
            cancel = await peer.request("CANCEL")
            peer.send(reply(cancel, 200, "OK"), cancel.source)
            peer.send(reply(invite, 487, "Request Terminated"), invite.source)
            assert (await line.ended()).by == "us"
            await peer.request("ACK")

    asyncio.run(scene())


# --- what control asks for -------------------------------------------------------------------------------


def test_a_dialled_call_carries_names_in_any_script_and_no_header_of_a_headers_value() -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            await node.dial(
                peer.address,
                from_uri='"김철수 (\\"Support\\")" <sip:+821@127.0.0.1>',
                headers=(("P-Asserted-Identity", "<sip:1@127.0.0.1>\r\nX-Evil: 1\n\0X-More: 2"),),
            )
            invite = await peer.request("INVITE")
            assert invite.start == f"INVITE sip:service@{peer.address} SIP/2.0"
            assert invite.header("From").startswith('"김철수 (\\"Support\\")" <sip:+821@127.0.0.1>')
            assert invite.header("P-Asserted-Identity") == "<sip:1@127.0.0.1> X-Evil: 1 X-More: 2"
            assert invite.header("X-Evil") == invite.header("X-More") == ""
            peer.send(reply(invite, 486, "Busy Here"), invite.source)

    asyncio.run(scene())


BAD_DIALS: list[dict[str, object]] = [
    {"uri": "nonsense"},
    {"uri": ""},
    {"address": "phone.example.com:5060"},
    {"address": "127.0.0.1:99999"},
    {"address": ""},
    {"from_uri": "nonsense <<"},
    {"headers": (("", "x"),)},
    {"headers": (("X Y", "x"),)},
]


def test_commands_that_make_no_sense_fail_and_the_worker_lives() -> None:
    async def scene() -> None:
        async with talk() as (_, there, _, node):
            worker, there_id, nobody = there.leg.worker, there.leg.id, LegId(99)
            good = {"uri": "sip:a@127.0.0.1", "address": "127.0.0.1:9"}
            commands = [
                *(
                    Answer(id=worker.next_id(), leg=there_id, code=code)
                    for code in (0, 99, 100, 200, 300, 700)
                ),
                *(Hangup(id=worker.next_id(), leg=there_id, code=code) for code in (1, 99, 200, 700, -1)),
                Hangup(id=worker.next_id(), leg=there_id, code=10**12),
                Hangup(id=worker.next_id(), leg=nobody),
                Hangup(id=worker.next_id(), leg=there_id, headers=(("X Y", "x"),)),
                Record(id=worker.next_id(), recording=RecordingId(1), legs=(nobody,), path="/dev/null/x.wav"),
                Record(
                    id=worker.next_id(), recording=RecordingId(1), legs=(there_id,), path="/dev/null/x.wav"
                ),
                *(
                    Dial(id=worker.next_id(), leg=LegId(-9), **{**good, **bad})  # type: ignore[arg-type]  # wrong on purpose
                    for bad in BAD_DIALS
                ),
            ]
            for command in commands:
                with pytest.raises(CommandFailed):
                    await worker.request(command)
            for digits in ("x", "1" * 200):
                with pytest.raises(CommandFailed):
                    await there.leg.digits(digits)
            assert not there.leg.ended.done()
            assert node.restarts == []

    asyncio.run(scene())


def test_a_leg_that_is_over_takes_no_more_commands() -> None:
    async def scene() -> None:
        async with talk() as (here, there, _, _):
            await here.leg.hang_up()
            await there.ended()
            await there.leg.hang_up()
            await there.leg.stop_play()
            with pytest.raises(CommandFailed, match="no_leg"):
                await there.leg.answer()
            with pytest.raises(CommandFailed, match="no_leg"):
                await there.leg.play(("/nowhere.wav",))

    asyncio.run(scene())


def test_a_dial_that_nobody_waits_for_any_more_does_not_ring_on() -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            dialling = asyncio.create_task(node.dial(peer.address))
            await asyncio.sleep(0)  # the command is on its way
            dialling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dialling
            invite = await peer.request("INVITE")
            peer.send(reply(invite, 180, "Ringing"), invite.source)
            cancel = await peer.request("CANCEL")
            peer.send(reply(cancel, 200, "OK"), cancel.source)
            peer.send(reply(invite, 487, "Request Terminated"), invite.source)

    asyncio.run(scene())


def test_a_call_that_comes_as_another_leaves_gets_its_place_unharmed() -> None:
    """The worker stands still while a BYE and an INVITE arrive: both are handled in one turn of its loop."""

    async def scene() -> None:
        async with phone(capacity=8) as node, raw_peer() as peer:
            calls = [RawCall(peer, node.port) for _ in range(node.pool.slots[0].max_legs)]
            lines = []
            for call in calls:
                call.invite()
                lines.append(await node.rung())
                await lines[-1].leg.answer(200)
                await call.established()
            newcomer = RawCall(peer, node.port)
            with node.standing_still():
                calls[0].next("BYE")
                newcomer.invite()
            line = await node.rung()
            await lines[0].ended()
            await line.leg.answer(200)
            await newcomer.established()
            await line.answered()
            # A second turn, after which the former leg would have been destroyed.
            assert await within(line.leg.read_stats()) is not None
            assert not line.leg.ended.done()

    asyncio.run(scene())


def test_statistics_count_packets() -> None:
    async def scene() -> None:
        async with phone() as node, phone() as caller:
            here, there = await connect(caller, node)
            await here.media(held=False)
            await here.leg.hang_up()
            await there.ended()
            assert there.leg.stats is not None
            assert there.leg.stats.codec == "PCMU/8000"

    asyncio.run(scene())
