"""Exports of both formats become the same typed graph; anything else is refused with a reason."""

from __future__ import annotations

import json

import pytest

from ivr.flow.webex.errors import ExportError
from ivr.flow.webex.read import read_export
from ivr.flow.webex.reading import clean
from ivr.flow.webex.source import ExportFormat, SourceFlow, SourceType
from tests.webex_support import DATA


def read(name: str) -> SourceFlow:
    """A fixture."""
    return read_export((DATA / name).read_bytes())


def test_the_designers_export() -> None:
    flow = read("parcel_desk.json")
    assert (flow.format, flow.name, flow.version, flow.kind) == (
        ExportFormat.DESIGNER,
        "Parcel desk",
        "7",
        "FLOW",
    )
    assert flow.constants["orgid"].startswith("11111111")
    start = flow.main.activities[flow.main.start or ""]
    assert (start.name, start.kind) == ("NewPhoneContact", "start")
    assert [graph.name for graph in flow.events] == ["AgentAnswered", "PhoneContactEnded", "OnGlobalError"]
    assert flow.unknown_events == ("ContactAniUpdated",)
    assert flow.remarks == ("the sound beep.wav that plays while an HTTP request waits is not imported",)
    variables = {variable.name: variable for variable in flow.variables}
    assert variables["parcel"].type is SourceType.JSON
    assert variables["area"].value is None
    assert variables["notes"].editable
    assert variables["Global_Language"].is_global


def test_the_apis_document_with_edges_between_ids_and_names() -> None:
    flow = read("taxi_api.json")
    assert (flow.format, flow.name, flow.version) == (ExportFormat.API, "Taxi", "3")
    main = flow.main
    assert main.start == "n1"
    assert main.ports("n1") == {"out": "n2"}
    assert main.ports("n2") == {"1": "n3", "2": "n3", "timeout": "n4", "invalid": "n4"}
    assert [graph.name for graph in flow.events] == ["AgentAnswered"]
    assert flow.variables[1].is_global


def test_an_apis_event_may_name_its_first_activity_and_have_no_handler_node() -> None:
    document = {
        "nodes": {"a": {"id": "a", "name": "A", "activityName": "NewContact"}},
        "edges": [],
        "eventFlows": {
            "GLOBAL_EVENTS": {
                "nodes": [{"id": "e", "name": "End", "activityName": "end"}],
                "edges": [],
                "onEvents": {"GlobalErrorHandling": "End"},
            }
        },
    }
    flow = read_export(json.dumps({"data": document}).encode())
    assert [(graph.name, graph.start) for graph in flow.events] == [("OnGlobalError", "e")]


def test_a_types_constant_id_helps_where_its_name_is_missing() -> None:
    properties = {"activityId": "5f114550ef5cfc454fbbf133"}
    activity = {"id": "1", "name": "Q", "group": "action", "properties": properties}
    document = {"process": {"activities": {"1": activity}, "links": []}}
    flow = read_export(json.dumps(document).encode())
    assert flow.main.activities["1"].kind == "queue-contact"


def test_the_editors_twins_never_win_over_the_plain_name() -> None:
    cleaned = clean(
        {
            "httpContentType": "Application/JSON",
            "httpContentType_name:name": "None",
            "destination": "q",
            "destination:name": "Sales",
            "destination_type": "LONGEST",
            "menuLinks": ["1"],
            "menuLinks_input": ["agent"],
            "menuLinks:input": ["agent"],
            "my_name": "kept",
            "_renderRequestTimestamp": 1,
            "priority": None,
        }
    )
    assert cleaned == {
        "httpContentType": "Application/JSON",
        "httpContentType_name:name": "None",
        "destination": "q",
        "destination:name": "Sales",
        "destination:type": "LONGEST",
        "menuLinks": ["1"],
        "menuLinks:input": ["agent"],
        "my_name": "kept",
    }


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no JSON"),
        (b"[1, 2]", "no export"),
        (b'{"process": 1}', "no export"),
        (b'{"nodes": []}', "no export"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b" " * 8_000_001, "at most"),
        (b'"text"', "no export"),
    ],
)
def test_what_is_no_export_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ExportError, match=reason):
        read_export(data)


@pytest.mark.parametrize(
    "document",
    [
        {"process": {"activities": {}}},
        {"process": {"activities": {"1": 5, "2": {"properties": []}}, "links": [3, {}]}, "eventFlows": []},
        {"process": {"activities": {}, "links": None}, "variables": "none", "eventFlows": {"eventsMap": [1]}},
        {"nodes": [1, {}, {"id": "x"}], "edges": [None, {"from": 1}], "variables": [{"name": ""}, 4]},
        {"nodes": {}, "edges": [], "eventFlows": {"GLOBAL_EVENTS": {"nodes": 1, "onEvents": {"x": None}}}},
    ],
)
def test_what_is_missing_or_odd_is_left_out(document: object) -> None:
    flow = read_export(json.dumps(document).encode())
    assert flow.variables == ()
    assert flow.events == ()
