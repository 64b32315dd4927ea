"""A call's page as values: what is told, what is left out, and addresses that hold any name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from ivr.api.models import CallStage, CallView, TimelineEntry
from ivr.desktop.story import MAX_ROWS, build_story, call_page, flow_page

START = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
RUNNING = CallView(
    call_id="c1",
    stage=CallStage.CONNECTED,
    entry_point="Support",
    started_at=START,
    ended_at=None,
    number="+1 415 555 0199",
    match="one",
    queue="Support",
    agent="sam",
    ending=None,
    record={"flow": "support_line", "flow_version": "1.0 (abc)", "sip_code": None},
)
OVER = RUNNING.model_copy(
    update={
        "stage": CallStage.ENDED,
        "ended_at": START + timedelta(seconds=75),
        "ending": "caller_hung_up",
        "record": {"flow": "support_line", "flow_version": "1.0 (abc)", "sip_code": 200},
    }
)


def entry(event: str, source: str = "flow", **detail: object) -> TimelineEntry:
    return TimelineEntry(at=START, offset_s=1.25, source=source, event=event, detail=detail)


def facts(call: CallView) -> dict[str, str]:
    return {fact.name: fact.text for fact in build_story(call).facts}


def test_a_running_call_has_a_stage_and_no_ending() -> None:
    told = facts(RUNNING)
    assert told["Now"] == "On the line"
    assert told["Flow"] == "support_line 1.0 (abc)"
    assert not {"Ended", "Lasted"} & told.keys()
    assert not build_story(RUNNING).over


def test_a_call_that_is_over_says_how_and_after_how_long() -> None:
    told = facts(OVER)
    assert told["Ended"] == "caller hung up · SIP 200"
    assert told["Lasted"] == "1:15"
    assert "Now" not in told
    assert build_story(OVER).over


def test_moments_are_words_and_activities_keep_their_names() -> None:
    entries = (
        entry("Set_Name", outcome="next", ms=3, early=None),
        entry("screen_pop", "agent", reasons=["a", "b"]),
    )
    moments = build_story(OVER.model_copy(update={"timeline": entries})).moments
    assert [(m.at, m.event, m.detail) for m in moments] == [
        ("1.2 s", "Set_Name", "outcome: next, ms: 3"),
        ("1.2 s", "screen pop", "reasons: a, b"),
    ]


def test_only_the_newest_of_many_moments_are_shown_and_the_others_counted() -> None:
    entries = tuple(entry(f"A{number}") for number in range(MAX_ROWS + 7))
    story = build_story(OVER.model_copy(update={"timeline": entries}))
    assert len(story.moments) == MAX_ROWS
    assert story.left_out == 7
    assert story.moments[-1].event == f"A{MAX_ROWS + 6}"


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_an_address_holds_any_name_as_one_part(name: str) -> None:
    for page, prefix in ((flow_page, "/flows/"), (call_page, "/calls/")):
        path = page(name)
        assert path.startswith(prefix)
        assert not set(path[len(prefix) :]) & set("/?#\"'<> ")
        assert unquote(path[len(prefix) :]) == name
