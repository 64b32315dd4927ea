"""What stands behind the phone, as a scenario scripts it: Salesforce, other systems, the agent's desktop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from ivr.clock import Clock
from ivr.flow.ports import HttpRequest, HttpResponse, PortError, TransferOrder, TransferOutcome
from ivr.flow.rig.answers import AnswerScript, body_of
from ivr.flow.rig.scenario import Salesforce, Scenario, ScriptedTransfer
from ivr.flow.rig.story import Comment, Kind, Story
from ivr.lookup import CallerLookup, request_limit_s
from ivr.numbers import E164, to_e164
from ivr.salesforce.model import Account, Candidate, Case, Contact, Match, MatchResult
from ivr.salesforce.wire import Observe
from ivr.store.values import CASE_COMMENT, WriteRules
from ivr.writes import known_of, planned, task_links

DEFAULT_REGION = "US"
_TOO_SLOW = "timeout: no answer"
WRITES = WriteRules()
"""What is written about a call, as a connector does it that is not told otherwise."""
_READS = frozenset({"GET", "HEAD"})
_NO_SESSION, _SERVER_FAULT = 401, 500
_REDIRECTS = (301, 400)
Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


class ScriptedDirectory:
    """The `Directory` of the real look-up, with the scenario's answers."""

    def __init__(self, script: Salesforce, story: Story) -> None:
        self._script = script
        self._story = story

    async def find(self, number: E164, observe: Observe | None = None) -> Match:
        """Who has the number: ids and names, as a search gives them."""
        self._story.add(Kind.ASKED, f"find {number}")
        if not await self._answers(self._script.find_after_s):
            return Match(result=MatchResult.ERROR, detail=_TOO_SLOW)
        return found(self._script)

    async def open_cases(self, match: Match, observe: Observe | None = None) -> Match:
        """The whole records and the open cases."""
        self._story.add(Kind.ASKED, "open_cases")
        if not await self._answers(self._script.cases_after_s):
            return replace(match, detail=_TOO_SLOW)
        if self._script.cases_fail is not None:
            return replace(match, detail=self._script.cases_fail)
        return filled(self._script, match)

    async def _answers(self, after_s: float) -> bool:
        """Whether an answer after so many seconds is waited for; a real connector gives up before a slow
        one."""
        limit_s = request_limit_s(self._script.deadline_s)
        await asyncio.sleep(min(after_s, limit_s))
        return after_s < limit_s


def found(script: Salesforce) -> Match:
    """What a search for the caller's number gives."""
    account, contact = script.account, script.contact
    if script.result in (MatchResult.ERROR, MatchResult.NONE):
        detail = "the scenario says so" if script.result is MatchResult.ERROR else ""
        return Match(result=script.result, detail=detail)
    return Match(
        result=script.result,
        account=Account(id=account.id, name=account.name) if account else None,
        contact=_contact(script),
        candidates=_candidates(script) if contact is None else (),
    )


def filled(script: Salesforce, match: Match) -> Match:
    """`match` with what the second request reads."""
    account = script.account
    cases = tuple(
        Case(id=case.id, number=case.number, subject=case.subject, priority=case.priority, status=case.status)
        for case in script.cases
    )
    whole = (
        None
        if account is None
        else Account(id=account.id, name=account.name, priority=account.priority, sla=account.sla)
    )
    return replace(match, account=whole, cases=cases, cases_known=True)


def _contact(script: Salesforce) -> Contact | None:
    if script.contact is None:
        return None
    account_id = script.account.id if script.account else None
    return Contact(
        id=script.contact.id, name=script.contact.name, object=script.contact.object, account_id=account_id
    )


def _candidates(script: Salesforce) -> tuple[Candidate, ...]:
    if script.result is not MatchResult.MANY:
        return ()
    account_id = script.account.id if script.account else None
    return tuple(
        Candidate(object="Contact", id=f"00300000000009{n}AAA", name=f"Person {n}", account_id=account_id)
        for n in (1, 2)
    )


class RigConnector:
    """Implements the flow's `Connector`: the real look-up on the scripted directory."""

    def __init__(
        self,
        scenario: Scenario,
        story: Story,
        clock: Clock,
        *,
        spawn: Spawn,
        found: Callable[[Match], None],
        match: Callable[[], Match | None],
    ) -> None:
        self._scenario = scenario
        self._script = scenario.salesforce
        self._story = story
        self._clock = clock
        self._spawn = spawn
        self._found = found
        self._match = match
        self._lookups: dict[tuple[str, str], CallerLookup] = {}
        self._latest: dict[str, CallerLookup] = {}
        self._answers = AnswerScript(self._script.http)

    async def find(self, connector: str, number: str) -> Match:
        """Who has this number."""
        lookup = self._lookups.get((connector, number)) or self._new_lookup(connector, number)
        self._latest[connector] = lookup
        return await lookup.find()

    async def open_cases(self, connector: str) -> Match:
        """The caller with account, contact and open cases."""
        lookup = self._latest.get(connector)
        if lookup is None:
            raise PortError(f"nobody was looked up at {connector!r} yet")
        return await lookup.open_cases()

    async def post_comment(self, connector: str, text: str) -> None:
        """To the case, or as a Task where there is none: what a real call would write by default. As there it
        goes into the outbox, which a fault of Salesforce fails and not the flow."""
        known = known_of(self._match())
        operations = planned(WRITES, known, answered=self._story.agent is not None)
        if not operations:
            self._story.add(Kind.NOT_WRITTEN, "there is nothing in Salesforce to write it to")
        for operation in operations:
            links = task_links(WRITES, known)
            comment = (
                Comment(text=text, case=known.case_id)
                if operation == CASE_COMMENT
                else Comment(text=text, task_on=links.get("who_id") or links.get("what_id"))
            )
            self._write(comment)

    def _write(self, comment: Comment) -> None:
        if self._script.writes_fail is not None:
            self._story.refused.append(comment)
            self._story.add(Kind.NOT_WRITTEN, f"{comment}: {self._script.writes_fail}")
            return
        self._story.comments.append(comment)
        self._story.add(Kind.WRITTEN, str(comment))

    async def request(self, request: HttpRequest) -> HttpResponse:
        """The scripted answer that fits. A read that fails at once is asked again once, as by a real
        connector. Raises `PortError` when there is no answer."""
        reads = request.method.upper() in _READS
        try:
            response = await self._once(request)
        except _Unscripted:
            raise
        except PortError:
            if not reads:
                raise
        else:
            if not reads or response.status < _SERVER_FAULT:
                return response
        return await self._once(request)

    async def _once(self, request: HttpRequest) -> HttpResponse:
        response = await self._ask(request)
        if response.status == _NO_SESSION:  # the session is renewed, and the request sent again
            response = await self._ask(request)
        if _REDIRECTS[0] <= response.status < _REDIRECTS[1]:
            raise PortError("a redirect, which is never followed")
        return response

    async def _ask(self, request: HttpRequest) -> HttpResponse:
        path = request.path.partition("?")[0]
        self._story.add(Kind.ASKED, f"{request.method} {path}")
        answer = self._answers.take(request.connector, request.method, request.path)
        if answer is None:
            self._story.add(Kind.FAULT, f"no scripted answer for {request.method} {path}")
            raise _Unscripted("the scenario has no answer for this request")
        await asyncio.sleep(min(answer.after_s, request.timeout_s))
        if answer.after_s > request.timeout_s:
            raise TimeoutError
        if answer.fails is not None:
            raise PortError(answer.fails)
        return HttpResponse(status=answer.status, body=body_of(answer))

    def _new_lookup(self, connector: str, number: str) -> CallerLookup:
        lookup = self._lookups[connector, number] = CallerLookup(
            ScriptedDirectory(self._script, self._story),
            to_e164(number, DEFAULT_REGION) if number else None,
            withheld=not number and self._scenario.caller.number is None,
            deadline_s=self._script.deadline_s,
            clock=self._clock,
            spawn=self._spawn,
            observe=lambda _: None,
            found=self._found,
        )
        return lookup


class _Unscripted(PortError):
    """The scenario does not say what the answer is: asking again would not help."""


class RigTransfer:
    """Implements the flow's `Transfer`: whoever is called does what the scenario says."""

    def __init__(
        self, targets: Sequence[ScriptedTransfer], story: Story, talking: Callable[[], None]
    ) -> None:
        """`talking` is told when the far end has answered."""
        self._targets = targets
        self._story = story
        self._talking = talking

    async def transfer(self, order: TransferOrder) -> TransferOutcome:
        """The target rings and answers, or does not. Raises `PortError` for one that is not scripted."""
        self._story.add(Kind.TRANSFERRED, order.target)
        target = next((entry for entry in self._targets if entry.to in order.target), None)
        if target is None:
            self._story.add(Kind.FAULT, f"no scripted target {order.target}")
            raise PortError("the scenario has no such target")
        if target.outcome is TransferOutcome.TALKED and target.after_s > order.ring_s:
            await asyncio.sleep(order.ring_s)
            return TransferOutcome.NO_ANSWER
        await asyncio.sleep(min(target.after_s, order.ring_s))
        if target.outcome is TransferOutcome.TALKED:
            self._talking()
            self._story.add(Kind.SPOKE, f"with {order.target}")
            await asyncio.sleep(target.talks_s)
        return target.outcome


class RigDesktop:
    """Implements the flow's `Desktop`."""

    def __init__(self, story: Story) -> None:
        self._story = story

    async def screen_pop(self, *, url: str, label: str) -> None:
        """Write the page down."""
        self._story.add(Kind.POPPED, url)
