"""Several requests in one: /composite, whose parts may use earlier results, and /composite/batch."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from ivr.salesforce.simulator.errors import ApiError, not_simulated
from ivr.salesforce.simulator.exchange import ApiAnswer, ApiRequest
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.query import Json

_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.[A-Za-z_][A-Za-z0-9_]*|\[\d{1,6}\])*)\}")
_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
_PARTS, _QUERY_PARTS = 25, 5
_ROLLED_BACK = "The transaction was rolled back since another operation in the same transaction failed."


Ask = Callable[[ApiRequest], ApiAnswer]


def run(body: Mapping[str, object], ask: Ask, org: Org) -> Json:
    """The answer to a composite request. Raises ApiError when it is none."""
    entries = _entries(body.get("compositeRequest"), "compositeRequest")
    if sum(_is_query(entry) for entry in entries) > _QUERY_PARTS:
        raise ApiError(400, "LIMIT_EXCEEDED", f"at most {_QUERY_PARTS} subrequests may be queries")
    names = [str(entry.get("referenceId") or "") for entry in entries]
    for place, name in enumerate(names):
        if not _NAME.fullmatch(name) or name in names[:place]:
            raise ApiError(400, "INVALID_REFERENCE_ID", f"Provided reference id ({name}) is invalid")
    before = org.snapshot() if body.get("allOrNone") else None
    answers: list[Json] = []
    known: dict[str, object] = {}
    for name, entry in zip(names, entries, strict=True):
        answers.append(_answered(name, entry, known, ask))
        if before is not None and _failed(answers[-1]):
            org.restore(before)
            return {"compositeResponse": _halted(names, len(answers) - 1, answers[-1])}
    return {"compositeResponse": answers}


def run_batch(body: Mapping[str, object], ask: Ask) -> Json:
    """The answer to a batch of independent requests. Raises ApiError when it is none."""
    entries = _entries(body.get("batchRequests"), "batchRequests")
    results: list[Json] = []
    bad = False
    for entry in entries:
        if bad and body.get("haltOnError"):
            error = ApiError(412, "BATCH_PROCESSING_HALTED", "Batch processing halted per request")
            results.append({"statusCode": error.status, "result": error.body()})
            continue
        url = "/services/data/" + str(entry.get("url") or "").lstrip("/")
        answer = ask(_part({"method": entry.get("method"), "url": url, "body": entry.get("richInput")}))
        bad = bad or answer.status >= 400
        results.append({"statusCode": answer.status, "result": answer.body})
    return {"hasErrors": bad, "results": results}


def _entries(parts: object, name: str) -> list[Mapping[str, object]]:
    if not isinstance(parts, list) or not parts or not all(isinstance(part, Mapping) for part in parts):
        raise ApiError(400, "JSON_PARSER_ERROR", f"expected {name} to be a list of subrequests")
    if len(parts) > _PARTS:
        raise ApiError(400, "LIMIT_EXCEEDED", f"at most {_PARTS} subrequests are allowed")
    return cast(list[Mapping[str, object]], parts)


def _is_query(entry: Mapping[str, object]) -> bool:
    path = urlsplit(str(entry.get("url"))).path
    return any(mark in path for mark in ("/query", "/search", "/parameterizedSearch", "/composite/sobjects"))


def _answered(name: str, entry: Mapping[str, object], known: dict[str, object], ask: Ask) -> Json:
    try:
        answer = ask(_part(_with_references(entry, known)))
        status, body, headers = answer.status, answer.body, answer.headers
    except ApiError as error:
        status, body, headers = error.status, error.body(), {}
    known[name] = body
    return {"body": body, "httpHeaders": dict(headers), "httpStatusCode": status, "referenceId": name}


def _failed(answer: Json) -> bool:
    return cast(int, answer["httpStatusCode"]) >= 400


def _halted(names: Sequence[str], failed: int, failure: Json) -> list[Json]:
    error = ApiError(400, "PROCESSING_HALTED", _ROLLED_BACK)
    return [
        failure
        if place == failed
        else {"body": error.body(), "httpHeaders": {}, "httpStatusCode": 400, "referenceId": name}
        for place, name in enumerate(names)
    ]


def _with_references(entry: Mapping[str, object], known: Mapping[str, object]) -> Mapping[str, object]:
    body = entry.get("body")
    return {
        "method": entry.get("method"),
        "url": _resolved(str(entry.get("url") or ""), known),
        "body": None if body is None else json.loads(_resolved(json.dumps(body), known)),
    }


def _part(entry: Mapping[str, object]) -> ApiRequest:
    url = urlsplit(str(entry["url"]))
    if "/composite" in url.path:
        raise not_simulated("a composite request inside a composite request")
    return ApiRequest(
        method=str(entry.get("method") or "").upper(),
        path=url.path,
        query=tuple(parse_qsl(url.query, keep_blank_values=True)),
        body=entry.get("body"),
    )


def _resolved(text: str, known: Mapping[str, object]) -> str:
    def value(found: re.Match[str]) -> str:
        current: object = known.get(found[1])
        for step in _STEP.finditer(found[2]):
            current = _stepped(current, step)
        if not isinstance(current, str | int | float):
            message = f"Invalid reference specified. No value for {found[1]}{found[2]} found in {found[1]}"
            raise ApiError(400, "PROCESSING_HALTED", message)
        return str(current)

    return _REFERENCE.sub(value, text)


def _stepped(current: object, step: re.Match[str]) -> object:
    if step[1] is not None and isinstance(current, Mapping):
        return current.get(step[1])
    if step[2] is not None and isinstance(current, list) and int(step[2]) < len(current):
        return current[int(step[2])]
    return None
