"""The org's first records, from a YAML file: accounts with their contacts and cases inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ivr.salesforce.simulator.errors import ApiError
from ivr.salesforce.simulator.fields import Field, Kind
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.policy import Identity

Values = dict[str, str | bool | int | None]


class DataError(Exception):
    """The data file cannot be used; the text says where and why."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _CaseEntry(_Entry):
    fields: Values
    owner: str | None = None
    comments: tuple[str, ...] = ()


class _ContactEntry(_Entry):
    fields: Values
    cases: tuple[_CaseEntry, ...] = ()


class _AccountEntry(_Entry):
    fields: Values
    contacts: tuple[_ContactEntry, ...] = ()
    cases: tuple[_CaseEntry, ...] = ()


class _OrgEntry(_Entry):
    name: str
    client_id: str
    client_secret: str
    daily_requests: int = 15_000
    username: str = "integration@simulated.example"
    password: str | None = None
    security_token: str = ""
    refresh_token: str | None = None
    certificate: str | None = None


class FieldEntry(_Entry):
    """A custom field of a data file or of `POST /simulator/fields`."""

    object: str
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*__c$")]
    kind: Kind = Kind.STRING
    length: int = 255
    external_id: bool = False
    unique: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = False

    def add_to(self, org: Org) -> None:
        """Put it into the org. Raises ApiError."""
        field = Field(**self.model_dump(exclude={"object"}))
        try:
            org.schema.add_field(self.object, field)
        except KeyError as exc:
            raise ApiError(400, "INVALID_TYPE", f"no object {self.object!r}") from exc


class _File(_Entry):
    org: _OrgEntry
    custom_fields: tuple[FieldEntry, ...] = ()
    users: tuple[str, ...]
    accounts: tuple[_AccountEntry, ...] = ()
    contacts: tuple[_ContactEntry, ...] = ()
    leads: tuple[Values, ...] = ()


def load_org(path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Org:
    """The org of a data file. Raises DataError."""
    try:
        return build_org(read_data(path), now)
    except (OSError, UnicodeDecodeError, YAMLError, ValidationError, ApiError) as exc:
        raise DataError(f"{path}: {exc}") from exc


def read_data(path: Path) -> object:
    """The file's YAML 1.2, parsed. Raises OSError, UnicodeDecodeError and YAMLError."""
    parsed: object = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    return parsed


def build_org(parsed: object, now: Callable[[], datetime]) -> Org:
    """The org of parsed data. Raises pydantic's ValidationError and ApiError."""
    file = _File.model_validate(parsed)
    org = Org(Identity(**file.org.model_dump()), now)
    for field in file.custom_fields:
        field.add_to(org)
    seed = _Seeder(org, file.users)
    for account in file.accounts:
        seed.account(account)
    for contact in file.contacts:
        seed.contact(contact, None)
    for lead in file.leads:
        seed.create("Lead", lead)
    return org


class _Seeder:
    def __init__(self, org: Org, users: tuple[str, ...]) -> None:
        self._org = org
        self._users = {name: self.create("User", {"Name": name}) for name in users}

    def create(self, object_: str, values: Mapping[str, object]) -> str:
        sobject = self._org.schema.find(object_)
        assert sobject is not None  # only standard objects are seeded
        return str(self._org.create(sobject, values, seeding=True)["Id"])

    def account(self, entry: _AccountEntry) -> None:
        account_id = self.create("Account", entry.fields)
        for contact in entry.contacts:
            self.contact(contact, account_id)
        for case in entry.cases:
            self._case(case, {"AccountId": account_id})

    def contact(self, entry: _ContactEntry, account_id: str | None) -> None:
        contact_id = self.create("Contact", {**entry.fields, "AccountId": account_id})
        for case in entry.cases:
            self._case(case, {"AccountId": account_id, "ContactId": contact_id})

    def _case(self, entry: _CaseEntry, links: Mapping[str, object]) -> None:
        if entry.owner is not None and entry.owner not in self._users:
            raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", f"no user {entry.owner!r}")
        owner = self._users[entry.owner] if entry.owner else None
        case_id = self.create("Case", {**entry.fields, **links, "OwnerId": owner})
        for text in entry.comments:
            self.create("CaseComment", {"ParentId": case_id, "CommentBody": text})
