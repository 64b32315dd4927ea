"""A scenario file, read and checked against its flow: every mistake with file and line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path

from pydantic import ValidationError

from ivr.flow.activities.base import ERROR, NeedKind
from ivr.flow.errors import FlowFileError
from ivr.flow.load import load_flow
from ivr.flow.model import Flow, Node
from ivr.flow.prompts import PromptCatalogue, load_prompts
from ivr.flow.rig.errors import ScenarioFileError
from ivr.flow.rig.family import nodes as all_nodes
from ivr.flow.rig.scenario import Scenario, Suite
from ivr.flow.yaml_file import YamlFile, read_yaml

At = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioFile:
    """A scenario file, with the flow and the prompts that it names."""

    path: Path
    suite: Suite
    flow: Flow
    prompts: PromptCatalogue
    prompts_dir: Path
    yaml: YamlFile

    def line(self, *at: str | int) -> int:
        """The line of something in the file, or of the nearest thing around it."""
        return self.yaml.line(at)


def load_scenarios(path: Path) -> ScenarioFile:
    """Read a scenario file. Raises `ScenarioFileError`."""
    try:
        yaml = read_yaml(path)
        suite = Suite.model_validate(yaml.content)
        flow = load_flow(_flow_path(path, suite))
        prompts = _prompts(path, suite, flow)
    except FlowFileError as exc:
        raise ScenarioFileError([str(exc)]) from exc
    except ValidationError as exc:
        raise ScenarioFileError(
            [_mistake(yaml, error["loc"], error["msg"]) for error in exc.errors()]
        ) from exc
    file = ScenarioFile(
        path=path,
        suite=suite,
        flow=flow,
        prompts=prompts,
        prompts_dir=_prompts_path(path, suite).absolute().parent,
        yaml=yaml,
    )
    mistakes = [
        f"{path}:{file.line(*at)}: {text}"
        for name, scenario in suite.scenarios.items()
        for at, text in _faults(flow, scenario, ("scenarios", name))
    ]
    if mistakes:
        raise ScenarioFileError(mistakes)
    return file


def _flow_path(path: Path, suite: Suite) -> Path:
    # Without the dots, so that messages name files as people do.
    return Path(normpath(path.parent / suite.flow))


def _prompts(path: Path, suite: Suite, flow: Flow) -> PromptCatalogue:
    """The catalogue; an empty one where none is named, none is there and none is asked for."""
    file = _prompts_path(path, suite)
    needs = {need.kind for _, node in all_nodes(flow) for need in node.activity.needs()}
    if suite.prompts is None and not file.is_file() and NeedKind.PROMPT not in needs:
        return PromptCatalogue(language=suite.language, prompts={})
    return load_prompts(file)


def _prompts_path(path: Path, suite: Suite) -> Path:
    if suite.prompts is not None:
        return Path(normpath(path.parent / suite.prompts))
    return _flow_path(path, suite).absolute().parent.parent / "prompts" / f"{suite.language}.yaml"


def _mistake(yaml: YamlFile, loc: At, message: str) -> str:
    """An error of the model; names of types that pydantic puts in are left out."""
    known = tuple(part for part in loc if not str(part).startswith("function-") and part != "[key]")
    text = message.removeprefix("Value error, ").replace(
        "Extra inputs are not permitted", "there is no such property"
    )
    return f"{yaml.path}:{yaml.line(known)}: {'.'.join(map(str, known)) or 'the file'}: {text}"


def _faults(flow: Flow, scenario: Scenario, at: At) -> Iterator[tuple[At, str]]:
    """What a scenario says that its flow does not know."""
    nodes: dict[str, list[Node]] = {}
    for _, node in all_nodes(flow):
        nodes.setdefault(node.name, []).append(node)
    for activity, force in scenario.force.items():
        here = (*at, "force", activity)
        if activity not in nodes:
            yield here, f"the flow has no activity {activity!r}"
            continue
        leaves = {edge for node in nodes[activity] for edge in (*node.activity.outcomes(), ERROR)}
        for edge in force.edges:
            if edge not in leaves:
                yield here, f"{activity} does not leave by {edge!r}; it leaves by {', '.join(sorted(leaves))}"
    viewable = {spec.name for spec in flow.variables if spec.agent_viewable}
    for name in scenario.expect.variables or {}:
        if name not in viewable:
            yield (*at, "expect", "variables", name), f"the flow has no variable {name!r} that agents see"
    for index, activity in enumerate(scenario.expect.walked or ()):
        if activity != "..." and activity not in flow.main.nodes:
            yield (*at, "expect", "walked", index), f"the main flow has no activity {activity!r}"
    if scenario.expect.agent and scenario.expect.agent not in scenario.agents:
        yield (*at, "expect", "agent"), f"the scenario has no agent {scenario.expect.agent!r}"
