"""The pool: worker slots, their lives, and admission.

A slot has a fixed SIP port and its own slice of RTP ports; the worker in it may be replaced. A customer books
`legs_per_customer` legs in one worker for the whole call and gives them back with `Booking.release`; legs
that the library still holds after their end count as taken until its next beat says otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self

import structlog

from media.client import WorkerClient
from media.errors import MediaError, WorkerLost, WorkerStartError
from media.leg import Leg
from media.messages import Configure, Incoming, Registrar, Registration, Side
from media.orphans import say_bye
from media.process import RestartPolicy
from media.worker_process import WorkerProcess, describe_exit, fork_context

BEAT_LIMIT_S = 3.0
LEAVE_LIMIT_S = 5.0
WATCH_S = 1.0
OUTPUT_LIMIT_S = 0.5
log = structlog.get_logger()


class SlotState(StrEnum):
    """The life of the worker in a slot."""

    STARTING = "starting"
    READY = "ready"
    TIRED = "tired"  # it has had its calls: no new ones, and it leaves when the last has ended
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """How many workers, where they listen, and whom they admit."""

    listen_host: str
    listen_port: int
    rtp_first: int
    rtp_last: int
    capacity: int
    legs_per_customer: int = 2
    workers: int = 1
    public_host: str | None = None
    local_networks: tuple[str, ...] = ()
    user_agent: str = "salesforce-ivr"
    wideband: bool = False
    farewell: str | None = None
    registrars: tuple[Registrar, ...] = ()
    retry_after_s: int = 10
    sides: tuple[Side, ...] = ()
    side_for: Callable[[str], str] | None = None
    recycle_after: int = 0
    """Calls after which a worker is replaced by a fresh one, when nobody is in it; 0: never."""


class Booking:
    """A customer's place in a worker."""

    def __init__(self, slot: Slot, client: WorkerClient, on_release: Callable[[Slot], None]) -> None:
        self._slot = slot
        self._client = client
        self._on_release = on_release
        self._held = True

    @property
    def worker(self) -> WorkerClient:
        """Where the customer's further legs are dialled; `WorkerLost` once it is gone, replaced or not."""
        if self._client.gone:
            raise WorkerLost("worker is gone")
        return self._client

    def release(self) -> None:
        """Give the place back; more than once is fine."""
        if self._held:
            self._held = False
            self._slot.booked -= 1
            self._on_release(self._slot)


@dataclass(slots=True)
class Slot:
    """One place for a worker."""

    number: int
    port: int
    rtp_first: int
    rtp_last: int
    state: SlotState = SlotState.STARTING
    client: WorkerClient | None = None
    process: WorkerProcess | None = None
    max_legs: int = 0
    pss_bytes: int = 0
    booked: int = 0
    restarts: int = 0
    calls: int = 0
    started: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def room(self, legs_per_customer: int) -> bool:
        """Whether one more customer fits, lingering legs of the library counted."""
        if self.client is None or self.state is not SlotState.READY:
            return False
        return (self.booked + 1) * legs_per_customer + self.client.lingering <= self.max_legs

    @property
    def idle(self) -> bool:
        """Whether nobody is in it, not even a leg that the library has yet to let go."""
        client = self.client
        return self.booked == 0 and client is not None and not client.legs and client.library_legs == 0


CallHandler = Callable[[Leg, Incoming, Booking], None]


class Pool:
    """Workers of a node: `async with Pool(...)` runs them, replaces them, and hands over admitted calls.

    `on_call` must not block; it gets a leg that is not answered yet. Everything else of a refused call is
    done here: 503 with Retry-After while the worker has a leg free (with none free the library says 486).
    To an edge the 503 says in X-IVR-Refused whether the "slot" or the whole "node" is full. `on_slot` is told
    of a slot whose state or room may have changed, `on_refused` why a caller was refused: "capacity" or
    "draining". `continues` says of an INVITE whether it is that of a customer who is here already: an edge
    has moved it, and a full or closed pool takes it all the same.
    """

    def __init__(
        self,
        settings: PoolSettings,
        *,
        on_call: CallHandler,
        on_registration: Callable[[Registration], None],
        on_restart: Callable[[int, str], None],
        now: Callable[[], float],
        on_slot: Callable[[Slot], None] = lambda _: None,
        on_refused: Callable[[str], None] = lambda _: None,
        continues: Callable[[Incoming], bool] = lambda _: False,
    ) -> None:
        self.settings = settings
        self._on_call = on_call
        self._on_registration = on_registration
        self._on_restart = on_restart
        self._on_slot = on_slot
        self._on_refused = on_refused
        self._continues = continues
        self._now = now
        self._context = fork_context()
        self._lives: list[asyncio.Task[None]] = []
        self._refusals: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self.open = False
        span = (settings.rtp_last - settings.rtp_first + 1) // settings.workers
        self.slots = tuple(
            Slot(
                number=i,
                port=settings.listen_port + i,
                rtp_first=settings.rtp_first + i * span,
                rtp_last=settings.rtp_first + (i + 1) * span - 1,
            )
            for i in range(settings.workers)
        )

    async def __aenter__(self) -> Self:
        self._lives = [
            asyncio.create_task(self._live(slot), name=f"worker {slot.number}") for slot in self.slots
        ]
        try:
            await asyncio.gather(*(slot.started for slot in self.slots))
        except BaseException:
            await self._end()
            raise
        self.open = True
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        self.open = False
        self._closing.set()
        for slot, life in zip(self.slots, self._lives, strict=True):
            if slot.state is SlotState.STARTING:
                life.cancel()  # there is nobody yet to say goodbye to
        serving = [slot.client for slot in self.slots if slot.client is not None and not slot.client.gone]
        await asyncio.gather(*(client.bye() for client in serving))
        _, late = await asyncio.wait(self._lives, timeout=LEAVE_LIMIT_S)
        for life in late:
            life.cancel()
        await asyncio.gather(*self._lives, *self._refusals, return_exceptions=True)

    @property
    def customers(self) -> int:
        """Customers admitted now."""
        return sum(slot.booked for slot in self.slots)

    def dialler(self) -> WorkerClient:
        """Any ready worker, for a call of our own that belongs to no customer."""
        for slot in self.slots:
            if slot.state is SlotState.READY and slot.client is not None:
                return slot.client
        raise MediaError("no worker is ready")

    # --- the life of a slot ------------------------------------------------------------------------------

    async def _live(self, slot: Slot) -> None:
        policy, failures = RestartPolicy(), 0
        while True:
            began = self._now()
            slot.state = SlotState.STARTING
            try:
                reason = await self._one_worker(slot)
            except Exception as exc:  # a root: whatever it was, the slot must not stay empty
                reason = str(exc)
                if not isinstance(exc, MediaError):
                    log.exception("worker.slot_fault", slot=slot.number)
                if not slot.started.done():
                    slot.started.set_exception(exc)
                    return
            if self._closing.is_set():
                return
            if reason is None:
                log.info("worker.recycled", slot=slot.number)
                continue
            slot.restarts += 1
            self._on_restart(slot.number, reason)
            failures, delay = policy.after(failures, self._now() - began)
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._closing.wait()
                    return

    async def _one_worker(self, slot: Slot) -> str | None:
        """One worker from fork to exit; returns why it died, None when it was sent away."""
        process = WorkerProcess(self._context, f"media-{slot.number}")
        try:
            channel = await process.start()
        except (OSError, EOFError) as exc:  # the fork server is gone; the next try starts another
            raise WorkerStartError(f"cannot fork a worker: {exc or type(exc).__name__}") from exc
        client = WorkerClient(
            channel,
            on_incoming=lambda leg, event: self._incoming(slot, leg, event),
            on_registration=self._on_registration,
            now=self._now,
            side_for=self.settings.side_for,
            on_room=lambda: self._on_slot(slot),
        )
        serving = asyncio.create_task(client.serve(), name=f"worker {slot.number} channel")
        output = asyncio.create_task(process.read_output(), name=f"worker {slot.number} output")
        failure: WorkerStartError | None = None
        try:
            hello, ready = await client.start(self._configuration(slot))
            slot.max_legs, slot.pss_bytes = ready.max_legs, hello.pss_bytes
            self._ready(slot, client, process)
            await self._watch(slot, client, process, serving)
        except WorkerStartError as exc:
            failure = exc
        finally:
            sent_away = slot.state is SlotState.TIRED and slot.idle
            slot.state, slot.client, slot.process, slot.calls = SlotState.GONE, None, None, 0
            self._on_slot(slot)
            serving.cancel()
            code = await process.end()
            # Before its successor has the port.
            await say_bye(client.orphans, self.settings.listen_host, slot.port)
            await asyncio.wait({output}, timeout=OUTPUT_LIMIT_S)
            output.cancel()
            await asyncio.gather(serving, output, return_exceptions=True)
        said = list(process.output)
        if failure is not None:
            raise WorkerStartError(str(failure) + (f" (it said: {said[-1]})" if said else "")) from failure
        if sent_away and code == 0:
            return None
        if not self._closing.is_set():
            log.error("worker.crashed", slot=slot.number, exit=describe_exit(code), output=said)
        return describe_exit(code)

    def _ready(self, slot: Slot, client: WorkerClient, process: WorkerProcess) -> None:
        slot.client, slot.process = client, process
        slot.state = SlotState.READY
        if not slot.started.done():
            slot.started.set_result(None)
        self._on_slot(slot)
        log.info("worker.ready", slot=slot.number, pid=process.pid, legs=slot.max_legs)

    async def _watch(
        self, slot: Slot, client: WorkerClient, process: WorkerProcess, serving: asyncio.Task[None]
    ) -> None:
        """Until the channel closes; a worker that misses three beats is hung and is killed."""
        looked = self._now()
        while not serving.done():
            await asyncio.wait({serving}, timeout=WATCH_S)
            late, looked = self._now() - looked - WATCH_S, self._now()
            if late > WATCH_S:
                # It is we who stood still (a suspended machine, a jump of the clock): its beats lie unread.
                client.last_beat = looked
            silent = looked - client.last_beat
            if not serving.done() and silent > BEAT_LIMIT_S:
                log.error("worker.hung", slot=slot.number, silent_s=round(silent, 1))
                process.kill()
            await self._recycle(slot, client)

    async def _recycle(self, slot: Slot, client: WorkerClient) -> None:
        """One worker at a time leaves once it has had its calls and is empty."""
        limit = self.settings.recycle_after
        due = limit and slot.state is SlotState.READY and slot.calls >= limit
        if due and not any(other.state is SlotState.TIRED for other in self.slots):
            slot.state = SlotState.TIRED
            self._on_slot(slot)
        if slot.state is SlotState.TIRED and slot.idle:
            await client.bye()

    def _configuration(self, slot: Slot) -> Configure:
        settings = self.settings
        return Configure(
            listen_host=settings.listen_host,
            listen_port=slot.port,
            public_host=settings.public_host,
            local_networks=settings.local_networks,
            rtp_first=slot.rtp_first,
            rtp_last=slot.rtp_last,
            user_agent=settings.user_agent,
            wideband=settings.wideband,
            farewell=settings.farewell,
            registrars=settings.registrars if slot.number == 0 else (),
            sides=settings.sides,
            contact_user=f"w{slot.number}" if settings.sides else "ivr",
        )

    # --- admission ---------------------------------------------------------------------------------------

    def _incoming(self, slot: Slot, leg: Leg, event: Incoming) -> None:
        full = (not self.open or self.customers >= self.settings.capacity) and not self._continues(event)
        if full or not slot.room(self.settings.legs_per_customer):
            log.warning("call.refused", reason="capacity", customers=self.customers)
            if full or not self.settings.sides:  # else the edge asks another worker
                self._on_refused("capacity" if self.open else "draining")
            headers = [("Retry-After", str(self.settings.retry_after_s))]
            if self.settings.sides:
                headers.append(("X-IVR-Refused", "node" if full else "slot"))
            self._refuse(leg, 503, "Service Unavailable", tuple(headers))
            return
        slot.booked += 1
        slot.calls += 1
        booking = Booking(slot, leg.worker, self._on_slot)
        self._on_slot(slot)
        try:
            self._on_call(leg, event, booking)
        except Exception:  # a root: nobody took the call, and it must not ring for ever
            log.exception("call.refused", reason="fault")
            booking.release()
            self._refuse(leg, 500, "Server Internal Error")

    def _refuse(self, leg: Leg, code: int, reason: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        task = asyncio.create_task(leg.hang_up(code, reason, headers), name="refuse")
        self._refusals.add(task)
        task.add_done_callback(self._refusals.discard)
