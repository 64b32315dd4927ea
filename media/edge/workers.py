"""Kamailio's list of workers, kept in step with the pool.

Theory of operation. The pool decides. Kamailio's load is a hint that spreads calls; that a worker is disabled
is one that saves a refused try. Each change of a slot wakes `run`, which compares what was told with what
is, so a Kamailio that was started again is simply told all of it. A worker that died is taken off the
list first; then what it had not answered is moved to another worker, and what it rang is cancelled. The
peers of its answered calls hear from the pool (`media/orphans.py`), which knows them when Kamailio does not.
Its successor comes on the list under a new `duid`, with no load. The list is never reloaded: that would
zero every load.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from media.edge.moving import say_for_worker, unanswered
from media.edge.rpc import Rpc, RpcFault
from media.errors import EdgeError
from media.pool import Slot, SlotState

GROUP = 1
LOOK_S = 1.0
"""Also without a word: what could not be told before is told now."""
_WORKERS_OWN = re.compile(r"sip:w\d+@")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    duid: str
    open: bool


class EdgeWorkers:
    """Keeps the list. `run` for the edge's life; `changed` whenever a slot has."""

    def __init__(self, legs_per_customer: int) -> None:
        self._legs_per_customer = legs_per_customer
        self._slots: dict[int, Slot] = {}
        self._told: dict[int, _Told] = {}
        self._lost: dict[int, None] = {}
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()

    def changed(self, slot: Slot) -> None:
        """A worker started, died, or has more or less room."""
        self._slots[slot.number] = slot
        if slot.state is SlotState.GONE:
            self._lost[slot.number] = None
        self._wake.set()

    async def tell_all(self, rpc: Rpc) -> None:
        """Kamailio was started and knows nobody."""
        async with self._turn:
            self._told.clear()
            self._lost.clear()
            await self._tell(rpc)

    async def run(self, rpc: Callable[[], Rpc]) -> None:
        """Tell what changes, for ever; what cannot be told now is told later."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                async with self._turn:
                    await self._tell(rpc())
            except EdgeError as exc:
                log.warning("edge.not_told", error=str(exc))

    async def _tell(self, rpc: Rpc) -> None:
        for number in list(self._lost):
            await self._forget(rpc, self._slots[number])
            await _end_unanswered(rpc, number)
            self._lost.pop(number, None)
        for slot in list(self._slots.values()):
            await self._list(rpc, slot)

    async def _forget(self, rpc: Rpc, slot: Slot) -> None:
        if self._told.pop(slot.number, None) is not None:
            with suppress(RpcFault):  # it is not on the list: that is what we want
                await rpc.call("dispatcher.remove", GROUP, _uri(slot))

    async def _list(self, rpc: Rpc, slot: Slot) -> None:
        if slot.process is None or slot.number in self._lost:
            return
        duid, told = f"w{slot.number}-{slot.process.pid}", self._told.get(slot.number)
        if told is None or told.duid != duid:
            await self._forget(rpc, slot)
            places = slot.max_legs // self._legs_per_customer
            await rpc.call("dispatcher.add", GROUP, _uri(slot), 0, 0, f"duid={duid};maxload={places}")
            told = self._told[slot.number] = _Told(duid=duid, open=True)
        is_open = slot.state is SlotState.READY and slot.room(self._legs_per_customer)
        if told.open != is_open:
            await rpc.call("dispatcher.set_state", "a" if is_open else "d", GROUP, _uri(slot))
            self._told[slot.number] = _Told(duid=duid, open=is_open)


def _uri(slot: Slot) -> str:
    return f"sip:127.0.0.1:{slot.port}"


async def _end_unanswered(rpc: Rpc, slot: int) -> None:
    """What rings outside is cancelled, what rings here moves on."""
    try:
        dialogs = await rpc.call("dlg.profile_list", "worker", str(slot))
    except RpcFault:
        return  # none
    for dialog in dialogs if isinstance(dialogs, list) else [dialogs]:
        await _end_invite(rpc, dialog)


async def _end_invite(rpc: Rpc, dialog: Any) -> None:
    # States of the dialog module: 1 and 2 are not answered.
    with suppress(RpcFault):  # it has ended meanwhile
        match dialog:
            case {"call-id": str(call), "state": 1 | 2, "caller": {"cseq": cseq, "contact": str(contact)}}:
                if _WORKERS_OWN.match(contact):
                    await rpc.call("tm.cancel", call, str(cseq))
                elif invite := unanswered(dialog):
                    say_for_worker(invite)
            case _:
                return
