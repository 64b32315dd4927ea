"""The client's side of the event stream: connects, resumes after a break, backs off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from pydantic import ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from ivr.api.errors import ApiRefused, NodeUnreachable
from ivr.api.models import Problem, StreamEvent
from ivr.api.stream import SESSION_OVER

OPEN_TIMEOUT_S = 10.0
MAX_EVENT = 16 * 1024 * 1024
FIRST_DELAY_S = 0.25
MAX_DELAY_S = 10.0


@dataclass(slots=True)
class Backoff:
    """Seconds to wait before the next try: doubling, bounded, and spread over the clients."""

    first_s: float = FIRST_DELAY_S
    most_s: float = MAX_DELAY_S
    failures: int = 0

    def failed(self) -> float:
        """Count a failure; how long to wait after it."""
        whole: float = min(self.most_s, self.first_s * 2.0 ** min(self.failures, 16))
        self.failures += 1
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    def succeeded(self) -> None:
        """Begin again with the shortest wait."""
        self.failures = 0


class EventSource:
    """One listener's stream over as many connections as it takes."""

    def __init__(
        self,
        base_url: str,
        token: Callable[[], str | None],
        *,
        attempts: int | None = None,
        on_connection: Callable[[bool], None] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._base_url = base_url
        self._token = token
        self._attempts = attempts
        self._on_connection = on_connection or (lambda up: None)
        self._sleep = sleep
        self._backoff = Backoff()

    async def events(self, after: int | None) -> AsyncGenerator[StreamEvent, None]:
        """Events, over broken connections too."""
        while True:
            connection = await self._open(after)
            if connection is None:
                continue
            self._on_connection(True)
            try:
                async with connection:
                    async for message in connection:
                        event = _decoded(message)
                        self._backoff.succeeded()
                        after = event.seq
                        yield event
            except ConnectionClosed:
                pass
            finally:
                self._on_connection(False)
            _raise_if_over(connection)
            await self._sleep(self._backoff.failed())

    async def _open(self, after: int | None) -> ClientConnection | None:
        """A connection, or None after a failed try and its wait."""
        try:
            return await connect(
                self._url(after),
                additional_headers={"Authorization": f"Bearer {self._token() or ''}"},
                open_timeout=OPEN_TIMEOUT_S,
                max_size=MAX_EVENT,
                compression=None,
                proxy=None,
            )
        except InvalidStatus as exc:
            if exc.response.status_code in (401, 403, 404):
                raise ApiRefused(_problem(exc)) from exc
            await self._failed(exc)
        except (OSError, WebSocketException) as exc:
            await self._failed(exc)
        return None

    async def _failed(self, error: Exception) -> None:
        delay_s = self._backoff.failed()
        if self._attempts is not None and self._backoff.failures >= self._attempts:
            raise NodeUnreachable(
                f"No event stream at {self._base_url} ({type(error).__name__}). Is the node running?"
            ) from error
        await self._sleep(delay_s)

    def _url(self, after: int | None) -> str:
        scheme, _, rest = self._base_url.partition("://")
        query = "" if after is None else "?" + urlencode({"after": after})
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/api/v1/events{query}"


def _decoded(message: str | bytes) -> StreamEvent:
    try:
        return StreamEvent.model_validate_json(message)
    except ValidationError as exc:
        detail = "The stream is not one of a node of this version: is the address right?"
        raise ApiRefused(Problem(title="Unexpected event", status=200, detail=detail)) from exc


def _raise_if_over(connection: ClientConnection) -> None:
    if connection.close_code == SESSION_OVER:
        raise ApiRefused(Problem(title="Unauthorized", status=401, detail="The session is over."))


def _problem(error: InvalidStatus) -> Problem:
    status = error.response.status_code
    try:
        return Problem.model_validate_json(error.response.body or b"")
    except ValidationError:
        return Problem(title="Refused", status=status, detail="The event stream was refused.")
