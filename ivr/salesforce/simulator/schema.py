"""The objects and fields of a fresh Developer Edition org that matter to a telephone, and one org's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ivr.salesforce.simulator.fields import Field, Kind, SObject


def _texts(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name=name) for name in names)


def _phones(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name=name, kind=Kind.PHONE, length=40) for name in names)


def _picklist(name: str, *values: str, restricted: bool = False, default: str | None = None) -> Field:
    return Field(name=name, kind=Kind.PICKLIST, values=values, restricted=restricted, default=default)


def _made(name: str, kind: Kind = Kind.STRING) -> Field:
    """A field that the org fills."""
    return Field(name=name, kind=kind, createable=False, updateable=False)


def _to(name: str, *references: str, children: str | None = None, required: bool = False) -> Field:
    relationship = name.removesuffix("Id")
    return Field(
        name=name,
        kind=Kind.ID,
        length=18,
        references=references,
        relationship=relationship,
        children=children,
        required=required,
    )


def _long(name: str, length: int = 32_000) -> Field:
    return Field(name=name, kind=Kind.LONG_TEXT, length=length)


def _object(name: str, prefix: str, *fields: Field, searchable: bool = True) -> SObject:
    system = (
        replace(_made("Id", Kind.ID), length=18),
        _made("CreatedDate", Kind.DATETIME),
        _made("LastModifiedDate", Kind.DATETIME),
        _made("SystemModstamp", Kind.DATETIME),
        _made("IsDeleted", Kind.BOOLEAN),
    )
    by_name = {f.name.lower(): f for f in (*system, *fields)}
    return SObject(name=name, prefix=prefix, fields=by_name, searchable=searchable)


_NAME = Field(name="Name", required=True)
_PERSON = (
    Field(name="FirstName", length=40),
    Field(name="LastName", length=80, required=True),
    Field(name="Email", kind=Kind.EMAIL, length=80),
    _made("Name"),
)

OBJECTS: Mapping[str, SObject] = {
    item.name.lower(): item
    for item in (
        _object("User", "005", _NAME, Field(name="Username", length=80), *_texts("Email")),
        _object(
            "Account",
            "001",
            _NAME,
            _picklist("Industry"),
            _picklist("CustomerPriority__c", "High", "Low", "Medium", restricted=True),
            _picklist("SLA__c", "Gold", "Silver", "Platinum", "Bronze", restricted=True),
            *_phones("Phone", "Fax"),
            _to("OwnerId", "User"),
            _long("Description"),
        ),
        _object(
            "Contact",
            "003",
            *_PERSON,
            Field(name="Title", length=128),
            *_phones("Phone", "MobilePhone", "HomePhone", "OtherPhone", "AssistantPhone", "Fax"),
            _to("AccountId", "Account", children="Contacts"),
            _to("OwnerId", "User"),
            _long("Description"),
        ),
        _object(
            "Lead",
            "00Q",
            *_PERSON,
            Field(name="Company", required=True),
            _picklist("Status", default="Open - Not Contacted"),
            *_phones("Phone", "MobilePhone", "Fax"),
            Field(name="IsConverted", kind=Kind.BOOLEAN, updateable=False),
            _to("OwnerId", "User"),
            _long("Description"),
        ),
        _object(
            "Case",
            "500",
            _made("CaseNumber"),
            Field(name="Subject"),
            _picklist("Priority", "High", "Medium", "Low"),
            _picklist("Status", "New", "Working", "Escalated", "Closed", default="New"),
            _picklist("Origin", "Phone", "Email", "Web"),
            _made("IsClosed", Kind.BOOLEAN),
            _made("IsEscalated", Kind.BOOLEAN),
            _made("ClosedDate", Kind.DATETIME),
            _long("Description"),
            _long("Comments", 4_000),
            _to("ContactId", "Contact", children="Cases"),
            _to("AccountId", "Account", children="Cases"),
            _to("OwnerId", "User"),
        ),
        _object(
            "CaseComment",
            "00a",
            _to("ParentId", "Case", children="CaseComments", required=True),
            # A text area, and yet one that WHERE takes.
            Field(name="CommentBody", length=4_000, length_in_bytes=True),
            Field(name="IsPublished", kind=Kind.BOOLEAN, default=False),
            searchable=False,
        ),
        _object(
            "Task",
            "00T",
            Field(name="Subject"),
            _picklist("Status", "Not Started", "In Progress", "Completed", default="Not Started"),
            _picklist("Priority", "High", "Normal", "Low", default="Normal"),
            Field(name="ActivityDate", kind=Kind.DATE),
            replace(
                _picklist(
                    "TaskSubtype", "Task", "Email", "ListEmail", "Call", restricted=True, default="Task"
                ),
                updateable=False,
            ),
            _picklist("CallType", "Internal", "Inbound", "Outbound", restricted=True),
            *_texts("CallDisposition", "CallObject"),
            Field(name="CallDurationInSeconds", kind=Kind.INT),
            _made("IsClosed", Kind.BOOLEAN),
            _to("WhoId", "Contact", "Lead", children="Tasks"),
            _to("WhatId", "Account", "Case", children="Tasks"),
            _to("OwnerId", "User"),
            _long("Description"),
        ),
    )
}


class Schema:
    """One org's objects: the standard ones, custom fields added, less what the run-as user may not see."""

    def __init__(self) -> None:
        self._objects = dict(OBJECTS)

    def __iter__(self) -> Iterator[SObject]:
        return iter(self._objects.values())

    def find(self, name: str) -> SObject | None:
        """The object by its name in any case."""
        return self._objects.get(name.lower())

    def of_id(self, id_: str) -> SObject | None:
        """The object whose records have ids like this."""
        return next((item for item in self if id_.startswith(item.prefix)), None)

    def children(self, parent: SObject, relationship: str) -> tuple[SObject, Field] | None:
        """The object, and its reference field, behind the name of a relationship from parent to children."""
        wanted = relationship.lower()
        for item in self:
            for field in item.fields.values():
                if (field.children or "").lower() == wanted and parent.name in field.references:
                    return item, field
        return None

    def add_field(self, object_: str, field: Field) -> None:
        """A custom field. Raises KeyError when there is no such object."""
        self._change(object_, {field.name.lower(): field})

    def restrict(
        self,
        object_: str,
        *,
        createable: bool = True,
        updateable: bool = True,
        hidden: Iterable[str] = (),
        locked: Iterable[str] = (),
    ) -> None:
        """Take rights from the run-as user: to create, to change, to see some fields, to change some fields.

        Raises KeyError when there is no such object or field."""
        item = self._objects[object_.lower()]
        fields = dict(item.fields)
        for name in hidden:
            del fields[name.lower()]
        for name in locked:
            fields[name.lower()] = replace(fields[name.lower()], createable=False, updateable=False)
        self._objects[object_.lower()] = replace(
            item, fields=fields, createable=createable, updateable=updateable
        )

    def hide(self, object_: str) -> None:
        """The run-as user may not read this object: to the API it does not exist. Raises KeyError."""
        del self._objects[object_.lower()]

    def _change(self, object_: str, more: Mapping[str, Field]) -> None:
        item = self._objects[object_.lower()]
        self._objects[object_.lower()] = replace(item, fields={**item.fields, **more})
