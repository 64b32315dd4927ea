"""Tokens, sessions, and how often one may try."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.api.attempts import AttemptLimit
from ivr.api.auth import AgentCaller, Doorkeeper, OperatorCaller, Sessions, bearer, new_token
from ivr.api.errors import NotSignedIn, TooManyAttempts
from ivr.api.tokens import FILE_NAME, operator_token
from ivr.ids import AgentId
from ivr.testing.clock import ManualClock

ALICE = AgentId("alice")
BOB = AgentId("bob")


def test_a_session_tells_whose_it_is_until_it_ends() -> None:
    clock = ManualClock()
    sessions = Sessions(clock, lifetime_s=100)
    token = sessions.open(ALICE)
    clock.advance(99)
    assert sessions.find(token) == AgentCaller(id=ALICE, expires_in_s=1)
    clock.advance(1)
    assert sessions.find(token) is None


def test_only_digests_of_tokens_are_kept() -> None:
    sessions = Sessions(ManualClock())
    token = sessions.open(ALICE)
    assert token not in repr(vars(sessions))
    assert len(token) >= 43  # 256 bits in base64


def test_the_oldest_of_too_many_sessions_goes() -> None:
    sessions = Sessions(ManualClock(), each=2)
    others = sessions.open(BOB)
    first, second, third = (sessions.open(ALICE) for _ in range(3))
    assert sessions.find(first) is None
    assert sessions.find(second) is not None
    assert sessions.find(third) is not None
    assert sessions.find(others) is not None
    assert len(sessions) == 3


def test_sessions_that_are_over_take_no_room() -> None:
    clock = ManualClock()
    sessions = Sessions(clock, lifetime_s=10)
    sessions.open(ALICE)
    clock.advance(11)
    sessions.open(BOB)
    assert len(sessions) == 1


def test_closing_ends_all_sessions_of_one_agent() -> None:
    sessions = Sessions(ManualClock())
    mine, also_mine, others = sessions.open(ALICE), sessions.open(ALICE), sessions.open(BOB)
    sessions.close_all(ALICE)
    assert [sessions.find(token) is None for token in (mine, also_mine, others)] == [True, True, False]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "token"])
def test_what_is_no_bearer_header(header: str | None) -> None:
    with pytest.raises(NotSignedIn):
        bearer(header)


def test_the_scheme_is_read_in_any_case() -> None:
    assert bearer("bearer  abc ") == "abc"


def test_the_doorkeeper_tells_operator_agent_and_stranger_apart() -> None:
    sessions = Sessions(ManualClock())
    door = Doorkeeper(sessions, "op")
    assert door.caller("Bearer op") == OperatorCaller()
    caller = door.caller(f"Bearer {sessions.open(ALICE)}")
    assert isinstance(caller, AgentCaller)
    assert caller.id == ALICE
    with pytest.raises(NotSignedIn):
        door.caller("Bearer stranger")


def test_an_empty_operator_token_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        Doorkeeper(Sessions(ManualClock()), "")


@given(st.text())
def test_no_other_token_is_the_operators(token: str) -> None:
    door = Doorkeeper(Sessions(ManualClock()), new_token())
    with pytest.raises(NotSignedIn):
        door.caller(f"Bearer {token}")


def test_tries_are_limited_for_an_agent_from_a_source() -> None:
    clock = ManualClock()
    limit = AttemptLimit(clock, of_agent=2, window_s=60)
    limit.begin("alice", "a")
    limit.begin("alice", "a")
    clock.advance(20)
    with pytest.raises(TooManyAttempts) as refused:
        limit.begin("alice", "a")
    assert refused.value.retry_after_s == 40
    limit.begin("alice", "b")  # From elsewhere she still can.
    limit.begin("bob", "a")
    clock.advance(40)
    limit.begin("alice", "a")


def test_success_forgets_the_tries_of_that_agent() -> None:
    limit = AttemptLimit(ManualClock(), of_agent=1)
    for _ in range(3):
        limit.begin("alice", "a")
        limit.succeeded("alice", "a")


def test_a_source_is_limited_over_all_agents() -> None:
    limit = AttemptLimit(ManualClock(), of_source=3)
    for number in range(3):
        limit.begin(f"agent{number}", "a")
    with pytest.raises(TooManyAttempts):
        limit.begin("one more", "a")


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=200))
def test_the_table_of_tries_is_bounded(tries: list[tuple[str, str]]) -> None:
    limit = AttemptLimit(ManualClock(), of_agent=1000, of_source=1000, entries=8)
    for agent, source in tries:
        limit.begin(agent, source)
    assert len(limit) <= 8


def test_the_operator_token_is_made_once_and_only_its_owners(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    token = operator_token(folder)
    assert operator_token(folder) == token
    assert len(token) >= 43
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert os.listdir(folder) == [FILE_NAME]


def test_an_operator_token_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text("written by hand\n")
    path.chmod(0o644)
    assert operator_token(tmp_path) == "written by hand"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_empty_operator_token_file_is_filled(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    assert len(operator_token(tmp_path)) >= 43


def test_a_link_in_place_of_the_token_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("secret")
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=FILE_NAME):
        operator_token(tmp_path)
