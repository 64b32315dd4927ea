"""Two legs that talk to each other without an agent's desk: who hears whom, holds, and keys passed on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ivr.timeline import Source, Timeline
from media.errors import MediaError
from media.leg import Leg
from media.messages import Digit, LegEvent, MediaChanged

EVENTS = 128


@dataclass(frozen=True, slots=True)
class _Key:
    to: Leg
    key: str
    method: str


@dataclass(frozen=True, slots=True)
class _Hold:
    by: Leg
    on: bool


class Relay:
    """A caller and the far end, from the far end's answer on. `music` is what one hears whom the other holds.

    Use with `async with`: keys and holds are followed meanwhile."""

    def __init__(self, caller: Leg, far: Leg, *, music: str, timeline: Timeline) -> None:
        self._caller = caller
        self._far = far
        self._music = music
        self._timeline = timeline
        self._events: asyncio.Queue[_Key | _Hold] = asyncio.Queue(EVENTS)
        self._held = {caller: False, far: False}
        self._listeners = {caller: self._listener(caller, far), far: self._listener(far, caller)}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Relay:
        for leg, listener in self._listeners.items():
            leg.listeners.append(listener)
        await self.connect()
        self._task = asyncio.create_task(self._follow(), name="relay")
        return self

    async def __aexit__(self, *_: object) -> None:
        for leg, listener in self._listeners.items():
            leg.listeners.remove(listener)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def connect(self) -> None:
        """Both hear each other."""
        await self._caller.worker.mix({self._caller: (self._far,), self._far: (self._caller,)})

    def _listener(self, leg: Leg, other: Leg) -> Callable[[LegEvent], None]:
        def listen(event: LegEvent) -> None:
            match event:
                case Digit() if not self._events.full():
                    self._events.put_nowait(_Key(other, event.digit, event.method))
                case MediaChanged(held=held, active=active) if (held or active) and not self._events.full():
                    self._events.put_nowait(_Hold(leg, held))
                case _:
                    pass

        return listen

    async def _follow(self) -> None:
        while True:
            event = await self._events.get()
            try:
                await self._do(event)
            except MediaError as exc:
                self._timeline.add(Source.MEDIA, "relay_failed", error=str(exc))

    async def _do(self, event: _Key | _Hold) -> None:
        match event:
            case _Key(to=to, key=key, method=method):
                await to.digits(key, method)
            case _Hold(by=by, on=on) if self._held[by] != on:
                self._held[by] = on
                other = self._far if by is self._caller else self._caller
                self._timeline.add(Source.MEDIA, "holds" if on else "resumes", far=by is self._far)
                if on:
                    await by.worker.mix({self._caller: (), self._far: ()})
                    await other.start_loop(self._music)
                elif not any(self._held.values()):
                    await self.connect()
            case _Hold():
                pass
