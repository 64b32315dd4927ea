"""What Kamailio's output says to the node: our own lines in it, by their first word. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OURS = re.compile(r"(?:^|\s)edge-(ready|refused|phone|registrar)\b(.*)\Z")
REFUSALS = frozenset(
    {
        "unknown-source",
        "unknown-user",
        "password",
        "rate",
        "malformed",
        "too-long",
        "sdp",
        "control-characters",
        "long-host",
        "doubled-header",
        "content-length",
    }
)
"""Why a source may be turned away."""
_PREFIX = re.compile(r"^ *\d+\(\d+\) [A-Z]+: [^:]+\[[^\]]*\]")
_PAIR = re.compile(r"(\w+)=(\S*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeIsReady:
    """It takes messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A source was turned away or not answered; one such line a source and reason each minute."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneRegistered:
    """A phone has registered, again or for the first time, or has left."""

    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrarSaid:
    """A registrar's answer to us. `aor` is the address that we register, as sip:USER@HOST."""

    code: int
    aor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """Anything else: Kamailio's own words."""

    text: str

    @property
    def where(self) -> str:
        """Level and place in Kamailio, without what was said."""
        match = _PREFIX.search(self.text)
        return match.group(0).strip() if match else ""


EdgeLine = EdgeIsReady | Refused | PhoneRegistered | RegistrarSaid | Other


def read_line(line: str) -> EdgeLine:
    """What a line of output says."""
    match = _OURS.search(line)
    if match is None:
        return Other(text=line)
    values = dict(_PAIR.findall(match.group(2)))
    match match.group(1):
        case "ready":
            return EdgeIsReady()
        case "refused":
            reason = values.get("reason", "")
            return Refused(source=values.get("source", ""), reason=reason if reason in REFUSALS else "other")
        case "phone":
            return PhoneRegistered(user=values.get("user", ""))
        case _:
            code = values.get("code", "0")
            return RegistrarSaid(code=int(code) if code.isdigit() else 0, aor=values.get("to", ""))
