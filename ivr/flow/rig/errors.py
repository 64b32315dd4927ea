"""What can go wrong with the rig itself; a scenario that does not hold is a result, not an error.

FlowError
+-- ScenarioFileError    a scenario file that cannot be used; has every mistake with file and line
+-- SipRunError          a scenario that cannot be played over SIP here; says why
"""

from __future__ import annotations

from collections.abc import Sequence

from ivr.flow.errors import FlowError


class ScenarioFileError(FlowError):
    """Every mistake of a scenario file, a line each: "file:line: text"."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


class SipRunError(FlowError):
    """A scenario cannot be played over SIP."""
