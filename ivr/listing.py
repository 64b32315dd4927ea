"""Which calls a listing holds, and in which order: one question for memory and database alike. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from ivr.ids import AgentId, CallId

_TELEPHONE = re.compile(r"[\d\s+()./-]{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuery:
    """The newest `limit` calls of those that are older than the call `before`, that `agent` took, that ended
    by `ending`, and that have `text` in number, queue, entry point, agent or id; None and "" ask for all."""

    limit: int = 100
    before: CallId | None = None
    agent: AgentId | None = None
    ending: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a call stands in a listing: the newest first, of one moment by id, backwards too."""

    started_at: datetime
    call_id: str


class Listed(Protocol):
    """What a listing tells of a call. `number` is as it is shown: masked when it was withheld."""

    @property
    def call_id(self) -> str: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def number(self) -> str: ...
    @property
    def entry_point(self) -> str: ...
    @property
    def queue(self) -> str | None: ...
    @property
    def agent(self) -> str | None: ...
    @property
    def ending(self) -> str | None: ...


AnyListed = TypeVar("AnyListed", bound=Listed)


def select(calls: Iterable[AnyListed], query: CallQuery, older_than: Place | None) -> list[AnyListed]:
    """The calls that are asked for, in order; `older_than` is the place of `query.before`."""
    found = [
        call
        for call in calls
        if _wanted(call, query) and (not older_than or _order(call) < _order(older_than))
    ]
    return sorted(found, key=_order, reverse=True)[: query.limit]


def digits_of(text: str) -> str:
    """The digits of what may be a part of a telephone number, else nothing: "(415) 555" finds +1415555..."""
    return re.sub(r"\D", "", text) if _TELEPHONE.fullmatch(text) else ""


def _wanted(call: Listed, query: CallQuery) -> bool:
    if query.agent is not None and call.agent != query.agent:
        return False
    if query.ending is not None and call.ending != query.ending:
        return False
    return not query.text or _has(call, query.text)


def _has(call: Listed, text: str) -> bool:
    fields = (call.number, call.queue or "", call.entry_point, call.agent or "", call.call_id)
    if any(text.casefold() in field.casefold() for field in fields):
        return True
    digits = digits_of(text)
    return bool(digits) and digits in re.sub(r"\D", "", call.number)


def _order(call: Listed | Place) -> tuple[datetime, str]:
    return call.started_at, call.call_id
