"""The texts of our queries. Every value in them is a checked name, a checked id or a quoted literal. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from ivr.numbers import E164
from ivr.salesforce.fields import OrgFields
from ivr.salesforce.soql import RecordId, contains, literal, phrase

CANDIDATES_EACH = 25
_CASES = 200


def phone_search(terms: Iterable[str], fields: OrgFields) -> str:
    """SOSL: the records of which a phone field holds one of the terms."""
    find = " OR ".join(phrase(term) for term in terms)
    returning = ", ".join(_returned(object_, fields) for object_ in fields.searched)
    return f"FIND {{{find}}} IN PHONE FIELDS RETURNING {returning}"


def by_normalised(object_: str, number: E164, fields: OrgFields) -> str:
    """SOQL: the records whose normalised field is the number."""
    name = fields.normalised[object_]
    unconverted = " AND IsConverted = false" if object_ == "Lead" else ""
    return (
        f"SELECT {', '.join((*_identity(object_, fields), name))} FROM {object_}"  # noqa: S608 - see above
        f" WHERE {name} = {literal(number)}{unconverted} LIMIT {CANDIDATES_EACH}"
    )


def open_cases(contact_id: RecordId | None, account_id: RecordId | None, fields: OrgFields) -> str:
    """SOQL: the open cases of a contact or an account, the latest change first."""
    owners = []
    if contact_id is not None:
        owners.append(f"ContactId = {literal(contact_id)}")
    if account_id is not None:
        owners.append(f"AccountId = {literal(account_id)}")
    names = ("Id", "CaseNumber", "Subject", fields.case_priority, "Status", "Owner.Name", "ContactId")
    return (
        f"SELECT {', '.join(dict.fromkeys(names))}, LastModifiedDate FROM Case"  # noqa: S608 - see above
        f" WHERE IsClosed = false AND ({' OR '.join(owners)})"
        f" ORDER BY LastModifiedDate DESC LIMIT {_CASES}"
    )


def comments_with(marker: str, parent: RecordId) -> str:
    """SOQL: the comments of a case that hold the marker. LIKE ignores case: look again."""
    return (
        "SELECT Id, CommentBody FROM CaseComment"  # noqa: S608 - see above
        f" WHERE ParentId = {literal(parent)}"
        f" AND CommentBody LIKE {contains(marker)} ORDER BY CreatedDate LIMIT 20"
    )


def tasks_of(call_object: str, since: date) -> str:
    """SOQL: the Tasks of a call. CallObject has no index; the date of creation has."""
    return (
        "SELECT Id, CallObject FROM Task"  # noqa: S608 - see above
        f" WHERE CallObject = {literal(call_object)}"
        f" AND CreatedDate >= {since.isoformat()}T00:00:00Z ORDER BY CreatedDate LIMIT 20"
    )


def _returned(object_: str, fields: OrgFields) -> str:
    # Without the normalised field: an org that lacks it must still be searched.
    shown = dict.fromkeys((*_identity(object_, fields), *fields.phones[object_]))
    unconverted = " WHERE IsConverted = false" if object_ == "Lead" else ""
    return f"{object_}({', '.join(shown)}{unconverted} LIMIT {CANDIDATES_EACH})"


def _identity(object_: str, fields: OrgFields) -> tuple[str, ...]:
    account = ("AccountId", "Account.Name") if object_ == "Contact" else ()
    return ("Id", *fields.named(object_), *account)
