"""salesforce-find: who in Salesforce has the caller's number."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from ivr.flow.activities.base import Acting, Activity, Leave, Need, NeedKind, Port, Result
from ivr.flow.template import PlainTemplate
from ivr.flow.values import Value, VariableType
from ivr.salesforce.model import Match, MatchResult


class Part(StrEnum):
    """Which record of the match an activity is about."""

    ACCOUNT = "account"
    CONTACT = "contact"


class SalesforceFind(Activity):
    """Leaves by one of five edges: none, one, many, withheld, error; never with "the first record".

    The edge is about `part`: candidates in one account but of several people are `one` for the account and
    `many` for the contact. All finds of a call share one request.
    """

    type: ClassVar[str] = "salesforce-find"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.CONNECTOR})
    exits: ClassVar[Mapping[str, str]] = {
        str(MatchResult.NONE): "Nobody has this number.",
        str(MatchResult.ONE): "One record has it, or one stands out.",
        str(MatchResult.MANY): "Several have it, and none stands out.",
        str(MatchResult.WITHHELD): "The caller shows no number.",
    }

    connector: str
    """The connector's name in the configuration."""
    number: PlainTemplate
    """The number to look for."""
    part: Part = Part.CONTACT
    """Which record the edges and the outputs are about."""

    def outputs(self) -> Mapping[str, VariableType]:
        """`result` and `candidates` (how many) always, the record's fields where there is one."""
        common = {"result": VariableType.STRING, "candidates": VariableType.INTEGER}
        fields = ("id", "name", "priority", "sla") if self.part is Part.ACCOUNT else _CONTACT_FIELDS
        return common | dict.fromkeys(fields, VariableType.STRING)

    def needs(self) -> tuple[Need, ...]:
        """The connector."""
        return (Need(kind=NeedKind.CONNECTOR, name=self.connector, at=("connector",)),)

    def limit_s(self) -> float:
        """Well above the connector's own deadline for the chain of look-ups."""
        return 40.0

    async def run(self, acting: Acting) -> Result:
        """Ask the connector; without a number there is nothing to ask."""
        number = acting.render(self.number).strip()
        if not number:
            return _leave(MatchResult.WITHHELD, {}, 0, "no number")
        return self._part_of(await acting.ports.connector.find(self.connector, number))

    def _part_of(self, match: Match) -> Leave:
        record = _account(match) if self.part is Part.ACCOUNT else _contact(match)
        return _leave(_edge(match.result, found=bool(record)), record, len(match.candidates), match.detail)


_CONTACT_FIELDS = ("id", "name", "object", "account_id")


def _edge(result: MatchResult, *, found: bool) -> MatchResult:
    match result:
        case MatchResult.ONE | MatchResult.MANY if found:
            return MatchResult.ONE
        case MatchResult.ONE:
            return MatchResult.NONE
        case _:
            return result


def _leave(result: MatchResult, record: Mapping[str, Value], candidates: int, detail: str) -> Leave:
    outputs: dict[str, Value] = {"result": str(result), "candidates": candidates, **record}
    return Leave(outcome=str(result), outputs=outputs, detail=detail)


def _account(match: Match) -> dict[str, Value]:
    if match.account is None:
        return {}
    account = match.account
    return _present(id=account.id, name=account.name, priority=account.priority, sla=account.sla)


def _contact(match: Match) -> dict[str, Value]:
    if match.contact is None:
        return {}
    contact = match.contact
    return _present(id=contact.id, name=contact.name, object=contact.object, account_id=contact.account_id)


def _present(**fields: str | None) -> dict[str, Value]:
    return {name: value for name, value in fields.items() if value is not None}
