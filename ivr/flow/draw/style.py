"""The look of an SVG picture: its style sheet, its legend, and how wide texts are in it. Pure."""

from __future__ import annotations

from unicodedata import east_asian_width

LEGEND = (
    ("voice", "voice"),
    ("queue", "queue"),
    ("connector", "Salesforce, HTTP"),
    ("desktop", "agent's desktop"),
    ("logic", "decides, sets"),
    ("early", "starts at INVITE"),
    ("clock", "takes time"),
    ("plain", "way on"),
    ("dim", "only on error"),
)

STYLE = """
text{font-family:system-ui,"Segoe UI",Roboto,Arial,"Noto Sans","Noto Sans CJK KR",sans-serif;fill:#111827}
.page{fill:#ffffff}
.title{font-size:18px;font-weight:600}
.panel{fill:#f8fafc;stroke:#e2e8f0}
.heading{font-size:14px;font-weight:600;fill:#475569}
.box text{text-anchor:middle}
.box>rect{stroke-width:1.5}
.box .name{font-size:13px;font-weight:600}
.box .type{font-size:11px;fill:#6b7280}
.box .summary{font-size:11px;fill:#374151}
.start>rect{fill:#dcfce7;stroke:#16a34a}
.end>rect{fill:#e5e7eb;stroke:#4b5563}
.voice>rect{fill:#dbeafe;stroke:#2563eb}
.queue>rect{fill:#ccfbf1;stroke:#0d9488}
.connector>rect{fill:#ede9fe;stroke:#7c3aed}
.desktop>rect{fill:#ffedd5;stroke:#ea580c}
.logic>rect{fill:#ffffff;stroke:#6b7280}
.box.early>rect:first-of-type{stroke-dasharray:6 3}
rect.pill,.box>rect.pill{fill:#fef3c7;stroke:#d97706;stroke-width:1;stroke-dasharray:none}
text.pill{font-size:10px;fill:#92400e}
.clock circle{fill:#ffffff;stroke:#475569;stroke-width:1.2}
.clock path{fill:none;stroke:#475569;stroke-width:1.2}
.arrow{fill:none;stroke:#475569;stroke-width:1.5}
.arrow.dim{stroke:#cbd5e1;stroke-width:1.2;stroke-dasharray:5 4}
.arrow.taken{stroke:#db2777;stroke-width:3}
.head path{fill:#475569}
.head.dim path{fill:#cbd5e1}
.head.taken path{fill:#db2777}
.label rect{fill:#f8fafc}
.label text{font-size:11px;text-anchor:middle;fill:#334155}
.label.dim text{fill:#94a3b8}
.label.taken text{fill:#9d174d;font-weight:600}
.box.visited>rect:first-of-type{stroke:#db2777;stroke-width:3}
.box.faded{opacity:.45}
circle.count{fill:#db2777;stroke:#ffffff;stroke-width:2}
text.count{font-size:11px;font-weight:700;fill:#ffffff;text-anchor:middle}
text.legend{font-size:11px;fill:#475569}
"""

_NARROW = frozenset("iljtfrI.,:;'|()[] ")
_WIDE = frozenset("mwMW@%—…")


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide a text is, in the fonts of the style sheet; rather too wide than too narrow."""
    ems = sum(map(_ems, text))
    return ems * size * (1.15 if bold else 1.0)


def _ems(char: str) -> float:
    if east_asian_width(char) in "WF":
        return 1.0
    if char in _NARROW:
        return 0.34
    if char in _WIDE:
        return 0.9
    return 0.68 if char.isupper() else 0.56
