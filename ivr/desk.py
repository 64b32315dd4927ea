"""Calls, agents and queues as the API shows them: pure translation, no state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from ivr.acd.views import AgentSnapshot, QueueSnapshot
from ivr.api.models import (
    AgentCall,
    AgentStatus,
    AgentView,
    CallStage,
    CallSummary,
    CaseView,
    MatchView,
    NoteView,
    OutboxView,
    QueuedCall,
    QueueView,
    RecordView,
    ScreenPopView,
    VariableView,
)
from ivr.call import Call, ScreenPop
from ivr.caller import shown_number
from ivr.salesforce.model import Candidate, Match
from ivr.store.values import CallRecord, Note, OutboxRow

SHOWN_DIGITS = 6
"""Fewer digits of a private number do not give it away."""

PageOf = Callable[[str, str], str]
"""Object and id to the address of the record's page; empty when there is none."""


def call_summary(call: Call) -> CallSummary:
    """A running call in a listing."""
    return CallSummary(
        call_id=call.id,
        stage=call.stage,
        entry_point=call.arrival.entry_point,
        started_at=call.times.started,
        ended_at=call.times.ended,
        number=call.caller.shown,
        match=call.match.result.value if call.match else "pending",
        queue=call.place.queue if call.place else None,
        agent=call.desk.agent,
        ending=call.ending.value if call.ending else None,
    )


def agent_view(
    snapshot: AgentSnapshot, call: Call | None, note: NoteView, page_of: PageOf, teams: tuple[str, ...]
) -> AgentView:
    """An agent, with the call that holds him."""
    return AgentView(
        id=snapshot.id,
        name=snapshot.name,
        status=AgentStatus(snapshot.state.value),
        reason=snapshot.reason,
        since=snapshot.since,
        teams=teams,
        queues=tuple(snapshot.queues),
        call=agent_call(call, snapshot, note, page_of) if call else None,
    )


def agent_call(call: Call, snapshot: AgentSnapshot, note: NoteView, page_of: PageOf) -> AgentCall:
    """A call as its agent sees it."""
    return AgentCall(
        call_id=call.id,
        stage=call.stage,
        entry_point=call.arrival.entry_point,
        queue=call.place.queue if call.place else "",
        caller_name=caller_name(call),
        number=call.caller.shown,
        match=match_view(call.match, page_of, call.candidates),
        variables=tuple(
            VariableView(
                name=v.name, label=v.label, value=_unless_private(call, v.value or ""), editable=v.editable
            )
            for v in call.flow.variables
        ),
        priority=call.place.priority if call.place else 5,
        priority_reasons=call.place.reasons if call.place else (),
        started_at=call.times.started,
        answered_at=call.times.connected,
        waited_s=round(call.waited_s, 1),
        screen_pop=pop_view(call.desk.pop) if call.desk.pop else None,
        note=note,
        wrap_up_ends_at=snapshot.wrap_up_ends_at,
    )


def _unless_private(call: Call, value: str) -> str:
    """A variable's value; a private number is masked wherever a flow has put it."""
    if not call.caller.private:
        return value
    digits = "".join(char for char in value if char.isdigit())
    numbers = (call.caller.e164 or call.caller.identity.ani or "").lstrip("+")
    # The national form is the end of the international one.
    hidden = numbers and len(digits) >= SHOWN_DIGITS and (numbers in digits or digits in numbers)
    return call.caller.shown if hidden else value


def caller_name(call: Call) -> str | None:
    """The name on screens: Salesforce's, else what the phone sent; none of a private caller's."""
    if call.match and call.match.name:
        return call.match.name
    return None if call.caller.private else call.caller.identity.display


def match_view(match: Match | None, page_of: PageOf, candidates: tuple[Candidate, ...]) -> MatchView:
    """Who the caller is, with the pages of all records; `candidates` are those to choose from."""
    if match is None:
        return MatchView(result="pending")
    account, contact = match.account, match.contact
    why = {candidate.id: candidate.reason for candidate in match.candidates}
    return MatchView(
        result=match.result.value,
        account=RecordView(
            object="Account",
            id=account.id,
            name=account.name,
            url=page_of("Account", account.id),
            reason=why.get(account.id, ""),
        )
        if account
        else None,
        contact=RecordView(
            object=contact.object,
            id=contact.id,
            name=contact.name,
            url=page_of(contact.object, contact.id),
            reason=why.get(contact.id, ""),
        )
        if contact
        else None,
        cases=tuple(
            CaseView(
                id=case.id,
                number=case.number,
                subject=case.subject,
                priority=case.priority,
                status=case.status,
                owner=case.owner,
                own=case.own,
                url=page_of("Case", case.id),
            )
            for case in match.cases
        ),
        cases_known=match.cases_known,
        candidates=tuple(
            RecordView(
                object=c.object,
                id=c.id,
                name=c.name,
                url=page_of(c.object, c.id),
                reason=c.reason,
                account=c.account_name,
            )
            for c in candidates
        ),
        detail=match.detail,
    )


def pop_view(pop: ScreenPop) -> ScreenPopView:
    """A screen pop."""
    return ScreenPopView(id=pop.id, url=pop.url, label=pop.label, outcome=pop.outcome)


def queue_view(snapshot: QueueSnapshot) -> QueueView:
    """A queue with its waiting calls."""
    return QueueView(
        name=snapshot.name,
        waiting=snapshot.waiting,
        oldest_s=round(snapshot.oldest_s, 1),
        agents_ready=snapshot.agents_ready,
        agents_signed_in=snapshot.agents_signed_in,
        calls=tuple(
            QueuedCall(
                call_id=c.call_id,
                position=c.position,
                priority=c.priority,
                reasons=c.reasons,
                waiting_s=round(c.waiting_s, 1),
            )
            for c in snapshot.calls
        ),
    )


def teams_of(agents_by_team: Mapping[str, tuple[str, ...]], agent: str) -> tuple[str, ...]:
    """The teams that an agent is in."""
    return tuple(name for name, members in agents_by_team.items() if agent in members)


def recorded_summary(record: CallRecord) -> CallSummary:
    """A call that is over, in a listing."""
    return CallSummary(
        call_id=record.call_id,
        stage=CallStage.ENDED,
        entry_point=record.entry_point,
        started_at=record.started_at,
        ended_at=record.ended_at,
        number=shown_number(record.ani, record.presentation),
        match=record.match_result or "pending",
        queue=record.queue,
        agent=record.agent,
        ending=record.ending,
    )


def record_plain(record: CallRecord) -> dict[str, Any]:
    """The record for people: a private number is masked, times stay times."""
    fields = asdict(record)
    fields["ani"] = shown_number(record.ani, record.presentation)
    return fields


def note_view(note: Note) -> NoteView:
    """A note."""
    return NoteView(text=note.text, revision=note.revision, saved_at=note.saved_at)


def outbox_view(row: OutboxRow) -> OutboxView:
    """A write to Salesforce."""
    return OutboxView(
        id=row.id,
        call_id=row.call_id,
        operation=row.operation,
        state=row.state.value,
        attempts=row.attempts,
        due_at=row.due_at,
        error=row.last_error,
        result=row.result_id,
    )
