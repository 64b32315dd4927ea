"""The one writer: a task that takes jobs from a bounded queue and commits them in batches, in order.

When the database refuses, operations go to the spool, and so does everything that comes after them, until
the spool has been replayed; the writer tries again every `retry_s`. When the spool refuses as well (the disk
is full), operations wait in memory, up to `BACKLOG`; beyond that the oldest are lost and counted. Nobody who
waits is told that something stands before it is committed or forced to the spool's disk.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.clock import Clock
from ivr.store import timeline
from ivr.store.engine import refused
from ivr.store.errors import Rejected, StoreError, StoreUnavailable
from ivr.store.jobs import Job, Write
from ivr.store.operations import Operation, encode
from ivr.store.schema import create_schema
from ivr.store.spool import Spool

CAPACITY = 20_000
"""Jobs in the queue. Beyond it, writes that nobody waits for are lost and counted: with a writer that spools
what it cannot commit, this takes a disk that hangs."""
BACKLOG = 20_000
BATCH = 500
TRANSACTION_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 20.0

_log = structlog.get_logger()
AnyJob = Job[Any]


class Writer:
    """Use with `async with`: leaving it commits or spools all that was posted."""

    def __init__(
        self,
        engine: AsyncEngine,
        spool: Spool,
        clock: Clock,
        on_written: Callable[[Operation], None],
        *,
        retry_s: float,
    ) -> None:
        """`on_written` is told each operation that the database has."""
        self._engine, self._spool, self._clock = engine, spool, clock
        self._on_written = on_written
        self._retry_s = retry_s
        self._retry_at = 0.0
        self._queue: asyncio.Queue[AnyJob | None] = asyncio.Queue(CAPACITY)
        self._backlog: deque[Operation] = deque()
        self._schema_stands = False
        self._open = False
        self._task: asyncio.Task[None] | None = None
        self._caught_up = asyncio.Event()
        self.lost = 0

    async def __aenter__(self) -> Self:
        self._open = True
        self._note_progress()
        self._task = asyncio.create_task(self._run(), name="store-writer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        assert self._task is not None, "entered"
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._queue.put(None)
                await self._task
        except TimeoutError:
            _log.error("store_writer_hangs", jobs=self._queue.qsize())
        finally:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CLOSE_TIMEOUT_S)
            if left := self._queue.qsize() + len(self._backlog):
                _log.error("store_writes_lost", count=left)

    @property
    def behind(self) -> bool:
        """Whether operations wait for the database to recover."""
        return self._spool.filled or bool(self._backlog)

    @property
    def queued(self) -> int:
        """Jobs that wait for their turn."""
        return self._queue.qsize()

    def post(self, job: AnyJob) -> bool:
        """Queue a job; False, and the job has failed, when the queue is full or closed."""
        if self._open and not self._queue.full():
            self._queue.put_nowait(job)
            return True
        self.lost += 1
        _log.error("store_write_lost", error="queue full" if self._open else "closed", lost=self.lost)
        job.fail(StoreUnavailable("no more writes are taken"))
        return False

    def retry_now(self) -> None:
        """Let the next job try the database, whenever it last refused."""
        self._retry_at = self._clock.monotonic()

    async def wait_caught_up(self, timeout_s: float) -> None:
        """Wait until nothing is left in the spool; raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            await self._caught_up.wait()

    async def _run(self) -> None:
        stopped = False
        while not stopped:
            jobs = await self._next_jobs()
            stopped = None in jobs
            batch = [job for job in jobs if job is not None]
            # A root: whatever happens to one batch, the next one must be written.
            try:
                await self._write(batch)
            except Exception:  # noqa: BLE001
                _log.exception("store_writer_failed")
                self._retry_at = self._clock.monotonic() + self._retry_s
                for job in batch:
                    job.fail(StoreUnavailable("the writer failed"))
            self._note_progress()

    async def _next_jobs(self) -> list[AnyJob | None]:
        """The next batch; an empty one when it is time to try the spool again."""
        wait_s = max(self._retry_at - self._clock.monotonic(), 0.0) if self.behind else None
        try:
            async with asyncio.timeout(wait_s):
                jobs = [await self._queue.get()]
        except TimeoutError:
            return []
        while len(jobs) < BATCH and not self._queue.empty():
            jobs.append(self._queue.get_nowait())
        return jobs

    async def _write(self, jobs: Sequence[AnyJob]) -> None:
        if self.behind and not await self._catch_up():
            await self._set_aside(jobs)
        elif jobs:
            await self._commit(jobs)

    async def _commit(self, jobs: Sequence[AnyJob]) -> None:
        """Commit all, or each alone so that a bad one harms only itself, or spool them."""
        try:
            results = await self._transaction(jobs)
        except Exception as exc:  # noqa: BLE001 - which of all errors it is decides what to do
            if refused(exc):
                self._refuse(exc)
                await self._set_aside(jobs)
            elif len(jobs) == 1:
                await self._reject(jobs[0], exc)
            else:
                for job in jobs:
                    await self._write([job])
        else:
            for job, result in zip(jobs, results, strict=True):
                job.committed(result)
                if isinstance(job, Write):
                    self._on_written(job.op)

    async def _transaction(self, jobs: Sequence[AnyJob]) -> list[object]:
        async with asyncio.timeout(TRANSACTION_TIMEOUT_S), self._engine.begin() as conn:
            if not self._schema_stands:
                await conn.run_sync(create_schema)
            await timeline.append(conn, [row for job in jobs for row in job.entries])
            results = [None if job.entries else await job.run(conn) for job in jobs]
        self._schema_stands = True
        return results

    async def _catch_up(self) -> bool:
        """Replay the spool and what waits in memory; False while the database still refuses."""
        if self._clock.monotonic() < self._retry_at:
            return False
        try:
            waiting = [Write(op) for op in (*await self._spool.read(), *self._backlog)]
            for batch in _batches(waiting):
                await self._replay(batch)
            await self._spool.clear()
        except Exception as exc:
            if not refused(exc):
                raise
            self._refuse(exc)
            return False
        self._backlog.clear()
        _log.info("store_caught_up", operations=len(waiting))
        return True

    async def _replay(self, batch: Sequence[Write]) -> None:
        try:
            await self._transaction(batch)
        except Exception as exc:
            if refused(exc):
                raise
            if len(batch) == 1:
                await self._reject(batch[0], exc)
                return
            for write in batch:
                await self._replay([write])
            return
        for write in batch:
            self._on_written(write.op)

    def _refuse(self, exc: BaseException) -> None:
        self._retry_at = self._clock.monotonic() + self._retry_s
        _log.warning("store_refused", error=type(exc).__name__, retry_s=self._retry_s)

    async def _set_aside(self, jobs: Sequence[AnyJob]) -> None:
        """Spool what can be spooled, then let the rest fail: who is refused knows that all before is kept."""
        kept: list[tuple[AnyJob, object]] = []
        failed: list[tuple[AnyJob, StoreError]] = []
        operations: list[Operation] = []
        for job in jobs:
            try:
                operation, result = await job.operation()
            except StoreError as exc:
                failed.append((job, exc))
            else:
                operations.append(operation)
                kept.append((job, result))
        if kept and not await self._append(operations):
            failed += [(job, self._keep_in_memory(job)) for job, _ in kept]
            kept = []
        for job, result in kept:
            job.committed(result)
        for job, error in failed:
            job.fail(error)

    async def _append(self, operations: Sequence[Operation]) -> bool:
        """To the spool, after what waits in memory: the order stays."""
        try:
            await self._spool.append([*self._backlog, *operations])
        except OSError as exc:
            _log.error("store_spool_refused", error=type(exc).__name__)
            return False
        self._backlog.clear()
        return True

    def _keep_in_memory(self, job: AnyJob) -> StoreError:
        """What may wait there waits there; its author is told in any case."""
        operation = job.not_spooled()
        if operation is not None:
            self._backlog.append(operation)
        if len(self._backlog) > BACKLOG:
            self._backlog.popleft()
            self.lost += 1
            _log.error("store_write_lost", error="disk and memory full", lost=self.lost)
        return StoreUnavailable("neither the database nor the spool takes it")

    async def _reject(self, job: AnyJob, exc: Exception) -> None:
        if isinstance(exc, StoreError):
            job.fail(exc)
            return
        if isinstance(job, Write):
            await self._spool.reject(encode(job.op), repr(exc))
        else:
            _log.error("store_query_failed", error=repr(exc))
        job.fail(Rejected(type(exc).__name__))

    def _note_progress(self) -> None:
        if self.behind:
            self._caught_up.clear()
        else:
            self._caught_up.set()


def _batches(writes: Sequence[Write]) -> Iterator[Sequence[Write]]:
    for start in range(0, len(writes), BATCH):
        yield writes[start : start + BATCH]
