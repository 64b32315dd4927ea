"""What is said of a permission that is missing, from descriptions of objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.checks.org import Needed, faults_of, needs_of, version_fault
from ivr.config import load_config
from tests.cli_support import write_config

TASK = Needed(
    object="Task", read=("Id", "CallObject"), written=("CallObject", "Call_Id__c"), indexed=("Call_Id__c",)
)
CONTACT = Needed(object="Contact", read=("Id", "MobilePhone"), phones=("MobilePhone",))


def field(name: str, **changes: object) -> dict[str, object]:
    return {"name": name, "type": "phone", "createable": True, "externalId": True, **changes}


def described(*fields: dict[str, object], **changes: object) -> dict[str, object]:
    return {"queryable": True, "createable": True, "searchable": True, "fields": list(fields), **changes}


GOOD = (field("Id"), field("CallObject"), field("Call_Id__c"), field("MobilePhone"))


@pytest.mark.parametrize("needed", [TASK, CONTACT])
def test_a_good_org_has_no_fault(needed: Needed) -> None:
    assert faults_of(needed, described(*GOOD)) == []


@pytest.mark.parametrize(
    ("needed", "description", "fault"),
    [
        (
            TASK,
            described(*GOOD, createable=False),
            "Task: may be read but not created (object permission Create)",
        ),
        (TASK, described(*GOOD, queryable=False), "Task: may not be read (object permission Read)"),
        (
            TASK,
            described(GOOD[0], GOOD[2]),
            "Task.CallObject: there is none, or it is hidden from the user (field-level security Read)",
        ),
        (
            TASK,
            described(GOOD[0], field("CallObject", createable=False), GOOD[2]),
            "Task.CallObject: may be read but not written (field-level security Edit)",
        ),
        (
            TASK,
            described(*GOOD[:2], field("Call_Id__c", externalId=False)),
            "Task.Call_Id__c: is no External Id: tick it, so that the field has an index",
        ),
        (
            CONTACT,
            described(*GOOD, searchable=False),
            "Contact: is not searched (allow search for the object)",
        ),
        (
            CONTACT,
            described(GOOD[0], field("MobilePhone", type="string")),
            "Contact.MobilePhone: is of type string, and a search by phone looks at phone fields only",
        ),
        (CONTACT, ["odd"], "Contact: a description of another shape"),
        (CONTACT, {"fields": "odd"}, "Contact: a description of another shape"),
    ],
)
def test_the_permission_that_is_missing_is_named(needed: Needed, description: object, fault: str) -> None:
    assert faults_of(needed, description) == [fault]


@pytest.mark.parametrize(
    ("wanted", "listed", "fault"),
    [
        ("v62.0", [{"version": "31.0"}, {"version": "62.0"}], None),
        (
            "v99.0",
            [{"version": "31.0"}, {"version": "67.0"}],
            "api_version v99.0: this org knows v31.0 to v67.0",
        ),
        ("v62.0", [], None),
        ("v62.0", {"odd": 1}, None),
    ],
)
def test_the_api_version_is_compared(wanted: str, listed: object, fault: str | None) -> None:
    assert version_fault(wanted, listed) == fault


def test_only_what_is_configured_is_needed(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    path.write_text(
        path.read_text().replace(
            "http: {listen",
            "    search: {phones: {Contact: [Phone]}, normalised: {Contact: E__c},"
            " greeting: {Contact: FirstName}}\n"
            "    write_back: {case_comment: false, no_case: nothing}\nhttp: {listen",
        )
    )
    needs = {n.object: n for n in needs_of(load_config(path, env={}).connectors["Salesforce"])}
    assert set(needs) == {"Contact", "Account", "Case"}
    assert needs["Contact"].query == "SELECT Id, Name, FirstName, AccountId, Phone, E__c FROM Contact LIMIT 1"
    assert needs["Contact"].indexed == ("E__c",)
    assert not any(needed.created for needed in needs.values())
