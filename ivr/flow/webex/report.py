"""The report of an import, for people (Markdown) and for machines (JSON)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ivr.flow.webex.bindings import Wanted
from ivr.flow.webex.findings import REPAIRS, Finding, Repair, Verdict
from ivr.flow.webex.source import SourceFlow


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything there is to say about one import. `made` are the repairs that were asked for."""

    source: SourceFlow
    file: str
    findings: Sequence[Finding]
    wanted: Sequence[Wanted]
    made: frozenset[Repair]

    def unbound(self) -> list[Wanted]:
        """What nobody has said yet."""
        return [wanted for wanted in self.wanted if wanted.bound is None]

    def offered(self) -> dict[Repair, int]:
        """Repairs that were not made and would change something, and how many defects each mends."""
        found: dict[Repair, int] = {}
        for finding in self.findings:
            if finding.repair is not None and finding.repair not in self.made:
                found[finding.repair] = found.get(finding.repair, 0) + 1
        return found

    def mended(self, repair: Repair) -> int:
        """How many defects a repair has mended."""
        return sum(1 for finding in self.findings if finding.repaired and finding.repair is repair)

    def count(self, verdict: Verdict) -> int:
        """How many findings."""
        return sum(1 for finding in self.findings if finding.verdict is verdict)


def as_json(report: Report) -> str:
    """The report for machines."""
    document = {
        "flow": report.source.name,
        "version": report.source.version,
        "format": report.source.format.name.lower(),
        "file": report.file,
        "counts": {verdict.name.lower(): report.count(verdict) for verdict in Verdict},
        "repairs": {
            "made": [{"name": name, "mended": report.mended(name)} for name in sorted(report.made)],
            "offered": [{"name": name, "mends": count} for name, count in report.offered().items()],
        },
        "bindings": [
            {"kind": w.kind, "name": w.name, "label": w.label, "bound": w.bound, "used_by": list(w.used_by)}
            for w in report.wanted
        ],
        "findings": [_finding(finding) for finding in report.findings],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "verdict": finding.verdict.name.lower(),
        "kind": finding.kind,
        "flow": finding.flow,
        "activity": finding.activity,
        "property": finding.property,
        "text": finding.text,
        "repair": finding.repair,
        "repaired": finding.repaired,
    }


def as_markdown(report: Report) -> str:
    """The report for people: what to do first, then what became of everything."""
    lines = [
        f"# Import of {_plain(report.source.name)}",
        "",
        f"Version {_plain(report.source.version) or 'unknown'}, {report.source.format}. "
        f"{report.count(Verdict.MAPPED)} activities mapped, {report.count(Verdict.DIFFERENT)} differences, "
        f"{report.count(Verdict.NOT_MAPPED)} things not mapped, {report.count(Verdict.DEFECT)} defects.",
        "",
        *_to_do(report),
    ]
    for verdict in (Verdict.DEFECT, Verdict.NOT_MAPPED, Verdict.DIFFERENT, Verdict.MAPPED):
        lines += _section(report, verdict)
    return "\n".join(lines).rstrip() + "\n"


_TITLES = {
    Verdict.DEFECT: "Defects in the flow itself",
    Verdict.NOT_MAPPED: "Not mapped",
    Verdict.DIFFERENT: "Mapped with a difference",
    Verdict.MAPPED: "Mapped",
}


def _to_do(report: Report) -> list[str]:
    lines: list[str] = []
    if report.unbound():
        lines += ["## To bind", "", "Say in the binding file what these are here, and import again.", ""]
        lines += [
            f"- {w.kind}: `{w.name}`{f' ({_plain(w.label)})' if w.label else ''}, for {', '.join(w.used_by)}"
            for w in report.unbound()
        ]
        lines.append("")
    if report.made:
        lines += ["## Repairs made", ""]
        lines += [f"- `{r}` ({report.mended(r)}): {REPAIRS[r]}" for r in sorted(report.made)]
        lines.append("")
    if report.offered():
        lines += ["## Repairs offered", "", "Make one with `--repair NAME`.", ""]
        lines += [f"- `{name}` ({count}): {REPAIRS[name]}" for name, count in report.offered().items()]
        lines.append("")
    return lines


def _section(report: Report, verdict: Verdict) -> Iterable[str]:
    found = [finding for finding in report.findings if finding.verdict is verdict]
    if not found:
        return []
    lines = [f"## {_TITLES[verdict]}", ""]
    return [*lines, *map(_line, found), ""]


def _line(finding: Finding) -> str:
    where = finding.activity or finding.property or "the flow"
    inside = f" ({finding.flow})" if finding.flow not in ("", "main") else ""
    repair = ""
    if finding.repair is not None:
        repair = f" Repaired: `{finding.repair}`." if finding.repaired else f" Repair: `{finding.repair}`."
    return f"- **{_plain(where)}**{inside}, {finding.kind}: {_plain(finding.text)}.{repair}"


def _plain(text: str) -> str:
    """Text that an export says, without what Markdown would read in it."""
    flat = " ".join(text.split())
    return "".join(f"\\{char}" if char in "\\`*_[]<>#|" else char for char in flat)
