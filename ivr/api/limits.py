"""How much a request may hold, known or not who sends it."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ivr.api.problems import of_status

MAX_BODY = 256 * 1024
_DIGITS = 12


class BodyLimit:
    """Answers 413 to a body over `limit` bytes, and never keeps more than that of it."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await self._read(scope, receive)
        if body is None:
            refusal = of_status(413, f"A body has at most {self._limit} bytes.", {"Connection": "close"})
            await refusal(scope, receive, send)
            return
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, again, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None when it is, or says that it is, too large."""
        announced = Headers(scope=scope).get("content-length", "0")
        if len(announced) > _DIGITS or not announced.isascii() or not announced.isdigit():
            return None
        if int(announced) > self._limit:
            return None
        chunks = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return bytes(chunks)
            chunks += message.get("body", b"")
            if len(chunks) > self._limit:
                return None
            if not message.get("more_body", False):
                return bytes(chunks)
