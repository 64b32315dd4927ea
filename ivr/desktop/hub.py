"""One signed-in agent of one browser: mirror, notes and screen pops, shared by that browser's tabs.

Three loops run for as long as the agent is signed in: one follows the event stream, one saves notes, one
tells the node of screen pops. Each tries again after a fault; what is unsaved or untold waits here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial

import structlog

from ivr.api.errors import ApiError, ApiRefused, Conflict, NodeUnreachable
from ivr.api.models import AgentStatus, PopOutcome, SaveNote, StreamEvent
from ivr.clock import Clock
from ivr.desktop import mirror as mirrors
from ivr.desktop import notes
from ivr.desktop.mirror import Link, Mirror
from ivr.desktop.notebook import Notebook
from ivr.desktop.notes import Draft
from ivr.desktop.pops import Ack, PopBook
from ivr.desktop.ports import NodeClient, NodeReader
from ivr.desktop.view import DesktopView, build

RETRY_S = (0.5, 1.0, 2.0, 4.0)
ACK_RETRY_S = 2.0
SETTLE_TIMEOUT_S = 4.0
LAST_SECONDS_S = 5.0
"""This close to the end of wrap-up, typing is saved without waiting for a pause."""

Listener = Callable[[], None]
log = structlog.get_logger()


class Hub:
    """Mirror and drafts of one agent, and the verbs of the desktop. Verbs raise `ApiError`."""

    def __init__(self, *, client: NodeClient, agent_id: str, clock: Clock, pops: PopBook) -> None:
        self.agent_id = agent_id
        self.closed = False
        self.stopped = False
        self._client = client
        self._clock = clock
        self._pops = pops
        self._mirror = Mirror(agent_id=agent_id)
        self._notebook = Notebook()
        self._acks: dict[str, Ack] = {}
        self._failures = 0
        self._listeners: set[Listener] = set()
        self._notes_changed = asyncio.Event()
        self._notes_settled = asyncio.Event()
        self._acks_changed = asyncio.Event()
        self._renewed = asyncio.Event()

    # For the tabs

    def view(self) -> DesktopView:
        """What to show now."""
        return build(self._mirror, self._notebook, self._pops, self._clock.now())

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

    async def finish_wrap_up(self, call_id: str) -> bool:
        """Save what is typed, then end wrap-up; False when the notes could not be saved."""
        if not await self.settle_notes(call_id):
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

    # Notes

    def typed(self, call_id: str, text: str) -> None:
        """The agent typed in one of the tabs."""
        now = self._clock.monotonic()
        self._notebook.change(call_id, lambda draft: notes.edited(draft, text, now))
        if self._wrap_up_is_ending():
            self.hurry(call_id)
        self._note_changed()

    def hurry(self, call_id: str) -> None:
        """Save without waiting: the field lost its focus, or the page is left."""
        now = self._clock.monotonic()
        self._notebook.change(call_id, lambda draft: notes.hurried(draft, now))
        self._note_changed()

    def restore(self, call_id: str, text: str, revision: int) -> None:
        """A tab was reloaded with text that the node never got."""
        now = self._clock.monotonic()
        self._notebook.change(call_id, lambda draft: notes.restored(draft, text, revision, now))
        self._note_changed()

    def resolve(self, call_id: str, how: Callable[[Draft, float], Draft]) -> None:
        """Settle a conflict in the way the agent chose."""
        now = self._clock.monotonic()
        self._notebook.change(call_id, lambda draft: how(draft, now))
        self._note_changed()

    def discard(self, call_id: str) -> None:
        """Drop the unsaved notes of an earlier call."""
        self._notebook.discard(call_id)
        self._note_changed()

    async def settle_notes(self, call_id: str) -> bool:
        """Save now and wait for the answer; True when nothing is left unsaved."""
        self.hurry(call_id)
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                while not self._notebook.settled(call_id):
                    self._notes_settled.clear()
                    await self._notes_settled.wait()
        except TimeoutError:
            return False
        draft = self._notebook.drafts.get(call_id)
        return draft is None or not draft.unsaved

    # Screen pops

    def claim_pop(self, pop_id: str) -> bool:
        """True for the one tab that is to open the page."""
        return self._pops.claim(pop_id)

    def release_pop(self, pop_id: str) -> None:
        """The tab that claimed it is gone and opened nothing: another may."""
        self._pops.release(pop_id)
        self._changed()

    def settle_pop(self, call_id: str, pop_id: str, outcome: PopOutcome) -> None:
        """What became of a pop; told to the node once."""
        if self._pops.settle(pop_id, outcome):
            self._acks[pop_id] = Ack(call_id=call_id, pop_id=pop_id, outcome=outcome)
            self._acks_changed.set()
        self._changed()

    # Loops

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for loop in (self._follow, self._save_notes, self._send_acks):
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
        now = self._clock.monotonic()
        for call_id in tuple(self._notebook.drafts):
            self._notebook.change(call_id, lambda draft: notes.hurried(draft, now))
        self._acks_changed.set()
        self._notes_changed.set()
        self._follow_call()

    def _follow_call(self) -> None:
        me = self._mirror.me
        if me is not None:
            self._notebook.follow(me.call, self._clock.monotonic())
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

    async def _save_notes(self) -> None:
        while True:
            self._notes_changed.clear()
            taken = None if self._expired else self._notebook.take(self._clock.monotonic())
            if taken is not None:
                await self._save(*taken)
                continue
            await self._wait_for_notes()

    async def _wait_for_notes(self) -> None:
        due = None if self._expired else self._notebook.next_due()
        wait_s = None if due is None else max(0.0, due - self._clock.monotonic())
        try:
            async with asyncio.timeout(wait_s):
                await self._notes_changed.wait()
        except TimeoutError:
            return

    async def _save(self, call_id: str, save: SaveNote) -> None:
        answer: Callable[[Draft], Draft] = partial(notes.unreachable, now=self._clock.monotonic())
        try:
            answer = await self._try_save(call_id, save)
        finally:
            self._notebook.change(call_id, answer)
            self._note_changed()

    async def _try_save(self, call_id: str, save: SaveNote) -> Callable[[Draft], Draft]:
        """The step that the node's answer means for the draft."""
        try:
            note = await self._client.save_note(call_id, save.text, save.revision)
        except Conflict as exc:
            if exc.current is None:
                return partial(notes.refused, why=exc.detail)
            return partial(notes.conflict, sent=save, current=exc.current, now=self._clock.monotonic())
        except ApiError as exc:
            if may_pass(exc):
                return partial(notes.unreachable, now=self._clock.monotonic())
            return partial(notes.refused, why=exc.detail)
        return partial(notes.saved, note=note, now=self._clock.monotonic())

    async def _send_acks(self) -> None:
        while True:
            self._acks_changed.clear()
            for ack in () if self._expired else tuple(self._acks.values()):
                await self._send_ack(ack)
            try:
                async with asyncio.timeout(ACK_RETRY_S if self._acks else None):
                    await self._acks_changed.wait()
            except TimeoutError:
                continue

    async def _send_ack(self, ack: Ack) -> None:
        try:
            await self._client.acknowledge_pop(ack.call_id, ack.pop_id, ack.outcome)
        except ApiError as exc:
            if may_pass(exc):
                return
            log.warning("desktop_pop_not_acknowledged", call_id=ack.call_id, why=type(exc).__name__)
        if self._acks.get(ack.pop_id) == ack:
            del self._acks[ack.pop_id]

    # Within

    @property
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

    def _note_changed(self) -> None:
        self._notes_changed.set()
        self._notes_settled.set()
        self._changed()

    def _changed(self) -> None:
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:
                # One tab's fault is its own: the others and the loops go on.
                log.exception("desktop_tab_failed")
                self._listeners.discard(listener)


def token_is_over(exc: ApiError) -> bool:
    """Whether only signing in again helps."""
    return isinstance(exc, ApiRefused) and exc.status == 401


def may_pass(exc: ApiError) -> bool:
    """Whether the same request may succeed later. The one place that decides on trying again."""
    if isinstance(exc, ApiRefused):
        return exc.status in (401, 429) or exc.status >= 500
    return isinstance(exc, NodeUnreachable)
