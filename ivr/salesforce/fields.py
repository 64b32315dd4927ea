"""Which objects and fields of an org are read: configuration, with defaults for a fresh Developer Edition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

SEARCHED = ("Contact", "Account", "Lead")
"""The objects that callers are found among."""

ASSISTANT = "AssistantPhone"
"""The one phone field that is somebody else's."""

DEFAULT_PHONES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Contact": ("MobilePhone", "Phone", "HomePhone", "OtherPhone", ASSISTANT),
        "Account": ("Phone",),
        "Lead": ("MobilePhone", "Phone"),
    }
)
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_NONE: Mapping[str, str] = MappingProxyType({})
_WORDS = {
    "MobilePhone": "mobile phone",
    "Phone": "phone",
    "HomePhone": "home phone",
    "OtherPhone": "other phone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgFields:
    """Field names by object. `phones`, best first: what the search index is asked for; `normalised`: a field
    that holds the whole number, asked by equality before; `greeting`: what is spoken instead of Name.

    Raises ValueError when an object is not searched or a name cannot be a field's."""

    phones: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: DEFAULT_PHONES)
    normalised: Mapping[str, str] = field(default_factory=lambda: _NONE)
    greeting: Mapping[str, str] = field(default_factory=lambda: _NONE)
    case_priority: str = "Priority"

    def __post_init__(self) -> None:
        for object_ in (*self.phones, *self.normalised, *self.greeting):
            if object_ not in SEARCHED:
                raise ValueError(f"callers are looked for among {', '.join(SEARCHED)}, not {object_!r}")
        for name in self._names():
            if not _FIELD.fullmatch(name):
                raise ValueError(f"not a Salesforce field name: {name!r}")

    def _names(self) -> Iterator[str]:
        for names in self.phones.values():
            yield from names
        yield from (*self.normalised.values(), *self.greeting.values(), self.case_priority)

    @property
    def searched(self) -> tuple[str, ...]:
        """The objects with phone fields, in our order."""
        return tuple(name for name in SEARCHED if self.phones.get(name))

    def compared(self, object_: str) -> tuple[str, ...]:
        """The fields of an object in which the caller's number counts, best first."""
        normalised = self.normalised.get(object_)
        return (*((normalised,) if normalised else ()), *self.phones.get(object_, ()))

    def named(self, object_: str) -> tuple[str, ...]:
        """The fields of an object that hold names."""
        greeting = self.greeting.get(object_)
        return ("Name", greeting) if greeting and greeting != "Name" else ("Name",)

    def reason(self, object_: str, name: str) -> str:
        """Why a record with the number in this field is offered, in words."""
        if name == ASSISTANT:
            return "phone of the contact's assistant"
        return f"{object_.lower()}'s {_WORDS.get(name, name)}"

    def order(self, object_: str, name: str) -> tuple[int, int]:
        """Where a record with the number in this field stands among the others: people, then companies, then
        those who answer somebody else's phone, then leads."""
        group = {"Contact": 0, "Account": 1, "Lead": 3}[object_]
        return 2 if name == ASSISTANT else group, self.compared(object_).index(name)


DEFAULT_FIELDS = OrgFields()
