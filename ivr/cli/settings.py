"""The configuration as commands need it: whole, or only where the node is and what it names.

An operator's shell has none of the node's secrets, and a build server has none either: `read_outline` gets
along without them, `read_config` does not.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.cli.output import ExitCode, fail

if TYPE_CHECKING:
    from ivr.config import Config, HostPort


def read_config(path: Path) -> Config:
    """The whole configuration; leaves with code 2 and every mistake when it cannot be used."""
    from ivr.config import ConfigError, load_config

    _must_exist(path)
    try:
        return load_config(path, env=os.environ)
    except ConfigError as exc:
        fail(ExitCode.WRONG, str(exc))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What a configuration says without its secrets."""

    data_dir: Path
    http: HostPort
    desktop: HostPort
    queues: frozenset[str]
    connectors: frozenset[str]
    agents: frozenset[str]
    language: str
    prompts_dir: Path
    sounds_dir: Path | None


def read_outline(path: Path) -> Outline:
    """The outline; leaves with code 2 when the file cannot be read or these parts of it are wrong."""
    from pydantic import ValidationError

    from ivr.config.errors import ConfigError
    from ivr.config.source import read_source

    _must_exist(path)
    try:
        source = read_source(path, env=os.environ)
        return _outline(source.data, path.parent.absolute())
    except ConfigError as exc:
        fail(ExitCode.WRONG, str(exc))
    except ValidationError:
        # Told with file and line by the one who can.
        read_config(path)
        fail(ExitCode.WRONG, f"{path} cannot be used.")


def _outline(data: object, folder: Path) -> Outline:
    from ivr.config.model import Config

    given = data if isinstance(data, dict) else {}
    used = ("node", "http", "desktop", "language", "prompts_dir", "sounds_dir")
    config = Config.model_validate(
        {key: given[key] for key in used if key in given}, context={"folder": folder}
    )
    return Outline(
        data_dir=config.node.data_dir,
        http=config.http.listen,
        desktop=config.desktop.listen,
        queues=_names(given.get("queues")),
        connectors=_names(given.get("connectors")),
        agents=_agents(given.get("agents")),
        language=config.language,
        prompts_dir=config.prompts_dir,
        sounds_dir=config.sounds_dir,
    )


def _names(section: object) -> frozenset[str]:
    return frozenset(section) if isinstance(section, dict) else frozenset()


def _agents(section: object) -> frozenset[str]:
    """Everything that agents are called by."""
    agents = section if isinstance(section, dict) else {}
    called = [
        agent[key]
        for agent in agents.values()
        if isinstance(agent, dict)
        for key in ("name", "email")
        if isinstance(agent.get(key), str)
    ]
    return frozenset((*agents, *called))


def _must_exist(path: Path) -> None:
    if not path.is_file():
        fail(ExitCode.WRONG, f"There is no configuration {path}: name it with --config FILE.")
