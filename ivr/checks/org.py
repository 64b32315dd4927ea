"""What an org must let our user do, and what its description says is missing: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ivr.config import SalesforceSettings
from ivr.salesforce.fields import SEARCHED

_TASK_FIELDS = (
    "Subject",
    "Status",
    "TaskSubtype",
    "CallType",
    "CallObject",
    "CallDisposition",
    "CallDurationInSeconds",
    "ActivityDate",
    "Description",
    "WhoId",
    "WhatId",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """An object and what is done with its fields. `paths` are read over relationships ("Owner.Name");
    `phones` must be of the type phone, `indexed` an External Id."""

    object: str
    read: tuple[str, ...]
    paths: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    indexed: tuple[str, ...] = ()

    @property
    def created(self) -> bool:
        """Whether records are made."""
        return bool(self.written)

    @property
    def query(self) -> str:
        """SOQL that reads it all once. The names come from the configuration, which has checked them."""
        names = ", ".join(dict.fromkeys((*self.read, *self.paths)))
        return f"SELECT {names} FROM {self.object} LIMIT 1"  # noqa: S608 - see above


def needs_of(settings: SalesforceSettings) -> tuple[Needed, ...]:
    """All that a connector does to its org."""
    return (*_callers(settings), _cases(settings), *_writes(settings))


def _callers(settings: SalesforceSettings) -> Iterator[Needed]:
    search = settings.search
    beside: Mapping[str, tuple[str, ...]] = {"Contact": ("AccountId",), "Lead": ("IsConverted",)}
    for object_ in SEARCHED:
        phones = search.phones.get(object_, ())
        normalised = search.normalised.get(object_)
        indexed = (normalised,) if normalised else ()
        greeting = search.greeting.get(object_)
        # Cases are read by account, whether or not its phones are searched.
        if phones or indexed or object_ == "Account":
            names = ("Id", "Name", *((greeting,) if greeting else ()), *beside.get(object_, ()))
            yield Needed(object=object_, read=(*names, *phones, *indexed), phones=phones, indexed=indexed)


def _cases(settings: SalesforceSettings) -> Needed:
    read = ("Id", "CaseNumber", "Subject", settings.priorities.case_field, "Status", "IsClosed")
    return Needed(object="Case", read=(*read, "ContactId", "AccountId"), paths=("Owner.Name",))


def _writes(settings: SalesforceSettings) -> Iterator[Needed]:
    rules = settings.write_back
    if rules.case_comment:
        yield Needed(
            object="CaseComment",
            read=("Id", "ParentId", "CommentBody"),
            written=("ParentId", "CommentBody"),
        )
    if rules.call_task or rules.no_case != "nothing":
        external = (rules.task_external_id,) if rules.task_external_id else ()
        yield Needed(
            object="Task",
            read=("Id", "CallObject", *external),
            written=(*_TASK_FIELDS, *external),
            indexed=external,
        )


def faults_of(needed: Needed, described: object) -> list[str]:
    """What the user may not do, from an object's description, with the permission by its name in Setup."""
    match described:
        case {"fields": list(listed)} if isinstance(described, Mapping):
            fields = {
                str(item["name"]): item for item in listed if isinstance(item, Mapping) and "name" in item
            }
            return [*_object_faults(needed, described), *_field_faults(needed, fields)]
        case _:
            return [f"{needed.object}: a description of another shape"]


def _object_faults(needed: Needed, described: Mapping[str, object]) -> Iterator[str]:
    if described.get("queryable") is False:
        yield f"{needed.object}: may not be read (object permission Read)"
    if needed.phones and described.get("searchable") is False:
        yield f"{needed.object}: is not searched (allow search for the object)"
    if needed.created and described.get("createable") is False:
        yield f"{needed.object}: may be read but not created (object permission Create)"


def _field_faults(needed: Needed, fields: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    for name in dict.fromkeys((*needed.read, *needed.written)):
        at = f"{needed.object}.{name}"
        field = fields.get(name)
        if field is None:
            yield f"{at}: there is none, or it is hidden from the user (field-level security Read)"
            continue
        if name in needed.written and field.get("createable") is False:
            yield f"{at}: may be read but not written (field-level security Edit)"
        if name in needed.phones and field.get("type") not in (None, "phone"):
            yield f"{at}: is of type {field.get('type')}, and a search by phone looks at phone fields only"
        if name in needed.indexed and field.get("externalId") is False:
            yield f"{at}: is no External Id: tick it, so that the field has an index"


def version_fault(wanted: str, listed: object) -> str | None:
    """Why an API version cannot be used, by the org's list of them; None when it can, or nothing is said."""
    known = [
        str(item["version"])
        for item in (listed if isinstance(listed, list) else ())
        if isinstance(item, Mapping) and "version" in item
    ]
    if not known or wanted.removeprefix("v") in known:
        return None
    return f"api_version {wanted}: this org knows v{known[0]} to v{known[-1]}"
