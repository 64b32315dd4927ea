"""A played scenario file as lines for people and as values for programs."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.rig.coverage import Coverage
from ivr.flow.rig.run import Outcome, Report
from ivr.flow.rig.story import Kind, Story

_UNSEEN = frozenset({Kind.QUIET, Kind.LISTENS})
_NAME_WIDTH = 44


def lines(report: Report, *, story: bool = False) -> Iterator[str]:
    """What happened; with `story` every moment of each call."""
    for outcome in report.outcomes:
        yield _head(outcome)
        for complaint in outcome.complaints:
            yield f"    {complaint}"
        if story or not outcome.good:
            yield from _moments(outcome.story)
    for name, why in report.skipped.items():
        yield f"{'-':<6}  {name:<{_NAME_WIDTH}}  not played: {why}"
    yield from _edges(report.coverage)
    for complaint in report.complaints:
        yield str(complaint)


def _head(outcome: Outcome) -> str:
    word = "ok" if outcome.good else "FAILED"
    ending = outcome.story.ending or "not over"
    return f"{word:<6}  {outcome.name:<{_NAME_WIDTH}}  {outcome.story.lasted_s:>6.1f} s  {ending}"


def _moments(story: Story) -> Iterator[str]:
    for moment in story.moments:
        if moment.kind not in _UNSEEN:
            yield f"    {moment.at_s:>7.1f} s  {moment.kind:<11}  {moment.text}".rstrip()


def _edges(covered: Coverage) -> Iterator[str]:
    forced = f", {len(covered.only_forced)} of them only forced" if covered.only_forced else ""
    yield (f"edges: {len(covered.walked)} of {len(covered.edges)} walked ({covered.percent:.0f} %){forced}")
    for edge in covered.missing:
        yield f"    not walked: {edge}"


def plain(report: Report) -> dict[str, object]:
    """The report as JSON values."""
    return {
        "file": str(report.file.path),
        "flow": report.file.flow.name,
        "version": report.file.flow.version,
        "good": report.good,
        "scenarios": [_plain_outcome(outcome) for outcome in report.outcomes],
        "edges": {
            "all": len(report.coverage.edges),
            "walked": len(report.coverage.walked),
            "only_forced": [str(edge) for edge in sorted(report.coverage.only_forced)],
            "missing": [str(edge) for edge in report.coverage.missing],
            "percent": round(report.coverage.percent, 1),
            "demanded": report.file.suite.coverage,
        },
        "complaints": [str(complaint) for complaint in report.complaints],
        "skipped": dict(report.skipped),
    }


def _plain_outcome(outcome: Outcome) -> dict[str, object]:
    story = outcome.story
    return {
        "name": outcome.name,
        "good": outcome.good,
        "seconds": story.lasted_s,
        "ended": story.ending,
        "longest_silence_s": round(story.longest_silence_s(), 3),
        "complaints": [
            {"file": str(complaint.file), "line": complaint.line, "text": complaint.text}
            for complaint in outcome.complaints
        ],
        "story": [
            {"at_s": moment.at_s, "kind": moment.kind, "text": moment.text}
            for moment in story.moments
            if moment.kind not in _UNSEEN
        ],
    }
