"""Asking for keys, again when there were none or wrong ones: what menu and collect-digits share."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from ivr.flow.activities.base import Acting, Port
from ivr.flow.activities.speaking import NoneOrMore, Sequence, Speaking
from ivr.flow.entry import Collected, Digits, Entry, Invalid, NoInput

TIMEOUT = "timeout"
INVALID = "invalid"

_Wait = Annotated[float, Field(gt=0, le=60)]


class Entering(Speaking):
    """Base of the activities that take keys."""

    uses: ClassVar[frozenset[Port]] = frozenset({Port.VOICE})
    waits: ClassVar[bool] = True

    prompts: Sequence
    """What to ask; said again before each further try."""
    timeout_prompts: NoneOrMore = ()
    """What to say first when no key was pressed and there is another try."""
    invalid_prompts: NoneOrMore = ()
    """What to say first when the keys were wrong and there is another try."""
    barge_in: bool = True
    """Whether a key stops the prompts at once and keys typed ahead count. Otherwise keys count from the end
    of the prompts on."""
    first_digit_s: _Wait = 3.0
    """How long to wait for the first key after the prompts (Webex: entryTimeout)."""
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    """How many further tries there are."""

    def limit_s(self) -> None:
        """None: the times of the entry bound it, and it waits while the caller holds."""
        return

    async def ask(self, acting: Acting, entry: Entry) -> Collected:
        """Ask until the entry is good or the tries are used up."""
        prompts = self.said(acting, *self.prompts)
        collected = await acting.ports.voice.collect(prompts, entry)
        again = replace(entry, flush=True)
        for _ in range(self.retries):
            match collected:
                case Digits():
                    return collected
                case NoInput():
                    first = self.said(acting, *self.timeout_prompts)
                case Invalid():
                    first = self.said(acting, *self.invalid_prompts)
            collected = await acting.ports.voice.collect([*first, *prompts], again)
        return collected
