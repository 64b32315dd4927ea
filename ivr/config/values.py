"""The small values that configuration texts stand for. A `ValueError` here says what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, PlainValidator, ValidationInfo

from ivr.numbers import is_region
from media.sip import Destination, parse_destination

Network = IPv4Network | IPv6Network

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})\Z")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*\Z")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPort:
    """Where something listens or is reached; port 0 asks the system for a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SipListen:
    """A SIP socket, e.g. udp:192.0.2.1:5060."""

    transport: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.transport}:{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRange:
    """Ports from `first` to `last`, both included."""

    first: int
    last: int

    @property
    def count(self) -> int:
        """How many ports these are."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


def parse_host_port(text: str) -> HostPort:
    """host:port; an IPv6 address stands in brackets."""
    host, colon, port = text.rpartition(":")
    number = _port(port)
    if colon and number is not None and _is_host(host):
        return HostPort(host=host.strip("[]"), port=number)
    raise ValueError("HOST:PORT, for example 127.0.0.1:8080")


def parse_sip_listen(text: str) -> SipListen:
    """udp:HOST:PORT or tcp:HOST:PORT with an IPv4 address."""
    transport, _, place = text.partition(":")
    host, _, port = place.rpartition(":")
    number = _port(port)
    if transport in ("udp", "tcp") and number is not None and _is_ipv4(host):
        return SipListen(transport=transport, host=host, port=number)
    raise ValueError("udp:HOST:PORT with an IPv4 address, for example udp:127.0.0.1:5060")


def parse_port_range(text: str) -> PortRange:
    """FIRST-LAST, unprivileged ports."""
    first, _, last = (part.strip() for part in text.partition("-"))
    low, high = _port(first), _port(last)
    if low is not None and high is not None and 1024 <= low < high:
        return PortRange(first=low, last=high)
    raise ValueError("FIRST-LAST with ports from 1024 to 65535, for example 10000-19999")


def parse_network(text: str) -> Network:
    """An address or a CIDR network."""
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError("an IP address or a network such as 10.0.0.0/8") from None


def _port(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= 5
    return int(text) if is_number and int(text) < 65536 else None


def _is_host(text: str) -> bool:
    if text.startswith("[") and text.endswith("]"):
        try:
            return ip_address(text[1:-1]).version == 6
        except ValueError:
            return False
    return _HOST.match(text) is not None


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _reads(parse: Callable[[str], Any]) -> PlainValidator:
    """A field whose text `parse` reads; a value of the right type passes."""

    def read(value: object) -> Any:
        if isinstance(value, str):
            return parse(value.strip())
        if isinstance(value, HostPort | SipListen | PortRange | IPv4Network | IPv6Network):
            return value
        raise ValueError("text")

    return PlainValidator(read)


def _not_bool(value: object) -> object:
    # A bool is an int to Python, and never what was meant.
    if isinstance(value, bool):
        raise ValueError("a number")  # noqa: TRY004 - pydantic collects ValueError
    return value


def _true_or_false(value: object) -> bool:
    # YAML 1.2 reads no, off and the like as text; guessing would turn a typing error into a setting.
    match value:
        case bool():
            return value
        case "true":
            return True
        case "false":
            return False
        case _:
            raise ValueError("true or false")


def _from_folder(value: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return (folder / value.expanduser()) if folder else value


def _checked(is_good: Callable[[str], bool], expected: str) -> AfterValidator:
    def check(value: str) -> str:
        if not is_good(value):
            raise ValueError(expected)
        return value

    return AfterValidator(check)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= 64 and text.isprintable() and text == text.strip() and not set(text) & set('/\\"')


def _is_file_name(text: str) -> bool:
    return _FILE_NAME.match(text) is not None


def _is_direct_uri(text: str) -> bool:
    destination = parse_destination(text)
    return destination is not None and destination.transport == "udp"


AsText = PlainSerializer(str, return_type=str)
Listen = Annotated[SipListen, _reads(parse_sip_listen), AsText]
Address = Annotated[HostPort, _reads(parse_host_port), AsText]
Ports = Annotated[PortRange, _reads(parse_port_range), AsText]
Net = Annotated[Network, _reads(parse_network), AsText]
Whole = Annotated[int, BeforeValidator(_not_bool)]
Seconds = Annotated[float, BeforeValidator(_not_bool)]
Flag = Annotated[bool, PlainValidator(_true_or_false)]
FilePath = Annotated[Path, AfterValidator(_from_folder)]
Name = Annotated[str, _checked(_is_name, 'a name of 1 to 64 printable characters without / \\ or "')]
FileName = Annotated[str, _checked(_is_file_name, "a file name without folders")]
Ipv4 = Annotated[str, _checked(_is_ipv4, "an IPv4 address")]
Region = Annotated[str, _checked(is_region, "a region in capitals, for example US or KR")]
Language = Annotated[
    str, _checked(lambda text: _LANGUAGE.match(text) is not None, "a language, for example en-US")
]
Line = Annotated[str, _checked(lambda text: bool(text) and text.isprintable(), "one line of text")]
SipUriText = Annotated[
    str, _checked(_is_direct_uri, "a SIP URI over UDP, for example sip:1001@192.0.2.10:5060")
]


def sip_destination(uri: str) -> Destination:
    """Host, port and transport of a URI that this module has accepted."""
    destination = parse_destination(uri)
    if destination is None:
        raise ValueError(f"not a SIP URI: {uri}")
    return destination
