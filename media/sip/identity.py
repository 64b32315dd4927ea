"""Who says that he calls, and whom.

A trusted peer is believed: P-Asserted-Identity (a tel value first), then Remote-Party-ID of the calling
party, then From. Anyone else is known by From alone. Diversion, History-Info and P-Preferred-Identity never
name the caller. A privacy request never removes the number: it may be used inside and is masked on screens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, assert_never

from media.sip.headers import (
    Address,
    Headers,
    header_values,
    param,
    parse_address,
    parse_addresses,
    parse_uri,
)
from media.sip.text import clean_text

DnisRule = Literal["request_uri", "to", "p-called-party-id"]

MAX_DIGITS = 15

_SEPARATORS = str.maketrans("", "", "-.() ")
_NUMBER = re.compile(r"\+?[0-9]+\Z")
_DIAL_PREFIX = re.compile(r"\A(?:00|011)")
_NAMELESS = frozenset({"anonymous", "restricted", "unavailable", "unknown", "private", "withheld"})
_KEYPAD_ANONYMOUS = "266696687"
_PRIVATE = frozenset({"id", "user", "header"})
_RPID_PRIVATE = frozenset({"full", "uri"})
_URI_SCHEMES = frozenset({"sip", "sips", "tel"})


class Presentation(StrEnum):
    """Whether the number may be shown: `unavailable` is a placeholder that a carrier sent for no number."""

    ALLOWED = "allowed"
    RESTRICTED = "restricted"
    UNAVAILABLE = "unavailable"


class IdentitySource(StrEnum):
    """The header that named the caller: From, P-Asserted-Identity or Remote-Party-ID."""

    FROM = "from"
    PAI = "pai"
    RPID = "rpid"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerIdentity:
    """The caller as signalled. `ani` is the number as delivered: an optional + and ASCII digits.

    `display` is from the header that gave the number, clean but not escaped for anything."""

    ani: str | None
    display: str | None
    presentation: Presentation
    source: IdentitySource


def caller_identity(headers: Headers, *, trusted: bool) -> CallerIdentity:
    """Who calls. `trusted` says whether the peer's asserted identities count. Never raises."""
    sender = next((parse_address(value) for value in header_values(headers, "from")), None)
    source, named = IdentitySource.FROM, sender
    if trusted:
        source, named = _asserted(headers) or (source, sender)
    ani = _number(named) if named else None
    return CallerIdentity(
        ani=ani,
        display=named.display if named else None,
        presentation=_presentation(headers, sender, ani, trusted=trusted),
        source=source,
    )


def dialled_user(headers: Headers, request_uri: str, rule: DnisRule) -> str | None:
    """Whom the caller dialled: the user part as written, or None when `rule` finds no user.

    Unescaped once, parameters cut, separators kept, control characters removed."""
    match rule:
        case "request_uri":
            uri = parse_uri(request_uri.strip().removeprefix("<").removesuffix(">"))
        case "to" | "p-called-party-id":
            address = next((parse_address(value) for value in header_values(headers, rule)), None)
            uri = address.uri if address else None
        case _:
            assert_never(rule)
    return clean_text(uri.user).strip() or None if uri and uri.user else None


def _asserted(headers: Headers) -> tuple[IdentitySource, Address] | None:
    asserted = [a for value in header_values(headers, "p-asserted-identity") for a in parse_addresses(value)]
    numbered = [address for address in asserted if _number(address)]
    if numbered:
        tel = (address for address in numbered if address.uri.scheme == "tel")
        return IdentitySource.PAI, next(tel, numbered[0])
    remote = next((address for address in _calling_parties(headers) if _number(address)), None)
    return (IdentitySource.RPID, remote) if remote else None


def _calling_parties(headers: Headers) -> Iterator[Address]:
    for value in header_values(headers, "remote-party-id"):
        for address in parse_addresses(value):
            if (param(address.params, "party") or "calling").lower() == "calling":
                yield address


def _dialable(address: Address) -> str | None:
    """The digits of an address, separators dropped, placeholders included; None when it holds no number."""
    uri = address.uri
    if uri.user is None or uri.scheme not in _URI_SCHEMES or _is_invalid_host(uri.host):
        return None
    # Some gateways escape the semicolon too.
    text = uri.user.partition(";")[0].translate(_SEPARATORS)
    if not _NUMBER.match(text):
        return None
    # E.164 is 15 digits at most; the prefix that a trunk leaves before it is not part of the number.
    digits = text if text.startswith("+") else _DIAL_PREFIX.sub("", text, count=1)
    return text if len(digits.lstrip("+")) <= MAX_DIGITS else None


def _number(address: Address) -> str | None:
    text = _dialable(address)
    return None if text is None or _is_placeholder(text) else text


def _is_placeholder(text: str) -> bool:
    return not text.strip("+0") or text == _KEYPAD_ANONYMOUS


def _is_invalid_host(host: str) -> bool:
    # RFC 2606: .invalid is the address of nobody, and RFC 3323 sends it for an anonymous caller.
    return host.rstrip(".").endswith(".invalid") or host == "invalid"


def _presentation(
    headers: Headers, sender: Address | None, ani: str | None, *, trusted: bool
) -> Presentation:
    if _privacy(headers) & _PRIVATE or (trusted and _remote_privacy(headers) & _RPID_PRIVATE):
        return Presentation.RESTRICTED
    if ani is not None or sender is None:
        return Presentation.ALLOWED
    if _is_anonymous(sender):
        return Presentation.RESTRICTED
    return Presentation.UNAVAILABLE if _dialable(sender) else Presentation.ALLOWED


def _is_anonymous(sender: Address) -> bool:
    user = (sender.uri.user or "").partition(";")[0].strip().lower()
    return user in _NAMELESS or user == _KEYPAD_ANONYMOUS or _is_invalid_host(sender.uri.host)


def _privacy(headers: Headers) -> set[str]:
    values = header_values(headers, "privacy")
    return {word.strip().lower() for value in values for word in re.split("[;,]", value)}


def _remote_privacy(headers: Headers) -> set[str]:
    # "full-network" is "full" that the network asked for (draft-ietf-sip-privacy).
    return {
        (value or "").lower().partition("-")[0]
        for address in _calling_parties(headers)
        for key, value in address.params
        if key == "privacy"
    }
