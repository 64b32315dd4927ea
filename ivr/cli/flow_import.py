"""`ivr flow import`: a flow exported from Webex Contact Center becomes one of ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ivr.cli.options import JsonOption
from ivr.cli.output import ExitCode, fail, print_json, say

if TYPE_CHECKING:
    from ivr.flow.webex.findings import Repair
    from ivr.flow.webex.folder import Written


def import_webex(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The export, a JSON file.")],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Where flow, binding file and report go."),
    ],
    bindings: Annotated[
        Path | None,
        typer.Option(
            "--bindings", metavar="FILE", help="What queues and connectors are here; default the one in DIR."
        ),
    ] = None,
    repair: Annotated[
        list[str] | None,
        typer.Option(
            "--repair",
            metavar="NAME",
            help="Repair a kind of defect; the report says which. May be repeated.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite a flow that was changed by hand.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Import a flow of Webex Contact Center: YAML, binding file and report. Exit code 1 when FILE cannot be
    read as an export; defects in the flow are in the report."""
    from ivr.flow.errors import FlowError
    from ivr.flow.webex.folder import import_into

    if not file.is_file():
        fail(ExitCode.WRONG, f"There is no file {file}.")
    repairs = _repairs(repair or [])
    try:
        written = import_into(out, file.read_bytes(), bindings=bindings, repairs=repairs, overwrite=force)
    except (FlowError, OSError) as exc:
        fail(ExitCode.FAILED, str(exc))
    _print(written, as_json=as_json)


def _repairs(names: list[str]) -> list[Repair]:
    from ivr.flow.webex.findings import REPAIRS, Repair

    unknown = [name for name in names if name not in REPAIRS]
    if unknown:
        fail(ExitCode.WRONG, f"There is no repair {unknown[0]}; there are {', '.join(REPAIRS)}.")
    return [Repair(name) for name in names]


def _print(written: Written, *, as_json: bool) -> None:
    import json

    from ivr.flow.webex.findings import REPAIRS, Verdict

    report = written.imported.report
    if as_json:
        print_json(json.loads(written.report_json.read_text(encoding="utf-8")))
        return
    say(
        f"{written.flow}: {report.count(Verdict.MAPPED)} activities mapped,"
        f" {report.count(Verdict.DIFFERENT)} differences, {report.count(Verdict.NOT_MAPPED)} not mapped,"
        f" {report.count(Verdict.DEFECT)} defects in the flow itself"
    )
    for wanted in report.unbound():
        say(
            f"to bind in {written.bindings}: {wanted.kind} {wanted.name}, used by {', '.join(wanted.used_by)}"
        )
    for name, count in report.offered().items():
        say(f"--repair {name} ({count}): {REPAIRS[name]}")
    say(f"report: {written.report}")
