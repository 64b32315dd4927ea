"""A Task for a call, made once: looked for by its CallObject before it is created, or upserted by a field
that the org keeps for it.

CallObject is any text of at most 255 characters and can be filtered, so a Task whose creation went unanswered
is found by the next attempt, which must not come while the first may still be at work. With an external id
Salesforce itself keeps a second from becoming another record, should the two meet all the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from urllib.parse import quote

from ivr.salesforce import queries
from ivr.salesforce.client import ApiCall, SalesforceClient
from ivr.salesforce.errors import BadRequest
from ivr.salesforce.news import Purpose
from ivr.salesforce.quota import Need
from ivr.salesforce.records import read_created, read_tasks, read_upserted
from ivr.salesforce.settings import SalesforceSettings
from ivr.salesforce.soql import record_id
from ivr.salesforce.turns import Turns
from ivr.salesforce.wire import Observe
from ivr.salesforce.writeback import WriteOutcome, WriteResult

TaskValues = Mapping[str, str | int]
"""Fields of a Task by their API names, of which CallObject and ActivityDate (YYYY-MM-DD) are always there."""

_CALL_ID_CHARACTERS = 255
_SHORTEST_CALL_ID = 8
_MARGIN = timedelta(days=1)
"""The call's date is UTC's and ours; the creation's is Salesforce's."""
_RECORDS = ("WhoId", "WhatId", "OwnerId")


class TaskWriter:
    """Writes Tasks."""

    def __init__(self, client: SalesforceClient, settings: SalesforceSettings) -> None:
        self._client = client
        self._timeout_s = settings.timeouts.write_s
        self._root = f"/services/data/{settings.api_version}"
        self._external_id = settings.task_external_id
        self._turns = Turns()

    async def add(self, values: TaskValues, observe: Observe | None = None) -> WriteResult:
        """Create the Task unless one of this call stands. Raises SalesforceError."""
        call_object, day = _identity(values)
        for name in _RECORDS:
            if name in values:
                record_id(str(values[name]))
        async with self._turns.turn(call_object):
            # Before an upsert as well: TaskSubtype may be set when a Task is made, and not changed later.
            standing = await self._standing(call_object, day, observe)
            if standing is not None:
                return WriteResult(outcome=WriteOutcome.ALREADY_THERE, id=standing)
            if self._external_id is not None:
                return await self._upsert(self._external_id, call_object, values, observe)
            created = await self._create(values, observe)
            return WriteResult(outcome=WriteOutcome.CREATED, id=created)

    async def _standing(self, call_object: str, day: date, observe: Observe | None) -> str | None:
        call = ApiCall(
            operation="find_task",
            method="GET",
            path=f"{self._root}/query/",
            query=(("q", queries.tasks_of(call_object, day - _MARGIN)),),
            safe=True,
            timeout_s=self._timeout_s,
            need=Need.TASK,
            purpose=Purpose.WRITE_BACK,
        )
        reply = await self._client.request(call, observe)
        # A comparison in SOQL ignores case; a call id does not.
        return next((found.id for found in read_tasks(reply) if found.call_object == call_object), None)

    async def _create(self, values: TaskValues, observe: Observe | None) -> str:
        call = self._write("add_task", "POST", "Task/", values, safe=False)
        return read_created(await self._client.request(call, observe))

    async def _upsert(
        self, field: str, call_object: str, values: TaskValues, observe: Observe | None
    ) -> WriteResult:
        # The field is in the address; naming it in the body as well is an error.
        rest = {name: value for name, value in values.items() if name != field}
        path = f"Task/{field}/{quote(call_object, safe='')}"
        reply = await self._client.request(
            # Not repeated at once: what is an update by then is refused for its TaskSubtype.
            self._write("upsert_task", "PATCH", path, rest, safe=False),
            observe,
        )
        made = reply.status == 201
        return WriteResult(
            outcome=WriteOutcome.CREATED if made else WriteOutcome.ALREADY_THERE, id=read_upserted(reply)
        )

    def _write(self, operation: str, method: str, path: str, values: TaskValues, *, safe: bool) -> ApiCall:
        return ApiCall(
            operation=operation,
            method=method,
            path=f"{self._root}/sobjects/{path}",
            headers={"Content-Type": "application/json"},
            content=json.dumps(dict(values)).encode(),
            safe=safe,
            timeout_s=self._timeout_s,
            need=Need.TASK,
            purpose=Purpose.WRITE_BACK,
        )


def _identity(values: TaskValues) -> tuple[str, date]:
    """The call's id and its day. Raises BadRequest when they cannot make the Task known again."""
    call_object, day = values.get("CallObject"), values.get("ActivityDate")
    if not isinstance(call_object, str) or not _SHORTEST_CALL_ID <= len(call_object) <= _CALL_ID_CHARACTERS:
        raise BadRequest("a Task's CallObject is a call id of 8 to 255 characters")
    if not call_object.isprintable():
        raise BadRequest("a Task's CallObject is printable")
    try:
        return call_object, date.fromisoformat(str(day))
    except ValueError as exc:
        raise BadRequest("a Task's ActivityDate is YYYY-MM-DD") from exc
