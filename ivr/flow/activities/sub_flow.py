"""sub-flow: run another flow by its name and go on (Webex: Subflow)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from ivr.flow.activities.base import Acting, Activity, Leave, Path, Result, SubFlowCall
from ivr.flow.template import PlainTemplate


class SubFlow(Activity):
    """Runs the main flow of another file and leaves when that ends.

    The sub-flow has variables of its own; what it shall know is given in `with`, what it found out is taken
    by `into`. An error in it that it does not handle leaves by `error`; a hang-up in it ends the call.
    """

    type: ClassVar[str] = "sub-flow"

    flow: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
    """The name of a flow file in the same folder, without `.yaml`."""
    given: Annotated[dict[str, PlainTemplate], Field(alias="with", max_length=50, default_factory=dict)]
    """Variables of the sub-flow, each with the value that it begins with."""
    into: Annotated[dict[str, str], Field(max_length=50, default_factory=dict)]
    """Our variables, each with the variable of the sub-flow whose value it gets; one that is unset there
    leaves ours as it is."""

    def assigns(self) -> Mapping[str, Path]:
        """Our variables in `into`."""
        return {name: ("into", name) for name in self.into}

    def sub_flow(self) -> str:
        """The flow's name."""
        return self.flow

    def limit_s(self) -> None:
        """None: its activities have limits of their own."""
        return

    async def run(self, acting: Acting) -> Result:
        """Run it."""
        done = await acting.run_sub_flow(
            SubFlowCall(
                flow=self.flow,
                given={name: acting.render(template) for name, template in self.given.items()},
                wanted=tuple(self.into.values()),
            )
        )
        if done.finish.hung_up:
            return done.finish
        taken = {ours: done.values[theirs] for ours, theirs in self.into.items() if theirs in done.values}
        return Leave(assigned=taken, detail=done.finish.detail)
