"""What the demo prints: the call's timeline and the proofs, readable at a glance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ivr.api.models import CallView
from ivr.demo.evidence import Proof

_COLOURS = {
    "sip": "cyan",
    "media": "magenta",
    "flow": "blue",
    "salesforce": "green",
    "queue": "yellow",
    "agent": "bright_white",
    "record": "bright_black",
}


def result(call: CallView | None, proofs: tuple[Proof, ...], error: str | None) -> dict[str, Any]:
    """The whole outcome, for `call.json` and `--json`."""
    return {
        "proved": error is None and bool(proofs) and all(proof.proved for proof in proofs),
        "error": error,
        "steps": [{"step": p.step, "proved": p.proved, "detail": p.detail} for p in proofs],
        "call": call.model_dump(mode="json") if call else None,
    }


def write_json(path: Path, outcome: dict[str, Any]) -> None:
    """Leave the outcome in a file."""
    path.write_text(json.dumps(outcome, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def print_timeline(console: Console, call: CallView) -> None:
    """One line for each thing that happened."""
    table = Table(title=f"Call {call.call_id}", title_justify="left", box=None, pad_edge=False)
    for column, style in (("s", "bright_black"), ("who", ""), ("what", "bold"), ("", "")):
        table.add_column(column, style=style, justify="right" if column == "s" else "left")
    for entry in call.timeline:
        details = " ".join(f"{key}={_shown(value)}" for key, value in entry.detail.items())
        colour = _COLOURS.get(entry.source, "")
        table.add_row(
            f"{entry.offset_s:.3f}", f"[{colour}]{entry.source}[/]", escape(entry.event), escape(details)
        )
    console.print(table)


def print_proofs(console: Console, proofs: tuple[Proof, ...]) -> None:
    """Each step and what proves it."""
    console.print()
    for proof in proofs:
        mark = "[green]proved[/]" if proof.proved else "[bold red]NOT PROVED[/]"
        console.print(f"{mark}  {escape(proof.step)}  [bright_black]{escape(proof.detail)}[/]")


def _shown(value: object) -> str:
    match value:
        case list():
            return ", ".join(str(item) for item in value) or "-"
        case _:
            return str(value)
