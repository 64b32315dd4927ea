"""salesforce-open-cases: the open cases of the caller whom a find has confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ivr.flow.activities.base import ERROR, Acting, Activity, Leave, Need, NeedKind, Port, Result
from ivr.flow.values import Value, VariableType
from ivr.salesforce.model import Match, MatchResult


class SalesforceOpenCases(Activity):
    """Leaves by found, none or error. The outputs are those of the best case; `count` says how many.

    They are the caller's own, or his account's in general: a colleague's are on the agent's desktop only.
    """

    type: ClassVar[str] = "salesforce-open-cases"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.CONNECTOR})
    exits: ClassVar[Mapping[str, str]] = {
        "found": "There is at least one open case of the caller.",
        "none": "There is none, or nobody to read cases of.",
    }

    connector: str
    """The connector's name in the configuration."""

    def outputs(self) -> Mapping[str, VariableType]:
        """`count` when the cases are known, the rest when there is one."""
        fields = dict.fromkeys(("id", "number", "subject", "priority", "status"), VariableType.STRING)
        return {"count": VariableType.INTEGER, **fields}

    def needs(self) -> tuple[Need, ...]:
        """The connector."""
        return (Need(kind=NeedKind.CONNECTOR, name=self.connector, at=("connector",)),)

    def limit_s(self) -> float:
        """Well above the connector's own deadline for the chain of look-ups."""
        return 40.0

    async def run(self, acting: Acting) -> Result:
        """Ask the connector, which waits for the find where that is still under way."""
        match = await acting.ports.connector.open_cases(self.connector)
        if match.own_cases:
            return Leave(outcome="found", outputs=_outputs(match))
        if match.result is MatchResult.ERROR or (match.result is MatchResult.ONE and not match.cases_known):
            return Leave(outcome=ERROR, detail=match.detail or "the cases are not known")
        return Leave(outcome="none", outputs={"count": 0})


def _outputs(match: Match) -> dict[str, Value]:
    own, best = match.own_cases, match.own_cases[0]
    fields = {
        "id": best.id,
        "number": best.number,
        "subject": best.subject,
        "priority": best.priority,
        "status": best.status,
    }
    return {"count": len(own), **{name: text for name, text in fields.items() if text is not None}}
