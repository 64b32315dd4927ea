"""Definitions and a listener for tests of whatever uses the ACD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from ivr.acd.changes import Change
from ivr.acd.model import AgentDefinition, QueueDefinition
from ivr.ids import AgentId, QueueName

C = TypeVar("C", bound=Change)


def queue_definitions(
    teams: Mapping[str, Sequence[str]], *, ring_s: float = 20.0, wrap_up_s: float = 60.0
) -> dict[QueueName, QueueDefinition]:
    """Queues by name, each with its agents: `{"Support": ["alice", "bob"]}`."""
    return {
        QueueName(name): QueueDefinition(
            name=QueueName(name),
            agents=tuple(AgentId(agent) for agent in agents),
            ring_s=ring_s,
            wrap_up_s=wrap_up_s,
        )
        for name, agents in teams.items()
    }


def agent_definitions(*names: str) -> dict[AgentId, AgentDefinition]:
    """Agents by id; their names are the ids with a capital."""
    return {AgentId(name): AgentDefinition(id=AgentId(name), name=name.capitalize()) for name in names}


class Listener:
    """Keeps all changes that it is told."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def __call__(self, change: Change) -> None:
        self.changes.append(change)

    def of(self, kind: type[C]) -> list[C]:
        """The changes of one kind, in order."""
        return [change for change in self.changes if isinstance(change, kind)]
