"""Peers that never answer: what half a minute of their silence does (RFC 3261: 64 times T1)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from media.errors import CommandFailed
from media.messages import Registration
from tests.phones import connect, phone, silence, within
from tests.raw_sip import RawCall, raw_peer
from tests.registrar import digest_server

pytestmark = [pytest.mark.sip, pytest.mark.timeout(150)]

PATIENCE_S = 36.0
LIMIT_S = 90.0


def test_silent_peers_cost_their_legs_for_half_a_minute_and_nothing_else(tmp_path: Path) -> None:
    """Of four legs one is a clock, two ring at a phone that is off, one was answered, not acknowledged."""

    async def scene() -> None:
        async with (
            digest_server(silent=True) as registrar,
            raw_peer() as off,
            raw_peer() as deaf,
            phone(registrars=(registrar.trunk(),), capacity=8) as node,
            phone() as caller,
        ):
            _, clock = await connect(caller, node)
            time_passes = asyncio.create_task(clock.leg.play((str(silence(tmp_path, PATIENCE_S)),)))
            ringing = [await node.dial(off.address) for _ in range(2)]
            unacknowledged = RawCall(deaf, node.port)
            unacknowledged.invite()
            answered = await node.rung()
            await answered.leg.answer(200)
            await deaf.response(200)
            # Hanging up is told at once, and the library still holds the legs: there is no place for another.
            for line in ringing:
                await line.leg.hang_up()
                ended = await line.ended()
                assert (ended.by, line.leg.answered.done()) == ("us", False)
            with pytest.raises(CommandFailed):
                await node.dial(off.address)
            failed = await node.until(lambda: next(iter(node.registrations), None), LIMIT_S)
            assert (failed.code, failed.expires_s) == (408, 0)
            registrar.silent = False
            assert (await within(time_passes, LIMIT_S)).outcome == "finished"
            # The two places are back, the registrar has heard us again, and the 200 was repeated to the end.
            for _ in range(2):
                await node.dial(off.address)
            assert deaf.count("INVITE", 200) > 5
            assert not answered.leg.answered.done()
            await node.until(lambda: registered(node.registrations), LIMIT_S)
            assert node.restarts == []

    def registered(events: list[Registration]) -> Registration | None:
        return next((event for event in events if event.code == 200), None)

    asyncio.run(scene())
