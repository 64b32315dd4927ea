"""What is wrong with a flow as a whole, beside what its single activities say."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.webex.findings import Finding, Findings, Verdict
from ivr.flow.webex.pebble.translate import named
from ivr.flow.webex.source import Json, SourceFlow
from ivr.flow.webex.usage import texts_of

_MAX_VIEWABLE = 30


def flow_findings(flow: SourceFlow, findings: Findings) -> None:
    """Add them."""
    for verdict, kind, text in _found(flow):
        findings.add(Finding(verdict=verdict, kind=kind, text=text))


def _found(flow: SourceFlow) -> Iterator[tuple[Verdict, str, str]]:
    for remark in flow.remarks:
        yield Verdict.NOT_MAPPED, "setting", remark
    for event in flow.unknown_events:
        yield Verdict.NOT_MAPPED, "unknown-event", f"the event {event} does not happen here"
    if flow.main.start is None:
        yield Verdict.DEFECT, "no-start", "the flow has no activity to start with"
    if not any(event.name == "OnGlobalError" for event in flow.events):
        yield (
            Verdict.DIFFERENT,
            "no-global-error",
            "OnGlobalError is not answered: where Webex drops the caller, the default queue takes over here",
        )
    yield from _variables(flow)


def _variables(flow: SourceFlow) -> Iterator[tuple[Verdict, str, str]]:
    read = {name for _, activity in flow.activities() for name in _names(dict(activity.properties))}
    for variable in flow.variables:
        if variable.editable and not variable.is_global and variable.name not in read:
            yield (
                Verdict.DEFECT,
                "unread-edit",
                f"agents edit {variable.name}, and nothing in the flow reads it: what they write is lost",
            )
    viewable = sum(1 for variable in flow.variables if variable.viewable)
    if viewable > _MAX_VIEWABLE:
        yield (
            Verdict.DEFECT,
            "many-viewable",
            f"{viewable} variables are shown to agents; Webex allows {_MAX_VIEWABLE}",
        )
    if _searches_withheld(flow):
        yield (
            Verdict.DEFECT,
            "withheld-number",
            'a caller who withholds the number is looked up as "anonymous": nothing tests for that',
        )


def _names(value: Json) -> Iterator[str]:
    for text in texts_of(value):
        if "{{" in text:
            yield from named(text)


def _searches_withheld(flow: SourceFlow) -> bool:
    every = [text.casefold() for _, a in flow.activities() for text in texts_of(dict(a.properties))]
    reads = any("{{" in text and ("contact.ani" in text) for text in every)
    asks = any(activity.kind == "http-request-v2" for _, activity in flow.activities())
    return reads and asks and not any("anonymous" in text for text in every)
