"""SIP header values as text in, values out (RFC 3261 20.10 and 25.1, RFC 3966), and safe text back.

Lenient where the field is, strict where leniency would guess: an unbalanced quote or bracket makes the whole
value malformed, and malformed is None or an empty tuple, never an exception. Percent-escapes are undone once.
A password in a URI is dropped here and appears nowhere else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from media.sip.text import clean_text

Headers = Sequence[tuple[str, str]]
Params = tuple[tuple[str, str | None], ...]

_COMPACT = {"f": "from", "t": "to", "m": "contact", "i": "call-id", "v": "via", "s": "subject"}
_SIP_SCHEMES = ("sip", "sips")
_FOLD = re.compile(r"\r?\n[ \t]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])\Z")
_USER_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$")
_TRANSPORTS = ("udp", "tcp", "tls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Uri:
    """A URI of any scheme. `user` is a SIP user part or the number of a tel URI, unescaped, parameters apart.

    Other schemes have neither user nor host."""

    scheme: str
    user: str | None = None
    user_params: Params = ()
    host: str = ""
    port: int | None = None
    params: Params = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One name-addr or addr-spec with its header parameters; `display` is unquoted and clean, never empty."""

    display: str | None
    uri: Uri
    params: Params = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a request for a SIP URI goes: `host` is a name or an address, `transport` udp, tcp or tls."""

    user: str | None
    host: str
    port: int
    transport: str


def header_values(headers: Headers, name: str) -> tuple[str, ...]:
    """All values of a header in order, whatever the case of its name, long or compact; unfolded."""
    wanted = name.lower()
    return tuple(_FOLD.sub(" ", value).strip() for key, value in headers if _long_name(key) == wanted)


def parse_address(value: str) -> Address | None:
    """One name-addr or addr-spec; None when malformed."""
    text = _FOLD.sub(" ", value).strip()
    zones = _zones(text)
    if zones is None:
        return None
    opening = zones.find("a")
    if opening < 0:
        return _parse_addr_spec(text, zones)
    closing = text.index(">", opening)
    uri = parse_uri(text[opening + 1 : closing].strip())
    if uri is None:
        return None
    display = _display(text[:opening], zones)
    return Address(display=display, uri=uri, params=_parse_params(text[closing + 1 :]))


def parse_addresses(value: str) -> tuple[Address, ...]:
    """A comma-separated list of addresses; what is malformed in it is left out."""
    found = (parse_address(part) for part in list_items(value))
    return tuple(address for address in found if address is not None)


def list_items(value: str) -> tuple[str, ...]:
    """The items of a comma-separated value as they stand; none when it is malformed."""
    text = _FOLD.sub(" ", value).strip()
    return tuple(part.strip() for part in _split(text, ",") if part.strip())


def parse_uri(text: str) -> Uri | None:
    """A URI; None when it has no scheme or names nobody."""
    scheme, colon, rest = text.partition(":")
    scheme = scheme.strip().lower()
    if not colon or not rest or not _SCHEME.match(scheme):
        return None
    if scheme in _SIP_SCHEMES:
        return _parse_sip(scheme, rest)
    if scheme == "tel":
        number, _, params = rest.partition(";")
        # Some devices add a host that RFC 3966 does not know.
        user = unescape(number.partition("@")[0].strip())
        return Uri(scheme=scheme, user=user or None, user_params=_parse_params(params))
    return Uri(scheme=scheme)


def parse_destination(uri: str) -> Destination | None:
    """Where to send a request for `uri`; None unless it is a complete SIP URI with a usable host and port."""
    parsed = parse_uri(uri.strip())
    if parsed is None or parsed.scheme not in _SIP_SCHEMES or not _HOST.match(parsed.host):
        return None
    wanted = param(parsed.params, "transport") or "udp"
    transport = "tls" if parsed.scheme == "sips" else wanted.lower()
    if transport not in _TRANSPORTS or parsed.port == 0:
        return None
    port = parsed.port or (5061 if transport == "tls" else 5060)
    return Destination(user=parsed.user, host=parsed.host.strip("[]"), port=port, transport=transport)


def param(params: Params, name: str) -> str | None:
    """The value of the first parameter of this name ("" when it has none), or None."""
    return next((value or "" for key, value in params if key == name), None)


def unescape(text: str) -> str:
    """Percent-escapes undone once; bytes that are not UTF-8 are read as Latin-1, a lone % stays."""
    return _ESCAPES.sub(lambda found: _octets(found.group().replace("%", "")), text)


def name_addr(display: str | None, uri: str) -> str:
    """A From or P-Asserted-Identity value: one line with one URI, whatever the arguments hold."""
    safe = "".join(_escape(char) if _breaks_uri(char) else char for char in uri)
    text = clean_text(display or "").strip()
    if not text:
        return f"<{safe}>"
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{safe}>'


def sip_uri(user: str | None, host: str, port: int | None = None) -> str:
    """A SIP URI with its user part escaped; `ValueError` when host or port cannot stand in one."""
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    if not _HOST.match(bracketed) or (port is not None and not 0 < port < 65536):
        raise ValueError("not a host and port")
    escaped = "".join(char if char in _USER_SAFE else _escape(char) for char in user or "")
    authority = bracketed if port is None else f"{bracketed}:{port}"
    return f"sip:{escaped}@{authority}" if escaped else f"sip:{authority}"


def _long_name(name: str) -> str:
    key = name.strip().lower()
    return _COMPACT.get(key, key)


def _zones(text: str) -> str | None:
    """One letter a character: o outside, q in quotes, a in angle brackets (the marks included).

    None when a quote or bracket is not closed."""
    zone = "o"
    escaped = False
    zones = []
    for char in text:
        inside = zone
        if zone == "o" and char in '"<':
            zone = inside = "q" if char == '"' else "a"
        elif (zone == "q" and char == '"' and not escaped) or (zone == "a" and char == ">"):
            zone = "o"
        escaped = inside == "q" and char == "\\" and not escaped
        zones.append(inside)
    return "".join(zones) if zone == "o" else None


def _split(text: str, separator: str) -> list[str]:
    zones = _zones(text)
    if zones is None:
        return []
    cuts = [at for at, char in enumerate(text) if char == separator and zones[at] == "o"]
    starts = [0, *(at + 1 for at in cuts)]
    return [text[start:end] for start, end in zip(starts, [*cuts, len(text)], strict=True)]


def _parse_addr_spec(text: str, zones: str) -> Address | None:
    # Without brackets, parameters belong to the header (20.10); an @ behind them means that they do not.
    at = text.find("@")
    end = text.find(";", max(at, 0))
    end = len(text) if end < 0 else end
    if "q" in zones[:end]:
        return None
    uri = parse_uri(text[:end].strip())
    return Address(display=None, uri=uri, params=_parse_params(text[end:])) if uri else None


def _display(text: str, zones: str) -> str | None:
    """The words and quoted strings before the bracket, without quotes and with quoted pairs undone."""
    kept: list[str] = []
    escaped = False
    for char, zone in zip(text, zones, strict=False):
        if zone == "q" and not escaped and char in '"\\':
            escaped = char == "\\"
            continue
        escaped = False
        kept.append(char)
    return clean_text("".join(kept)).strip() or None


def _parse_params(text: str) -> Params:
    found = []
    for part in _split(text, ";"):
        name, equals, value = part.partition("=")
        if key := name.strip().lower():
            found.append((key, unescape(value.strip().strip('"')) if equals else None))
    return tuple(found)


def _parse_sip(scheme: str, rest: str) -> Uri:
    userinfo, _, place = rest.rpartition("@")
    raw_user, _, user_params = userinfo.partition(":")[0].partition(";")
    hostport, _, params = place.partition("?")[0].partition(";")
    host, port = _parse_hostport(hostport.strip())
    return Uri(
        scheme=scheme,
        user=unescape(raw_user) or None,
        user_params=_parse_params(user_params),
        host=host.lower(),
        port=port,
        params=_parse_params(params),
    )


def _parse_hostport(text: str) -> tuple[str, int | None]:
    """Host and port; a port that is none stays with the host, so that it is no host to send to."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        return text, None
    if port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65536:
        return host.strip(), int(port)
    return text, None


def _octets(digits: str) -> str:
    data = bytes.fromhex(digits)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _breaks_uri(char: str) -> bool:
    return char in '<>" \\' or not char.isascii() or unicodedata.category(char) == "Cc"


def _escape(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))
