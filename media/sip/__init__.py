"""SIP text as values: headers, URIs, the caller's identity. Pure, standard library only."""

from __future__ import annotations

from media.sip.headers import (
    Address,
    Destination,
    Uri,
    header_values,
    name_addr,
    parse_address,
    parse_addresses,
    parse_destination,
    parse_uri,
    sip_uri,
)
from media.sip.identity import (
    CallerIdentity,
    DnisRule,
    IdentitySource,
    Presentation,
    caller_identity,
    dialled_user,
)
from media.sip.text import clean_text

__all__ = [
    "Address",
    "CallerIdentity",
    "Destination",
    "DnisRule",
    "IdentitySource",
    "Presentation",
    "Uri",
    "caller_identity",
    "clean_text",
    "dialled_user",
    "header_values",
    "name_addr",
    "parse_address",
    "parse_addresses",
    "parse_destination",
    "parse_uri",
    "sip_uri",
]
