"""case: many ways, by a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from ivr.flow.activities.base import ERROR, Acting, Activity, Leave, Result
from ivr.flow.template import PlainTemplate

DEFAULT = "default"


class Case(Activity):
    """Leaves by the edge named as `expression` renders when that is one of `values`, else by `default`."""

    type: ClassVar[str] = "case"
    exits: ClassVar[Mapping[str, str]] = {
        "VALUE": "The expression's text, one edge for each of `values`.",
        DEFAULT: "None of the values.",
    }

    expression: PlainTemplate
    """The text to compare."""
    values: Annotated[tuple[str, ...], Field(min_length=1, max_length=50)]
    """The texts that have an edge of their own."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({*self.values, DEFAULT, ERROR}) != len(self.values) + 2:
            raise ValueError(f"values must differ, also from {DEFAULT!r} and {ERROR!r}")
        return self

    def outcomes(self) -> tuple[str, ...]:
        """The values, and the rest."""
        return (*self.values, DEFAULT)

    async def run(self, acting: Acting) -> Result:
        """Compare as text."""
        text = acting.render(self.expression).strip()
        return Leave(outcome=text if text in self.values else DEFAULT)
