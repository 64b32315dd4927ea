"""What the command line tells the demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """`agent` is a SIP URI to ring instead of the scripted agent; then nobody can prove a call, and the demo
    only stays up, at an address that the phone can reach. `lan` opens SIP and the desktop to the local
    network."""

    json: bool
    out: Path
    stay: bool
    lan: bool
    agent: str | None
