"""A scenario's Salesforce as a simulated org: its records, its delays and faults, its ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ivr.clock import SystemClock
from ivr.flow.rig.scenario import Scenario
from ivr.salesforce.model import MatchResult
from ivr.salesforce.simulator.data import build_org
from ivr.salesforce.simulator.faults import Fault, FaultKind, Faults
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.schema import OBJECTS

CLIENT_ID = "rig"
CLIENT_SECRET = "rig-secret-of-a-simulated-org"  # noqa: S105 - of an org that lives as long as the scenario
_SEARCH, _COMPOSITE = "/search", "/composite"
_WRITES = ("/sobjects/CaseComment", "/sobjects/Task")


class ScriptedOrg:
    """The org; `names` maps its ids to those of the scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._script = scenario.salesforce
        self._number = scenario.caller.number
        self.org: Org = build_org(self._data(), SystemClock().now)
        self.faults = Faults()
        self._add_faults()
        self.names = self._names()

    def comments(self) -> list[tuple[str, str]]:
        """(case id, text) of every comment, in the scenario's ids."""
        rows = self.org.records(OBJECTS["casecomment"])
        return [(self.name(str(row["ParentId"])), str(row["CommentBody"])) for row in rows]

    def tasks(self) -> list[tuple[str, str]]:
        """(record id, text) of every Task, in the scenario's ids."""
        rows = self.org.records(OBJECTS["task"]) if "task" in OBJECTS else iter(())
        return [
            (self.name(str(row.get("WhoId") or row.get("WhatId"))), str(row.get("Description")))
            for row in rows
        ]

    def name(self, id_: str) -> str:
        """The scenario's id of a record; ids of 15 and 18 characters are the same."""
        return self.names.get(id_[:15], id_)

    def _data(self) -> Mapping[str, Any]:
        org = {"name": "Rig", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        empty: dict[str, Any] = {"org": org, "users": [], "accounts": [], "contacts": [], "leads": []}
        if self._number is None:
            return empty
        script, phone = self._script, {"Phone": self._number}
        if script.result is MatchResult.MANY:
            return empty | {"accounts": self._many(phone)}
        contact = None
        if script.contact is not None:
            contact = {"fields": {**_name(script.contact.name), **phone}, "cases": self._cases()}
            if script.contact.object == "Lead":
                lead = {**_name(script.contact.name), "Company": "Rig", "Status": "Open", **phone}
                return empty | {"leads": [lead]}
        if script.account is None:
            return empty | {"contacts": [contact] if contact else []}
        account: dict[str, Any] = {"fields": self._account()}
        if contact is None:
            account |= {"fields": {**self._account(), **phone}, "cases": self._cases()}
        else:
            account |= {"contacts": [contact]}
        return empty | {"accounts": [account]}

    def _many(self, phone: Mapping[str, str]) -> list[dict[str, Any]]:
        if self._script.account is None:
            return [{"fields": {"Name": f"Company {n}", **phone}} for n in (1, 2)]
        people = [{"fields": {"FirstName": "Person", "LastName": str(n), **phone}} for n in (1, 2)]
        return [{"fields": self._account(), "contacts": people, "cases": self._cases()}]

    def _account(self) -> dict[str, Any]:
        account = self._script.account
        assert account is not None, "asked for only where there is one"
        return {"Name": account.name, "CustomerPriority__c": account.priority, "SLA__c": account.sla}

    def _cases(self) -> list[dict[str, Any]]:
        return [
            {"fields": {"Subject": case.subject, "Priority": case.priority, "Status": case.status or "New"}}
            for case in self._script.cases
        ]

    def _names(self) -> dict[str, str]:
        """Give the cases their numbers, and say which record is which."""
        names: dict[str, str] = {}
        for case, record in zip(self._script.cases, self.org.records(OBJECTS["case"]), strict=False):
            record["CaseNumber"] = case.number
            names[str(record["Id"])[:15]] = case.id
        for kind, entry in (
            ("account", self._script.account),
            ("contact", self._script.contact),
            ("lead", self._script.contact),
        ):
            first = next(self.org.records(OBJECTS[kind]), None)
            if first is not None and entry is not None:
                names[str(first["Id"])[:15]] = entry.id
        return names

    def _add_faults(self) -> None:
        script = self._script
        if script.result is MatchResult.ERROR:
            self.faults.add(Fault(kind=FaultKind.STATUS, times=None, path=_SEARCH))
        if script.cases_fail is not None:
            self.faults.add(Fault(kind=FaultKind.STATUS, times=None, path=_COMPOSITE))
        for path in _WRITES if script.writes_fail is not None else ():
            self.faults.add(Fault(kind=FaultKind.STATUS, times=None, path=path, method="POST"))
        for path, seconds in ((_SEARCH, script.find_after_s), (_COMPOSITE, script.cases_after_s)):
            self.faults.add(Fault(kind=FaultKind.SLOW, times=None, path=path, seconds=min(seconds, 300.0)))


def _name(full: str) -> dict[str, str]:
    first, _, last = full.rpartition(" ")
    return {"FirstName": first, "LastName": last} if first else {"LastName": last}
