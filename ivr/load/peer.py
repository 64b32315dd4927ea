"""The load run's side of the RTP peer: starts it, opens streams, asks for its figures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from ivr.load.errors import LoadBroken
from ivr.load.peer_messages import Count, Counted, Judge, Judged, Open, Opened, PeerFigures, Reply, Request
from media.process import Child, ChildSpec, Streams, python_child

ANSWER_S = 10.0
JUDGE_S = 120.0
LINE_LIMIT = 1 << 20
T = TypeVar("T", bound=Reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStreams:
    """Streams that were opened together: `first` is the number of the first, `ports` where each listens."""

    first: int
    ports: tuple[int, ...]


class RtpPeerClient:
    """A running RTP peer."""

    def __init__(self, child: Child, streams: Streams) -> None:
        self._child = child
        self._streams = streams
        self._one = asyncio.Lock()
        self._owed = 0

    @property
    def pid(self) -> int | None:
        """Its process."""
        return self._child.pid

    async def open(self, host: str, count: int, *, sends: bool) -> PeerStreams:
        """Open so many streams at an address."""
        opened = await self._ask(Open(host=host, count=count, sends=sends), Opened)
        return PeerStreams(first=opened.first, ports=opened.ports)

    async def count(self) -> Counted:
        """Packets so far."""
        return await self._ask(Count(), Counted)

    async def judge(self, path: Path, from_ns: int, until_ns: int, *, callers: int) -> PeerFigures:
        """The figures of all streams, which stay in the file `path` as well; of the steady phase those of the
        first `callers` streams."""
        request = Judge(path=str(path), from_ns=from_ns, until_ns=until_ns, callers=callers)
        await self._ask(request, Judged, timeout_s=JUDGE_S)
        return msgspec.json.decode(await asyncio.to_thread(path.read_bytes), type=PeerFigures)

    async def _ask(self, request: Request, kind: type[T], *, timeout_s: float = ANSWER_S) -> T:
        stdout = self._streams.stdout
        assert stdout is not None
        try:
            async with self._one, asyncio.timeout(timeout_s):
                # Whoever was cancelled while he waited has left his answer here.
                while self._owed:
                    await stdout.readline()
                    self._owed -= 1
                self._streams.stdin.write(msgspec.json.encode(request) + b"\n")
                self._owed += 1
                await self._streams.stdin.drain()
                line = await stdout.readline()
                self._owed -= 1
            return msgspec.json.decode(line, type=kind)
        except (TimeoutError, OSError, ValueError) as exc:
            raise LoadBroken("the RTP peer of the load run does not answer") from exc


@asynccontextmanager
async def rtp_peer() -> AsyncIterator[RtpPeerClient]:
    """An RTP peer in a process of its own."""
    argv, env = python_child("ivr.load.rtp_peer")
    given: asyncio.Future[Streams] = asyncio.get_running_loop().create_future()

    async def ready(streams: Streams) -> None:
        if given.done():
            raise LoadBroken("the RTP peer of the load run has died")
        given.set_result(streams)

    # numpy's threads would only add to what the peer costs.
    env |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    spec = ChildSpec(name="rtp peer", argv=argv, env=env, ready=ready, pipe_stdout=True)
    async with Child(spec) as child:
        yield RtpPeerClient(child, given.result())
