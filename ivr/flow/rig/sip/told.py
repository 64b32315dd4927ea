"""The node's record of a call, and the caller's recording, as a story that expectations can read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ivr.api.models import CallView, TimelineEntry
from ivr.clock import SystemClock
from ivr.ending import Ending
from ivr.flow.rig.sip.answers import Asked
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a call besides the node's record: what the caller heard, pages that were opened,
    requests that came, and who outside was called, in order."""

    heard: Sequence[Heard]
    pops: Sequence[str]
    asked: Sequence[Asked]
    called: Sequence[str]
    org: ScriptedOrg
    number: str | None


def story_of(call: CallView, evidence: Evidence) -> Story:
    """The call as a story; sentences stand where the caller heard them."""
    story, org = Story(SystemClock()), evidence.org
    moments = [
        Moment(at_s=round(answered_s(call) + said.at_s, 3), kind=Kind.SAID, text=said.text)
        for said in evidence.heard
    ]
    moments += [moment for entry in call.timeline if (moment := _moment(entry, evidence.number)) is not None]
    moments += [
        Moment(at_s=_when(call, "screen_pop"), kind=Kind.POPPED, text=_page(url, org))
        for url in evidence.pops
    ]
    moments += [*_requests(call, evidence.asked), *_transfers(call, evidence.called)]
    story.moments = sorted(moments, key=lambda moment: moment.at_s)
    story.steps = [
        _step(entry) for entry in call.timeline if entry.source == "flow" and "type" in entry.detail
    ]
    story.agent = next((m.text for m in story.moments if m.kind is Kind.CONNECTED), None)
    story.queued = _standing(call)
    story.ending = Ending(str(call.record["ending"])) if call.record.get("ending") else None
    story.comments = _comments(org, call.call_id)
    return story


def answered_s(call: CallView) -> float:
    """When the caller was answered, in seconds from the INVITE: there his recording begins."""
    return _when(call, "answered", "sip")


def _requests(call: CallView, asked: Sequence[Asked]) -> Iterator[Moment]:
    """Requests of the flow, as the server that answers them saw them."""
    unknown: set[str] = set()
    for request in asked:
        at_s = round((request.at - call.timeline[0].at).total_seconds(), 3) if call.timeline else 0.0
        yield Moment(at_s=at_s, kind=Kind.ASKED, text=request.text)
        if not request.answered and request.text not in unknown:
            unknown.add(request.text)
            yield Moment(at_s=at_s, kind=Kind.FAULT, text=f"no scripted answer for {request.text}")


def _transfers(call: CallView, called: Sequence[str]) -> Iterator[Moment]:
    """Who was called, and when: the record knows no numbers."""
    dials = [entry for entry in call.timeline if entry.event == "transfer_dials"]
    for entry, target in zip(dials, called, strict=False):
        yield Moment(at_s=entry.offset_s, kind=Kind.TRANSFERRED, text=target)
    for entry in dials[len(called) :]:
        yield Moment(at_s=entry.offset_s, kind=Kind.FAULT, text="nobody outside was reached")


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


def _when(call: CallView, event: str, source: str | None = None) -> float:
    times = (e.offset_s for e in call.timeline if e.event == event and source in (None, e.source))
    return next(times, 0.0)


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
