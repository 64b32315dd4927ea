"""set-variable: give flow variables new values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from ivr.flow.activities.base import Acting, Activity, Leave, Path, Result
from ivr.flow.template import PlainTemplate


class SetVariable(Activity):
    """`set` maps variables to templates. All are rendered before the first is set."""

    type: ClassVar[str] = "set-variable"

    set: Annotated[dict[str, PlainTemplate], Field(min_length=1, max_length=10)]
    """Variables, each with the template of its new value."""

    def assigns(self) -> Mapping[str, Path]:
        """The variables in `set`."""
        return {name: ("set", name) for name in self.set}

    async def run(self, acting: Acting) -> Result:
        """Render; the engine coerces to the variables' types."""
        return Leave(assigned={name: acting.render(template) for name, template in self.set.items()})
