"""Calls, their notes, screen pops and variables."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from ivr.api.access import CallPath, Limit, TheApi, TheCaller, TheOperator, audience_of, for_agent, may_touch
from ivr.api.documents import ConflictProblem, SetVariable
from ivr.api.errors import NotFound
from ivr.api.models import AckPop, CallSummary, CallView, ChooseCaller, MatchView, NoteView, Problem, SaveNote
from ivr.ids import CallId
from ivr.listing import CallQuery

BeforeQuery = Annotated[CallId | None, Query(max_length=128)]
TextQuery = Annotated[str, Query(max_length=64)]
EndingQuery = Annotated[str | None, Query(max_length=64)]
NamePath = Annotated[str, Path(max_length=128)]


async def list_calls(
    caller: TheCaller,
    api: TheApi,
    limit: Limit = 100,
    before: BeforeQuery = None,
    text: TextQuery = "",
    ending: EndingQuery = None,
) -> list[CallSummary]:
    """The newest calls, running and over; an agent sees those that it took. `before` is the id of the last
    call of a page and gives the next page; `text` is looked for in number, queue, entry point, agent, id."""
    if before is not None:
        await may_touch(api, caller, before)
    query = CallQuery(limit=limit, before=before, agent=audience_of(caller), ending=ending, text=text.strip())
    return await api.node.calls(query)


async def show_call(call_id: CallPath, caller: TheCaller, api: TheApi) -> CallView:
    """One call with its record, notes and timeline."""
    await may_touch(api, caller, call_id)
    call = await api.node.call(call_id)
    if call is None:
        raise NotFound("There is no such call.")
    return call


async def hang_up(call_id: CallPath, operator: TheOperator, api: TheApi) -> None:
    """End a running call."""
    await api.node.hang_up(call_id)


async def show_note(call_id: CallPath, caller: TheCaller, api: TheApi) -> NoteView:
    """The call's note; revision 0 when there is none yet."""
    await may_touch(api, caller, call_id)
    note = await api.node.note(call_id)
    if note is None:
        raise NotFound("There is no such call.")
    return note


async def save_note(call_id: CallPath, body: SaveNote, caller: TheCaller, api: TheApi) -> NoteView:
    """Replace the note. 409 with what stands there now when another revision was saved meanwhile."""
    await may_touch(api, caller, call_id)
    return await api.node.save_note(call_id, audience_of(caller), body.text, body.revision)


async def end_wrap_up(call_id: CallPath, caller: TheCaller, api: TheApi) -> None:
    """The agent is done with the call; its write-back may go."""
    await api.node.end_wrap_up(await for_agent(api, caller, call_id), call_id)


async def set_variable(
    call_id: CallPath, name: NamePath, body: SetVariable, caller: TheCaller, api: TheApi
) -> None:
    """Set a flow variable that agents may edit."""
    await may_touch(api, caller, call_id)
    await api.node.set_variable(call_id, audience_of(caller), name, body.value)


async def choose_caller(call_id: CallPath, body: ChooseCaller, caller: TheCaller, api: TheApi) -> MatchView:
    """Say which of the candidates is calling, during the conversation or in wrap-up."""
    await for_agent(api, caller, call_id)
    return await api.node.choose_caller(call_id, body.object, body.id)


async def acknowledge_pop(
    call_id: CallPath, pop_id: NamePath, body: AckPop, caller: TheCaller, api: TheApi
) -> None:
    """What became of a screen pop on the agent's desktop."""
    agent_id = await for_agent(api, caller, call_id)
    await api.node.acknowledge_pop(agent_id, call_id, pop_id, body.outcome)


def call_routes() -> APIRouter:
    """Routes under /calls."""
    router = APIRouter(prefix="/calls", tags=["calls"])
    router.get("")(list_calls)
    router.get("/{call_id}")(show_call)
    router.post("/{call_id}/hangup", status_code=204)(hang_up)
    router.get("/{call_id}/notes")(show_note)
    router.put("/{call_id}/notes", responses={409: {"model": ConflictProblem}})(save_note)
    router.post("/{call_id}/wrap-up", status_code=204)(end_wrap_up)
    router.put("/{call_id}/variables/{name}", status_code=204)(set_variable)
    router.put("/{call_id}/caller", responses={409: {"model": Problem}})(choose_caller)
    router.put("/{call_id}/screen-pops/{pop_id}", status_code=204)(acknowledge_pop)
    return router
