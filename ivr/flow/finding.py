"""One thing that is wrong with a flow, and who says so. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ivr.flow.model import Flow, Node


class Severity(StrEnum):
    """ERROR: the flow must not take calls."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong. `activity` is None when it is about the flow."""

    severity: Severity
    file: Path
    line: int
    activity: str | None
    text: str

    def __str__(self) -> str:
        about = f"{self.activity}: " if self.activity else ""
        return f"{self.file}:{self.line}: {self.severity}: {about}{self.text}"


Report = Callable[..., Finding]
"""Makes a finding about one activity, of its text, where in the properties it is, and its severity."""


def reporter(flow: Flow, node: Node) -> Report:
    """What reports about this activity."""

    def report(text: str, at: tuple[str | int, ...] = (), severity: Severity = Severity.ERROR) -> Finding:
        return Finding(
            severity=severity, file=flow.file, line=node.line_of(at), activity=node.name, text=text
        )

    return report


def about(flow: Flow, line: int, text: str, severity: Severity = Severity.ERROR) -> Finding:
    """A finding about the flow."""
    return Finding(severity=severity, file=flow.file, line=line, activity=None, text=text)
