"""`ivr flow test`: plays the scenarios of a file and says what did not hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.options import JsonOption
from ivr.cli.output import ExitCode, fail, print_json, say

if TYPE_CHECKING:
    from ivr.flow.rig.load import ScenarioFile
    from ivr.flow.rig.run import Report


def play_scenarios(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Scenario files, NAME.test.yaml.", show_default=False),
    ],
    only: Annotated[
        str | None, typer.Option("--only", metavar="NAME", help="Play this scenario alone.")
    ] = None,
    story: Annotated[bool, typer.Option("--story", help="Print what happened in each call.")] = False,
    sip: Annotated[
        bool, typer.Option("--sip", help="Play over real SIP and RTP on loopback, in real time.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Play scripted calls: in virtual time, or over real SIP. Exit code 1 when one is not as expected."""
    from ivr.telemetry.logs import configure_logs

    configure_logs("console", "ERROR")
    reports = [_play(_load(path, only), only, sip=sip) for path in files]
    if as_json:
        from ivr.flow.rig.report import plain

        print_json([plain(report) for report in reports])
    else:
        _print(reports, story=story)
    if not all(report.good for report in reports):
        raise typer.Exit(ExitCode.FAILED)


def _load(path: Path, only: str | None) -> ScenarioFile:
    from ivr.flow.rig.errors import ScenarioFileError
    from ivr.flow.rig.load import load_scenarios

    if not path.is_file():
        fail(ExitCode.WRONG, f"There is no scenario file {path}.")
    try:
        file = load_scenarios(path)
    except ScenarioFileError as exc:
        fail(ExitCode.WRONG, *exc.mistakes)
    if only is not None and only not in file.suite.scenarios:
        fail(ExitCode.WRONG, f"{path} has no scenario {only!r}.")
    return file


def _play(file: ScenarioFile, only: str | None, *, sip: bool) -> Report:
    from ivr.flow.rig.run import run_file

    if not sip:
        return run_file(file, only)
    import logging

    from ivr.flow.rig.errors import SipRunError
    from ivr.flow.rig.sip.run import run_over_sip

    # Servers that are scripted to fail log their failures; what counts is told by the report.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        return run_over_sip(file, only)
    except SipRunError as exc:
        fail(ExitCode.FAILED, str(exc))


def _print(reports: list[Report], *, story: bool) -> None:
    from ivr.flow.rig.report import lines

    for report in reports:
        if len(reports) > 1:
            say(f"{report.file.path}:")
        for line in lines(report, story=story):
            say(line)
