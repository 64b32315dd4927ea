"""What a flow's post-comments puts into the outbox at the end of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from ivr.call import Call, Place, Times
from ivr.config import Config, load_config
from ivr.connectors import comment_rules
from ivr.ids import CallId, QueueName
from ivr.posts import Post
from ivr.salesforce.model import Account, Case, Contact, Match, MatchResult
from ivr.services import Services
from ivr.store.values import CALL_TASK, CASE_COMMENT, OutboxDraft, WriteRules
from ivr.testing.clock import EPOCH, ManualClock
from ivr.timeline import Source
from ivr.treatment import CallConnector
from tests.cli_support import write_config

CALL = CallId("call-0001")
CASE, CONTACT, ACCOUNT = "500gK0000000001QAA", "003gK0000000001QAA", "001gK0000000001QAA"
OPEN = Case(id=CASE, number="1", subject="Lost")
KNOWN = Match(
    result=MatchResult.ONE,
    contact=Contact(id=CONTACT, name="Alice Morgan"),
    account=Account(id=ACCOUNT, name="Blue Harbor"),
    cases=(OPEN,),
    cases_known=True,
)


@dataclass(kw_only=True)
class Timeline:
    """Keeps the events' names."""

    events: list[str] = field(default_factory=list)

    def add(self, source: Source, event: str, **detail: object) -> None:
        self.events.append(event)


@dataclass(kw_only=True)
class EndedCall:
    """The part of a call that the connector looks at."""

    times: Times
    matches: Mapping[str, Match]
    id: CallId = CALL
    place: Place | None = None
    posts: list[Post] = field(default_factory=list)
    clock: ManualClock = field(default_factory=ManualClock)
    timeline: Timeline = field(default_factory=Timeline)


@dataclass(kw_only=True)
class Configured:
    """The part of the services that it looks at."""

    config: Config
    connectors: Mapping[str, object] = field(default_factory=dict)


def posted(
    folder: Path, call: EndedCall, write_back: str = "{}", texts: tuple[str, ...] = ("A call",)
) -> list[OutboxDraft]:
    path = write_config(folder)
    path.write_text(
        path.read_text().replace("http: {listen", f"    write_back: {write_back}\nhttp: {{listen")
    )
    services = Configured(config=load_config(path, env={}))
    connector = CallConnector(cast(Call, call), cast(Services, services), lambda match: None)

    async def main() -> None:
        for text in texts:
            await connector.post_comment("Salesforce", text)

    asyncio.run(main())
    return connector.drafts


def a_call(
    *, answered: bool = True, match: Match | None = KNOWN, at: str = "Salesforce", case: bool = True
) -> EndedCall:
    times = Times(started=EPOCH, connected=EPOCH if answered else None)
    place = Place(queue=QueueName("Support"), priority=5, reasons=()) if answered else None
    matches = {} if match is None else {at: match if case else replace(match, cases=())}
    return EndedCall(times=times, matches=matches, place=place)


def test_a_comment_by_default_held_for_the_wrap_up(tmp_path: Path) -> None:
    (draft,) = posted(tmp_path, a_call())
    assert (draft.operation, draft.marker) == (CASE_COMMENT, "[call:call-0001]")
    assert draft.target == {"connector": "Salesforce", "text": "A call", "case_id": CASE}
    assert draft.release_by is not None
    assert (draft.release_by - EPOCH).total_seconds() == 90


def test_a_task_beside_it_when_configured(tmp_path: Path) -> None:
    rules = "{call_task: true, task_subject: Phone call, task_status: Closed}"
    comment, task = posted(tmp_path, a_call(), rules)
    assert (comment.operation, task.operation) == (CASE_COMMENT, CALL_TASK)
    assert task.marker == "[call:call-0001:task]"
    assert task.target == {
        "connector": "Salesforce",
        "text": "A call",
        "who_id": CONTACT,
        "what_id": CASE,
        "subject": "Phone call",
        "status": "Closed",
    }
    assert task.release_by == comment.release_by


def test_a_flow_that_comments_twice_makes_one_task(tmp_path: Path) -> None:
    drafts = posted(tmp_path, a_call(), "{call_task: true}", ("one", "two"))
    assert [draft.marker for draft in drafts] == [
        "[call:call-0001]",
        "[call:call-0001:task]",
        "[call:call-0001:2]",
    ]


@pytest.mark.parametrize(
    ("no_case", "links"),
    [("contact", {"who_id": CONTACT}), ("account", {"what_id": ACCOUNT}), ("nothing", None)],
)
def test_without_a_case_the_call_goes_where_it_is_configured_to(
    no_case: str, links: dict[str, str] | None, tmp_path: Path
) -> None:
    call = a_call(case=False)
    drafts = posted(tmp_path, call, f"{{no_case: {no_case}}}")
    assert [draft.operation for draft in drafts] == ([] if links is None else [CALL_TASK])
    assert call.timeline.events == (["no_comment"] if links is None else [])
    for draft in drafts:
        assert {k: v for k, v in draft.target.items() if k.endswith("_id")} == links


@pytest.mark.parametrize(("abandoned", "number"), [("true", 1), ("false", 0)])
def test_abandoned_calls_when_configured_and_at_once(abandoned: str, number: int, tmp_path: Path) -> None:
    drafts = posted(tmp_path, a_call(answered=False), f"{{abandoned: {abandoned}}}")
    assert len(drafts) == number
    assert all(draft.release_by is None for draft in drafts)


@pytest.mark.parametrize("match", [None, Match(result=MatchResult.WITHHELD), Match(result=MatchResult.NONE)])
def test_nothing_is_written_about_a_stranger(match: Match | None, tmp_path: Path) -> None:
    call = a_call(match=match)
    assert posted(tmp_path, call, "{call_task: true}") == []
    assert call.timeline.events == ["no_comment"]


def test_what_another_connector_knows_is_nothing_to_write_to(tmp_path: Path) -> None:
    call = a_call(at="Other")
    assert posted(tmp_path, call, "{call_task: true}") == []
    assert call.timeline.events == ["no_comment"]


@pytest.mark.parametrize(("no_case", "links"), [("contact", ("who_id",)), ("account", ("what_id",))])
def test_a_colleagues_case_is_no_case_of_the_callers(
    no_case: str, links: tuple[str, ...], tmp_path: Path
) -> None:
    call = a_call(match=replace(KNOWN, cases=(replace(OPEN, own=False),)))
    (draft,) = posted(tmp_path, call, f"{{no_case: {no_case}}}")
    assert draft.operation == CALL_TASK
    assert tuple(name for name in draft.target if name.endswith("_id")) == links


def test_who_is_known_only_later_gets_what_was_posted_before(tmp_path: Path) -> None:
    """The agent says in wrap-up who called; first one of whom no case is open."""
    call = a_call(match=Match(result=MatchResult.MANY))
    services = Configured(config=load_config(write_config(tmp_path), env={}))
    connector = CallConnector(cast(Call, call), cast(Services, services), lambda match: None)
    asyncio.run(connector.post_comment("Salesforce", "A call"))
    assert connector.drafts == []
    call.matches = {"Salesforce": replace(KNOWN, cases=())}
    assert [draft.operation for draft in connector.drafts] == [CALL_TASK]
    call.matches = {"Salesforce": KNOWN}
    (draft,) = connector.drafts
    assert (draft.operation, draft.target["case_id"], draft.target["text"]) == (CASE_COMMENT, CASE, "A call")


def test_a_connector_that_is_gone_has_nothing_written(tmp_path: Path) -> None:
    call = a_call()
    call.posts.append(Post(connector="Former", text="A call"))
    services = Configured(config=load_config(write_config(tmp_path), env={}))
    assert CallConnector(cast(Call, call), cast(Services, services), lambda match: None).drafts == []


def test_a_crash_is_written_about_by_the_same_rules(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    path.write_text(
        path.read_text().replace(
            "http: {listen",
            "    write_back: {call_task: true, abandoned: false, task_subject: A call, task_status: Done}\n"
            "http: {listen",
        )
    )
    usual = WriteRules(call_task=True, abandoned=False, task_subject="A call", task_status="Done")
    assert comment_rules(load_config(path, env={})).writes == {"Salesforce": usual}
