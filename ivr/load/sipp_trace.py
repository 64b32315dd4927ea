"""Reads what SIPp leaves: the time of each message, whose calls an agent took, how many calls are up. Pure.

Times are SIPp's own, taken when it sends or has received a message, in microseconds of the wall clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

_NUMBER = re.compile(r"load-\d+-(\d+)@")
_TAKEN = re.compile(r"call (\S+) caller (\S+) port (\d+)")


class Way(StrEnum):
    """Which way a message went, as SIPp writes it."""

    SENT = "S"
    RECEIVED = "R"


class EndedBy(StrEnum):
    """Who said BYE first."""

    US = "us"
    PEER = "peer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message on the wire. `at_s` is wall time; `line` its first line."""

    at_s: float
    way: Way
    call_id: str
    method: str
    line: str

    @property
    def code(self) -> int | None:
        """The status of a reply."""
        return int(self.line[8:11]) if self.line.startswith("SIP/2.0 ") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SipCall:
    """What became of one INVITE. `code` is its final status; None: there was none."""

    call_id: str
    invited_s: float
    answered_s: float | None = None
    code: int | None = None
    ended_s: float | None = None
    ended_by: EndedBy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A call that an agent's telephone was given: whose, and on which RTP port."""

    call_id: str
    caller: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A line of SIPp's statistics: calls so far."""

    created: int
    current: int
    failed: int


def messages(text: str) -> Iterator[Message]:
    """The messages of a short message trace; lines that are cut are left out."""
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) >= 7 and fields[3] in ("S", "R"):
            yield Message(
                at_s=float(fields[2]),
                way=Way(fields[3]),
                call_id=fields[4],
                method=fields[5].rpartition(" ")[2],
                line=fields[6],
            )


def sip_calls(trace: Iterable[Message]) -> dict[str, SipCall]:
    """The calls of a trace by Call-ID, in the order of their first INVITE."""
    by_id: dict[str, list[Message]] = {}
    for message in trace:
        by_id.setdefault(message.call_id, []).append(message)
    found = (_call(call_id, of_call) for call_id, of_call in by_id.items())
    return {call.call_id: call for call in found if call is not None}


def call_number(call_id: str) -> int | None:
    """Which call of a SIPp's own this is, from 0: the line of its injection file."""
    found = _NUMBER.match(call_id)
    return int(found[1]) - 1 if found else None


def taken(log: str) -> tuple[Taken, ...]:
    """The calls that the agents' scenario logged."""
    return tuple(Taken(call_id=m[1], caller=m[2], port=int(m[3])) for m in _TAKEN.finditer(log))


def last_counts(text: str) -> Counts | None:
    """The newest line of SIPp's statistics."""
    lines = text.splitlines()
    if len(lines) < 2:
        return None
    row = dict(zip(lines[0].split(";"), lines[-1].split(";"), strict=False))
    try:
        return Counts(
            created=int(row["TotalCallCreated"]),
            current=int(row["CurrentCall"]),
            failed=int(row["FailedCall(C)"]),
        )
    except (KeyError, ValueError):
        return None  # the line is just being written


def _call(call_id: str, trace: list[Message]) -> SipCall | None:
    invites = [m for m in trace if m.line.startswith("INVITE ")]
    if not invites:
        return None
    finals = [m for m in trace if m.method == "INVITE" and (m.code or 0) >= 200]
    answer = next((m for m in finals if m.code is not None and m.code < 300), None)
    bye = next((m for m in trace if m.line.startswith("BYE ")), None)
    return SipCall(
        call_id=call_id,
        invited_s=invites[0].at_s,
        answered_s=answer.at_s if answer else None,
        code=(answer or finals[-1]).code if finals else None,
        ended_s=bye.at_s if bye else None,
        ended_by=None if bye is None else EndedBy.US if bye.way is Way.SENT else EndedBy.PEER,
    )
