"""What a look-up of a caller gives: values only, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ivr.salesforce.soql import same_id


class MatchResult(StrEnum):
    """The five edges of a look-up; never "the first record"."""

    NONE = "none"
    ONE = "one"
    MANY = "many"
    WITHHELD = "withheld"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A Salesforce Account. `priority` and `sla` are the configured fields as written there ("High")."""

    id: str
    name: str
    priority: str | None = None
    sla: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A Salesforce Contact or Lead; `object` says which. `name` is never empty; `greeting` is what is spoken
    instead where the configuration names a field for it and the record has it filled."""

    id: str
    name: str
    account_id: str | None = None
    object: str = "Contact"
    greeting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An open service case (`IsClosed = false`). One that is not the caller's `own` is a colleague's: it is
    shown to the agent, and nothing else is done with it (`cases.py`)."""

    id: str
    number: str
    subject: str
    priority: str | None = None
    status: str | None = None
    owner: str | None = None
    own: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One record whose phone is the caller's, confirmed digit by digit, and why it is offered."""

    object: str
    id: str
    name: str
    account_id: str | None = None
    account_name: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Who the caller is.

    `ONE`: `account` or `contact` (or both) are set, and `cases` once they are read, best first. `MANY` with
    all candidates in one account has that account set and no contact. `ERROR` says in `detail` what failed;
    `cases_known` tells an empty `cases` that was read from one that was not. `connector` names the system
    whose ids these are, once a call knows it.
    """

    result: MatchResult
    account: Account | None = None
    contact: Contact | None = None
    cases: tuple[Case, ...] = ()
    cases_known: bool = False
    candidates: tuple[Candidate, ...] = ()
    detail: str = ""
    late: bool = field(default=False)
    connector: str | None = None

    @property
    def own_cases(self) -> tuple[Case, ...]:
        """The cases that the call may be about, the best first."""
        return tuple(case for case in self.cases if case.own)

    def has(self, id_: str) -> bool:
        """Whether this id is a record's of the match."""
        records = (self.account, self.contact, *self.cases, *self.candidates)
        return any(record is not None and same_id(record.id, id_) for record in records)

    @property
    def name(self) -> str | None:
        """The name to greet by: the contact's, else nothing (an account is not a person's name)."""
        return (self.contact.greeting or self.contact.name) if self.contact else None
