"""What became of a call, as values: its record and its timeline in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from ivr.api.models import CallStage, CallView, TimelineEntry
from ivr.desktop import words

MAX_ROWS = 400
"""The newest entries are shown; a caller who waits for an hour leaves thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A line of the record."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing that happened. `at` counts from the INVITE."""

    at: str
    source: str
    event: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A call on its page. `left_out` counts earlier moments; `over`: nothing more will come."""

    facts: tuple[Fact, ...]
    moments: tuple[Moment, ...]
    left_out: int
    flow: str
    over: bool


def build_story(call: CallView) -> Story:
    """The page of a call."""
    shown = call.timeline[-MAX_ROWS:]
    return Story(
        facts=_facts(call),
        moments=tuple(_moment(entry) for entry in shown),
        left_out=len(call.timeline) - len(shown),
        flow=_plain(call.record, "flow"),
        over=call.stage is CallStage.ENDED,
    )


def flow_page(name: str) -> str:
    """Where a flow's page is."""
    return f"/flows/{quote(name, safe='')}"


def call_page(call_id: str) -> str:
    """Where a call's page is."""
    return f"/calls/{quote(call_id, safe='')}"


def _facts(call: CallView) -> tuple[Fact, ...]:
    ending = (call.ending or "").replace("_", " ")
    lasted = (call.ended_at - call.started_at).total_seconds() if call.ended_at else None
    sip_code = _plain(call.record, "sip_code")
    told = (
        ("Call", call.call_id),
        ("Caller", call.number),
        ("Started", f"{call.started_at.astimezone():%Y-%m-%d %H:%M:%S}"),
        ("Lasted", words.span(lasted) if lasted is not None else ""),
        ("Now", "" if call.ended_at else words.stage_words(call.stage)),
        ("Ended", " · ".join(part for part in (ending, sip_code and f"SIP {sip_code}") if part)),
        ("Entry point", call.entry_point),
        ("Flow", f"{_plain(call.record, 'flow')} {_plain(call.record, 'flow_version')}".strip()),
        ("Queue", call.queue or ""),
        ("Agent", call.agent or ""),
        ("Salesforce", call.match),
    )
    return tuple(Fact(name=name, text=text) for name, text in told if text)


def _moment(entry: TimelineEntry) -> Moment:
    parts = [f"{key}: {_said(value)}" for key, value in entry.detail.items() if value not in (None, "", [])]
    return Moment(
        at=f"{entry.offset_s:.1f} s",
        source=entry.source,
        event=entry.event.replace("_", " ") if entry.source != "flow" else entry.event,
        detail=", ".join(parts),
    )


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _plain(record: Mapping[str, object], key: str) -> str:
    value = record.get(key)
    return "" if value is None else str(value)
