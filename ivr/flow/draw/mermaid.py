"""A picture as Mermaid text, for Markdown pages and chat. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.draw.picture import Arrow, Box, Family, Group, Overlay, Picture, title_of

_FILL = {
    Family.START: ("#dcfce7", "#15803d"),
    Family.END: ("#e5e7eb", "#374151"),
    Family.VOICE: ("#dbeafe", "#1d4ed8"),
    Family.QUEUE: ("#ccfbf1", "#0f766e"),
    Family.CONNECTOR: ("#ede9fe", "#6d28d9"),
    Family.DESKTOP: ("#ffedd5", "#c2410c"),
    Family.LOGIC: ("#f9fafb", "#4b5563"),
}


def mermaid(picture: Picture, overlay: Overlay | None = None) -> str:
    """The text of a Mermaid flowchart."""
    return "\n".join(_lines(picture, overlay or Overlay())) + "\n"


def _lines(picture: Picture, overlay: Overlay) -> Iterator[str]:
    yield f"%% {_plain(picture.title)}"
    yield "flowchart TD"
    links: list[str] = []
    for index, group in enumerate(picture.groups):
        yield f'  subgraph g{index}["{_text(title_of(group))}"]'
        yield "    direction TB"
        ids = {box.name: f"g{index}n{number}" for number, box in enumerate(group.boxes)}
        for box in group.boxes:
            yield f"    {_box(ids[box.name], box, overlay.counts.get((group.name, box.name), 0))}"
        for arrow in group.arrows:
            yield f"    {ids[arrow.source]} {_link(arrow)} {ids[arrow.target]}"
            links.append(_link_style(group, arrow, overlay))
        yield "  end"
        for box in group.boxes:
            yield f"  class {ids[box.name]} {box.family}Box"
            if overlay.visited(group.name, box.name):
                yield f"  class {ids[box.name]} visitedBox"
            if box.early:
                yield f"  class {ids[box.name]} earlyBox"
    yield from _styles()
    for number, style in enumerate(links):
        if style:
            yield f"  linkStyle {number} {style}"


def _styles() -> Iterator[str]:
    for family, (fill, stroke) in _FILL.items():
        yield f"  classDef {family}Box fill:{fill},stroke:{stroke},color:#111827"
    yield "  classDef earlyBox stroke-dasharray:6 3,stroke-width:2px"
    yield "  classDef visitedBox stroke-width:4px"


def _box(id_: str, box: Box, count: int) -> str:
    lines = [f"<b>{_text(box.name)}</b>", _text(box.type)]
    if box.summary:
        lines.append(_text(box.summary))
    marks = [mark for mark in (box.early, "waits" if box.waits else "") if mark]
    if marks:
        lines.append(f"<i>{_text(', '.join(marks))}</i>")
    if count:
        lines.append(f"{count} here now")
    text = "<br/>".join(lines)
    match box.family:
        case Family.START | Family.END:
            return f'{id_}(["{text}"])'
        case Family.LOGIC:
            return f'{id_}{{{{"{text}"}}}}'
        case _:
            return f'{id_}["{text}"]'


def _link(arrow: Arrow) -> str:
    label = f'|"{_text(arrow.label)}"|' if arrow.label else ""
    return f"-.->{label}" if arrow.dim else f"-->{label}"


def _link_style(group: Group, arrow: Arrow, overlay: Overlay) -> str:
    if overlay.taken(group.name, arrow):
        return "stroke:#111827,stroke-width:4px"
    return "stroke:#9ca3af,color:#6b7280" if arrow.dim else ""


def _text(text: str) -> str:
    """Inert inside quotes: Mermaid reads entities written with # for &."""
    return "".join(c if c.isalnum() or c in " .,:;/_-+≤…=()'" else f"#{ord(c)};" for c in text)


def _plain(text: str) -> str:
    return " ".join(text.split())
