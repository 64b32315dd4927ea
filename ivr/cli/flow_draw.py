"""`ivr flow draw`: a picture of a flow."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.output import ExitCode, fail, hint


class Format(StrEnum):
    """What a picture can be."""

    MERMAID = "mermaid"
    SVG = "svg"


def draw(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The flow, a YAML file.")],
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Default: svg for --out NAME.svg, else mermaid.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write here instead of standard output.")
    ] = None,
) -> None:
    """Draw a flow: Mermaid text or an SVG image."""
    from ivr.flow.draw.mermaid import mermaid
    from ivr.flow.draw.picture import picture
    from ivr.flow.draw.svg import svg
    from ivr.flow.errors import FlowError
    from ivr.flow.load import load_flow

    if not file.is_file():
        fail(ExitCode.WRONG, f"There is no flow {file}.")
    try:
        drawn = picture(load_flow(file))
    except FlowError as exc:
        fail(ExitCode.FAILED, str(exc))
    chosen = form or (Format.SVG if out is not None and out.suffix == ".svg" else Format.MERMAID)
    text = svg(drawn) if chosen is Format.SVG else mermaid(drawn)
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as exc:
        fail(ExitCode.FAILED, f"{out} cannot be written: {exc.strerror}")
    hint(f"{out}: {len(drawn.groups)} groups, {sum(len(group.boxes) for group in drawn.groups)} activities")
