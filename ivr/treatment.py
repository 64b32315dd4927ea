"""The flow's ports on a real call: its queue, the systems behind the phone, the agent's desktop.

The voice has a module of its own. Each port turns what the flow asks into the call's verbs and writes what
came of it on the timeline.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from ivr.acd.errors import AcdError, AgentUnavailable
from ivr.acd.score import Score, ScoreTable, score
from ivr.api.models import CallStage
from ivr.call import Call, Place, ScreenPop
from ivr.connectors import score_table, write_rules
from ivr.drafts import drafts_of
from ivr.ending import Phase
from ivr.flow.ports import (
    AgentNotAvailable,
    AgentOrder,
    HttpRequest,
    HttpResponse,
    PortError,
    Queued,
    QueueStanding,
)
from ivr.ids import QueueName
from ivr.lookup import CallerLookup
from ivr.numbers import to_e164
from ivr.posts import Post
from ivr.recognition import connector_with
from ivr.salesforce.connector import SalesforceConnector
from ivr.salesforce.errors import DeadlineExceeded, SalesforceError, TimedOut
from ivr.salesforce.model import Match
from ivr.salesforce.reply import RequestSeen
from ivr.services import Services
from ivr.store.values import OutboxDraft
from ivr.timeline import Source
from ivr.writes import known_of, planned

SALESFORCE_PAGE = "salesforce:"
RELEASE_MARGIN_S = 30.0


def score_of(match: Match | None, table: ScoreTable | None = None) -> Score:
    """The caller's priority, from the most urgent of his own open cases and the account."""
    cases = [case.priority for case in match.own_cases] if match else []
    account = match.account if match else None
    customer, sla = (account.priority, account.sla) if account else (None, None)
    scores = [score(case, customer, sla, table=table or ScoreTable()) for case in cases or [None]]
    return min(scores, key=lambda by: by.priority)


class CallQueue:
    """Implements the flow's `Queue`."""

    def __init__(self, call: Call, services: Services) -> None:
        self._call = call
        self._acd = services.acd
        self._settings = services.config.connectors
        self._scored = False

    async def enqueue(self, queue: str, *, priority: int | None) -> Queued:
        """Queue the call; a priority of None is scored now, and again when Salesforce tells more."""
        by = self._score(priority)
        try:
            self._acd.enqueue(self._call.id, QueueName(queue), by.priority, by.reasons)
        except AcdError as exc:
            raise PortError(str(exc)) from exc
        return self._queued(by, priority is None)

    async def enqueue_agent(self, order: AgentOrder) -> Queued | AgentNotAvailable:
        """Queue the call for one agent, or where it goes when he is not available."""
        by = self._score(order.priority)
        recovery = None if order.recovery_queue is None else QueueName(order.recovery_queue)
        try:
            self._acd.enqueue_agent(
                self._call.id,
                QueueName(order.queue),
                self._acd.agent_named(order.agent),
                by.priority,
                by.reasons,
                park=order.park,
                recovery=recovery,
            )
        except AgentUnavailable as exc:
            return AgentNotAvailable(reason=exc.state)
        except AcdError as exc:
            raise PortError(str(exc)) from exc
        return self._queued(by, order.priority is None)

    def _score(self, priority: int | None) -> Score:
        if priority is None:
            return self._scored_now()
        return Score(priority=priority, reasons=("set by the flow",))

    def _scored_now(self) -> Score:
        """By the table of the connector that knows the caller, or of the first where none has told."""
        match = self._call.match
        first = next(iter(self._settings), "")
        settings = self._settings.get((match and match.connector) or first)
        return score_of(match, score_table(settings))

    def _queued(self, by: Score, scored: bool) -> Queued:
        """The call has its place: what the record and the screens show of it."""
        call, self._scored = self._call, scored
        now = self._acd.call(call.id)
        call.place = Place(queue=now.queue, priority=by.priority, reasons=now.reasons)
        call.times.queued = call.times.queued or call.clock.now()
        only = {} if now.only_agent is None else {"agent": str(now.only_agent)}
        call.timeline.add(
            Source.QUEUE,
            "queued",
            queue=now.queue,
            priority=by.priority,
            reasons=list(now.reasons),
            **only,
        )
        call.moved(CallStage.QUEUED, Phase.QUEUED)
        call.queued.set()
        return Queued(queue=now.queue, priority=by.priority, reasons=now.reasons, agent=now.only_agent)

    def position(self) -> int | None:
        """The place in the queue."""
        return self._acd.position(self._call.id)

    async def look_up(self, queue: str, *, lookback_s: float) -> QueueStanding:
        """How a queue stands now."""
        try:
            now = self._acd.queue(QueueName(queue))
            place_s = self._acd.place_s(QueueName(queue), lookback_s)
        except AcdError as exc:
            raise PortError(str(exc)) from exc
        return QueueStanding(
            waiting=now.waiting,
            oldest_s=now.oldest_s,
            agents_ready=now.agents_ready,
            agents_signed_in=now.agents_signed_in,
            place_s=place_s,
        )

    def rescore(self) -> None:
        """Salesforce has told more: the waiting call may move up."""
        place = self._call.place
        if place is None or not self._scored:
            return
        by = self._scored_now()
        if by.priority != place.priority:
            self._acd.rescore(self._call.id, by.priority, by.reasons)
            self._call.timeline.add(
                Source.QUEUE,
                "rescored",
                before=place.priority,
                priority=by.priority,
                reasons=list(by.reasons),
            )
        self._call.place = Place(queue=place.queue, priority=by.priority, reasons=by.reasons)


class CallConnector:
    """Implements the flow's `Connector`: one look-up a connector and call, comments into the outbox."""

    def __init__(self, call: Call, services: Services, found: Callable[[Match], None]) -> None:
        self._call = call
        self._services = services
        self._found = found
        self._lookups: dict[tuple[str, str], CallerLookup] = {}
        self._latest: dict[str, CallerLookup] = {}

    async def find(self, connector: str, number: str) -> Match:
        """Who has this number; an empty one is the caller's own, which is withheld or no public one."""
        if connector not in self._services.connectors:
            raise PortError(f"no connector {connector!r}")
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
        """Put what the connector writes about a call into the outbox: a comment on the case, a Task, both;
        nothing for a caller whom it does not know, whatever another connector told."""
        self._call.posts.append(Post(connector=connector, text=text, release_by=self._release_by()))
        rules = write_rules(self._services.config.connectors[connector])
        known = known_of(self._call.matches.get(connector))
        answered = self._call.times.connected is not None
        if not planned(rules, known, answered=answered):
            self._call.timeline.add(Source.RECORD, "no_comment", case=known.case_id, abandoned=not answered)

    @property
    def drafts(self) -> list[OutboxDraft]:
        """The outbox rows of what was posted, for the caller as he is known now."""
        return drafts_of(self._call, self._services.config)

    def _release_by(self) -> datetime | None:
        """When the comment goes at the latest, should nobody end the wrap-up; None: at once."""
        if self._call.times.connected is None or self._call.place is None:
            return None
        wrap_up_s = self._services.config.queues[self._call.place.queue].wrap_up_s
        return self._call.clock.now() + timedelta(seconds=wrap_up_s + RELEASE_MARGIN_S)

    async def request(self, request: HttpRequest) -> HttpResponse:
        """One HTTP request to a configured connector. Raises TimeoutError when no answer came in time."""
        target = self._services.connectors.get(request.connector)
        if target is None:
            raise PortError(f"no connector {request.connector!r}")
        try:
            reply = await target.request(
                request.method,
                request.path,
                request.query,
                request.headers,
                request.body,
                request.timeout_s,
                self.observe,
            )
        except (TimedOut, DeadlineExceeded) as exc:
            raise TimeoutError(str(exc)) from exc
        except SalesforceError as exc:
            raise PortError(str(exc)) from exc
        headers = {"content-type": reply.content_type} if reply.content_type else {}
        return HttpResponse(status=reply.status, body=reply.text, headers=headers)

    def observe(self, seen: RequestSeen) -> None:
        """A request was made for this call."""
        write_request(self._call, seen)

    def _new_lookup(self, connector: str, number: str) -> CallerLookup:
        call, config = self._call, self._services.config
        lookup = self._lookups[connector, number] = CallerLookup(
            self._services.connectors[connector],
            to_e164(number, config.region) if number else call.caller.e164,
            withheld=not number and call.caller.withheld,
            deadline_s=config.connectors[connector].deadline_s,
            clock=call.clock,
            spawn=call.spawn,
            observe=self.observe,
            found=lambda match: self._found(replace(match, connector=connector)),
        )
        return lookup


def write_request(call: Call, seen: RequestSeen) -> None:
    """A request to Salesforce on the call's timeline."""
    call.timeline.add(
        Source.SALESFORCE,
        "request",
        operation=seen.operation,
        status=seen.status,
        outcome=seen.outcome,
        ms=round(seen.seconds * 1000),
    )


class CallDesktop:
    """Implements the flow's `Desktop`."""

    def __init__(self, call: Call, services: Services) -> None:
        self._call = call
        self._services = services

    async def screen_pop(self, *, url: str, label: str) -> None:
        """Hand a page to the agent's desktop. Raises PortError when there is no such page."""
        address = self.page(url)
        self._call.desk.pop = ScreenPop(id=secrets.token_hex(8), url=address, label=label)
        self._call.timeline.add(Source.AGENT, "screen_pop", label=label, agent=self._call.desk.agent)
        self._services.on_screen_pop(self._call)

    def page(self, url: str) -> str:
        """The web address of a page; raises PortError when there is none."""
        if not url.startswith(SALESFORCE_PAGE):
            return url
        object_, slash, id_ = url.removeprefix(SALESFORCE_PAGE).partition("/")
        connector = self._connector_of(id_)
        if connector is None or not slash:
            raise PortError(f"no page for {url!r}")
        try:
            return connector.record_page(object_, id_)
        except SalesforceError as exc:
            raise PortError(str(exc)) from exc

    def _connector_of(self, id_: str) -> SalesforceConnector | None:
        """The connector that told of the record, else the one that knows the caller, else the first."""
        match, connectors = self._call.match, self._services.connectors
        name = connector_with(self._call.matches, id_) or (match and match.connector)
        return connectors.get(name or next(iter(connectors), ""))
