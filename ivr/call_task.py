"""The Salesforce Task of a call: pure."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.store.values import CallRecord, WriteRules

_USUAL = WriteRules()
"""For rows that were queued before they named subject and status."""
_SUBJECT_CHARACTERS = 255
_DESCRIPTION_CHARACTERS = 32_000
_CUT_OFF = frozenset({"worker_lost", "control_lost", "failed", "shutdown"})


def task_values(record: CallRecord, target: Mapping[str, str], description: str) -> dict[str, str | int]:
    """The Task's fields. `target` is the outbox row's: who_id, what_id, subject, status. The duration counts
    from the moment when the node answered."""
    values: dict[str, str | int] = {
        "Subject": target.get("subject", _USUAL.task_subject)[:_SUBJECT_CHARACTERS],
        "Status": target.get("status", _USUAL.task_status),
        "TaskSubtype": "Call",
        "CallType": "Inbound",
        "CallObject": record.call_id,
        "CallDisposition": _disposition(record),
        "CallDurationInSeconds": _seconds(record),
        "ActivityDate": f"{record.started_at:%Y-%m-%d}",
        "Description": description[:_DESCRIPTION_CHARACTERS],
    }
    if "who_id" in target:
        values["WhoId"] = target["who_id"]
    if "what_id" in target:
        values["WhatId"] = target["what_id"]
    return values


def _seconds(record: CallRecord) -> int:
    if record.answered_at is None or record.ended_at is None:
        return 0
    return max(0, round((record.ended_at - record.answered_at).total_seconds()))


def _disposition(record: CallRecord) -> str:
    ending = record.ending or ""
    if ending in _CUT_OFF:
        return "Cut off"
    if record.agent_answered_at is not None:
        return "Answered"
    return "Abandoned" if ending.startswith("abandoned") else "Not answered"
