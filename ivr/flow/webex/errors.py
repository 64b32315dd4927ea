"""What can go wrong with an import.

FlowError
+-- ExportError     the file is no export that can be read
+-- PebbleError     an expression that does not parse, or that our templates cannot say; has a position
+-- BindingError    a binding file that cannot be read
"""

from __future__ import annotations

from ivr.flow.errors import FlowError


class ExportError(FlowError):
    """The file is neither kind of export."""


class PebbleError(FlowError):
    """An expression is malformed or not known. `at` is the index in the template's text."""

    def __init__(self, text: str, at: int = 0) -> None:
        super().__init__(text)
        self.at = at


class BindingError(FlowError):
    """The binding file says something that it cannot say."""
