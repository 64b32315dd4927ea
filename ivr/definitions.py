"""What the files beside the configuration define: flows, prompts, sounds. Read and checked before a call."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ivr.config import Config
from ivr.errors import CannotStart
from ivr.flow.check import CheckContext, Finding, Severity, check_flow
from ivr.flow.errors import FlowError
from ivr.flow.load import load_flow
from ivr.flow.model import Flow
from ivr.flow.prompts import PromptCatalogue, load_prompts
from media.sound import SoundError, SoundLibrary

FAREWELL = "technical_problem.wav"
NEEDED_SOUNDS = (FAREWELL, "one_moment.wav")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """Everything that flows are made of. `warnings` are findings that do not forbid a start."""

    flows: dict[str, Flow]
    prompts: PromptCatalogue
    sounds: SoundLibrary
    warnings: tuple[Finding, ...]


def sound_folders(config: Config) -> list[Path]:
    """Where sounds are looked for: the configured folder first, then those that are shipped."""
    shipped = Path(str(files("media"))) / "sounds"
    return [shipped] if config.sounds_dir is None else [config.sounds_dir, shipped]


def load_definitions(config: Config) -> Definitions:
    """Read, convert and check all. Blocks (conversion takes a second at the first start). Raises CannotStart
    with everything that is wrong."""
    sounds = SoundLibrary(sound_folders(config), config.node.data_dir / "sounds")
    faults = [str(fault) for fault in sounds.load_all()]
    music = {queue.music for queue in config.queues.values()}
    for name in sorted({*music, *NEEDED_SOUNDS}):
        try:
            sounds.get(name)
        except SoundError:
            faults.append(f"sound {name}: is in none of {', '.join(map(str, sound_folders(config)))}")
    try:
        prompts = load_prompts(config.prompts_dir / f"{config.language}.yaml")
        flows = {
            name: load_flow(config.flow_path(name))
            for name in {entry.flow for entry in config.entry_points.values()}
        }
    except (FlowError, OSError) as exc:
        raise CannotStart(*faults, str(exc)) from exc
    findings = [finding for flow in flows.values() for finding in check(flow, config, sounds, prompts)]
    faults += [str(finding) for finding in findings if finding.severity is Severity.ERROR]
    if faults:
        raise CannotStart(*faults)
    return Definitions(flows=flows, prompts=prompts, sounds=sounds, warnings=tuple(findings))


def check(flow: Flow, config: Config, sounds: SoundLibrary, prompts: PromptCatalogue) -> list[Finding]:
    """What is wrong with a flow in this configuration."""
    context = CheckContext(
        queues=frozenset(config.queues),
        connectors=frozenset(config.connectors),
        sounds=frozenset(sounds.names()),
        prompts=(prompts,),
        agents=frozenset(
            called
            for key, agent in config.agents.items()
            for called in (key, agent.name, agent.email)
            if called is not None
        ),
    )
    return check_flow(flow, context)
