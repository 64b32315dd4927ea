"""blind-transfer: put the caller through to somebody who is no agent of ours (Webex: BlindTransfer)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from ivr.flow.activities.base import Acting, Activity, Finish, Leave, Port, Result
from ivr.flow.errors import ActivityError
from ivr.flow.ports import TransferOrder, TransferOutcome
from ivr.flow.template import PlainTemplate
from ivr.flow.values import VariableType

FAILURE = "failure"


class BlindTransfer(Activity):
    """Calls `target` while the caller hears it ring, connects the two, and ends the flow when they are done.

    The call stays with us: keys are relayed and the record goes on. With `refer` the caller's own telephone
    system is asked to call the target instead (SIP REFER), and our part ends.
    """

    type: ClassVar[str] = "blind-transfer"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.VOICE, Port.TRANSFER})
    waits: ClassVar[bool] = True
    exits: ClassVar[Mapping[str, str]] = {
        FAILURE: "The target is busy, declines, does not answer or cannot be reached; the caller is here."
    }

    target: PlainTemplate
    """A number, or a SIP address as `sip:user@host`."""
    ring_s: Annotated[float, Field(ge=1, le=300)] = 30.0
    """How long it may ring."""
    caller_id: PlainTemplate | None = None
    """The number that the target sees; without it the entry point's outdial ANI."""
    refer: bool = False
    """Whether to transfer by SIP REFER."""

    def outputs(self) -> Mapping[str, VariableType]:
        """Why there was no transfer: busy, declined, no_answer or unreachable."""
        return {"FailureReason": VariableType.STRING}

    def limit_s(self) -> None:
        """None: a conversation lasts as long as it does."""
        return

    async def run(self, acting: Acting) -> Result:
        """Transfer."""
        target = acting.render(self.target).strip()
        if not target:
            raise ActivityError("there is no target to transfer to")
        order = TransferOrder(
            target=target,
            ring_s=self.ring_s,
            caller_id=None if self.caller_id is None else acting.render(self.caller_id).strip() or None,
            refer=self.refer,
        )
        outcome = await acting.ports.transfer.transfer(order)
        if outcome is TransferOutcome.TALKED:
            return Finish(hung_up=True, detail="transferred")
        return Leave(outcome=FAILURE, outputs={"FailureReason": str(outcome)}, detail=str(outcome))
