"""condition: two ways, by an expression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ivr.flow.activities.base import Acting, Activity, Leave, Result
from ivr.flow.errors import ActivityError
from ivr.flow.template import PlainTemplate


class Condition(Activity):
    """`expression` renders "true" or "false"; anything else is an error."""

    type: ClassVar[str] = "condition"
    exits: ClassVar[Mapping[str, str]] = {"true": "The expression holds.", "false": "It does not."}

    expression: PlainTemplate
    """What to decide, e.g. `{{ count > 1 }}`."""

    async def run(self, acting: Acting) -> Result:
        """Leave by what the expression says."""
        return Leave(outcome=truth(acting.render(self.expression)))


def truth(text: str) -> str:
    """ "true" or "false". Raises `ActivityError` for anything else."""
    answer = text.strip().lower()
    if answer not in ("true", "false"):
        raise ActivityError(f"the expression is neither true nor false: {text[:40]!r}")
    return answer
