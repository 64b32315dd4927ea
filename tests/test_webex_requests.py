"""Requests of exports whose addresses are made of values, and paths that we cannot read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from ivr.flow.model import Flow
from ivr.flow.ports import HttpResponse
from ivr.flow.testing import FakePorts
from ivr.flow.webex.address import is_one_value, take_apart
from ivr.flow.webex.bindings import Bindings
from ivr.flow.webex.findings import Finding, Verdict
from ivr.flow.webex.importer import Imported, import_flow
from tests.webex_support import context, errors, imported, reaches, treated

HOST = "https://{{instance}}.my.salesforce.com"
OK = HttpResponse(status=200, body='{"@odata": {"count": 2}, "n": 1, "name": "Ann"}')


def export(said: Mapping[str, object], path: str = "/services/data") -> bytes:
    """A flow with one request, whose variable `path` begins as this."""
    request = {"activityName": "http-request-v2", "httpRequestMethod": "GET", **said}
    activities: dict[str, dict[str, object]] = {
        "Go": {"activityName": "NewPhoneContact"},
        "Ask": request,
        "Bye": {"activityName": "disconnect-contact"},
    }
    document = {
        "name": "Asking",
        "variables": [
            {"name": "path", "type": "STRING", "value": path},
            {"name": "instance", "type": "STRING", "value": "acme"},
            {"name": "found", "type": "STRING", "value": ""},
        ],
        "process": {
            "activities": {
                name: {"id": name, "name": name, "group": "action", "properties": properties}
                for name, properties in activities.items()
            },
            "links": [
                {"sourceActivityId": "Go", "targetActivityId": "Ask", "conditionExpr": "out"},
                {"sourceActivityId": "Ask", "targetActivityId": "Bye", "conditionExpr": "default"},
                {"sourceActivityId": "Ask", "targetActivityId": "Bye", "conditionExpr": "error"},
            ],
        },
    }
    return json.dumps(document).encode()


def with_connector(path: str) -> dict[str, object]:
    """A request through the connector c-1."""
    return {"authenticated": True, "connectorId": "c-1", "httpRequestPath": path}


def told(done: Imported, activity: str = "Ask") -> list[Finding]:
    """What is said about an activity, but that it is mapped."""
    found = done.report.findings
    return [f for f in found if f.activity == activity and f.verdict is not Verdict.MAPPED]


def ready(folder: Path, data: bytes, connector: str = "c-1") -> Flow:
    """The flow, its connector bound."""
    file = folder / "asking.json"
    file.write_bytes(data)
    _, flow = imported(folder, file, {"connectors": {connector: "Crm"}})
    assert errors(flow, context(flow, connectors=("Crm",))) == []
    return flow


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/services/data/v52.0/sobjects/Case/500A", "/services/data/v52.0/sobjects/Case/500A"),
        ("services/data", "/services/data"),
        ("/query?q=SELECT+Id FROM Case", "/query?q=SELECT+Id%20FROM%20Case"),
        ("/a%20b/é", "/a%20b/%C3%A9"),
    ],
)
def test_a_value_that_is_the_whole_path_is_sent_as_it_stands(tmp_path: Path, path: str, sent: str) -> None:
    flow = ready(tmp_path, export(with_connector("{{path}}"), path))
    fakes = FakePorts()
    fakes.connector.responses.append(OK)
    treated(flow, fakes, reaches(fakes, "hang_up"))
    assert [request.path for request in fakes.connector.requests] == [sent]


@pytest.mark.parametrize(
    "path",
    ["//evil.example/x", "https://evil.example/x", "/a/../../b", "/%2e%2e/b", "/a\\b", "/a\r\nHost: evil",
     "/", "/a\nb", "/%2Fevil.example", "/%5Cevil.example", "/a/..;x/b", "javascript:alert(1)"],
)  # fmt: skip
def test_a_whole_path_stays_on_its_system(tmp_path: Path, path: str) -> None:
    flow = ready(tmp_path, export(with_connector("{{ path }}"), path))
    fakes = FakePorts()
    treated(flow, fakes, reaches(fakes, "hang_up"))
    assert fakes.connector.requests == []
    assert "Ask error" in fakes.walked()


def test_a_value_that_is_a_part_of_a_path_is_encoded(tmp_path: Path) -> None:
    data = export(with_connector("/cases/{{path}}"), "a/../b")
    fakes = FakePorts()
    fakes.connector.responses.append(OK)
    treated(ready(tmp_path, data), fakes, reaches(fakes, "hang_up"))
    assert [request.path for request in fakes.connector.requests] == ["/cases/a%2F..%2Fb"]
    # Whether a slash stands before it or not: beside anything else a value is one part.
    for said in ("{{path}}/x", "/{{path}}"):
        texts = [f.text for f in told(import_flow(export(with_connector(said)), Bindings()))]
        assert any("one part of a path" in text for text in texts)


def test_a_host_that_is_made_of_values_needs_a_connector_by_that_text(tmp_path: Path) -> None:
    data = export({"httpRequestUrl": f"{HOST}/services/data/v52.0/query?q=x{{{{path}}}}"})
    done = import_flow(data, Bindings())
    assert [(want.name, want.bound) for want in done.report.unbound()] == [(HOST, None)]
    assert [(f.verdict, f.kind) for f in told(done)] == [(Verdict.DIFFERENT, "open-request")]
    assert "made of values" in told(done)[0].text
    fakes = FakePorts()
    fakes.connector.responses.append(OK)
    treated(ready(tmp_path, data, HOST), fakes, reaches(fakes, "hang_up"))
    (request,) = fakes.connector.requests
    assert (request.connector, request.path) == ("Crm", "/services/data/v52.0/query")
    assert request.query == {"q": "x/services/data"}


def test_an_address_that_is_one_value_is_not_mapped_and_no_defect() -> None:
    (finding,) = told(import_flow(export({"httpRequestUrl": "{{path}}"}), Bindings()))
    assert (finding.verdict, finding.kind) == (Verdict.NOT_MAPPED, "request")


def test_no_address_at_all_is_a_defect() -> None:
    (finding,) = [f for f in told(import_flow(export({}), Bindings())) if f.kind == "request"]
    assert finding.verdict is Verdict.DEFECT


def test_a_path_into_the_answer_that_we_cannot_read_is_our_limit_and_told_as_such(tmp_path: Path) -> None:
    taken = [
        {"outputVariable": "found", "jsonPathExp": "$[?(@.name =~ /A.*/)].name"},
        {"outputVariable": "path", "jsonPathExp": "$.@odata.count"},
    ]
    data = export({**with_connector("/x"), "contentType": "JSON", "outputVariableArray": taken})
    (finding,) = told(import_flow(data, Bindings()))
    assert (finding.verdict, finding.kind) == (Verdict.NOT_MAPPED, "json-path")
    assert finding.text.startswith("found is not taken from the answer")
    fakes = FakePorts()
    fakes.connector.responses.append(OK)
    run = treated(ready(tmp_path, data), fakes, reaches(fakes, "hang_up"))
    assert run is not None
    assert fakes.steps[1].outcome == "ok"
    assert "nothing for" not in fakes.steps[1].detail


def test_hosts_are_told_from_paths() -> None:
    assert take_apart(f"{HOST}:8443/a?b=1").origin == f"{HOST}:8443"
    assert take_apart(f" {HOST} ").origin == HOST
    assert take_apart("https://{{ a }}-{{ b }}.example/x").origin == "https://{{ a }}-{{ b }}.example"
    assert take_apart("https://user@host/x").origin is None
    assert take_apart("{{ a }}/x").origin is None
    assert take_apart("/x/{{ a }}").origin == ""
    assert is_one_value(" {{ a | upper }} ")
    assert not is_one_value("{{ a }}{{ b }}")
    assert not is_one_value("/{{ a }}")
