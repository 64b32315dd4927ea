"""collect-digits: a number by the telephone's keys (Webex: CollectDigits)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self, assert_never

from pydantic import Field, model_validator

from ivr.flow.activities.base import NEXT, Acting, Leave, Path, Result
from ivr.flow.activities.entering import INVALID, TIMEOUT, Entering
from ivr.flow.entry import KEYS, Digits, Entry, Invalid, NoInput
from ivr.flow.values import Value, VariableType


class CollectDigits(Entering):
    """Asks for a number of `min_digits` to `max_digits` keys.

    It is complete with `max_digits`, with a terminator, or when no further key comes within `inter_digit_s`.
    """

    type: ClassVar[str] = "collect-digits"
    exits: ClassVar[Mapping[str, str]] = {
        NEXT: "A number was entered.",
        TIMEOUT: "No key was pressed, in the last try.",
        INVALID: "The number was too short, in the last try.",
    }

    min_digits: Annotated[int, Field(ge=1, le=32)] = 1
    """How many digits there must be."""
    max_digits: Annotated[int, Field(ge=1, le=32)] = 10
    """With how many the entry is complete."""
    inter_digit_s: Annotated[float, Field(gt=0, le=60)] = 3.0
    """How long to wait for each further key."""
    overall_s: Annotated[float, Field(gt=0, le=300)] | None = None
    """How long the whole entry may take, from the end of the prompts; what was entered by then counts."""
    terminator: Annotated[str, Field(pattern=r"^[*#]{0,2}$")] = "#"
    """The keys that end an entry and are no part of it; empty for none."""
    variable: str | None = None
    """The variable that gets the digits, besides the output `DigitsEntered`."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_digits > self.max_digits:
            raise ValueError("min_digits is more than max_digits")
        return self

    def outputs(self) -> Mapping[str, VariableType]:
        """As in Webex."""
        return {"DigitsEntered": VariableType.STRING}

    def assigns(self) -> Mapping[str, Path]:
        """`variable`."""
        return {} if self.variable is None else {self.variable: ("variable",)}

    async def run(self, acting: Acting) -> Result:
        """Ask."""
        collected = await self.ask(acting, self._entry())
        match collected:
            case Digits(digits=digits):
                return self._whole(digits)
            case NoInput():
                return Leave(outcome=TIMEOUT)
            case Invalid(digits=digits, why=why):
                return Leave(outcome=INVALID, outputs={"DigitsEntered": digits}, detail=str(why))
            case _:
                assert_never(collected)

    def _whole(self, digits: str) -> Leave:
        assigned: dict[str, Value] = {} if self.variable is None else {self.variable: digits}
        return Leave(
            outputs={"DigitsEntered": digits},
            assigned=assigned,
            detail=f"{len(digits)} digits",
        )

    def _entry(self) -> Entry:
        return Entry(
            min_digits=self.min_digits,
            max_digits=self.max_digits,
            first_digit_s=self.first_digit_s,
            inter_digit_s=self.inter_digit_s,
            overall_s=self.overall_s,
            terminators=self.terminator,
            allowed=KEYS,
            barge_in=self.barge_in,
        )
