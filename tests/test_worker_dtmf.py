"""Keys: RFC 4733 events in both directions, and INFO."""

from __future__ import annotations

import asyncio

import pytest

from tests.phones import Line, phone, talk
from tests.raw_sip import RawCall, raw_peer

pytestmark = [pytest.mark.sip, pytest.mark.timeout(60)]

KEYS = "159*0#D"


async def pressed(line: Line, count: int, method: str) -> str:
    """The keys that a line has got, in order, all by one method."""
    digits = await line.heard.digits(count)
    assert {digit.method for digit in digits} == {method}
    return "".join(digit.digit for digit in digits)


def test_keys_as_rtp_events_in_both_directions() -> None:
    async def scene() -> None:
        async with talk() as (here, there, _, _):
            await here.media(held=False)
            await here.leg.digits(KEYS)
            assert await pressed(there, len(KEYS), "rfc4733") == KEYS
            await there.leg.digits("42")
            assert await pressed(here, 2, "rfc4733") == "42"

    asyncio.run(scene())


def test_keys_as_info_between_workers() -> None:
    async def scene() -> None:
        async with talk() as (here, there, _, _):
            for key in "7#":
                await here.leg.digits(key, "info")
            assert await pressed(there, 2, "info") == "7#"

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"),
        ("application/dtmf-relay", "Signal= 5\r\nDuration= 160\r\n"),
    ],
)
def test_an_info_from_a_phone(content_type: str, body: str) -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            call = RawCall(peer, node.port)
            call.invite()
            line = await node.rung()
            await line.leg.answer(200)
            await call.established()
            call.next("INFO", f"Content-Type: {content_type}", body=body)
            await peer.response(200, "INFO")
            assert await pressed(line, 1, "info") == "5"
            call.next("BYE")
            await line.ended()

    asyncio.run(scene())


@pytest.mark.parametrize(
    "body", ["Signal=\r\n\r\n", "Duration=160\r\n\r\n", "\r\n", "Signal=@%$\r\n", "x" * 900 + "\r\n"]
)
def test_an_info_that_makes_no_sense_harms_nothing(body: str) -> None:
    async def scene() -> None:
        async with phone() as node, raw_peer() as peer:
            call = RawCall(peer, node.port)
            call.invite()
            line = await node.rung()
            await line.leg.answer(200)
            await call.established()
            call.next("INFO", "Content-Type: application/dtmf-relay", body=body)
            await peer.final("INFO")
            call.next("BYE")
            assert (await line.ended()).by == "peer"
            assert node.restarts == []

    asyncio.run(scene())
