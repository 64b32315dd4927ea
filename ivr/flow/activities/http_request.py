"""http-request: one request to a system behind a connector."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from ivr.flow.activities.base import Acting, Activity, Leave, Need, NeedKind, Path, Port, Result
from ivr.flow.activities.extracting import Extract, assigned_by, extracted, missed
from ivr.flow.errors import ActivityError
from ivr.flow.ports import HttpRequest as Request
from ivr.flow.ports import HttpResponse
from ivr.flow.template import JsonTemplate, PathTemplate, PlainTemplate, SoqlTemplate
from ivr.flow.values import MAX_JSON, Value, VariableType

JSON_TYPE = "application/json"
_GRACE_S = 2.0
_FIRST_PAUSE_S = 0.2
_NOT_OURS = frozenset(
    {"authorization", "connection", "content-length", "content-type", "host", "transfer-encoding"}
)


class Method(StrEnum):
    """The methods of HTTP that are allowed."""

    GET = "GET"
    HEAD = "HEAD"
    OPTIONS = "OPTIONS"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


_READS = frozenset({Method.GET, Method.HEAD, Method.OPTIONS})


def _header(name: str) -> str:
    if name.lower() in _NOT_OURS:
        raise ValueError(f"the header {name} is set by the connector")
    return name


_Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$"), AfterValidator(_header)]


class HttpRequest(Activity):
    """Sends a request and leaves by the kind of answer. `query` is encoded by the connector.

    Reads are tried again, up to `retries` times, after a server error or a time-out. Writes never are: nobody
    can tell whether the first one was done.
    """

    type: ClassVar[str] = "http-request"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.CONNECTOR})
    exits: ClassVar[Mapping[str, str]] = {
        "ok": "A status of 2xx.",
        "client_error": "A status of 3xx or 4xx.",
        "server_error": "A status of 5xx, in the last try.",
        "timeout": "No answer within `timeout_s`, in the last try.",
    }

    connector: str
    """The connector's name in the configuration; it has the address and signs in."""
    method: Method = Method.GET
    """The method of HTTP."""
    path: PathTemplate
    """The path on the connector's system; may hold a query."""
    query: Annotated[dict[str, PlainTemplate], Field(max_length=20, default_factory=dict)]
    """Further query parameters."""
    soql: SoqlTemplate | None = None
    """A SOQL query, sent as the parameter `q`."""
    headers: Annotated[dict[_Header, PlainTemplate], Field(max_length=20, default_factory=dict)]
    """Further headers."""
    body: JsonTemplate | None = None
    """A JSON body; what is put into it is escaped for JSON."""
    text: PlainTemplate | None = None
    """Any other body, sent as it is, in place of `body`."""
    content_type: Annotated[str, Field(pattern=r"^[\w.+-]+/[\w.+-]+(; ?[\w.+=-]+)*$")] = "text/plain"
    """What kind of body `text` is."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    """How long one try may take."""
    retries: Annotated[int, Field(ge=0, le=5)] = 0
    """How many further tries there are; for GET, HEAD and OPTIONS only."""
    extract: Annotated[Extract, Field(default_factory=dict)]
    """Variables, each with the JSONPath (as Jayway reads it) of its value in the answer, whatever its status.
    A path that leads nowhere, or to null, leaves its variable as it was."""

    @model_validator(mode="after")
    def _one_q(self) -> Self:
        if self.soql is not None and "q" in self.query:
            raise ValueError("soql is sent as the query parameter q, which is given as well")
        if self.body is not None and self.text is not None:
            raise ValueError("there is one body: body or text")
        if self.retries and self.method not in _READS:
            raise ValueError(f"retries: a {self.method} is not sent twice, it might be done twice")
        return self

    def outputs(self) -> Mapping[str, VariableType]:
        """As in Webex, and the body as JSON where it is."""
        return {
            "httpStatusCode": VariableType.INTEGER,
            "httpResponseBody": VariableType.STRING,
            "httpResponseHeaders": VariableType.JSON,
            "json": VariableType.JSON,
        }

    def assigns(self) -> Mapping[str, Path]:
        """The variables in `extract`."""
        return assigned_by(self.extract)

    def needs(self) -> tuple[Need, ...]:
        """The connector."""
        return (Need(kind=NeedKind.CONNECTOR, name=self.connector, at=("connector",)),)

    def limit_s(self) -> float:
        """More than all tries may take."""
        pauses_s = sum(_FIRST_PAUSE_S * 2.0**tried for tried in range(self.retries))
        return self.timeout_s * (1 + self.retries) + pauses_s + 2 * _GRACE_S

    async def run(self, acting: Acting) -> Result:
        """Send; the time-out is the connector's, which raises TimeoutError."""
        request = self._request(acting)
        for tried in range(self.retries):
            result = await self._try(acting, request)
            if result.outcome not in ("server_error", "timeout"):
                return result
            await asyncio.sleep(_FIRST_PAUSE_S * 2.0**tried)
        return await self._try(acting, request)

    async def _try(self, acting: Acting, request: Request) -> Leave:
        try:
            response = await acting.ports.connector.request(request)
        except TimeoutError:
            return Leave(outcome="timeout", detail=f"no answer within {self.timeout_s:g} s")
        outputs = _outputs(response)
        values = extracted(self.extract, outputs["json"]) if "json" in outputs else {}
        detail = ", ".join(filter(None, (str(response.status), missed(self.extract, values))))
        return Leave(outcome=_outcome(response.status), outputs=outputs, assigned=values, detail=detail)

    def _request(self, acting: Acting) -> Request:
        query = {name: acting.render(template) for name, template in self.query.items()}
        if self.soql is not None:
            query["q"] = acting.render(self.soql)
        headers = {name: _one_line(acting.render(template)) for name, template in self.headers.items()}
        body, content_type = self._body(acting)
        return Request(
            connector=self.connector,
            method=str(self.method),
            path=acting.render(self.path),
            query=query,
            headers=headers | ({} if body is None else {"Content-Type": content_type}),
            body=body,
            timeout_s=self.timeout_s,
        )

    def _body(self, acting: Acting) -> tuple[str | None, str]:
        if self.text is not None:
            return acting.render(self.text), self.content_type
        return None if self.body is None else _json_text(acting.render(self.body)), JSON_TYPE


def _one_line(value: str) -> str:
    if "\n" in value:
        raise ActivityError("a header has one line")
    return value


def _json_text(text: str) -> str:
    try:
        json.loads(text)
    except ValueError as exc:
        raise ActivityError("the body is not JSON") from exc
    return text


def _outcome(status: int) -> str:
    if 200 <= status < 300:
        return "ok"
    return "server_error" if status >= 500 else "client_error"


def _outputs(response: HttpResponse) -> dict[str, Value]:
    outputs: dict[str, Value] = {
        "httpStatusCode": response.status,
        "httpResponseBody": response.body[:MAX_JSON],
        "httpResponseHeaders": dict(response.headers),
    }
    try:
        outputs["json"] = json.loads(response.body)
    except (ValueError, RecursionError):
        return outputs  # not JSON: `json` stays unset
    return outputs
