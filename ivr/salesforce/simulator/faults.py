"""Faults on demand: which request is to go wrong, and how."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """How a request goes wrong."""

    SLOW = "slow"
    """A good answer after `seconds`."""
    DRIBBLE = "dribble"
    """One byte every `seconds`, without end."""
    STATUS = "status"
    """`status` with an HTML page, as in maintenance."""
    ERROR = "error"
    """The API's error `error` with `description` and `status`, whatever these are."""
    UNAUTHORIZED = "unauthorized"
    QUOTA_DAILY = "quota_daily"
    QUOTA_CONCURRENT = "quota_concurrent"
    DENIED = "denied"
    LOCKED_ROW = "locked_row"
    QUERY_TIMEOUT = "query_timeout"
    OAUTH = "oauth"
    """The token endpoint's error `error` with `description`."""
    GARBAGE = "garbage"
    """JSON that breaks off."""
    SHAPE = "shape"
    """Good JSON of another shape."""
    EMPTY = "empty"
    """200 and no body."""
    HUGE = "huge"
    """More than a client should take."""
    REDIRECT = "redirect"
    CUT = "cut"
    """The connection ends within the answer; nothing was done."""
    LOST_ANSWER = "lost_answer"
    """The request is carried out, then the connection ends without the answer."""


class Fault(BaseModel):
    """A rule: of the requests whose path contains `path` and whose method is `method` (None: any), the first
    `after` go well, the next `times` go wrong (None: all until cleared)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    times: Annotated[int, Field(ge=1, le=1_000_000)] | None = 1
    after: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    path: str = "/services/"
    method: str | None = None
    seconds: Annotated[float, Field(ge=0, le=300)] = 1.0
    status: Annotated[int, Field(ge=400, le=599)] = 503
    error: str = "invalid_grant"
    description: str = "authentication failure"


class _Rule:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._spared = fault.after
        self._left = fault.times

    @property
    def spent(self) -> bool:
        return self._left == 0

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request goes wrong; counts it."""
        fault = self.fault
        if fault.path not in path or (fault.method is not None and fault.method.upper() != method):
            return False
        if self._spared:
            self._spared -= 1
            return False
        if self._left is not None:
            self._left -= 1
        return True


class Faults:
    """The rules in force, oldest first. `taken` is set when one strikes: whoever waits for that clears it."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self.taken = asyncio.Event()

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        self._rules.append(_Rule(fault))

    def clear(self) -> None:
        """Everything works again."""
        self._rules.clear()

    @property
    def active(self) -> tuple[Fault, ...]:
        """The rules in force."""
        return tuple(rule.fault for rule in self._rules)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, counted down."""
        struck = next((rule for rule in self._rules if rule.strikes(method, path)), None)
        if struck is None:
            return None
        self._rules = [rule for rule in self._rules if not rule.spent]
        self.taken.set()
        return struck.fault
