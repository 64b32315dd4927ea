"""What the node itself says of its calls: when it knew who calls, and when it said so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.api.client import ApiClient
from ivr.api.models import CallView, TimelineEntry
from ivr.numbers import to_e164

MOST_RECORDS = 200
MOST_LISTED = 1000
GREETING = "GreetByName"
"""The activity of the shipped flow that says the caller's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTimes:
    """Seconds after the INVITE, from the call's timeline."""

    answered_s: float | None
    identified_s: float | None
    name_begins_s: float | None
    ending: str | None

    @property
    def answer_to_name_s(self) -> float | None:
        """From the answer to the greeting with the name."""
        if self.answered_s is None or self.name_begins_s is None:
            return None
        return self.name_begins_s - self.answered_s


def record_times(call: CallView) -> RecordTimes:
    """The times of one call. An activity is in the timeline when it is over, with how long it took."""
    greeting = _first(call.timeline, "flow", GREETING)
    answered, identified = (
        _first(call.timeline, "sip", "answered"),
        _first(call.timeline, "salesforce", "identified"),
    )
    return RecordTimes(
        answered_s=answered.offset_s if answered else None,
        identified_s=identified.offset_s if identified else None,
        name_begins_s=greeting.offset_s - float(greeting.detail.get("ms", 0)) / 1000 if greeting else None,
        ending=call.ending,
    )


async def read_records(api: ApiClient, region: str = "US") -> dict[str, RecordTimes]:
    """The newest calls by the caller's number, an even selection of them when there are many."""
    calls = await api.calls(MOST_LISTED)
    found: dict[str, RecordTimes] = {}
    for summary in calls[:: max(1, len(calls) // MOST_RECORDS)]:
        number = to_e164(summary.number, region)
        if number is not None:
            found[number] = record_times(await api.call(summary.call_id))
    return found


def _first(timeline: Sequence[TimelineEntry], source: str, event: str) -> TimelineEntry | None:
    return next((entry for entry in timeline if entry.source == source and entry.event == event), None)
