"""The chain of a caller's look-ups: one deadline, asked once, late answers kept. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ivr.config import load_config
from ivr.connectors import org_settings, timeouts
from ivr.lookup import CallerLookup
from ivr.numbers import E164
from ivr.salesforce.model import Case, Contact, Match, MatchResult
from ivr.salesforce.wire import Observe
from ivr.testing.virtual_time import LoopClock, run_virtual
from tests.cli_support import write_config

ALICE = E164("+14155550123")
ONE = Match(result=MatchResult.ONE, contact=Contact(id="003", name="Alice Morgan"))
CASE = Case(id="500", number="1", subject="Lost", priority="High")


@dataclass(kw_only=True)
class Directory:
    """Answers after a while."""

    find_s: float = 0.1
    cases_s: float = 0.1
    who: Match = ONE
    asked: list[str] = field(default_factory=list)

    async def find(self, number: E164, observe: Observe | None = None) -> Match:
        self.asked.append("find")
        await asyncio.sleep(self.find_s)
        return self.who

    async def open_cases(self, match: Match, observe: Observe | None = None) -> Match:
        self.asked.append("cases")
        await asyncio.sleep(self.cases_s)
        return replace(match, cases=(CASE,), cases_known=True)


@dataclass(kw_only=True)
class Chain:
    """A look-up with what it found."""

    directory: Directory
    found: list[Match] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def lookup(self, number: E164 | None = ALICE, *, withheld: bool = False) -> CallerLookup:
        return CallerLookup(
            self.directory,
            number,
            withheld=withheld,
            deadline_s=2.5,
            clock=LoopClock(),
            spawn=self._spawn,
            observe=lambda seen: None,
            found=self.found.append,
        )

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work, name=name))
        return self.tasks[-1]

    async def over(self) -> None:
        await asyncio.gather(*self.tasks)


def test_in_time_and_asked_once_however_many_ask() -> None:
    async def main() -> None:
        chain = Chain(directory=Directory())
        lookup = chain.lookup()
        matches = await asyncio.gather(*(lookup.find() for _ in range(5)))
        assert {match.name for match in matches} == {"Alice Morgan"}
        assert (await lookup.open_cases()).cases == (CASE,)
        assert chain.directory.asked == ["find", "cases"]
        assert [match.late for match in chain.found] == [False, False]

    run_virtual(main())


def test_the_name_comes_before_the_cases() -> None:
    async def main() -> None:
        chain = Chain(directory=Directory(cases_s=60.0))
        lookup = chain.lookup()
        assert (await lookup.find()).name == "Alice Morgan"
        match = await lookup.open_cases()
        assert (match.name, match.cases_known) == ("Alice Morgan", False)
        assert asyncio.get_running_loop().time() <= 2.6
        await chain.over()
        assert [(match.late, match.cases) for match in chain.found] == [(False, ()), (True, (CASE,))]

    run_virtual(main())


def test_one_deadline_for_all_and_a_late_answer_still_counts() -> None:
    async def main() -> None:
        chain = Chain(directory=Directory(find_s=9.0))
        lookup = chain.lookup()
        first = await lookup.find()
        assert (first.result, first.detail) == (MatchResult.ERROR, "deadline")
        began = asyncio.get_running_loop().time()
        assert (await lookup.open_cases()).detail == "deadline"
        assert asyncio.get_running_loop().time() == began, "no second wait"
        await chain.over()
        assert [(match.late, match.name) for match in chain.found] == [(True, "Alice Morgan")] * 2
        assert (await lookup.find()).late

    run_virtual(main())


def test_nobody_is_asked_about_a_number_that_is_none() -> None:
    async def main() -> None:
        for number, withheld, result in (
            (None, True, MatchResult.WITHHELD),
            (None, False, MatchResult.NONE),
        ):
            chain = Chain(directory=Directory())
            lookup = chain.lookup(number, withheld=withheld)
            assert (await lookup.open_cases()).result is result
            assert chain.directory.asked == []

    run_virtual(main())


def test_an_error_asks_for_no_cases() -> None:
    async def main() -> None:
        chain = Chain(directory=Directory(who=Match(result=MatchResult.ERROR, detail="breaker_open: x")))
        assert (await chain.lookup().open_cases()).result is MatchResult.ERROR
        await chain.over()
        assert chain.directory.asked == ["find"]

    run_virtual(main())


@pytest.mark.parametrize(
    ("deadline_s", "limit_s"), [(0.5, 10.0), (2.5, 10.0), (5.0, 10.0), (8.0, 16.0), (30.0, 60.0)]
)
def test_a_request_is_given_far_longer_than_the_caller_waits(deadline_s: float, limit_s: float) -> None:
    times = timeouts(deadline_s)
    assert (times.read_s, times.login_s) == (limit_s, limit_s)
    assert times.operation_s > times.read_s


def test_a_configured_deadline_reaches_the_connector(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    path.write_text(path.read_text().replace("http: {listen", "    deadline_s: 12\nhttp: {listen"))
    config = load_config(path, env={})
    assert org_settings("Salesforce", config.connectors["Salesforce"], config).timeouts == timeouts(12.0)
