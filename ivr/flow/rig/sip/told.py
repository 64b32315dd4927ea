"""The node's record of a call, and the caller's recording, as a story that expectations can read."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from ivr.api.models import CallView, TimelineEntry
from ivr.clock import SystemClock
from ivr.ending import Ending
from ivr.flow.rig.sip.ear import Heard
from ivr.flow.rig.sip.org import ScriptedOrg
from ivr.flow.rig.story import Comment, Kind, Moment, Standing, Story
from ivr.flow.steps import Step

_KINDS = {
    ("sip", "answered"): Kind.ANSWERED,
    ("queue", "offered"): Kind.RINGING,
    ("agent", "no_answer"): Kind.NO_ANSWER,
    ("agent", "answered"): Kind.CONNECTED,
    ("sip", "ended"): Kind.ENDED,
    ("flow", "event_failed"): Kind.FAULT,
    ("record", "fault"): Kind.FAULT,
}


def story_of(
    call: CallView, heard: Iterable[Heard], pops: Iterable[str], org: ScriptedOrg, number: str | None
) -> Story:
    """The call as a story; sentences stand where the caller heard them."""
    story = Story(SystemClock())
    answered_s = next((e.offset_s for e in call.timeline if (e.source, e.event) == ("sip", "answered")), 0.0)
    moments = [
        Moment(at_s=round(answered_s + said.at_s, 3), kind=Kind.SAID, text=said.text) for said in heard
    ]
    moments += [moment for entry in call.timeline if (moment := _moment(entry, number)) is not None]
    moments += [
        Moment(at_s=_when(call, "screen_pop"), kind=Kind.POPPED, text=_page(url, org)) for url in pops
    ]
    story.moments = sorted(moments, key=lambda moment: moment.at_s)
    story.steps = [
        _step(entry) for entry in call.timeline if entry.source == "flow" and "type" in entry.detail
    ]
    story.agent = next((m.text for m in story.moments if m.kind is Kind.CONNECTED), None)
    story.queued = _standing(call)
    story.ending = Ending(str(call.record["ending"])) if call.record.get("ending") else None
    story.comments = _comments(org, call.call_id)
    return story


def _moment(entry: TimelineEntry, number: str | None) -> Moment | None:
    at_s, detail = entry.offset_s, entry.detail
    match entry.source, entry.event:
        case "media", "music":
            return Moment(at_s=at_s, kind=Kind.MUSIC, text=str(detail["file"]))
        case "salesforce", "request":
            return _request(at_s, str(detail["operation"]), number)
        case "queue", "queued" | "rescored":
            kind = Kind.QUEUED if entry.event == "queued" else Kind.RESCORED
            return Moment(at_s=at_s, kind=kind, text=f"priority {detail['priority']}")
        case source, event if (source, event) in _KINDS:
            text = detail.get("agent") or detail.get("ending") or detail.get("detail") or ""
            return Moment(at_s=at_s, kind=_KINDS[source, event], text=str(text))
        case _:
            return None


def _request(at_s: float, operation: str, number: str | None) -> Moment | None:
    match operation:
        case "find":
            return Moment(at_s=at_s, kind=Kind.ASKED, text=f"find {number or ''}".strip())
        case "open_cases":
            return Moment(at_s=at_s, kind=Kind.ASKED, text="open_cases")
        case _:
            return None  # logins and writes are not the flow's


def _when(call: CallView, event: str) -> float:
    return next((entry.offset_s for entry in call.timeline if entry.event == event), 0.0)


def _page(url: str, org: ScriptedOrg) -> str:
    """A Lightning page as flows name it: salesforce:Account/ID, with the scenario's id."""
    parts = urlsplit(url).path.strip("/").split("/")
    if parts[:2] == ["lightning", "r"] and len(parts) >= 4:
        return f"salesforce:{parts[2]}/{org.name(parts[3])}"
    return url


def _step(entry: TimelineEntry) -> Step:
    detail = entry.detail
    return Step(
        flow=str(detail["flow"]),
        activity=entry.event,
        type=str(detail["type"]),
        outcome=str(detail["outcome"]),
        seconds=float(detail.get("ms") or 0) / 1000,
        detail=str(detail.get("detail") or ""),
        early=bool(detail.get("early")),
    )


def _standing(call: CallView) -> Standing | None:
    queue, priority = call.record.get("queue"), call.record.get("priority")
    return Standing(queue=str(queue), priority=int(priority)) if queue and priority is not None else None


def _comments(org: ScriptedOrg, call_id: str) -> list[Comment]:
    """What was written, as far as the flow said it: the outbox adds times and notes below."""
    comments = [Comment(case=case, text=_own(text, call_id)) for case, text in org.comments()]
    tasks = [Comment(task_on=record, text=_own(text, call_id)) for record, text in org.tasks()]
    return [*comments, *tasks]


def _own(text: str, call_id: str) -> str:
    return (text.splitlines() or [""])[0].replace(call_id, "call-1")
