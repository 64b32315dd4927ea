"""A scenario's scripted answers over HTTP: a server for each connector, in front of the simulated org.

What the connector itself asks (sessions, look-ups, write-back) goes to the org; every other request is the
flow's, and is answered as the scenario says or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ivr.flow.rig.answers import AnswerScript, body_of
from ivr.flow.rig.scenario import HttpAnswer
from ivr.salesforce.simulator.describe import FIRST_VERSION

OWN_VERSION = f"v{FIRST_VERSION}.0"
"""The API version that the rig's connectors are given: the oldest, which flows do not write, so that their
requests can be told apart."""
_OWN = (f"/services/data/{OWN_VERSION}", "/services/oauth2/", "/id/", "/lightning/")
_LONGEST_S = 300.0
JSON = "application/json"
TEXT = "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request of the flow, at the scenario's time; `answered` is False when the script had nothing."""

    at: datetime
    text: str
    answered: bool


class ScriptedAnswers:
    """The answers of one call, for all connectors; `asked` grows as requests come."""

    def __init__(self, answers: tuple[HttpAnswer, ...], now: Callable[[], datetime]) -> None:
        self._script = AnswerScript(answers)
        self._now = now
        self.asked: list[Asked] = []

    def before(self, org: ASGIApp, connector: str) -> ASGIApp:
        """The server of one connector."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"].startswith(_OWN):
                await org(scope, receive, send)
            else:
                await self._answer(connector, scope, receive, send)

        return app

    async def _answer(self, connector: str, scope: Scope, receive: Receive, send: Send) -> None:
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        answer = self._script.take(connector, scope["method"], f"{path}?{query}" if query else path)
        text = f"{scope['method']} {path}"
        self.asked.append(Asked(at=self._now(), text=text, answered=answer is not None))
        if answer is None:
            await _cut(send)
            return
        await asyncio.sleep(min(answer.after_s, _LONGEST_S))
        if answer.fails is not None:
            await _cut(send)
            return
        kind = TEXT if answer.body is not None else JSON
        await Response(body_of(answer), status_code=answer.status, media_type=kind)(scope, receive, send)


async def _cut(send: Send) -> None:
    """Promise more than is sent: the server closes the connection when the app returns."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
