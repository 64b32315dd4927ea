"""What can go wrong with flows.

    FlowError
    +-- FlowFileError    a flow or prompt file that cannot be read; has file and line
    +-- TemplateError    a template that does not parse, or cannot be rendered with what is known
    +-- VariableError    a value that does not fit a variable, or a variable that may not be set
    +-- PromptError      a key that the prompt catalogue does not have
    +-- JsonPathError    a JSONPath that does not parse, or leads to too much
    +-- ActivityError    an activity that cannot do what it is asked

While a flow runs, each of them makes the activity leave by its `error` edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self


class FlowError(Exception):
    """Base of this package's errors."""


class FlowFileError(FlowError):
    """A file that is not a flow or a prompt catalogue; reads "file:line: text", and so do those that were
    found together with it, a line each."""

    def __init__(self, file: Path, line: int, text: str, others: Sequence[FlowFileError] = ()) -> None:
        super().__init__("\n".join((f"{file}:{line}: {text}", *map(str, others))))
        self.file = file
        self.line = line
        self.text = text

    @classmethod
    def together(cls, found: Sequence[FlowFileError]) -> Self:
        """All that was found, in the order of the file, as one error; there is at least one."""
        first, *others = sorted(found, key=lambda error: error.line)
        return cls(first.file, first.line, first.text, others)


class TemplateError(FlowError):
    """A template that does not parse or cannot be rendered."""


class VariableError(FlowError):
    """A value that does not fit, or a variable that is unknown or not to be set."""


class PromptError(FlowError):
    """No such prompt in the catalogue."""


class JsonPathError(FlowError):
    """A JSONPath that does not parse, or leads to too much."""


class ActivityError(FlowError):
    """An activity cannot do what its properties ask."""
