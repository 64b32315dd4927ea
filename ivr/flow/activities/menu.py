"""menu: one key, one way (Webex: Menu)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, assert_never

from pydantic import Field

from ivr.flow.activities.base import Acting, Leave, Result
from ivr.flow.activities.entering import INVALID, TIMEOUT, Entering
from ivr.flow.entry import Digits, Entry, Invalid, NoInput
from ivr.flow.values import VariableType

_Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]


class Menu(Entering):
    """Asks for one key and leaves by the edge that is named as it.

    After `retries` further tries it leaves by `timeout` (no key) or `invalid` (a key that is no choice).
    """

    type: ClassVar[str] = "menu"
    exits: ClassVar[Mapping[str, str]] = {
        "CHOICE": "The key that was pressed, one edge for each of `choices`.",
        TIMEOUT: "No key was pressed, in the last try.",
        INVALID: "A key that is no choice was pressed, in the last try.",
    }

    choices: Annotated[dict[_Key, str], Field(min_length=1, max_length=12)]
    """The keys that may be pressed, 0 to 9, * and #, each with what it stands for."""

    def outcomes(self) -> tuple[str, ...]:
        """The choices, timeout and invalid."""
        return (*self.choices, TIMEOUT, INVALID)

    def outputs(self) -> Mapping[str, VariableType]:
        """The key pressed, and what it stands for, as in Webex."""
        return {"OptionEntered": VariableType.STRING, "OptionLabel": VariableType.STRING}

    async def run(self, acting: Acting) -> Result:
        """Ask."""
        entry = Entry(
            first_digit_s=self.first_digit_s, barge_in=self.barge_in, allowed=frozenset(self.choices)
        )
        collected = await self.ask(acting, entry)
        match collected:
            case Digits(digits=key):
                return Leave(outcome=key, outputs={"OptionEntered": key, "OptionLabel": self.choices[key]})
            case NoInput():
                return Leave(outcome=TIMEOUT)
            case Invalid(digits=keys):
                return Leave(outcome=INVALID, outputs={"OptionEntered": keys})
            case _:
                assert_never(collected)
