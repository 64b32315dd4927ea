"""What is written to Salesforce about a call: decided from the rules and from who the caller was. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ivr.salesforce.model import Match
from ivr.store.values import CALL_TASK, CASE_COMMENT, WriteRules

_LEAD_IDS = "00Q"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The records that the caller was recognised by, where there are some. `contact_id` may be a lead's."""

    case_id: str | None = None
    contact_id: str | None = None
    account_id: str | None = None


def known_of(match: Match | None) -> Known:
    """The records of a match; the case is the best of the caller's own."""
    if match is None:
        return Known()
    return Known(
        case_id=match.own_cases[0].id if match.own_cases else None,
        contact_id=match.contact.id if match.contact else None,
        account_id=match.account.id if match.account else None,
    )


def planned(rules: WriteRules, known: Known, *, answered: bool) -> tuple[str, ...]:
    """The outbox operations for a call."""
    if not answered and not rules.abandoned:
        return ()
    if known.case_id is None:
        return (CALL_TASK,) if task_links(rules, known) else ()
    chosen = ((CASE_COMMENT, rules.case_comment), (CALL_TASK, rules.call_task))
    return tuple(operation for operation, wanted in chosen if wanted)


def task_links(rules: WriteRules, known: Known) -> Mapping[str, str]:
    """`who_id` (contact or lead) and `what_id` (case or account) of a call's Task; empty: there is no Task
    to make. A Task of a lead has nothing beside the lead: Salesforce refuses it."""
    who, account = known.contact_id, known.account_id
    if known.case_id is not None:
        person = {} if who is None or who.startswith(_LEAD_IDS) else {"who_id": who}
        return person | {"what_id": known.case_id}
    on_contact = {"who_id": who} if who is not None else {}
    on_account = {"what_id": account} if account is not None else {}
    match rules.no_case:
        case "contact":
            return on_contact or on_account
        case "account":
            return on_account or on_contact
        case _:
            return {}


def task_target(rules: WriteRules, known: Known) -> Mapping[str, str]:
    """The part of an outbox row's target that makes the call's Task."""
    return {**task_links(rules, known), "subject": rules.task_subject, "status": rules.task_status}
