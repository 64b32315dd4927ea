"""http-request-v2: requests, the queries in their addresses, what is read from their answers."""

from __future__ import annotations

import json
import re

from ivr.flow.activities.http_request import Method
from ivr.flow.errors import JsonPathError
from ivr.flow.escape import Context
from ivr.flow.jsonpath import compile_path
from ivr.flow.webex.address import Address, is_one_value, is_soql, is_sosl, plain_path, take_apart
from ivr.flow.webex.bindings import Outside
from ivr.flow.webex.findings import Repair
from ivr.flow.webex.mapping.context import Work
from ivr.flow.webex.mapping.soql import soql
from ivr.flow.webex.mapping.step import DEFAULT, FAILED, Port, Step, fail
from ivr.flow.webex.pebble.lexer import Plain, split
from ivr.flow.webex.source import MAIN, Json

NO_ANSWER = Port(("error",))
_ANSWERED = ("ok", "client_error", "server_error")
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_FIRST = re.compile(r"\[\s*0\s*\]")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_OWN_HEADERS = frozenset(
    {"authorization", "connection", "content-length", "content-type", "host", "transfer-encoding"}
)


def http_request(work: Work) -> list[Step]:
    """One request. Every status leaves by `default` in Webex; no answer goes to OnGlobalError."""
    method = work.activity.text("httpRequestMethod", "method").upper() or "GET"
    said = work.activity.text("httpRequestPath", "httpRequestUrl", "url")
    address = take_apart(said)
    connector = _connector(work, address)
    if connector is None or method not in set(Method) or not (address.path or address.origin):
        _unknown_address(work, method, said)
        return [fail("this request has no address that can be known", ("next",))]
    properties: dict[str, Json] = {
        "connector": connector,
        "method": method,
        "path": _path(work, address),
        **_query(work, address),
        **_headers(work),
        **_body(work, method),
        **_patience(work, method),
    }
    extract = _extract(work)
    if extract:
        properties["extract"] = extract
    return [Step(type="http-request", properties=properties, edges=_edges(work))]


def _unknown_address(work: Work, method: str, said: str) -> None:
    if said.strip() and method in set(Method):
        text = (
            "the whole address is a value: nothing says which connector it needs, and it cannot be done here"
        )
        work.lost("request", text, "httpRequestUrl")
    else:
        work.defect("request", f"{method} to no address that can be known", "httpRequestPath")


def _edges(work: Work) -> dict[str, Port]:
    answered = dict.fromkeys(_ANSWERED, DEFAULT)
    if "error" in work.wired:
        return {**answered, "timeout": NO_ANSWER, "error": NO_ANSWER}
    repaired = work.repairing(Repair.ERROR_EDGES)
    ends = "the treatment goes to OnGlobalError" if work.flow == MAIN else "the event's flow ends there"
    work.defect(
        "missing-error-edge",
        f"no edge for a request without an answer: {ends}",
        repair=Repair.ERROR_EDGES,
        repaired=repaired,
    )
    if repaired:
        return {**answered, "timeout": DEFAULT, "error": DEFAULT}
    return {**answered, "timeout": NO_ANSWER, "error": FAILED}


def _connector(work: Work, address: Address) -> str | None:
    activity = work.activity
    id_ = activity.text("connectorId", "connector")
    if id_ and (activity.flag("authenticated") or address.origin == ""):
        label = activity.text("connectorId:name")
        return work.need(Outside.CONNECTORS, id_, label=label, usual=None)
    if address.origin:
        said = (
            "; the server's name, which is made of values there, is fixed" if "{{" in address.origin else ""
        )
        work.different(
            "open-request",
            f"requests go through a connector here, which has the address{said}",
            "httpRequestUrl",
        )
        return work.need(Outside.CONNECTORS, address.origin)
    if address.origin is None:
        return None
    work.defect("no-connector", "it names no connector", "connectorId")
    return work.need(Outside.CONNECTORS, "none")


def _path(work: Work, address: Address) -> str:
    if is_one_value(address.path):
        work.different("path", "the value is the whole path, and is sent as it stands", "httpRequestPath")
        return work.text(address.path.strip(), Context.PATH, "httpRequestPath")
    path = address.path if address.path.startswith("/") else f"/{address.path}"
    if path != address.path and address.path:
        work.different("path", "the path begins at the root of the connector's address", "httpRequestPath")
    if "%" in path and "{{" in path:
        path = plain_path(path).replace(" ", "%20")
    if re.match(r"/\{\{[^}]*\}\}", path):
        work.different(
            "path", "one value is one part of a path: slashes in it are encoded", "httpRequestPath"
        )
    return work.text(path, Context.PATH, "httpRequestPath")


def _query(work: Work, address: Address) -> dict[str, Json]:
    """Parameters of the address and of the list; the query in SOQL apart."""
    given = [*address.query, *work.activity.mapping("httpQueryParameters", "queryParameters").items()]
    found: dict[str, Json] = {}
    result: dict[str, Json] = {}
    for name, value in given:
        if not name:
            continue
        if name == "q" and is_soql(value) and "soql" not in result:
            result["soql"] = soql(work, value)
            continue
        if name == "q" and is_sosl(value):
            work.different(
                "sosl", "values in a search (SOSL) are not made safe for it: check them", "httpRequestPath"
            )
        if re.search(r"'[^']*\{\{", value):
            work.defect(
                "unescaped-value",
                f"a quotation mark in a value of {name} would end the text in which it stands",
                "httpRequestPath",
            )
        if name in found:
            work.lost("query-twice", f"the parameter {name} stands twice", "httpQueryParameters")
        found[name] = work.text(value, Context.PLAIN, "httpQueryParameters", encoded=True)
    if found:
        result["query"] = found
    return result


def _headers(work: Work) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, value in work.activity.mapping("httpRequestHeaders", "headers").items():
        if name.lower() in _OWN_HEADERS or not _HEADER.fullmatch(name):
            work.different("header", f"the header {name} is the connector's", "httpRequestHeaders")
            continue
        found[name] = work.text(value, Context.PLAIN, "httpRequestHeaders")
    return {"headers": found} if found else {}


def _body(work: Work, method: str) -> dict[str, Json]:
    activity = work.activity
    for other in ("httpRequestBodyFormData", "httpRequestBodyGQL", "httpRequestBodyFiles"):
        if activity.properties.get(other):
            work.lost("body", f"{other} is not imported", other)
    body = activity.text("httpRequestBody", "body")
    if not body or method == "GET":
        return {}
    content_type = activity.text("httpContentType", "contentTypeHeader")
    if "json" in content_type.lower() or not content_type:
        if _is_json(body):
            return {"body": work.text(body, Context.JSON, "httpRequestBody")}
        work.defect("body", "the body is not JSON; it is sent as it stands", "httpRequestBody")
        kind = "application/json"
    else:
        kind = content_type.lower() if re.fullmatch(r"[\w.+-]+/[\w.+-]+", content_type) else "text/plain"
    text = work.text(body, Context.PLAIN, "httpRequestBody")
    return {"text": text, "content_type": kind}


def _is_json(body: str) -> bool:
    """It is JSON whatever the values are: with a number, or a text between quotation marks, in each place."""
    filled = "".join(part.text if isinstance(part, Plain) else "0" for part in split(body))
    try:
        json.loads(filled)
    except ValueError:
        return False
    return True


def _patience(work: Work, method: str) -> dict[str, Json]:
    activity = work.activity
    timeout_ms = activity.number("httpResponseTimeout", "responseTimeout")
    retries = int(activity.number("retryAttempts") or 0)
    timeout_s = min(max((2000.0 if timeout_ms is None else timeout_ms) / 1000, 0.5), 60.0)
    if retries and method not in _READS:
        work.defect(
            "retried-write",
            f"a {method} that is tried {retries + 1} times may be done as often; here it is sent once",
            "retryAttempts",
        )
        return {"timeout_s": timeout_s}
    waits_s = timeout_s * (1 + retries)
    if waits_s >= 10:
        work.defect(
            "long-silence", f"a caller may wait {waits_s:g} s in silence for this", "httpResponseTimeout"
        )
    return {"timeout_s": timeout_s, **({"retries": min(retries, 5)} if retries > 0 else {})}


def _extract(work: Work) -> dict[str, Json]:
    """Variables and the JSONPaths of their values."""
    found: dict[str, Json] = {}
    first: list[str] = []
    for item in work.activity.objects("outputVariableArray"):
        name, path = str(item.get("outputVariable") or ""), str(item.get("jsonPathExp") or "").strip()
        if not path or name in ("", "Select"):
            continue
        variable = work.variable(name)
        if variable is None:
            work.defect("unknown-variable", f"{name} is not a variable of the flow", "outputVariableArray")
            continue
        try:
            compile_path(path)
        except JsonPathError as exc:
            work.lost("json-path", f"{name} is not taken from the answer: {exc}", "outputVariableArray")
            continue
        found[variable] = path
        if _FIRST.search(path):
            first.append(name)
    said = work.activity
    asks = (said.text("httpRequestPath", "httpRequestUrl", "url", "httpRequestBody", "body"),)
    if first and "{{" not in "".join((*asks, *said.mapping("httpQueryParameters").values())):
        work.defect("unfiltered-record", "nothing of the caller is in the request: any record may come first")
    if first:
        work.defect(
            "first-record",
            f"{', '.join(first)}: of several records the first is taken, whoever that is; salesforce-find "
            "tells one from many",
            "outputVariableArray",
        )
    return found


def extracted(work: Work) -> dict[str, Json]:
    """As `_extract`, for parse-activity."""
    return _extract(work)
