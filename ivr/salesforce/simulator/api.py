"""The REST resources under /services/data/vNN.0, without HTTP: a request value in, an answer value out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote

from ivr.salesforce.simulator import composite, describe
from ivr.salesforce.simulator.batches import Batches
from ivr.salesforce.simulator.errors import ApiError, not_found
from ivr.salesforce.simulator.exchange import ApiAnswer, ApiRequest, object_of
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.query import Json, Runner
from ivr.salesforce.simulator.rows import Rows
from ivr.salesforce.simulator.search import parse_parameters, parse_sosl, run_search
from ivr.salesforce.simulator.soql import parse_query

__all__ = ["Api", "ApiAnswer", "ApiRequest"]

_VERSIONED = re.compile(r"/services/data/v(\d{1,3})\.0(?:/(.*?))?/?", re.DOTALL)


class Api:
    """Answers requests on one org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._batches = Batches()

    @property
    def usage(self) -> tuple[int, int]:
        """Requests used, and allowed."""
        return self._org.policy.api_used, self._org.policy.api_limit

    def answer(self, request: ApiRequest) -> ApiAnswer:
        """Answer one request from outside, counted; faults become error arrays."""
        self._count()
        used, allowed = self.usage
        if used > allowed:
            error = ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
            return ApiAnswer(status=error.status, body=error.body())
        return self._part(request)

    def _count(self) -> None:
        self._org.policy = replace(self._org.policy, api_used=self._org.policy.api_used + 1)

    def _part(self, request: ApiRequest) -> ApiAnswer:
        try:
            return self._dispatch(request)
        except ApiError as error:
            return ApiAnswer(status=error.status, body=error.body())

    def _dispatch(self, request: ApiRequest) -> ApiAnswer:
        if request.path.rstrip("/") == "/services/data":
            return ApiAnswer(status=200, body=describe.versions())
        found = _VERSIONED.fullmatch(request.path)
        if found is None:
            raise _unknown(request)
        _check_version(int(found[1]))
        root = f"/services/data/v{found[1]}.0"
        # Split first: a %2F within a value is no separator.
        return self._resource(request, root, [unquote(step) for step in (found[2] or "").split("/")])

    def _resource(self, request: ApiRequest, root: str, steps: list[str]) -> ApiAnswer:
        runner = Runner(self._org, root)
        match request.method, *steps:
            case "GET", "":
                return ApiAnswer(status=200, body=describe.resources(root))
            case "GET", "query":
                return ApiAnswer(status=200, body=self._query(runner, root, request))
            case "GET", "query", locator:
                body = self._batches.next(root, locator, request.headers)
                return ApiAnswer(status=200, body=body)
            case "GET", "search":
                search = parse_sosl(dict(request.query).get("q", ""))
                return ApiAnswer(status=200, body=run_search(search, runner, self._org))
            case "GET" | "POST", "parameterizedSearch":
                asked = object_of(request.body) if request.method == "POST" else _parameters(request.query)
                return ApiAnswer(status=200, body=run_search(parse_parameters(asked), runner, self._org))
            case "POST", "composite":
                body = composite.run(object_of(request.body), self._part, self._org)
                return ApiAnswer(status=200, body=body)
            case "POST", "composite", "batch":
                body = composite.run_batch(object_of(request.body), self._batched)
                return ApiAnswer(status=200, body=body)
            case "GET", "limits":
                return ApiAnswer(status=200, body=describe.limits(*self.usage))
            case _, "sobjects", *rest:
                return Rows(self._org, runner, root).answer(request, rest)
            case _:
                raise _unknown(request)

    def _batched(self, request: ApiRequest) -> ApiAnswer:
        self._count()
        return self._part(request)

    def _query(self, runner: Runner, root: str, request: ApiRequest) -> Json:
        text = dict(request.query).get("q", "")
        if not text.strip():
            raise ApiError(400, "MALFORMED_QUERY", "A query string has to be specified")
        query = parse_query(text)
        if query.count:
            return {"totalSize": runner.count(query), "done": True, "records": []}
        return self._batches.first(root, runner.run(query), request.headers)


def _check_version(number: int) -> None:
    if number < describe.FIRST_VERSION:
        message = f"Unsupported API version: {number}.0 is retired"
        raise ApiError(410, "UNSUPPORTED_API_VERSION", message)
    if number > describe.LAST_VERSION:
        raise not_found()


def _parameters(query: Sequence[tuple[str, str]]) -> Mapping[str, object]:
    """The GET form of a parameterized search as the body of its POST form."""
    single = dict(query)
    body: dict[str, object] = {name: single[name] for name in ("q", "in") if name in single}
    if "fields" in single:
        body["fields"] = single["fields"].split(",")
    for name in ("overallLimit", "defaultLimit"):
        if single.get(name, "").isdecimal():
            body[name] = int(single[name])
    entries = [_parameter_object(value, single) for name, value in query if name == "sobject"]
    return {**body, "sobjects": entries} if entries else body


def _parameter_object(name: str, single: Mapping[str, str]) -> dict[str, object]:
    entry: dict[str, object] = {"name": name}
    if f"{name}.fields" in single:
        entry["fields"] = single[f"{name}.fields"].split(",")
    if single.get(f"{name}.limit", "").isdecimal():
        entry["limit"] = int(single[f"{name}.limit"])
    if f"{name}.where" in single:
        entry["where"] = single[f"{name}.where"]
    return entry


def _unknown(request: ApiRequest) -> ApiError:
    message = f"The requested resource does not exist (not simulated: {request.method} {request.path})"
    return ApiError(404, "NOT_FOUND", message)
