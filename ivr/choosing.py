"""An agent says which of several candidates is calling.

The choice stands at once: in the record, on the screens, in what will be written. The person's open cases
follow within the connector's deadline, or not; the choice does not hang on them.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from ivr.api.errors import Refused
from ivr.call import Call
from ivr.drafts import drafts_of
from ivr.ending import Phase
from ivr.flow.ports import PortError
from ivr.recognition import chosen_match
from ivr.salesforce.model import Candidate, Match, MatchResult
from ivr.salesforce.reply import RequestSeen
from ivr.salesforce.soql import same_id
from ivr.services import Services
from ivr.store.errors import StoreError
from ivr.timeline import Source
from ivr.treatment import CallDesktop, write_request

NOT_IN_TIME = "no answer in time"
POP_LABEL = "account page"
log = structlog.get_logger()


async def choose_caller(call: Call, services: Services, object_: str, id_: str) -> Match:
    """The caller is this candidate; returns what is known of him then. Raises `Refused` outside of the
    conversation and its wrap-up, and for a record that is none of the candidates."""
    if call.phase is not Phase.CONVERSATION or call.desk.wrapped_up.is_set():
        raise Refused("who is calling is said during the conversation or in its wrap-up")
    candidate = _candidate(call, object_, id_)
    several = call.looked_up
    assert several is not None
    match = chosen_match(several, candidate)
    call.timeline.add(
        Source.AGENT, "caller_chosen", object=candidate.object, id=candidate.id, agent=call.desk.agent
    )
    await _stands(call, match, services)
    await _pop(call, match, services)
    return await _with_cases(call, match, services)


def _candidate(call: Call, object_: str, id_: str) -> Candidate:
    if not call.candidates:
        raise Refused("there is nobody to choose from: the look-up did not find several callers")
    for candidate in call.candidates:
        if candidate.object == object_ and same_id(candidate.id, id_):
            return candidate
    raise Refused("this record is none of those that have the caller's number")


async def _stands(call: Call, match: Match, services: Services) -> None:
    """Known to everybody; and where the call has ended already, what it left to write is planned anew."""
    call.choose(match)
    if not call.leg.ended.done():
        return
    drafts = drafts_of(call, services.config)
    call.timeline.add(Source.RECORD, "planned_again", writes=[draft.operation for draft in drafts])
    try:
        await services.store.replan(call.id, drafts)
    except StoreError as exc:  # it stays in the store's memory and is written as soon as may be
        log.warning("call.replan_deferred", error=str(exc))


async def _pop(call: Call, match: Match, services: Services) -> None:
    """Open his page as the flow would have; not one that is open already."""
    desktop, page = CallDesktop(call, services), _page(match)
    try:
        if call.desk.pop is None or call.desk.pop.url != desktop.page(page):
            await desktop.screen_pop(url=page, label=POP_LABEL)
    except PortError as exc:
        call.timeline.add(Source.AGENT, "screen_pop_failed", detail=str(exc))


def _page(match: Match) -> str:
    if match.account is not None:
        return f"salesforce:Account/{match.account.id}"
    assert match.contact is not None
    return f"salesforce:{match.contact.object}/{match.contact.id}"


async def _with_cases(call: Call, match: Match, services: Services) -> Match:
    read = await _cases_of(call, match, services)
    # He may be somebody else by now, and what is written after wrap-up is on its way.
    if call.chosen is match and not call.desk.wrapped_up.is_set():
        await _stands(call, read, services)
    return call.match or read


async def _cases_of(call: Call, match: Match, services: Services) -> Match:
    """The match with his open cases, or with the reason why they are not known."""

    def observe(seen: RequestSeen) -> None:
        write_request(call, seen)

    name = match.connector or ""
    connector = services.connectors.get(name)
    if connector is None:
        return replace(match, detail="the connector is not configured any more")
    try:
        async with asyncio.timeout(services.config.connectors[name].deadline_s):
            read = await connector.open_cases(match, observe)
    except TimeoutError:
        return replace(match, detail=NOT_IN_TIME)
    return read if read.result is MatchResult.ONE else replace(match, detail=read.detail)
