"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_CONFIG = Path("config/ivr.yaml")

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="The node's configuration.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="The node's API; default: http.listen of the configuration."),
]
ConnectorOption = Annotated[
    str | None,
    typer.Option("--connector", metavar="NAME", help="Which connector, where there are several."),
]
