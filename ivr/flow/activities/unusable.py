"""What stands in a graph for an activity whose type is unknown or whose properties are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import SkipValidation

from ivr.flow.activities.base import Acting, Activity, Need, Path, Problem, Result
from ivr.flow.errors import ActivityError
from ivr.flow.template import Reference
from ivr.flow.values import VariableType


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """What can be told of such an activity all the same: the edges that it has in any case, what it needs,
    reads and sets."""

    outcomes: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    references: tuple[tuple[Path, Reference], ...] = ()
    assigns: Mapping[str, Path] = field(default_factory=dict)


class Unusable(Activity):
    """Keeps the reasons for the checks. If it is reached all the same, it leaves by `error`."""

    type: ClassVar[str] = "unusable"

    reasons: tuple[Problem, ...]
    """Why."""
    salvage: Annotated[Salvage, SkipValidation] = Salvage()
    """What is right in it, so that the checks can go on."""

    def outcomes(self) -> tuple[str, ...]:
        """Those that are known."""
        return self.salvage.outcomes

    def outputs(self) -> Mapping[str, VariableType] | None:
        """Not known."""
        return None

    def assigns(self) -> Mapping[str, Path]:
        """Those that are known."""
        return self.salvage.assigns

    def needs(self) -> tuple[Need, ...]:
        """Those that are known."""
        return self.salvage.needs

    def problems(self) -> tuple[Problem, ...]:
        """Why it cannot be used."""
        return self.reasons

    def references(self) -> Iterator[tuple[Path, Reference]]:
        """Those in templates that can be read."""
        yield from self.salvage.references

    async def run(self, acting: Acting) -> Result:
        """Fail."""
        raise ActivityError(self.reasons[0].text)
