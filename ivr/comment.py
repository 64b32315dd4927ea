"""The text that is written to a case after a call: pure."""

from __future__ import annotations

from datetime import datetime

from ivr.store.values import CallRecord, Note

_ENDINGS = {
    "caller_hung_up": "The caller hung up.",
    "agent_hung_up": "The agent hung up.",
    "worker_lost": "A technical fault ended the call.",
    "control_lost": "A technical fault ended the call.",
}


def comment_text(
    record: CallRecord, note: Note | None, agent_name: str | None, text: str, marker: str
) -> str:
    """Facts first, then the agent's notes word for word, then the marker by which the comment is known."""
    lines = [text] if text else []
    lines += [
        f"Call id: {record.call_id}",
        f"From: {_number(record)}",
        f"Started: {_time(record.started_at)}",
    ]
    if record.agent_answered_at is not None:
        lines.append(f"Agent: {agent_name or record.agent or 'unknown'}")
        lines.append(
            f"Answered: {_time(record.agent_answered_at)} after {_waited(record)} s in {record.queue}"
        )
    if record.ended_at is not None:
        lines.append(f"Ended: {_time(record.ended_at)}. {_how(record)}")
    if note is not None and note.text.strip():
        lines += ["", "Notes:", note.text.strip()]
    lines += ["", marker]
    return "\n".join(lines)


def _number(record: CallRecord) -> str:
    if record.presentation != "allowed" or record.ani is None:
        return "withheld"
    return record.ani


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _waited(record: CallRecord) -> int:
    if record.agent_answered_at is None or record.queued_at is None:
        return 0
    return max(0, round((record.agent_answered_at - record.queued_at).total_seconds()))


def _how(record: CallRecord) -> str:
    ending = record.ending or ""
    if ending.startswith("abandoned"):
        return "The caller hung up before an agent answered."
    return _ENDINGS.get(ending, "The system ended the call.")
