"""`ivr flow`: flows before they take calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.flow_draw import draw
from ivr.cli.flow_import import import_webex
from ivr.cli.flow_rig import play_scenarios
from ivr.cli.options import DEFAULT_CONFIG, JsonOption
from ivr.cli.output import ExitCode, fail, hint, print_json, say
from ivr.cli.settings import read_outline

if TYPE_CHECKING:
    from ivr.flow.check import CheckContext, Finding
    from ivr.flow.model import Flow
    from ivr.flow.prompts import PromptCatalogue


def create() -> typer.Typer:
    """The group."""
    app = typer.Typer(help="Flows.", no_args_is_help=True)
    app.command("check")(check)
    app.command("test")(play_scenarios)
    app.command("draw")(draw)
    app.command("import")(import_webex)
    app.callback()(_group)
    return app


def _group() -> None:
    """Flows."""


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The flow, a YAML file.")],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help=f"Whose queues, connectors, prompts and sounds it uses; default {DEFAULT_CONFIG}, if any.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a flow in full: each finding with file and line. Exit code 1 when it must not take calls."""
    from ivr.flow.check import Severity, check_flow
    from ivr.flow.errors import FlowError
    from ivr.flow.load import load_flow

    if not file.is_file():
        fail(ExitCode.WRONG, f"There is no flow {file}.")
    try:
        flow = load_flow(file)
        findings = check_flow(flow, _context(flow, config))
    except (FlowError, OSError) as exc:
        fail(ExitCode.FAILED, str(exc))
    _print(flow, findings, as_json=as_json)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


def _print(flow: Flow, findings: list[Finding], *, as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {
                    "severity": finding.severity,
                    "file": finding.file,
                    "line": finding.line,
                    "activity": finding.activity,
                    "text": finding.text,
                }
                for finding in findings
            ]
        )
        return
    for finding in findings:
        say(str(finding))
    if not findings:
        activities = sum(1 for _ in flow.nodes())
        say(f"{flow.file}: {flow.name} {flow.version}, {activities} activities, nothing to complain about")


def _context(flow: Flow, config: Path | None) -> CheckContext:
    """What the flow may use: of the configuration, or else all that it asks for."""
    if config is None and not DEFAULT_CONFIG.is_file():
        hint(
            f"There is no {DEFAULT_CONFIG}: names of queues, connectors and sounds are taken for granted;"
            " --config FILE checks them."
        )
        return _trusting(flow)
    from ivr.flow.check import CheckContext

    outline = read_outline(config or DEFAULT_CONFIG)
    return CheckContext(
        queues=outline.queues,
        connectors=outline.connectors,
        agents=outline.agents,
        sounds=_sounds(outline.sounds_dir),
        prompts=(_catalogue(outline.prompts_dir / f"{outline.language}.yaml"),),
    )


def _trusting(flow: Flow) -> CheckContext:
    from ivr.flow.activities.base import NeedKind
    from ivr.flow.check import CheckContext

    names: dict[NeedKind, set[str]] = {kind: set() for kind in NeedKind}
    for one in flow.family():
        for _, node in one.nodes():
            for need in node.activity.needs():
                names[need.kind].add(need.name)
    return CheckContext(
        queues=frozenset(names[NeedKind.QUEUE]),
        connectors=frozenset(names[NeedKind.CONNECTOR]),
        sounds=frozenset(names[NeedKind.SOUND]),
        prompts=tuple(_catalogue(path) for path in _catalogues_beside(flow.file)),
    )


def _catalogues_beside(flow_file: Path) -> list[Path]:
    """The catalogues of a folder that is laid out as ours: flows/ and prompts/ side by side."""
    return sorted((flow_file.absolute().parent.parent / "prompts").glob("*.yaml"))


def _catalogue(path: Path) -> PromptCatalogue:
    from ivr.flow.prompts import load_prompts

    return load_prompts(path)


def _sounds(own: Path | None) -> frozenset[str]:
    """The sounds of the configured folder and those that are shipped."""
    from importlib.resources import files

    from media.sound import SoundLibrary

    shipped = Path(str(files("media"))) / "sounds"
    folders = [shipped] if own is None else [own, shipped]
    return frozenset(SoundLibrary(folders, work_dir=Path()).names())
