"""A dialog as its end needs it, and the BYE that another sends in place of its user agent.

RFC 3261 12.2.1.1 for the request; strict routers (routes without `lr`) are not catered for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from media.sip.headers import Destination, list_items, parse_destination

CSEQ = 1_000_000
"""Above any that a worker uses: its library begins under 32768 and counts its requests of one call."""
_BRANCH = re.compile(rb"\r\n(?:via|v)[ \t]*:[^\r\n]*;[ \t]*branch=([^;,\s]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """`local` and `remote` are From and To values with their tags, `target` is the peer's Contact.

    `routes` are in the order in which a request of ours goes them."""

    call_id: str
    local: str
    remote: str
    target: str
    routes: tuple[str, ...] = ()


def route_set(record_routes: Iterable[str], *, reverse: bool) -> tuple[str, ...]:
    """The route set from Record-Route values (12.1.1 and, with `reverse`, 12.1.2)."""
    routes = [item for value in record_routes for item in list_items(value)]
    return tuple(reversed(routes) if reverse else routes)


def next_hop(dialog: Dialog) -> Destination | None:
    """Where a request goes first; None when that is no complete SIP URI."""
    return parse_destination(_uri_of(dialog.routes[0] if dialog.routes else dialog.target))


def bye(dialog: Dialog, *, sent_by: str, branch: str) -> bytes:
    """The request. `sent_by` is our host:port, `branch` names the transaction."""
    lines = (
        f"BYE {_uri_of(dialog.target)} SIP/2.0",
        f"Via: SIP/2.0/UDP {sent_by};rport;branch={branch}",
        "Max-Forwards: 70",
        *(f"Route: {route}" for route in dialog.routes),
        f"From: {dialog.local}",
        f"To: {dialog.remote}",
        f"Call-ID: {dialog.call_id}",
        f"CSeq: {CSEQ} BYE",
        "Content-Length: 0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answered_branch(message: bytes) -> str | None:
    """The transaction that a final response belongs to; None for any other message."""
    if not re.match(rb"SIP/2\.0 [2-6]", message):
        return None
    match = _BRANCH.search(message)
    return match.group(1).decode("latin-1") if match else None


def _uri_of(value: str) -> str:
    """The URI of a name-addr, or of an addr-spec, whose parameters are the header's (20.10)."""
    if "<" in value:
        return value.rpartition("<")[2].partition(">")[0].strip()
    return value.partition(";")[0].strip()
