"""Somebody outside who is called by a transfer: does what the scenario says of the number."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

from ivr.demo.people import Phone
from ivr.flow.ports import TransferOutcome
from ivr.flow.rig.scenario import ScriptedTransfer
from ivr.numbers import dialled_key
from ivr.waiting import any_of
from media.leg import Leg
from media.messages import Incoming
from media.sip import dialled_user

HOST = "127.0.0.2"
"""Not where the callers are: the trunk's address must not be theirs."""
TONE_HZ = 660.0
REGION = "US"
_FILLERS = str.maketrans("", "", " -.()/")
_REFUSALS = {
    TransferOutcome.BUSY: (486, "Busy Here"),
    TransferOutcome.DECLINED: (603, "Decline"),
    TransferOutcome.NO_ANSWER: (480, "Temporarily Unavailable"),
    TransferOutcome.UNREACHABLE: (404, "Not Found"),
}


class FarEnd:
    """All numbers outside. `called` and `unscripted` grow as calls come, in the words of the flow."""

    def __init__(
        self, phone: Phone, scripts: Sequence[ScriptedTransfer], named: Sequence[str], tone: Path
    ) -> None:
        """`named`: the targets as the flow writes them."""
        self._phone = phone
        self._scripts = scripts
        self._named = {dialled_key(target, REGION): target for target in named}
        self._tone = tone
        self.called: list[str] = []
        self.unscripted: list[str] = []

    async def answer_calls(self) -> None:
        """One after the other: a caller is put through to one at a time."""
        while True:
            leg, event, booking = await self._phone.rung()
            try:
                await self._take(leg, self._target(event))
            finally:
                booking.release()

    def _target(self, event: Incoming) -> str:
        dialled = dialled_user(event.headers, event.request_uri, "request_uri") or ""
        return self._named.get(dialled_key(dialled, REGION), dialled)

    async def _take(self, leg: Leg, target: str) -> None:
        self.called.append(target)
        script = next((entry for entry in self._scripts if entry.to in target), None)
        if script is None:
            self.unscripted.append(target)
            await leg.hang_up(*_REFUSALS[TransferOutcome.UNREACHABLE])
            return
        await leg.answer(180)
        await any_of(leg.ended, timeout_s=script.after_s)
        if leg.ended.done():
            return
        match script.outcome:
            case TransferOutcome.TALKED:
                await self._talk(leg, script.talks_s)
            case (
                TransferOutcome.BUSY
                | TransferOutcome.DECLINED
                | TransferOutcome.NO_ANSWER
                | TransferOutcome.UNREACHABLE
            ) as outcome:
                await leg.hang_up(*_REFUSALS[outcome])
            case _:
                assert_never(script.outcome)

    async def _talk(self, leg: Leg, talks_s: float) -> None:
        await leg.answer(200)
        await leg.start_loop(str(self._tone))
        await any_of(leg.ended, timeout_s=talks_s)
        if not leg.ended.done():
            await leg.hang_up()
            await asyncio.wait({leg.ended}, timeout=1.0)
