"""What is wrong with a configuration file, said so that a person can mend it.

ConfigError
  holds every Problem found at once; its own path, line, key, found and expected are the first one's
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KeyPath = tuple[str | int, ...]
"""Where a value stands in the file: keys of mappings, indexes of lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake: `key` is the dotted path ("queues.Support.teams.0"), empty for the file as a whole."""

    path: Path
    line: int
    key: str
    found: str
    expected: str

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.path}:{self.line}: {key}found {self.found}, expected {self.expected}"


class ConfigError(Exception):
    """The configuration cannot be used. Secrets are never part of the text."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
        first = problems[0]
        self.path = first.path
        self.line = first.line
        self.key = first.key
        self.found = first.found
        self.expected = first.expected
