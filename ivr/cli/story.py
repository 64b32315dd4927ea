"""A call told in lines: for whoever asks at night what became of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ivr.cli.output import shown

if TYPE_CHECKING:
    from ivr.api.models import CallView, NoteView, TimelineEntry

_SUMMARY = ("entry_point", "number", "match", "queue", "agent")
"""Said at the top; the rest of the record follows."""
_REPEATED = frozenset({*_SUMMARY, "call_id", "started_at", "ended_at", "ending", "match_result", "ani"})
_RECORD_WIDTH = 18


def call_story(call: CallView) -> list[str]:
    """Who called and how it ended, the record, the notes, and what happened in its order."""
    return [*_top(call), "", *_record(call), "", *_notes(call), "", *_timeline(call)]


def _top(call: CallView) -> Iterator[str]:
    yield f"Call {call.call_id}"
    yield _pair("stage", call.stage)
    yield _pair("ending", call.ending or "in progress")
    yield _pair("started", call.started_at)
    yield _pair("ended", call.ended_at)
    for name in _SUMMARY:
        yield _pair(name.replace("_", " "), getattr(call, name))


def _record(call: CallView) -> Iterator[str]:
    yield "Record"
    known = {name: value for name, value in call.record.items() if name not in _REPEATED}
    for name, value in known.items():
        if value not in (None, "", {}, []):
            yield _pair(name.replace("_", " "), _nested(value))
    if not any(value not in (None, "", {}, []) for value in known.values()):
        yield "  nothing more"


def _nested(value: object) -> str:
    """RTP of two legs fits on a line: caller (codec PCMU, ...); agent (...)."""
    if isinstance(value, dict) and any(isinstance(part, dict) for part in value.values()):
        return "; ".join(f"{name} ({shown(part)})" for name, part in value.items())
    return shown(value)


def _notes(call: CallView) -> Iterator[str]:
    yield "Notes"
    for note in call.notes:
        yield from _note(note)
    if not call.notes:
        yield "  none"


def _note(note: NoteView) -> Iterator[str]:
    yield f"  saved {shown(note.saved_at)}, revision {note.revision}"
    for line in note.text.splitlines():
        yield f"  | {line}"


def _timeline(call: CallView) -> Iterator[str]:
    yield "Timeline"
    for entry in call.timeline:
        yield _entry(entry)
    if not call.timeline:
        yield "  nothing yet"


def _entry(entry: TimelineEntry) -> str:
    details = "  ".join(f"{key}={shown(value)}" for key, value in entry.detail.items() if value is not None)
    return f"  {entry.offset_s:9.3f} s  {entry.source:<10}  {entry.event:<24}  {details}".rstrip()


def _pair(name: str, value: object) -> str:
    return f"  {name:<{_RECORD_WIDTH}}{shown(value)}"
