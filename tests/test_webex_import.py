"""Exports imported: bound, checked, run; what is wrong with them is said, and repaired when asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ivr.flow.check import Severity, check_flow
from ivr.flow.engine import FlowRun
from ivr.flow.load import load_flow
from ivr.flow.model import Flow
from ivr.flow.ports import HttpResponse, PortError
from ivr.flow.steps import EventEnd
from ivr.flow.testing import FakePorts
from ivr.flow.webex.bindings import Bindings, Outside, read_bindings
from ivr.flow.webex.errors import BindingError, ExportError
from ivr.flow.webex.findings import REPAIRS, Finding, Repair, Verdict
from ivr.flow.webex.folder import import_into
from ivr.flow.webex.importer import Imported, import_flow
from ivr.flow.yaml_file import read_yaml
from tests.webex_support import DATA, WITHHELD, context, errors, imported, reaches, treated

PARCELS = DATA / "parcel_desk.json"
LOOKUP = DATA / "contact_lookup.json"
BOUND: Mapping[str, Mapping[str, str]] = {
    "queues": {"aaaa-queue": "Depot", "bbbb-queue": "Returns"},
    "connectors": {"c0nn-1": "DepotApi", "https://hooks.depot.example": "Hooks"},
    "audio": {"welcome.wav": "hello.wav"},
    "schedules": {"9d6c-hours": "Always"},
    "globals": {"Global_Language": "en-GB"},
}
LOOKUP_BOUND = {"queues": {"q-1": "Support"}, "connectors": {"77aa": "Salesforce"}}
SCHEDULES = """
schedules:
  Always:
    time_zone: UTC
    working_hours: [{days: [mon, tue, wed, thu, fri, sat, sun], from: "00:00", to: "24:00"}]
"""
WELCOME = "play hello.wav | comfort_4.wav"
ASK = "collect Enter your parcel number, 415."
MENU = "collect Press 1 for an agent, 2 for a call back."
SORRY = "play Sorry."


def parcels(folder: Path) -> Flow:
    """The parcel desk, ready to be called."""
    (folder / "flows").mkdir()
    (folder / "flows" / "schedules.yaml").write_text(SCHEDULES, encoding="utf-8")
    _, flow = imported(folder, PARCELS, BOUND)
    assert errors(flow, context(flow, queues=("Depot", "Returns"), connectors=("DepotApi", "Hooks"))) == []
    return flow


def lookup(folder: Path, *repairs: Repair) -> Flow:
    """The contact look-up, ready to be called."""
    _, flow = imported(folder, LOOKUP, LOOKUP_BOUND, repairs)
    assert errors(flow, context(flow, queues=("Support",), connectors=("Salesforce",))) == []
    return flow


def found(*records: Mapping[str, object]) -> HttpResponse:
    """Salesforce's answer to a query."""
    return HttpResponse(status=200, body=json.dumps({"records": list(records)}))


def kinds(findings: Sequence[Finding], verdict: Verdict) -> set[tuple[str, str]]:
    """Activity and kind of each finding."""
    return {(finding.activity, finding.kind) for finding in findings if finding.verdict is verdict}


def import_plain(path: Path, *repairs: Repair) -> Imported:
    """Without bindings."""
    return import_flow(path.read_bytes(), Bindings(), repairs=repairs)


def test_the_way_of_a_caller_whose_parcel_is_late(tmp_path: Path) -> None:
    fakes = FakePorts()
    answer = {"items": [{"state": "late", "number": "P7"}, {"state": "lost"}], "late": {"days": 5}}
    fakes.connector.responses.append(HttpResponse(status=200, body=json.dumps(answer)))

    async def until(_: FlowRun) -> None:
        await fakes.journal.reached(ASK)
        fakes.voice.press("1234#")
        await fakes.journal.reached(MENU)
        fakes.voice.press("1")
        await fakes.journal.reached("music defaultmusic_on_hold.wav 20.0 from 5")

    run = treated(parcels(tmp_path), fakes, until, events=("AgentAnswered",))
    assert fakes.journal.lines == [
        WELCOME,
        ASK,
        "request GET /parcels/1234",
        MENU,
        "enqueue Depot 2",
        "look_up Depot",
        "play You are number 1.",
        "music defaultmusic_on_hold.wav 20.0 from 5",
        "screen_pop https://portal.depot.example/parcels/late?agent=&n=5",
    ]
    assert fakes.queue.lookback_s == 600
    request = fakes.connector.requests[0]
    assert request.connector == "DepotApi"
    assert request.query == {"fields": "all", "who": "'4155550123'", "lang": "en"}
    assert request.headers == {"X-Trace": "call-1"}
    assert request.timeout_s == 4.0
    assert [view.value for view in run.variables if view.name == "phone"] == ["4155550123"]


def test_a_case_with_expressions_asks_them_in_their_order(tmp_path: Path) -> None:
    # Six days: even, and the caller is a vip. Seven: the second case, which is an activity that we lack.
    flow = parcels(tmp_path)
    for days, way in ((6, "ByDays true"), (7, "ByDays_2 true")):
        fakes = FakePorts()
        answer = {"items": [{"state": "late"}], "late": {"days": days}}
        fakes.connector.responses.append(HttpResponse(status=200, body=json.dumps(answer)))
        fakes.voice.press("1234#")
        treated(flow, fakes, reaches(fakes, ASK, MENU if days == 6 else SORRY))
        assert way in fakes.walked()


def test_statuses_leave_by_default_and_no_answer_goes_to_on_global_error(tmp_path: Path) -> None:
    flow = parcels(tmp_path)
    fakes = FakePorts()
    fakes.connector.responses.append(HttpResponse(status=404, body="<html>"))
    fakes.voice.press("1234#")
    treated(flow, fakes, reaches(fakes, MENU))
    assert {"FindParcel client_error", "Found false"} <= set(fakes.walked())

    fakes = FakePorts()
    fakes.journal.fail("request", TimeoutError())
    fakes.voice.press("1234#")
    # OnGlobalError of the flow says sorry; it queues nobody, so the built-in one takes over.
    treated(flow, fakes, reaches(fakes, SORRY, "enqueue Default None"))
    assert fakes.walked()[-2:] == ["FindParcel timeout", "NotWired error"]

    fakes = FakePorts()
    fakes.journal.fail("request", PortError("no way"))
    fakes.voice.press("1234#")
    treated(flow, fakes, reaches(fakes, SORRY))
    assert fakes.walked()[-1] == "FindParcel error"


def test_after_the_call_the_request_is_made(tmp_path: Path) -> None:
    flow = parcels(tmp_path)
    fakes = FakePorts()

    async def until(run: FlowRun) -> None:
        await fakes.journal.reached(ASK)
        fakes.journal.mend("request")

    treated(flow, fakes, until, events=("PhoneContactEnded",))
    request = fakes.connector.requests[0]
    assert (request.connector, request.method, request.path) == ("Hooks", "POST", "/v1/calls")
    assert request.query == {"key": "a b"}
    body = json.loads(request.body or "")
    assert body["when"] == "today"
    assert body["days"] == 0
    assert body["at"].endswith("Z[UTC]")


def test_a_withheld_number_that_the_flow_cuts_goes_to_on_global_error(tmp_path: Path) -> None:
    fakes = FakePorts()
    treated(parcels(tmp_path), fakes, reaches(fakes, WELCOME), start=WITHHELD)
    assert fakes.journal.lines[0] == WELCOME  # "anonymous" has nine letters: three can be cut


def test_what_became_of_each_activity_is_in_the_report() -> None:
    findings = import_plain(PARCELS).report.findings
    mapped = kinds(findings, Verdict.MAPPED)
    assert {("Prepare", "mapped"), ("ByDays", "mapped"), ("Outside", "mapped")} <= mapped
    assert kinds(findings, Verdict.NOT_MAPPED) == {
        ("Robot", "unknown-activity"),
        ("CallMe", "not-available"),
        ("Pop", "output-not-available"),
        ("", "setting"),
        ("", "unknown-event"),
    }
    assert {
        ("Closed", "ssml"),
        ("Closed", "voice"),
        ("Stream", "left-out"),
        ("FindParcel", "header"),
        ("Report", "open-request"),
        ("Pop", "constant"),
        ("", "renamed"),
    } <= kinds(findings, Verdict.DIFFERENT)
    assert kinds(findings, Verdict.DEFECT) == {
        ("", "null-default"),
        ("", "unread-edit"),
        ("", "withheld-number"),
        ("Prepare", "slice-may-fail"),
        ("FindParcel", "unescaped-value"),
        ("FindParcel", "unknown-variable"),
        ("FindParcel", "first-record"),
        ("FindParcel", "missing-error-edge"),
        ("MainMenu", "missing-edge"),
        ("Report", "retried-write"),
        ("Report", "missing-error-edge"),
    }


def test_what_a_query_lacks_is_a_defect_with_its_repair() -> None:
    report = import_plain(LOOKUP).report
    contact = {
        f.kind: f.repair for f in report.findings if f.activity == "Contact" and f.verdict is Verdict.DEFECT
    }
    assert contact == {
        "no-order": Repair.SOQL_ORDER,
        "phone-like": Repair.PHONE_LIKE,
        "leading-wildcard": None,
        "malformed-template": Repair.MALFORMED_TEMPLATES,
        "long-silence": None,
        "first-record": None,
        "missing-error-edge": Repair.ERROR_EDGES,
    }
    assert report.offered().keys() == set(Repair)
    assert ("Cases", "closed-cases") in kinds(report.findings, Verdict.DEFECT)
    stale = [f.text for f in report.findings if f.kind == "stale-default"]
    assert len(stale) == 1
    assert "caseId" in stale[0]


def test_unrepaired_a_malformed_query_fails_when_it_is_reached(tmp_path: Path) -> None:
    fakes = FakePorts()
    treated(lookup(tmp_path), fakes, reaches(fakes, "enqueue Default None"))
    assert fakes.connector.requests == []
    failed = next(step for step in fakes.steps if step.activity == "Contact")
    assert failed.outcome == "error"
    assert "{{[number}}" in failed.detail


def test_repaired_the_requests_are_made_one_after_the_other(tmp_path: Path) -> None:
    fakes = FakePorts()
    fakes.connector.responses += [found({"Id": "003A", "Name": "Ann"}, {"Id": "003B"}), found({"Id": "500A"})]
    flow = lookup(tmp_path, Repair.MALFORMED_TEMPLATES)
    run = treated(flow, fakes, reaches(fakes, "play defaultmusic_on_hold.wav"))
    assert [request.query["q"] for request in fakes.connector.requests] == [
        "SELECT Id,Name FROM Contact WHERE Phone LIKE '%4155550123%'",
        "SELECT Id FROM Case WHERE ContactId='003A'",
    ]
    assert {request.path for request in fakes.connector.requests} == {"/services/data/v52.0/query"}
    assert fakes.journal.lines[-2:] == ["enqueue Support None", "play defaultmusic_on_hold.wav"]
    assert [view.value for view in run.variables] == ["Ann"]


def test_all_repairs_make_the_queries_that_one_would_want(tmp_path: Path) -> None:
    fakes = FakePorts()
    fakes.connector.responses += [found({"Id": "003A"}), found()]
    treated(lookup(tmp_path, *Repair), fakes, reaches(fakes, "enqueue Support None"))
    assert [request.query["q"] for request in fakes.connector.requests] == [
        "SELECT Id,Name FROM Contact WHERE Phone LIKE '%415%555%0123%'"
        " ORDER BY LastModifiedDate DESC LIMIT 1",
        "SELECT Id FROM Case WHERE (ContactId='003A') AND IsClosed = false"
        " ORDER BY LastModifiedDate DESC LIMIT 1",
    ]


def test_with_error_edges_repaired_a_dead_system_queues_the_caller_all_the_same(tmp_path: Path) -> None:
    fakes = FakePorts()
    fakes.journal.fail("request", TimeoutError())
    treated(lookup(tmp_path, *Repair), fakes, reaches(fakes, "enqueue Support None"))
    assert "Cases timeout" in fakes.walked()


def test_a_number_in_a_query_cannot_break_out_of_it(tmp_path: Path) -> None:
    fakes = FakePorts()
    fakes.connector.responses.append(found({"Id": "x' OR Name LIKE '%"}))
    treated(lookup(tmp_path, Repair.MALFORMED_TEMPLATES), fakes, reaches(fakes, "enqueue Support None"))
    assert fakes.connector.requests[1].query["q"].endswith("ContactId='x\\' OR Name LIKE \\'%'")


def test_defaults_that_the_flow_compares_stay_what_they_are() -> None:
    export = json.loads(LOOKUP.read_text(encoding="utf-8"))
    activities = export["process"]["activities"]
    number = next(a for a in activities.values() if a["name"] == "Number")
    number["properties"]["expr"] = '{{ contactId == "null" ? "a" : "b" }}'
    done = import_flow(json.dumps(export).encode(), Bindings(), repairs=(Repair.NULL_DEFAULTS,))
    kept = [f for f in done.report.findings if f.kind == "null-default" and "contactId" in f.text]
    assert [f.repaired for f in kept] == [False]
    assert "compares" in kept[0].text


def test_loops_without_a_wait_are_taken_apart(tmp_path: Path) -> None:
    def activity(name: str, kind: str, group: str = "action", **more: object) -> dict[str, object]:
        properties = {"activityName": kind, **more}
        return {"id": name, "name": name, "group": group, "properties": properties}

    def link(source: str, port: str, target: str) -> dict[str, str]:
        return {"sourceActivityId": source, "targetActivityId": target, "conditionExpr": port}

    export = {
        "name": "Loop",
        "variables": [{"name": "tries", "type": "INTEGER", "value": "0"}],
        "process": {
            "activities": {
                "Go": activity("Go", "NewPhoneContact", "start"),
                "Count": activity("Count", "set-variable", srcVariable="tries", expr="{{ tries + 1 }}"),
                "More": activity("More", "condition-activity", expression="{{ tries < 3 }}"),
                "Bye": activity("Bye", "disconnect-contact"),
            },
            "links": [
                link("Go", "out", "Count"),
                link("Count", "out", "More"),
                link("Count", "error", "Count"),
                link("More", "true", "Count"),
                link("More", "false", "Bye"),
            ],
        },
    }
    path = tmp_path / "loop.json"
    path.write_text(json.dumps(export), encoding="utf-8")
    written, flow = imported(tmp_path, path, {})
    assert errors(flow, context(flow)) == []
    loops = [f for f in written.imported.report.findings if f.kind == "endless-loop"]
    assert len(loops) == 2
    fakes = FakePorts()
    treated(flow, fakes, reaches(fakes, "hang_up"))
    assert fakes.journal.lines == ["music defaultmusic_on_hold.wav 1.0"] * 2 + ["hang_up"]


def test_an_unfinished_template_imports_with_its_defects(tmp_path: Path) -> None:
    written, flow = imported(tmp_path, DATA / "unfinished.json", {"connectors": {"none": "Any"}})
    assert errors(flow, context(flow, connectors=("Any",))) == []
    defects = kinds(written.imported.report.findings, Verdict.DEFECT)
    assert {
        ("Play", "no-prompt"),
        ("Queue_1", "no-queue"),
        ("Menu", "no-choices"),
        ("Fetch", "request"),
    } <= defects
    fakes = FakePorts()
    treated(flow, fakes, reaches(fakes, "enqueue Default None"))


@pytest.mark.parametrize(
    ("given", "park", "queue", "recovery"),
    [
        (
            {"reportingQueue": "q-1", "recoveryQueue": "q-2", "parkContactToggle": True},
            True,
            "Depot",
            "Returns",
        ),
        ({"recoveryQueue": "q-2", "parkContactToggle": "false"}, False, "Returns", "Returns"),
        ({}, False, "Default", None),
    ],
)
def test_a_queue_for_one_agent_imports_and_runs(
    tmp_path: Path, given: dict[str, Any], park: bool, queue: str, recovery: str | None
) -> None:
    def activity(name: str, kind: str, group: str = "action", **more: object) -> dict[str, object]:
        properties = {"activityName": kind, **more}
        return {"id": name, "name": name, "group": group, "properties": properties}

    def link(source: str, port: str, target: str) -> dict[str, object]:
        return {"sourceActivityId": source, "targetActivityId": target, "conditionExpr": port}

    export = {
        "name": "Owner",
        "variables": [{"name": "owner", "type": "STRING", "value": "sam"}],
        "process": {
            "activities": {
                "Go": activity("Go", "NewPhoneContact", "start"),
                "Own": activity(
                    "Own",
                    "queue-to-agent",
                    destinationLookupType="agentId",
                    destinationVariable="owner",
                    group="action",
                    **given,
                ),
                "Sorry": activity("Sorry", "disconnect-contact"),
                "Music": activity("Music", "play-music", prompt="defaultmusic_on_hold.wav", duration="30"),
            },
            "links": [
                link("Go", "out", "Own"),
                link("Own", "default", "Music"),
                link("Own", "failure", "Sorry"),
                link("Music", "default", "Music"),
            ],
        },
    }
    path = tmp_path / "owner.json"
    path.write_text(json.dumps(export), encoding="utf-8")
    written, flow = imported(tmp_path, path, {"queues": {"q-1": "Depot", "q-2": "Returns"}})
    assert errors(flow, context(flow, queues=("Depot", "Returns"))) == []
    assert not any("not available yet" in f.text for f in check_flow(flow, context(flow)))
    assert not any(f.kind == "not-available" for f in written.imported.report.findings)
    fakes = FakePorts()
    treated(flow, fakes, reaches(fakes, f"enqueue_agent sam {queue} None"))
    (order,) = fakes.queue.orders
    assert (order.park, order.recovery_queue) == (park, recovery)
    if recovery is None:
        refused = FakePorts()
        refused.queue.agent_not_available = "talking"
        treated(flow, refused, reaches(refused, "hang_up"))


def test_an_export_without_anything_still_gives_a_flow(tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.write_text('{"name": "", "process": {"activities": {}, "links": []}}', encoding="utf-8")
    written, flow = imported(tmp_path, path, {})
    assert flow.name == "Imported"
    assert errors(flow, context(flow)) == []
    assert ("", "no-start") in kinds(written.imported.report.findings, Verdict.DEFECT)


def test_the_apis_format_runs_as_well(tmp_path: Path) -> None:
    _, flow = imported(tmp_path, DATA / "taxi_api.json", {"queues": {"taxi-queue": "Taxi"}})
    assert errors(flow, context(flow, queues=("Taxi",))) == []
    fakes = FakePorts()
    fakes.voice.press("1")
    run = treated(flow, fakes, reaches(fakes, "enqueue Taxi None"), events=("AgentAnswered",))
    assert [view.value for view in run.variables if view.name == "street"] == ["Main Street"]
    assert fakes.journal.lines[-1] == "screen_pop https://taxi.example/Main%20Street"


def test_what_is_not_bound_is_named_in_the_flow_and_found_by_the_check(tmp_path: Path) -> None:
    written, flow = imported(tmp_path, PARCELS, {})
    texts = [f.text for f in check_flow(flow, context(flow)) if f.severity is Severity.ERROR]
    assert any("'Depot queue'" in text for text in texts)
    assert any("'Depot'" in text for text in texts)
    assert {wanted.name for wanted in written.imported.report.unbound()} == {
        "aaaa-queue",
        "bbbb-queue",
        "c0nn-1",
        "https://hooks.depot.example",
        "9d6c-hours",
    }


def test_the_binding_file_is_read_again_and_kept(tmp_path: Path) -> None:
    first = import_into(tmp_path, LOOKUP.read_bytes())
    text = first.bindings.read_text(encoding="utf-8")
    assert "q-1: null" in text
    first.bindings.write_text(text.replace("q-1: null", "q-1: Support"), encoding="utf-8")
    second = import_into(tmp_path, LOOKUP.read_bytes())
    assert "queue: Support" in second.flow.read_text(encoding="utf-8")
    assert read_bindings(second.bindings).get(Outside.QUEUES, "q-1") == "Support"


def test_a_flow_that_was_changed_by_hand_is_not_overwritten(tmp_path: Path) -> None:
    written = import_into(tmp_path, LOOKUP.read_bytes())
    changed = written.flow.read_text(encoding="utf-8").replace("Music:", "Music: # mine")
    written.flow.write_text(changed, encoding="utf-8")
    with pytest.raises(ExportError, match="changed by hand"):
        import_into(tmp_path, LOOKUP.read_bytes())
    assert written.flow.read_text(encoding="utf-8") == changed
    import_into(tmp_path, LOOKUP.read_bytes(), overwrite=True)
    assert "# mine" not in written.flow.read_text(encoding="utf-8")


def test_global_variables_that_the_folder_has_are_named_and_not_declared_again(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    shared = "variables: {Global_Language: {type: string, default: de-DE}}\n"
    (flows / "globals.yaml").write_text(shared, encoding="utf-8")
    _, flow = imported(tmp_path, PARCELS, BOUND)
    read = read_yaml(flow.file).content
    assert isinstance(read, dict)
    assert read["globals"] == ["Global_Language"]
    assert {spec.name: spec.default for spec in flow.variables}["Global_Language"] == "de-DE"


@pytest.mark.parametrize("text", ["queue: {}", "queues: [a]", "queues: {a: [1]}", "5", "queues: {a: b"])
def test_a_binding_file_that_says_nonsense_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bindings.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BindingError):
        read_bindings(path)


def test_both_reports_say_the_same(tmp_path: Path) -> None:
    written = import_into(tmp_path, LOOKUP.read_bytes(), repairs=(Repair.MALFORMED_TEMPLATES,))
    report = json.loads(written.report_json.read_text(encoding="utf-8"))
    markdown = written.report.read_text(encoding="utf-8")
    assert report["repairs"]["made"] == [{"name": "malformed-templates", "mended": 1}]
    assert {offer["name"] for offer in report["repairs"]["offered"]} == set(REPAIRS) - {"malformed-templates"}
    assert report["counts"]["mapped"] == 6
    assert sum(report["counts"].values()) == len(report["findings"])
    for finding in report["findings"]:
        assert f", {finding['kind']}: " in markdown
    assert "Repaired: `malformed-templates`." in markdown
    assert "- queues: `q-1`, for Queue" in markdown


def test_every_repair_is_explained() -> None:
    assert set(REPAIRS) == set(Repair)


def test_the_flow_says_what_it_was_imported_from_and_reads_well(tmp_path: Path) -> None:
    written, _ = imported(tmp_path, LOOKUP, LOOKUP_BOUND)
    lines = written.flow.read_text(encoding="utf-8").splitlines()
    assert lines[1] == "# Imported from Webex Contact Center: Contact lookup."
    order = [line.strip(" :") for line in lines if line.startswith("  ") and line.endswith(":")]
    named = [
        name
        for name in order
        if name in ("NewPhoneContact", "Number", "Contact", "Cases", "Queue_2", "Music")
    ]
    assert named == ["NewPhoneContact", "Number", "Contact", "Cases", "Queue_2", "Music"]
    assert load_flow(written.flow).version == "2"


def test_events_of_the_end_have_no_voice(tmp_path: Path) -> None:
    export = json.loads(PARCELS.read_text(encoding="utf-8"))
    group = export["eventFlows"]["eventsMap"]["GLOBAL_EVENTS"]["process"]
    report = next(a for a in group["activities"].values() if a["name"] == "Report")
    report["properties"] = {"activityName": "play-music", "prompt": "a.wav", "duration": "5"}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(export), encoding="utf-8")
    written, flow = imported(tmp_path, path, BOUND)
    assert ("Report", "after-the-call") in kinds(written.imported.report.findings, Verdict.NOT_MAPPED)
    fakes = FakePorts()

    async def until(run: FlowRun) -> None:
        assert (await run.event("PhoneContactEnded")).end is EventEnd.FAILED

    treated(flow, fakes, until)


def slots(node: object) -> Iterator[tuple[dict[str, object], str]]:
    """Every place of an object in a document."""
    match node:
        case dict():
            for key in list(node):
                yield node, key
                yield from slots(node[key])
        case list():
            for item in node:
                yield from slots(item)
        case _:
            return


@pytest.mark.parametrize("junk", [None, "", "{{ x | slice(9) }}", [], {"a": 1}, -1], ids=repr)
def test_nothing_missing_or_odd_in_an_export_stops_its_import(tmp_path: Path, junk: object) -> None:
    export = json.loads(PARCELS.read_text(encoding="utf-8"))
    path = tmp_path / "flow.yaml"
    places = list(slots(export["process"]))
    for node, key in places[len(repr(junk)) % 43 :: 43]:
        before, node[key] = node[key], junk
        done = import_flow(json.dumps(export).encode(), Bindings(), repairs=Repair)
        path.write_text(done.flow, encoding="utf-8")
        flow = load_flow(path)
        needs = [need.name for _, activity in flow.nodes() for need in activity.activity.needs()]
        wrong = errors(flow, context(flow, queues=needs, connectors=needs))
        assert [str(finding) for finding in wrong if "schedule" not in finding.text] == []
        node[key] = before


def test_a_long_text_becomes_several_prompts() -> None:
    export = json.loads(PARCELS.read_text(encoding="utf-8"))
    closed = next(a for a in export["process"]["activities"].values() if a["name"] == "Closed")
    text = "Hello, {{ area | replace({'. ': ', '}) }}. " + "We are closed. " * 30 + "word " * 120
    closed["properties"]["promptsTts"] = [{"type": "tts", "value": text}]
    flow = import_flow(json.dumps(export).encode(), Bindings()).flow
    texts = [
        line.partition("text: ")[2] for line in flow.splitlines() if "We are closed" in line or "word" in line
    ]
    assert len(texts) > 2
    assert max(map(len, texts)) < 450
    assert sum(text.count("closed") for text in texts) == 30
    assert sum(text.count("word") for text in texts) == 120
