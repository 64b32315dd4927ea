"""SIGHUP: read the definitions again, and keep the old ones when the new ones do not check.

Entry points, flows, prompts, sounds, queues, teams and agents can change while the node runs. A call goes on
with what it began with. Everything else in the file needs a new start, and the log says what has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from ivr.acd.model import AgentDefinition, QueueDefinition
from ivr.config import Config, ConfigError
from ivr.definitions import load_definitions
from ivr.errors import CannotStart
from ivr.ids import AgentId, QueueName
from ivr.services import Services

RELOADED = ("entry_points", "queues", "teams", "agents")
STAYING = ("queues", "teams", "agents")

log = structlog.get_logger()


def queue_definitions(config: Config) -> dict[QueueName, QueueDefinition]:
    """The queues of a configuration as the ACD has them."""
    return {
        QueueName(name): QueueDefinition(
            name=QueueName(name),
            agents=tuple(
                dict.fromkeys(AgentId(a) for team in queue.teams for a in config.teams[team].agents)
            ),
            ring_s=queue.ring_s,
            wrap_up_s=queue.wrap_up_s,
        )
        for name, queue in config.queues.items()
    }


def agent_definitions(config: Config) -> dict[AgentId, AgentDefinition]:
    """The agents of a configuration as the ACD has them."""
    return {
        AgentId(key): AgentDefinition(id=AgentId(key), name=agent.name, email=agent.email)
        for key, agent in config.agents.items()
    }


async def reread(read: Callable[[], Config], now: Services) -> Services | None:
    """What the node runs with from now on; None when the file or what it names does not check."""
    try:
        new = await asyncio.to_thread(read)
        config = _with_definitions(now.config, new)
        definitions = await asyncio.to_thread(load_definitions, config)
    except (ConfigError, CannotStart, OSError) as exc:
        log.error("definitions.not_reloaded", error=str(exc))  # noqa: TRY400 - a person's mistake, said whole
        return None
    for finding in definitions.warnings:
        log.warning("flow.warning", finding=str(finding))
    return replace(
        now,
        config=config,
        flows=definitions.flows,
        prompts=definitions.prompts,
        sounds=definitions.sounds,
    )


def with_former(new: Services, old: Services) -> Services:
    """For calls in progress: the new definitions, and those that are gone, where a call may still be."""
    kept = {key: {**getattr(old.config, key), **getattr(new.config, key)} for key in STAYING}
    return replace(new, config=new.config.model_copy(update=kept))


def _with_definitions(old: Config, new: Config) -> Config:
    kept = [key for key in type(new).model_fields if key not in RELOADED and _of(old, key) != _of(new, key)]
    if kept:
        log.warning("config.needs_a_new_start", keys=kept)
    return old.model_copy(update={key: _of(new, key) for key in RELOADED})


def _of(config: Config, key: str) -> object:
    value: object = getattr(config, key)
    return value
