"""The org's records, in memory."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from ivr.salesforce.simulator.errors import ApiError, no_external_id, not_found
from ivr.salesforce.simulator.fields import Field, Kind, SObject, Value
from ivr.salesforce.simulator.ids import is_id, make_id
from ivr.salesforce.simulator.policy import Identity, Policy
from ivr.salesforce.simulator.schema import OBJECTS, Schema
from ivr.salesforce.simulator.values import Record, check_all, check_required, stamp

MAX_RECORDS = 20_000
_CLOSED = frozenset({"closed", "completed"})
_HANGUL = re.compile("[가-힣]")
_FIRST_CASE = 1_000

Snapshot = dict[str, dict[str, Record]]


class Upserted(StrEnum):
    """What an upsert did."""

    CREATED = "created"
    UPDATED = "updated"


class Org:
    """Records by object and id. `now` gives this machine's time; `policy` may be replaced at any time."""

    def __init__(self, identity: Identity, now: Callable[[], datetime]) -> None:
        self.identity = identity
        self.policy = Policy(api_limit=identity.daily_requests)
        self.schema = Schema()
        self._now = now
        self._records: dict[str, dict[str, Record]] = defaultdict(dict)
        self._serials: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))
        self._deleted: set[str] = set()

    def now(self) -> datetime:
        """The org's own time."""
        return self._now() + timedelta(seconds=self.policy.clock_ahead_s)

    def records(self, sobject: SObject) -> Iterator[Record]:
        """All records of an object, oldest first."""
        return iter(tuple(self._records[sobject.name].values()))

    def get(self, sobject: SObject, id_: str) -> Record | None:
        """One record by its id of 15 or 18 characters."""
        return self._records[sobject.name].get(id_[:15]) if is_id(id_) else None

    def with_value(self, sobject: SObject, field: Field, text: str) -> list[Record]:
        """The records whose field holds this text, in any case."""
        wanted = text.casefold()
        return [row for row in self.records(sobject) if str(row.get(field.name) or "").casefold() == wanted]

    def create(self, sobject: SObject, values: Mapping[str, object], *, seeding: bool = False) -> Record:
        """A new record. Raises ApiError."""
        table = self._records[sobject.name]
        if len(table) >= MAX_RECORDS:
            raise ApiError(400, "STORAGE_LIMIT_EXCEEDED", "storage limit exceeded")
        if not sobject.createable:
            message = f"entity type cannot be inserted: {sobject.name}"
            raise ApiError(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)
        given = check_all(sobject, values, creating=True, seeding=seeding, referenced=self._referenced)
        check_required(sobject, given)
        self._check_unique(sobject, given, None)
        comment = given.pop("Comments", None) if sobject.name == "Case" else None
        serial = next(self._serials[sobject.name])
        record = self._blank(sobject) | given | {"Id": make_id(sobject.prefix, serial)}
        _derive(sobject, record, serial)
        table[str(record["Id"])[:15]] = record
        self._comment(record, comment)
        return record

    def update(self, sobject: SObject, id_: str, values: Mapping[str, object]) -> None:
        """Change a record; a Case's write-only `Comments` makes a comment. Raises ApiError."""
        record = self._existing(sobject, id_)
        if not sobject.updateable:
            message = f"entity type cannot be updated: {sobject.name}"
            raise ApiError(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)
        given = check_all(sobject, values, creating=False, referenced=self._referenced)
        check_required(sobject, {**record, **given})
        self._check_unique(sobject, given, record)
        comment = given.pop("Comments", None) if sobject.name == "Case" else None
        moment = stamp(self.now())
        record |= given | {"LastModifiedDate": moment, "SystemModstamp": moment}
        _derive(sobject, record, 0)
        self._comment(record, comment)

    def delete(self, sobject: SObject, id_: str) -> None:
        """Remove a record with what belongs to it. Raises ApiError."""
        record = self._existing(sobject, id_)
        if not sobject.deletable:
            raise ApiError(400, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
        key = str(record["Id"])[:15]
        del self._records[sobject.name][key]
        self._deleted.add(key)
        for item in self.schema:
            for field in item.fields.values():
                if sobject.name in field.references:
                    self._detach(item, field, str(record["Id"]))

    def upsert(
        self, sobject: SObject, field: Field, text: str, values: Mapping[str, object], *, update_only: bool
    ) -> tuple[Upserted, Record] | list[Record]:
        """Create or change the record with this external id; several are given back. Raises ApiError."""
        if any(name.lower() == field.name.lower() for name in values):
            message = f"The {field.name} field should not be specified in the sobject data."
            raise ApiError(400, "INVALID_FIELD", message)
        found = self.with_value(sobject, field, text)
        if len(found) > 1:
            return found
        if found:
            self.update(sobject, str(found[0]["Id"]), values)
            return Upserted.UPDATED, found[0]
        if update_only:
            raise not_found()
        return Upserted.CREATED, self.create(sobject, {**values, field.name: text})

    def snapshot(self) -> Snapshot:
        """All records as they are, for `restore`."""
        return {name: {key: dict(row) for key, row in table.items()} for name, table in self._records.items()}

    def restore(self, snapshot: Snapshot) -> None:
        """Undo everything since."""
        self._records = defaultdict(dict, snapshot)
        self._deleted -= {key for table in self._records.values() for key in table}

    def _existing(self, sobject: SObject, id_: str) -> Record:
        record = self.get(sobject, id_)
        if record is not None:
            return record
        if not is_id(id_):
            raise no_external_id(id_)
        if id_[:15] in self._deleted:
            raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted")
        raise ApiError(404, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")

    def _detach(self, item: SObject, field: Field, id_: str) -> None:
        for row in self.records(item):
            if row.get(field.name) == id_:
                if field.required:
                    self.delete(item, str(row["Id"]))
                else:
                    row[field.name] = None

    def _blank(self, sobject: SObject) -> Record:
        moment = stamp(self.now())
        # What the user may not see is there all the same.
        known = (OBJECTS.get(sobject.name.lower()), self.schema.find(sobject.name), sobject)
        fields = {name: f for item in known if item for name, f in item.fields.items()}.values()
        blank: Record = {f.name: False if f.kind is Kind.BOOLEAN else f.default for f in fields}
        return blank | dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), moment)

    def _comment(self, case: Record, text: Value) -> None:
        comments = self.schema.find("CaseComment")
        if text is not None and comments is not None:
            self.create(comments, {"ParentId": case["Id"], "CommentBody": text})

    def _referenced(self, field: Field, value: Value) -> Value:
        if not field.references or not isinstance(value, str) or not value:
            return value
        targets = [item for name in field.references if (item := self.schema.find(name)) is not None]
        if not is_id(value) or (targets and not any(value.startswith(item.prefix) for item in targets)):
            message = f"{field.label}: id value of incorrect type: {value}"
            raise ApiError(400, "MALFORMED_ID", message, [field.name])
        for target in targets:
            record = self.get(target, value)
            if record is not None:
                return record["Id"]
        if value[:15] in self._deleted:
            raise ApiError(400, "ENTITY_IS_DELETED", "entity is deleted", [field.name])
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field.name])

    def _check_unique(self, sobject: SObject, given: Record, own: Record | None) -> None:
        for name, value in given.items():
            field = sobject.field(name)
            if field is None or not field.unique or not isinstance(value, str):
                continue
            others = [row for row in self.with_value(sobject, field, value) if row is not own]
            if others:
                message = (
                    f"duplicate value found: {name} duplicates value on record with id: {others[0]['Id']}"
                )
                raise ApiError(400, "DUPLICATE_VALUE", message, [name])


def _derive(sobject: SObject, record: Record, serial: int) -> None:
    match sobject.name:
        case "Contact" | "Lead":
            record["Name"] = _full_name(record)
        case "Case":
            record["Status"] = record["Status"] or "New"
            record["IsClosed"] = str(record["Status"]).lower() in _CLOSED
            record["IsEscalated"] = bool(record["IsEscalated"])
            record["ClosedDate"] = record["LastModifiedDate"] if record["IsClosed"] else None
            record["CaseNumber"] = record["CaseNumber"] or f"{_FIRST_CASE + serial:08d}"
        case "Task":
            record["IsClosed"] = str(record["Status"]).lower() in _CLOSED
        case _:
            pass


def _full_name(record: Record) -> str:
    first, last = str(record["FirstName"] or ""), str(record["LastName"] or "")
    if _HANGUL.search(last):
        return last + first
    return f"{first} {last}".strip()
