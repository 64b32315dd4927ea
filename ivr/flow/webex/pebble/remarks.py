"""What is worth telling about an expression that was translated."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Remark(StrEnum):
    """Kinds of remarks; the report says what each amounts to."""

    MALFORMED = "malformed-template"
    UNTRANSLATED = "untranslated-expression"
    UNKNOWN_NAME = "unknown-variable"
    NO_SUCH_OUTPUT = "output-not-available"
    TEXT_AND_NUMBER = "text-compared-with-number"
    SLICE = "slice-may-fail"
    DIFFERENT = "means-something-else"


@dataclass(frozen=True, slots=True)
class Remarked:
    """One remark and what it is about; `source` is the expression as the export has it."""

    remark: Remark
    text: str
    source: str = ""
