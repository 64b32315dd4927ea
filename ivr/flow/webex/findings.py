"""What an import has to say: what became of each activity, and what is wrong with the flow itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a finding is about; the parts of the report, in this order."""

    MAPPED = "mapped"
    DIFFERENT = "mapped with a difference"
    NOT_MAPPED = "not mapped"
    DEFECT = "defect in the flow"


class Repair(StrEnum):
    """Changes to the flow's meaning that are made when they are asked for by name."""

    MALFORMED_TEMPLATES = "malformed-templates"
    NULL_DEFAULTS = "null-defaults"
    ERROR_EDGES = "error-edges"
    PHONE_LIKE = "phone-like"
    OPEN_CASES = "open-cases"
    SOQL_ORDER = "soql-order"


REPAIRS = {
    Repair.MALFORMED_TEMPLATES: "A stray bracket in an expression is taken out: {{[name}} becomes {{name}}.",
    Repair.NULL_DEFAULTS: "Variables that begin as the text null, None or NA, or as a made-up value that a "
    "request is to replace, begin empty, unless the flow compares them with that text.",
    Repair.ERROR_EDGES: "A request that gets no answer goes on where an answer would lead, instead of to "
    "OnGlobalError.",
    Repair.PHONE_LIKE: "A search for a phone number by LIKE finds numbers with brackets, blanks and dashes: "
    "the last ten digits in groups of three, three and four.",
    Repair.OPEN_CASES: "A query for cases finds open ones only.",
    Repair.SOQL_ORDER: "A query without order or limit gives the record that was changed last.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know. `kind` is a short name for machines; `activity` and `property` say where, both in
    the export's words; `repair` is offered, and `repaired` says that it was made."""

    verdict: Verdict
    kind: str
    text: str
    flow: str = ""
    activity: str = ""
    property: str = ""
    repair: Repair | None = None
    repaired: bool = False


class Findings:
    """Collects findings, each once."""

    def __init__(self, repairs: Iterable[Repair] = ()) -> None:
        self.repairs = frozenset(repairs)
        self._found: dict[Finding, None] = {}

    def add(self, finding: Finding) -> None:
        """One more."""
        self._found[finding] = None

    def all(self) -> tuple[Finding, ...]:
        """In the order of the report."""
        order = list(Verdict)
        return tuple(sorted(self._found, key=lambda finding: order.index(finding.verdict)))
