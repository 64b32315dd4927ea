"""One signed-in agent of one browser: mirror, notes and screen pops, shared by that browser's tabs.

Three loops run for as long as the agent is signed in: one follows the event stream, one saves notes
(`NoteKeeper`), one tells the node of screen pops (`PopTeller`). Each tries again after a fault; what is
unsaved or untold waits here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import structlog

from ivr.api.errors import ApiError, NodeUnreachable
from ivr.api.models import AgentStatus, StreamEvent
from ivr.clock import Clock
from ivr.desktop import mirror as mirrors
from ivr.desktop.mirror import Link, Mirror
from ivr.desktop.note_keeper import NoteKeeper
from ivr.desktop.pop_teller import PopTeller
from ivr.desktop.pops import PopBook
from ivr.desktop.ports import NodeClient, NodeReader
from ivr.desktop.refusals import token_is_over
from ivr.desktop.view import DesktopView, build

RETRY_S = (0.5, 1.0, 2.0, 4.0)
LAST_SECONDS_S = 5.0
"""This close to the end of wrap-up, typing is saved without waiting for a pause."""

Listener = Callable[[], None]
log = structlog.get_logger()


class Hub:
    """Mirror, notes and pops of one agent, and the verbs of the desktop. Verbs raise `ApiError`."""

    def __init__(self, *, client: NodeClient, agent_id: str, clock: Clock, pops: PopBook) -> None:
        self.agent_id = agent_id
        self.closed = False
        self.stopped = False
        self._client = client
        self._clock = clock
        self._mirror = Mirror(agent_id=agent_id)
        self._failures = 0
        self._listeners: set[Listener] = set()
        self._renewed = asyncio.Event()
        self.notes = NoteKeeper(client, clock, changed=self._changed, paused=self._expired)
        self.pops = PopTeller(client, pops, changed=self._changed, paused=self._expired)

    # For the tabs

    def view(self) -> DesktopView:
        """What to show now."""
        return build(self._mirror, self.notes.book, self.pops.book, self._clock.now())

    def attach(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on every change until the returned function is called."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    @property
    def reader(self) -> NodeReader:
        """For pages that only show; with this agent's rights."""
        return self._client

    @property
    def tabs(self) -> int:
        """How many listen."""
        return len(self._listeners)

    async def ready(self) -> None:
        """Ask for calls."""
        await self._set_state(AgentStatus.READY, None)

    async def not_ready(self, reason: str) -> None:
        """Ask for no calls."""
        await self._set_state(AgentStatus.NOT_READY, reason)

    async def set_variable(self, call_id: str, name: str, value: str) -> None:
        """Set a flow variable of the call."""
        await self._client.set_variable(call_id, name, value)

    async def choose_caller(self, call_id: str, object_: str, id_: str) -> None:
        """The caller is this one of the candidates; the event stream tells what is known of him."""
        await self._client.choose_caller(call_id, object_, id_)

    async def finish_wrap_up(self, call_id: str) -> bool:
        """Save what is typed, then end wrap-up; False when the notes could not be saved."""
        if not await self.notes.settle(call_id):
            return False
        await self._client.end_wrap_up(call_id)
        return True

    async def renew(self, password: str, address: str | None) -> None:
        """Sign in again after the node dropped the token; drafts and screen stay as they are."""
        await self._client.sign_in(self.agent_id, password, forwarded_for=address)
        self._renewed.set()

    async def close(self) -> None:
        """Sign out. The tabs are told, whether the node could be or not."""
        self.closed = True
        try:
            await self._client.sign_out()
        finally:
            self._changed()

    def typed(self, call_id: str, text: str) -> None:
        """The agent typed in one of the tabs; near the end of wrap-up it is saved without waiting."""
        self.notes.typed(call_id, text)
        if self._wrap_up_is_ending():
            self.notes.hurry(call_id)

    # Loops

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for loop in (self._follow, self.notes.save_notes, self.pops.send_acks):
                    group.create_task(self._forever(loop))
        finally:
            self.stopped = True
            await self._client.close()

    async def _forever(self, loop: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await loop()
            except Exception:
                log.exception("desktop_loop_failed", loop=loop.__name__)
            await asyncio.sleep(RETRY_S[-1])

    async def _follow(self) -> None:
        while True:
            try:
                await self._listen()
                reason: ApiError = NodeUnreachable("The stream ended.")
            except ApiError as exc:
                reason = exc
            await self._away(reason, RETRY_S[min(self._failures, len(RETRY_S) - 1)])
            self._failures += 1

    async def _listen(self) -> None:
        """Follow the stream until it ends; after its snapshot the agent's own call is read once more."""
        async with aclosing(self._client.events(attempts=1, on_connection=self._connection)) as events:
            async for event in events:
                self._apply(event)
                if event.type == "snapshot":
                    self._mirror = mirrors.with_agent(self._mirror, await self._client.me())
                    self._follow_call()

    def _connection(self, up: bool) -> None:
        if up:
            self._back()
        else:
            self._lost(Link.AWAY)

    def _apply(self, event: StreamEvent) -> None:
        try:
            self._mirror = mirrors.apply(self._mirror, event)
        except ValueError:
            log.warning("desktop_event_not_understood", type=event.type, seq=event.seq)
            return
        self._follow_call()

    def _back(self) -> None:
        """The node is there: what waited for it goes now."""
        self._failures = 0
        self._mirror = mirrors.with_link(self._mirror, Link.UP)
        self.notes.wake()
        self.pops.wake()
        self._follow_call()

    def _follow_call(self) -> None:
        me = self._mirror.me
        if me is not None:
            self.notes.follow(me.call)
        self._changed()

    def _lost(self, link: Link) -> None:
        self._mirror = mirrors.with_link(self._mirror, link)
        self._changed()

    async def _away(self, reason: ApiError, wait_s: float) -> None:
        expired = token_is_over(reason)
        self._renewed.clear()
        self._lost(Link.EXPIRED if expired else Link.AWAY)
        if expired:
            # A person has to type a password: there is nothing to time out.
            await self._renewed.wait()
            return
        try:
            async with asyncio.timeout(wait_s):
                await self._renewed.wait()
        except TimeoutError:
            return

    # Within

    def _expired(self) -> bool:
        """Without a token there is no use in asking; `_back` wakes the loops."""
        return self._mirror.link is Link.EXPIRED

    async def _set_state(self, state: AgentStatus, reason: str | None) -> None:
        view = await self._client.set_state(self.agent_id, state, reason)
        self._mirror = mirrors.with_agent(self._mirror, view)
        self._follow_call()

    def _wrap_up_is_ending(self) -> bool:
        call = self._mirror.me.call if self._mirror.me else None
        if call is None or call.wrap_up_ends_at is None:
            return False
        return (call.wrap_up_ends_at - self._clock.now()).total_seconds() < LAST_SECONDS_S

    def _changed(self) -> None:
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:
                # One tab's fault is its own: the others and the loops go on.
                log.exception("desktop_tab_failed")
                self._listeners.discard(listener)
