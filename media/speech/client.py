"""The engine's process seen from the node: one request at a time, a watchdog on each."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import assert_never

import msgspec
import structlog

from media.process import Child, ChildSpec, CrashReport, RestartPolicy, Streams, python_child
from media.speech import wire
from media.speech.errors import NotSpeakable, SpeechUnavailable

# "Natural" for a telephone: slower than espeak's own 175, which callers ask to repeat.
WORDS_PER_MINUTE = 165
HANG_S = 2.0
_RESTARTS = RestartPolicy(first_s=0.05, cap_s=10.0)

_log = structlog.get_logger()


class ProcessEngine:
    """An engine in a supervised process of its own that speaks `media.speech.wire`; by default pyttsx3.

    A request that takes longer than `hang_s` kills the process: it hangs, or never will be in time.
    """

    def __init__(
        self,
        *,
        words_per_minute: int = WORDS_PER_MINUTE,
        hang_s: float = HANG_S,
        start_timeout_s: float = 15.0,
        module: str = "media.speech.process",
    ) -> None:
        self._words_per_minute = words_per_minute
        self._hang_s = hang_s
        self._turn = asyncio.Lock()
        self._up = asyncio.Event()
        self._streams: Streams | None = None
        self._last_id = 0
        self._hello: wire.Hello | None = None
        argv, env = python_child(module)
        self._child = Child(
            ChildSpec(
                name="speech",
                argv=argv,
                env=env,
                ready=self._greet,
                ready_timeout_s=start_timeout_s,
                pipe_stdout=True,
                policy=_RESTARTS,
                on_line=_log_line,
                on_crash=self._on_crash,
            )
        )

    @property
    def identity(self) -> str:
        """Names, versions and the rate."""
        library = self._hello.library if self._hello else ""
        return f"{library} {self._words_per_minute} wpm"

    @property
    def languages(self) -> tuple[str, ...]:
        """The language tags with a voice of their own; empty before the start."""
        return self._hello.languages if self._hello else ()

    @property
    def pid(self) -> int | None:
        """The engine's process, None between two."""
        return self._child.pid

    @property
    def restarts(self) -> int:
        """How often the process was replaced."""
        return self._child.restarts

    async def start(self) -> None:
        """Start the process; `media.process.StartError` when it does not come up."""
        await self._child.start()

    async def stop(self) -> None:
        """End the process; a request in flight fails."""
        self._up.clear()
        await self._child.stop(grace_s=1.0)

    async def render(self, text: str, language: str, target: Path) -> None:
        """Speak into `target` (WAV, the engine's own rate). At most `hang_s` once it is this one's turn,
        and as long again when the process is just being replaced."""
        async with self._turn:
            streams = await self._connected()
            self._last_id += 1
            request = wire.Render(
                id=self._last_id,
                text=text,
                language=language,
                words_per_minute=self._words_per_minute,
                path=str(target),
            )
            reply = await self._exchange(streams, request)
        match reply:
            case wire.Rendered():
                return
            case wire.Refused(code="language"):
                raise NotSpeakable("no voice speaks this language")
            case wire.Refused(reason=reason):
                raise SpeechUnavailable(f"the engine failed: {reason}")
            case _:
                assert_never(reply)

    async def _connected(self) -> Streams:
        try:
            async with asyncio.timeout(self._hang_s):
                await self._up.wait()
        except TimeoutError:
            raise SpeechUnavailable("the engine is down") from None
        if self._streams is None:
            raise SpeechUnavailable("the engine is down")
        return self._streams

    async def _exchange(self, streams: Streams, request: wire.Render) -> wire.Rendered | wire.Refused:
        try:
            async with asyncio.timeout(self._hang_s):
                streams.stdin.write(wire.encode(request))
                await streams.stdin.drain()
                return await self._reply(streams, request.id)
        except TimeoutError:
            self._lost(streams, "hangs")
            raise SpeechUnavailable("the engine hangs") from None
        except (OSError, EOFError, ValueError) as exc:
            # ValueError is msgspec's base too: what it says is not the protocol, nor will it be again.
            self._lost(streams, type(exc).__name__)
            raise SpeechUnavailable("the engine was lost") from exc

    async def _reply(self, streams: Streams, wanted: int) -> wire.Rendered | wire.Refused:
        """The reply to this request; that of one which was given up before is passed over."""
        while True:
            match await _read(streams):
                case wire.Hello():
                    raise ValueError("a second greeting")
                case reply if reply.id == wanted:
                    return reply

    def _lost(self, streams: Streams, reason: str) -> None:
        """Kill the process that these pipes belong to, unless it was replaced already."""
        if streams is not self._streams:
            return
        _log.warning("speech_engine_lost", reason=reason)
        self._up.clear()
        self._streams = None
        self._child.kill()

    async def _greet(self, streams: Streams) -> None:
        """The ready check: the process says what it is."""
        match await _read(streams):
            case wire.Hello() as hello:
                self._hello = hello
            case _:
                raise ValueError("no greeting")
        self._streams = streams
        self._up.set()

    def _on_crash(self, _: CrashReport) -> None:
        self._up.clear()
        self._streams = None


async def _read(streams: Streams) -> wire.FromEngine:
    if streams.stdout is None:
        raise EOFError
    line = await streams.stdout.readline()
    if not line.endswith(b"\n"):
        raise EOFError("the engine's process ended")
    try:
        return wire.decode_reply(line)
    except msgspec.DecodeError as exc:
        raise ValueError("not a line of the protocol") from exc


def _log_line(line: str) -> None:
    _log.debug("speech_engine_says", line=line)
