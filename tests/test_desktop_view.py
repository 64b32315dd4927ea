"""What the desktop shows in each state, without a page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ivr.api.models import (
    AgentCall,
    AgentStatus,
    CallStage,
    MatchView,
    PopOutcome,
    RecordView,
    ScreenPopView,
)
from ivr.desktop import mirror as mirrors
from ivr.desktop import notes
from ivr.desktop.card import build_card
from ivr.desktop.mirror import Link, Mirror
from ivr.desktop.notebook import Notebook
from ivr.desktop.pops import PopBook
from ivr.desktop.view import DesktopView, build
from ivr.desktop.words import Tone, span
from tests.desktop_values import ACCOUNT, AGENT, CALL, CONTACT, KNOWN, NOW, QUEUE, agent, call, event

START = Mirror(agent_id="alice")


def shown(status: AgentStatus, held: AgentCall | None = None, link: Link = Link.UP) -> DesktopView:
    """The desktop of the agent in a status."""
    mirror = mirrors.with_link(mirrors.with_agent(START, agent(status, held)), link)
    notebook = Notebook()
    notebook.follow(held, 0.0)
    return build(mirror, notebook, PopBook(), NOW)


def with_pop(url: str, outcome: PopOutcome = PopOutcome.PENDING) -> AgentCall:
    """An answered call with a screen pop."""
    pop = ScreenPopView(id="pop-1", url=url, label="account page", outcome=outcome)
    return call(stage=CallStage.CONNECTED, answered_at=NOW - timedelta(seconds=5), screen_pop=pop)


@pytest.mark.parametrize(
    ("status", "ready", "not_ready"),
    [
        (AgentStatus.READY, False, True),
        (AgentStatus.NOT_READY, True, True),
        (AgentStatus.SIGNED_OUT, True, True),
        (AgentStatus.RINGING, False, False),
        (AgentStatus.TALKING, False, False),
        (AgentStatus.WRAP_UP, False, False),
    ],
)
def test_the_buttons_allow_what_the_node_would(status: AgentStatus, ready: bool, not_ready: bool) -> None:
    """And nothing while the node is away."""
    header = shown(status).header
    assert header is not None
    assert (header.ready_enabled, header.not_ready_enabled) == (ready, not_ready)
    away = shown(status, link=Link.AWAY).header
    assert away is not None
    assert not away.ready_enabled
    assert not away.not_ready_enabled


def test_time_in_state_and_reason() -> None:
    """The time counts from when the state began."""
    mirror = mirrors.with_agent(START, agent(AgentStatus.NOT_READY, reason="Lunch"))
    header = build(mirror, Notebook(), PopBook(), NOW).header
    assert header is not None
    assert header.status.text == "Not ready · Lunch"
    assert header.in_state == "1:05"


@pytest.mark.parametrize(("seconds", "text"), [(-3, "0:00"), (59.9, "0:59"), (61, "1:01"), (3661, "1:01:01")])
def test_durations(seconds: float, text: str) -> None:
    """A clock that runs ahead shows zero, not less."""
    assert span(seconds) == text


def test_a_ringing_call() -> None:
    """Who, why first, and what to do."""
    card = shown(AgentStatus.RINGING, CALL).card
    assert card is not None
    assert (card.title, card.number, card.hint) == ("Maria Garcia", CALL.number, "Answer on your phone")
    assert card.cases is not None
    (case,) = card.cases.cases
    assert (case.priority.tone, case.owner) == (Tone.BAD, "Alice")
    assert card.reasons == ("open case, priority High",)
    assert card.queue == "Support"
    assert card.ringing


@pytest.mark.parametrize(
    ("found", "title", "words"),
    [
        (MatchView(result="none"), "Unknown caller", "No account in Salesforce has this number."),
        (MatchView(result="withheld"), "Number withheld", "The caller withheld the number"),
        (MatchView(result="error", detail="no answer in 3 s"), "Unknown caller", "no answer in 3 s"),
        (MatchView(result="pending"), "Unknown caller", "Looking up"),
        (
            MatchView(result="many", candidates=(CONTACT, ACCOUNT)),
            "One of several callers",
            "2 records in Salesforce have this number.",
        ),
        (MatchView(result="many", account=ACCOUNT, candidates=(CONTACT,)), "Northwind", "1 records"),
    ],
)
def test_the_result_of_the_look_up_in_words(found: MatchView, title: str, words: str) -> None:
    """Each of the five edges, and the one that is still open."""
    card = build_card(call(match=found))
    assert card.title == title
    assert card.match is not None
    assert words in card.match.text
    shown = card.chooser.candidates if card.chooser else ()
    assert [row.id for row in shown] == [item.id for item in found.candidates]


JO = RecordView(object="Contact", id="0031", name="Jo", account="Farms", url="", reason="Mobile")
FIRM = RecordView(object="Account", id="0012", name="Dairy", account="Dairy", url="", reason="Phone")
SHARED = MatchView(result="many", candidates=(JO, FIRM))


@pytest.mark.parametrize(
    ("stage", "enabled"),
    [
        (CallStage.OFFERED, False),
        (CallStage.CONNECTED, True),
        (CallStage.ON_HOLD, True),
        (CallStage.WRAP_UP, True),
    ],
)
def test_a_caller_is_chosen_once_he_can_be_asked(stage: CallStage, enabled: bool) -> None:
    """The account's own name is not said twice."""
    chooser = build_card(call(match=SHARED, stage=stage)).chooser
    assert chooser is not None
    assert [(row.name, row.account, row.why) for row in chooser.candidates] == [
        ("Jo", "Farms", "Mobile"),
        ("Dairy", "", "Phone"),
    ]
    assert (chooser.enabled, chooser.title) == (enabled, "Who is calling?")


def test_who_was_chosen_is_shown_as_known_and_can_be_put_right() -> None:
    """Until his cases are read he may be asked for again."""
    chosen = SHARED.model_copy(update={"result": "one", "contact": JO})
    card = build_card(call(match=chosen, stage=CallStage.CONNECTED))
    assert (card.title, card.match) == ("Jo", None)
    assert card.chooser is not None
    assert card.chooser.settled
    assert [row.id for row in card.chooser.candidates] == [FIRM.id]
    unread = chosen.model_copy(update={"cases_known": False, "detail": "no answer in time"})
    card = build_card(call(match=unread, stage=CallStage.CONNECTED))
    assert card.chooser is not None
    assert [row.id for row in card.chooser.candidates] == [JO.id, FIRM.id]
    assert card.cases is not None
    assert card.cases.title == "The open cases could not be read: no answer in time"
    reading = build_card(call(match=unread.model_copy(update={"detail": ""}))).cases
    assert reading is not None
    assert reading.title == "Reading the open cases…"


def test_a_colleagues_case_is_marked() -> None:
    own = KNOWN.cases[0]
    cases = (own, own.model_copy(update={"own": False}))
    card = build_card(call(match=KNOWN.model_copy(update={"cases": cases})))
    assert card.cases is not None
    assert [case.subject for case in card.cases.cases] == [own.subject, f"{own.subject} (a colleague’s)"]


def test_a_known_caller_needs_no_sentence_and_shows_that_no_case_is_open() -> None:
    """An empty list of cases is an answer when the caller is known, and none when not."""
    known = build_card(call(match=KNOWN.model_copy(update={"cases": ()})))
    assert known.match is None
    assert known.cases is not None
    assert known.cases.title == "No open cases"
    assert build_card(call(match=MatchView(result="none"))).cases is None


def test_a_name_from_the_network_is_never_the_title() -> None:
    """Anybody can send any name."""
    card = build_card(call(match=MatchView(result="none"), caller_name="Your Bank"))
    assert card.title == "Unknown caller"
    assert "Your Bank" in card.network_name


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "/relative", "https://", "ftp://x/y"]
)
def test_only_web_addresses_become_links(url: str) -> None:
    """A record's text is shown without its link."""
    record = CONTACT.model_copy(update={"url": url})
    card = build_card(call(match=MatchView(result="many", candidates=(record,))))
    assert card.chooser is not None
    assert card.chooser.candidates[0].url is None
    pop = shown(AgentStatus.TALKING, with_pop(url)).pop
    assert pop is not None
    assert pop.url is None
    assert pop.urgent


def test_a_pending_pop_opens_by_itself_and_a_blocked_one_asks() -> None:
    """A person's click opens what the browser blocked."""
    pending = shown(AgentStatus.TALKING, with_pop("https://sf.example/1")).pop
    assert pending is not None
    assert pending.auto
    blocked = shown(AgentStatus.TALKING, with_pop("https://sf.example/1", PopOutcome.BLOCKED)).pop
    assert blocked is not None
    assert (blocked.auto, blocked.urgent) == (False, True)
    assert "blocked" in blocked.text


def test_the_clock_of_a_call() -> None:
    """Talking counts up; wrap-up counts down and can be finished while the node is there."""
    talking = shown(AgentStatus.TALKING, with_pop("https://sf.example/1")).clock
    assert talking is not None
    assert talking.text == "Talking 0:05"
    held = call(stage=CallStage.WRAP_UP, answered_at=NOW, wrap_up_ends_at=NOW + timedelta(seconds=42))
    wrap_up = shown(AgentStatus.WRAP_UP, held).clock
    assert wrap_up is not None
    assert (wrap_up.text, wrap_up.finish_enabled) == ("Wrap-up ends in 0:42", True)
    away = shown(AgentStatus.WRAP_UP, held, Link.AWAY).clock
    assert away is not None
    assert away.finish_enabled is False


def test_hold_is_shown() -> None:
    """In words, not by colour alone."""
    card = shown(AgentStatus.TALKING, call(stage=CallStage.ON_HOLD)).card
    assert card is not None
    assert card.stage.text == "On hold"


def test_a_missed_call_is_said_until_the_agent_is_ready() -> None:
    """Even when the node gives another reason for it."""
    ringing = mirrors.with_agent(START, agent(AgentStatus.RINGING, CALL))
    missed = mirrors.with_agent(ringing, agent(AgentStatus.NOT_READY, reason="declined"))
    assert build(missed, Notebook(), PopBook(), NOW).missed
    assert not mirrors.with_agent(missed, AGENT).missed
    lunch = agent(AgentStatus.NOT_READY, reason="Lunch").model_copy(update={"since": NOW})
    assert not mirrors.with_agent(missed, lunch).missed
    assert mirrors.with_agent(START, agent(AgentStatus.NOT_READY, reason="RONA")).missed


def test_away_says_that_notes_are_kept_if_there_are_any() -> None:
    """Otherwise there is nothing to reassure about."""
    plain = shown(AgentStatus.TALKING, CALL, Link.AWAY).banner
    assert plain is not None
    assert "notes" not in plain.text
    notebook = Notebook()
    notebook.follow(CALL, 0.0)
    notebook.change("call-1", lambda draft: notes.edited(draft, "x", 0.0))
    away = mirrors.with_link(mirrors.with_agent(START, agent(AgentStatus.TALKING, CALL)), Link.AWAY)
    banner = build(away, notebook, PopBook(), NOW).banner
    assert banner is not None
    assert "notes are kept" in banner.text


def test_events_change_the_mirror() -> None:
    """Snapshot, own agent, own pop and queues; others' agents are ignored."""
    seen = mirrors.apply(
        START,
        event("snapshot", agents=[AGENT.model_dump(mode="json")], queues=[QUEUE.model_dump(mode="json")]),
    )
    assert seen.link is Link.UP
    assert seen.me == AGENT
    other = AGENT.model_copy(update={"id": "bob"}).model_dump(mode="json")
    assert mirrors.apply(seen, event("agent", agent=other)).me == AGENT
    talking = mirrors.with_agent(seen, agent(AgentStatus.TALKING, CALL))
    pop = {"id": "p", "url": "https://sf.example/1", "label": "", "outcome": "pending"}
    popped = mirrors.apply(talking, event("screen_pop", "call-1", agent="alice", pop=pop)).me
    assert popped is not None
    assert popped.call is not None
    assert popped.call.screen_pop is not None
    assert mirrors.apply(talking, event("screen_pop", "call-1", agent="bob", pop=pop)) is talking
    assert mirrors.apply(talking, event("something new")) is talking


def test_the_oldest_wait_goes_on_between_events() -> None:
    """Only in queues that the agent serves."""
    seen = mirrors.with_agent(
        mirrors.apply(START, event("queue", queue=QUEUE.model_dump(mode="json"))), AGENT
    )
    row = build(seen, Notebook(), PopBook(), NOW + timedelta(seconds=15)).queues[0]
    assert (row.waiting, row.text) == (2, "longest 0:45 · 1 of 3 agents ready")
    elsewhere = AGENT.model_copy(update={"queues": ("Sales",)})
    assert build(mirrors.with_agent(seen, elsewhere), Notebook(), PopBook(), NOW).queues == ()


def test_an_event_that_breaks_the_contract_is_an_error() -> None:
    """Whoever applies it decides what then."""
    with pytest.raises(ValueError, match="AgentView"):
        mirrors.apply(START, event("agent", agent={"id": 5}))
