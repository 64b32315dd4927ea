"""The folder into which a flow is imported: what is there already, and what is written.

A flow file that somebody has changed since it was imported is not overwritten: its first line holds a digest
of the rest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ivr.flow.errors import FlowError
from ivr.flow.load import GLOBALS_FILE
from ivr.flow.webex.bindings import Bindings, read_bindings
from ivr.flow.webex.errors import ExportError
from ivr.flow.webex.findings import Repair
from ivr.flow.webex.importer import Imported, flow_name, import_flow
from ivr.flow.webex.report import as_json, as_markdown
from ivr.flow.yaml_file import read_yaml

_STAMP = "# Imported by `ivr flow import`; as it was: "
_STAMPED = re.compile(rf"{re.escape(_STAMP)}([0-9a-f]{{64}})\n(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The import and its files."""

    imported: Imported
    flow: Path
    bindings: Path
    report: Path
    report_json: Path


def import_into(
    folder: Path,
    data: bytes,
    *,
    bindings: Path | None = None,
    repairs: Iterable[Repair] = (),
    overwrite: bool = False,
) -> Written:
    """Import an export into a folder, which is made. `bindings` None: those that lie in the folder since the
    import before, if any. Raises `FlowError` and OSError; then nothing has been written."""
    name = flow_name(data)
    flow = folder / f"{name}.yaml"
    own = folder / f"{name}.bindings.yaml"
    said = read_bindings(bindings or own) if bindings or own.is_file() else Bindings()
    imported = import_flow(data, said, repairs=repairs, shared_globals=_globals(folder))
    if not overwrite and _changed(flow):
        raise ExportError(f"{flow} was changed by hand; it is overwritten only when that is asked for")
    written = Written(
        imported=imported,
        flow=flow,
        bindings=own,
        report=folder / f"{name}.report.md",
        report_json=folder / f"{name}.report.json",
    )
    folder.mkdir(parents=True, exist_ok=True)
    flow.write_text(_stamped(imported.flow), encoding="utf-8")
    own.write_text(imported.bindings, encoding="utf-8")
    written.report.write_text(as_markdown(imported.report), encoding="utf-8")
    written.report_json.write_text(as_json(imported.report), encoding="utf-8")
    return written


def _stamped(text: str) -> str:
    return f"{_STAMP}{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def _changed(flow: Path) -> bool:
    """Somebody wrote this file, or changed what an import wrote."""
    if not flow.exists():
        return False
    found = _STAMPED.fullmatch(flow.read_text(encoding="utf-8"))
    return found is None or hashlib.sha256(found[2].encode()).hexdigest() != found[1]


def _globals(folder: Path) -> frozenset[str]:
    path = folder / GLOBALS_FILE
    if not path.is_file():
        return frozenset()
    content = read_yaml(path).content
    variables = content.get("variables") if isinstance(content, dict) else None
    if not isinstance(variables, dict):
        raise FlowError(f"{path}: variables are expected")
    return frozenset(variables)
