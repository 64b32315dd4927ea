"""A comment on a case, made once: read before write, known by a marker in its text.

CaseComment has no custom fields, hence no external id. The query reads the database, not the search index,
so a comment whose creation went unanswered is found by the next attempt. That attempt must not come while
the first may still be at work: wait longer than `Timeouts.write_s` before retrying.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from ivr.salesforce import queries
from ivr.salesforce.client import ApiCall, SalesforceClient
from ivr.salesforce.errors import BadRequest
from ivr.salesforce.news import Purpose
from ivr.salesforce.quota import Need
from ivr.salesforce.records import read_comments, read_created
from ivr.salesforce.settings import SalesforceSettings
from ivr.salesforce.soql import RecordId, record_id
from ivr.salesforce.turns import Turns
from ivr.salesforce.wire import Observe

COMMENT_BYTES = 4_000
_MARKER_CHARACTERS = 200
_SHORTEST_MARKER = 8


class WriteOutcome(StrEnum):
    """Whether the comment or Task was made now or stood there already."""

    CREATED = "created"
    ALREADY_THERE = "already_there"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """The record's id (empty where an upsert told none), and how it came to be."""

    outcome: WriteOutcome
    id: str


def fit(body: str, marker: str, limit: int = COMMENT_BYTES) -> str:
    """`body` with `marker` in it, in at most `limit` bytes of UTF-8; what is too long is cut before the
    marker, between characters."""
    clean = body.encode("utf-8", errors="replace")
    tail = f"\n{marker}".encode()
    if marker.encode() in clean[:limit] and len(clean) <= limit:
        return clean.decode()
    kept = clean.decode().replace(marker, "").rstrip().encode()[: limit - len(tail)]
    return (kept + tail if kept else tail[1:]).decode("utf-8", errors="ignore")


class CommentWriter:
    """Writes comments. Two senders of one marker within this process take turns."""

    def __init__(self, client: SalesforceClient, settings: SalesforceSettings) -> None:
        self._client = client
        self._timeouts = settings.timeouts
        self._root = f"/services/data/{settings.api_version}"
        self._turns = Turns()

    async def add(self, case_id: str, body: str, marker: str, observe: Observe | None = None) -> WriteResult:
        """Create the comment unless one with `marker` stands on the case. Raises SalesforceError."""
        parent = record_id(case_id)
        if not _SHORTEST_MARKER <= len(marker) <= _MARKER_CHARACTERS or not marker.isprintable():
            raise BadRequest("a marker is 8 to 200 printable characters")
        async with self._turns.turn(marker):
            standing = await self._standing(parent, marker, observe)
            if standing is not None:
                return WriteResult(outcome=WriteOutcome.ALREADY_THERE, id=standing)
            created = await self._create(parent, fit(body, marker), observe)
            return WriteResult(outcome=WriteOutcome.CREATED, id=created)

    async def _standing(self, parent: RecordId, marker: str, observe: Observe | None) -> str | None:
        call = ApiCall(
            operation="find_comment",
            method="GET",
            path=f"{self._root}/query/",
            query=(("q", queries.comments_with(marker, parent)),),
            safe=True,
            timeout_s=self._timeouts.write_s,
            need=Need.COMMENT,
            purpose=Purpose.WRITE_BACK,
        )
        reply = await self._client.request(call, observe)
        # LIKE ignores case; the marker does not.
        found = (record.id for record in read_comments(reply) if marker in (record.comment_body or ""))
        return next(found, None)

    async def _create(self, parent: RecordId, body: str, observe: Observe | None) -> str:
        call = ApiCall(
            operation="add_comment",
            method="POST",
            path=f"{self._root}/sobjects/CaseComment/",
            headers={"Content-Type": "application/json"},
            content=json.dumps({"ParentId": parent, "CommentBody": body}).encode(),
            safe=False,
            timeout_s=self._timeouts.write_s,
            need=Need.COMMENT,
            purpose=Purpose.WRITE_BACK,
        )
        return read_created(await self._client.request(call, observe))
