"""Callers who are queued before ours: telephones that call, wait, and hang up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass

from ivr.flow.rig.scenario import Scenario
from ivr.flow.rig.sip.settings import dialled_ahead
from ivr.flow.rig.sip.world import World
from media.leg import Leg

QUEUED_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A caller who waits, and when he leaves: in seconds from our caller's INVITE."""

    leg: Leg
    leaves_s: float

    async def leave(self) -> None:
        """When it is time."""
        await asyncio.sleep(self.leaves_s)
        await self.leg.hang_up()


async def queue_up(world: World, scenario: Scenario) -> list[Before]:
    """All of them, in order. Raises TimeoutError when one does not get into his queue."""
    waiting: list[Before] = []
    for number, (queue, leaves_s) in enumerate(_places(scenario)):
        sip, phone = world.node.sip, world.waiting[number % len(world.waiting)]
        uri = f"sip:{dialled_ahead(queue)}@{sip}"
        leg = await phone.call(uri, sip, '"Anonymous" <sip:anonymous@anonymous.invalid>')
        async with asyncio.timeout(QUEUED_S):
            world.watch.others.add(await world.watch.stage("queued"))
        waiting.append(Before(leg=leg, leaves_s=leaves_s))
    return waiting


def leaving(waiting: list[Before]) -> list[Coroutine[None, None, None]]:
    """What each of them does from our caller's INVITE on."""
    return [before.leave() for before in waiting]


def _places(scenario: Scenario) -> Iterator[tuple[str, float]]:
    for name, queue in scenario.queues.items():
        for leaves_s in queue.ahead:
            yield name, leaves_s
