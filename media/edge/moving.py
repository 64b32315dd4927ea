"""Speaking for a worker that has died: a 408 to each INVITE that it had not answered.

Kamailio moves an INVITE on when its worker gives a final reply, and has no command for "this one never will".
So the node says it in SIP, on the branch that the worker was given (RFC 3261 17.1.3: the branch names it).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_BRANCH = re.compile(r"z9hG4bK[!-:<-~]{1,200}\Z")
_SOCKET = re.compile(r"udp:(?P<host>[0-9.]+):(?P<port>\d+)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """An INVITE that waits for a worker: where it came in, and what names it."""

    host: str
    port: int
    branch: str
    call_id: str
    cseq: str
    from_tag: str

    def timed_out(self) -> bytes:
        """The reply that its worker will not send any more."""
        lines = (
            "SIP/2.0 408 Request Timeout",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch={self.branch}",
            f"From: <sip:worker@{self.host}>;tag={self.from_tag}",
            f"To: <sip:worker@{self.host}>;tag=lost",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} INVITE",
            "Content-Length: 0",
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def unanswered(dialog: Mapping[str, Any]) -> Unanswered | None:
    """The INVITE of a dialog as Kamailio lists it; None when the worker has not begun to reply."""
    caller = dialog.get("caller", {})
    place = _SOCKET.match(str(caller.get("socket", "")))
    branch = next((str(v["branch"]) for v in dialog.get("variables", ()) if "branch" in v), "")
    if place is None or not _BRANCH.match(branch):
        return None
    return Unanswered(
        host=place["host"],
        port=int(place["port"]),
        branch=branch,
        call_id=str(dialog["call-id"]),
        cseq=str(caller.get("cseq", "")),
        from_tag=str(caller.get("tag", "")),
    )


def say_for_worker(invite: Unanswered) -> None:
    """Send it. A datagram of the loopback: it arrives, or the INVITE's own time limit does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(invite.timed_out(), (invite.host, invite.port))
