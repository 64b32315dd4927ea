"""What a field and an object are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Value = str | int | bool | None

_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Kind(StrEnum):
    """What a field holds, in the words of describe and of error messages."""

    ID = "id"
    STRING = "string"
    EMAIL = "email"
    PHONE = "phone"
    PICKLIST = "picklist"
    LONG_TEXT = "textarea"
    BOOLEAN = "boolean"
    INT = "int"
    DATE = "date"
    DATETIME = "dateTime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field.

    A reference names the objects it may point to, the relationship that queries follow from here
    (`Owner.Name`) and the one that leads back (`SELECT (SELECT Id FROM Cases) FROM Contact`).
    """

    name: str
    kind: Kind = Kind.STRING
    length: int = 255
    length_in_bytes: bool = False
    references: tuple[str, ...] = ()
    relationship: str | None = None
    children: str | None = None
    createable: bool = True
    updateable: bool = True
    required: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = False
    default: Value = None
    external_id: bool = False
    unique: bool = False

    @property
    def label(self) -> str:
        """As people read it."""
        plain = self.name.removesuffix("__c").replace("_", " ")
        if self.references:
            plain = plain.removesuffix("Id") + " ID"
        return _WORD_STARTS.sub(" ", plain)

    @property
    def filterable(self) -> bool:
        """Whether WHERE and ORDER BY take it."""
        return self.kind is not Kind.LONG_TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class SObject:
    """An object: its key prefix, its fields by lower-case name, and what the run-as user may do with it."""

    name: str
    prefix: str
    fields: Mapping[str, Field]
    searchable: bool = True
    createable: bool = True
    updateable: bool = True
    deletable: bool = True

    def field(self, name: str) -> Field | None:
        """The field by its name in any case."""
        return self.fields.get(name.lower())

    def reference(self, relationship: str) -> Field | None:
        """The reference field behind a relationship name in any case."""
        wanted = relationship.lower()
        return next((f for f in self.fields.values() if (f.relationship or "").lower() == wanted), None)
