"""A picture as SVG: one file, no script, no font or image from elsewhere. Pure.

Colours and fonts are classes in one style sheet, so that a page which shows it inline may restyle it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ivr.flow.draw.layers import Layout, Spot, lay_out
from ivr.flow.draw.picture import Arrow, Box, Group, Overlay, Picture, title_of
from ivr.flow.draw.rows import Link
from ivr.flow.draw.style import LEGEND, STYLE, text_width

BOX_HEIGHT = 62.0
MIN_BOX = 132.0
PADDING = 14.0
CLOCK = 20.0
"""What a clock takes of a box's width, on each side of the name: that is centred."""
PILL_OUT = 8.0
"""How far a pill stands out of its box on the right."""
ARRIVALS = 64.0
"""What a pill leaves free of a box's upper edge, for the arrows that arrive there."""
LABEL_HEIGHTS = (36.0, 46.0, 58.0, 72.0)
"""Of a row between boxes, by how many lines its longest label has."""
BESIDE_BACK = 20.0
"""More for a row in which an arrow with a label goes down beside one that goes up: both bend there."""
LABEL_FONT = 11.0
PANEL = 26.0
HEADING = 34.0
BETWEEN = 28.0
MARGIN = 24.0
TITLE = 44.0
LEGEND_HEIGHT = 46.0


def svg(picture: Picture, overlay: Overlay | None = None) -> str:
    """The SVG document."""
    over = overlay or Overlay()
    panels = [_Panel(group, over) for group in picture.groups]
    width, height, places = _arrange(panels)
    width = max(width, text_width(picture.title, 18) + 2 * MARGIN, _legend_width() + 2 * MARGIN)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{escape(picture.title)}">',
        f"<title>{escape(picture.title)}</title>",
        f"<style>{STYLE}</style>",
        _HEADS,
        f'<rect class="page" width="{width:.0f}" height="{height:.0f}"/>',
        f'<text class="title" x="{MARGIN:.0f}" y="{MARGIN + 14:.0f}">{escape(picture.title)}</text>',
    ]
    for panel, (x, y) in zip(panels, places, strict=True):
        parts += [f'<g transform="translate({x:.1f} {y:.1f})">', *panel.draw(), "</g>"]
    parts += [*_legend(height - LEGEND_HEIGHT + 8), "</svg>"]
    return "\n".join(parts) + "\n"


def _arrange(panels: list[_Panel]) -> tuple[float, float, list[tuple[float, float]]]:
    """The main flow on the left, event flows in columns beside it that are no taller than it is."""
    places = [(MARGIN, TITLE + MARGIN)]
    tallest = max(panels[0].height, 480.0)
    x, y, column = MARGIN + panels[0].width + BETWEEN, TITLE + MARGIN, 0.0
    for panel in panels[1:]:
        if column and y + panel.height > TITLE + MARGIN + tallest:
            x, y, column = x + column + BETWEEN, TITLE + MARGIN, 0.0
        places.append((x, y))
        y += panel.height + BETWEEN
        column = max(column, panel.width)
    right = max(place[0] + panel.width for place, panel in zip(places, panels, strict=True))
    bottom = max(place[1] + panel.height for place, panel in zip(places, panels, strict=True))
    return right + MARGIN, bottom + MARGIN + LEGEND_HEIGHT, places


class _Panel:
    """A group with its layout."""

    def __init__(self, group: Group, overlay: Overlay) -> None:
        self._group = group
        self._overlay = overlay
        self._widths = {box.name: _box_width(box) for box in group.boxes}
        self._early = {box.name: box.early for box in group.boxes}
        self._arrows = [arrow for arrow in group.arrows if arrow.source != arrow.target]
        links = [
            Link(
                source=arrow.source,
                target=arrow.target,
                width=_label_width(arrow),
                weight=0.3 if arrow.dim else 1.0,
            )
            for arrow in self._arrows
        ]
        self._layout: Layout = lay_out(self._widths, links, group.start)
        loops = any(arrow.source == arrow.target for arrow in group.arrows)
        span = self._layout.right - self._layout.left + (40.0 if loops else 0.0)
        self.width = max(span, text_width(title_of(group), 14, bold=True)) + 2 * PANEL
        self._tops = self._row_tops()
        self.height = self._tops[-1] + PANEL

    def draw(self) -> Iterator[str]:
        """Everything, arrows below boxes."""
        yield f'<rect class="panel" width="{self.width:.1f}" height="{self.height:.1f}" rx="12"/>'
        heading = escape(title_of(self._group))
        yield f'<text class="heading" x="{PANEL:.0f}" y="{HEADING - 6:.0f}">{heading}</text>'
        ports = self._ports()
        drawn = sorted(
            zip(self._arrows, self._layout.links, ports, strict=True),
            key=lambda entry: (self._overlay.taken(self._group.name, entry[0]), not entry[0].dim),
        )
        for arrow, spots, ends in drawn:
            yield from self._arrow(arrow, spots, ends)
        for arrow in self._group.arrows:
            if arrow.source == arrow.target:
                yield from self._loop(arrow)
        for box in self._group.boxes:
            yield from self._box(box)

    def _x(self, spot: Spot) -> float:
        return spot.x - self._layout.left + PANEL

    def _row_tops(self) -> list[float]:
        """Where each row begins, and where the last one ends."""
        lines = [0] * self._layout.rows
        for arrow, spots in zip(self._arrows, self._layout.links, strict=True):
            lines[spots[1].row] = max(lines[spots[1].row], len(_label_lines(arrow)))
        crowded = self._crowded_rows()
        tops = [HEADING + PANEL]
        for row, most in enumerate(lines):
            height = BOX_HEIGHT if row % 2 == 0 else LABEL_HEIGHTS[most]
            tops.append(tops[-1] + height + BESIDE_BACK * (row in crowded))
        return tops

    def _crowded_rows(self) -> set[int]:
        """The rows in which a label stands and an arrow goes up."""
        labelled, back = set[int](), set[int]()
        for arrow, spots in zip(self._arrows, self._layout.links, strict=True):
            if arrow.label:
                labelled.add(spots[1].row)
            if spots[0].row > spots[-1].row:
                back.update(spot.row for spot in (spots[1], spots[-2]))
        return labelled & back

    def _y(self, row: int) -> float:
        """The middle of a row."""
        return (self._tops[row] + self._tops[row + 1]) / 2

    # Arrows

    def _ports(self) -> list[tuple[float, float]]:
        """Where on its box each arrow leaves and arrives: side by side, in the order of where they come from
        and go to."""
        sides: dict[tuple[str, bool], list[tuple[float, int, int]]] = {}
        for index, (arrow, spots) in enumerate(zip(self._arrows, self._layout.links, strict=True)):
            down = spots[0].row < spots[-1].row
            sides.setdefault((arrow.source, down), []).append((spots[1].x, index, 0))
            sides.setdefault((arrow.target, not down), []).append((spots[-2].x, index, 1))
        ends = [[0.0, 0.0] for _ in self._arrows]
        for (box, below), meeting in sides.items():
            middle, width = self._side(box, below=below)
            step = min(22.0, (width - 24.0) / max(len(meeting) - 1, 1))
            for at, (_, index, end) in enumerate(sorted(meeting)):
                ends[index][end] = middle + (at - (len(meeting) - 1) / 2) * step
        return [(leaves, arrives) for leaves, arrives in ends]

    def _side(self, box: str, *, below: bool) -> tuple[float, float]:
        """Middle and width of what arrows can use of a box's lower or upper edge: not what a pill covers."""
        middle, width = self._layout.boxes[box].x, self._widths[box]
        covered = 0.0 if below else _pill_width(self._early[box]) - PILL_OUT
        return (middle, width) if covered <= 0 else (middle - covered / 2, width - covered)

    def _arrow(self, arrow: Arrow, spots: tuple[Spot, ...], ends: tuple[float, float]) -> Iterator[str]:
        down = spots[0].row < spots[-1].row
        half = BOX_HEIGHT / 2 if down else -BOX_HEIGHT / 2
        tip = 3.0 if down else -3.0
        points = [
            (self._x(Spot(x=ends[0], row=0)), self._y(spots[0].row) + half),
            *((self._x(spot), self._y(spot.row)) for spot in spots[1:-1]),
            (self._x(Spot(x=ends[1], row=0)), self._y(spots[-1].row) - half - tip),
        ]
        taken = self._overlay.taken(self._group.name, arrow)
        kind = "taken" if taken else "dim" if arrow.dim else "plain"
        yield f'<path class="arrow {kind}" d="{_curve(points)}" marker-end="url(#head-{kind})"/>'
        if arrow.label:
            x, y = points[1]
            yield _label(arrow, x, y, kind)

    def _loop(self, arrow: Arrow) -> Iterator[str]:
        spot = self._layout.boxes[arrow.source]
        right = self._x(spot) + self._widths[arrow.source] / 2
        y = self._y(spot.row)
        kind = "taken" if self._overlay.taken(self._group.name, arrow) else "dim" if arrow.dim else "plain"
        path = f"M{right:.1f} {y - 10:.1f} c34 -14 34 34 3 20"
        yield f'<path class="arrow {kind}" d="{path}" marker-end="url(#head-{kind})"/>'

    # Boxes

    def _box(self, box: Box) -> Iterator[str]:
        spot, width = self._layout.boxes[box.name], self._widths[box.name]
        x, y = self._x(spot) - width / 2, self._y(spot.row) - BOX_HEIGHT / 2
        visited = self._overlay.visited(self._group.name, box.name)
        faded = bool(self._overlay.path) and not visited
        classes = ["box", box.family.value]
        classes += ["early"] * bool(box.early) + ["visited"] * visited + ["faded"] * faded
        radius = BOX_HEIGHT / 2 if box.family.value in ("start", "end") else 8.0
        yield f'<g class="{" ".join(classes)}" transform="translate({x:.1f} {y:.1f})">'
        yield f"<title>{escape(_hint(box))}</title>"
        yield f'<rect width="{width:.1f}" height="{BOX_HEIGHT:.0f}" rx="{radius:.0f}"/>'
        lines = [("name", box.name, 13.0), ("type", box.type, 11.0), ("summary", box.summary, 11.0)]
        shown = [(kind, text, size) for kind, text, size in lines if text]
        top = BOX_HEIGHT / 2 - (len(shown) - 1) * 8.0 + (7.0 if box.early else 4.0)
        for at, (kind, text, _) in enumerate(shown):
            yield f'<text class="{kind}" x="{width / 2:.1f}" y="{top + at * 16.0:.1f}">{escape(text)}</text>'
        if box.early:
            yield from _pill(box.early, width + PILL_OUT)
        if box.waits:
            yield _clock(13.0, 13.0)
        count = self._overlay.counts.get((self._group.name, box.name), 0)
        if count:
            yield f'<circle class="count" cx="{width:.1f}" cy="{BOX_HEIGHT / 2:.1f}" r="13"/>'
            yield f'<text class="count" x="{width:.1f}" y="{BOX_HEIGHT / 2 + 4:.1f}">{min(count, 999)}</text>'
        yield "</g>"


def _hint(box: Box) -> str:
    parts = [f"{box.name} ({box.type})", box.summary, f"starts {box.early}" if box.early else ""]
    return ", ".join(part for part in (*parts, "takes time" if box.waits else "") if part)


def _box_width(box: Box) -> float:
    texts = (
        text_width(box.name, 13, bold=True) + 2 * CLOCK * box.waits,
        text_width(box.type, 11),
        text_width(box.summary, 11),
    )
    pill = _pill_width(box.early) - PILL_OUT + ARRIVALS if box.early else 0.0
    return max(MIN_BOX, max(texts) + 2 * PADDING, pill)


def _label_width(arrow: Arrow) -> float:
    return max((text_width(line, LABEL_FONT) for line in _label_lines(arrow)), default=0.0) + 10.0


def _label_lines(arrow: Arrow) -> list[str]:
    """Outcomes, at most two a line, three lines; more are counted."""
    if not arrow.label:
        return []
    names = list(arrow.outcomes)
    kept = names if len(names) <= 6 else [*names[:5], f"{len(names) - 5} more"]
    return [", ".join(kept[at : at + 2]) for at in range(0, len(kept), 2)]


def _label(arrow: Arrow, x: float, y: float, kind: str) -> str:
    lines = _label_lines(arrow)
    width = _label_width(arrow)
    height = 14.0 * len(lines) + 2.0
    texts = "".join(
        f'<text x="{x:.1f}" y="{y - height / 2 + 11.5 + 14.0 * at:.1f}">{escape(line)}</text>'
        for at, line in enumerate(lines)
    )
    return (
        f'<g class="label {kind}"><rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}"'
        f' height="{height:.1f}" rx="4"/>{texts}</g>'
    )


def _curve(points: list[tuple[float, float]]) -> str:
    """Upright at every point, so that arrows leave and enter boxes straight."""
    (x, y), *rest = points
    path = [f"M{x:.1f} {y:.1f}"]
    for to_x, to_y in rest:
        middle = (y + to_y) / 2
        path.append(f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return " ".join(path)


def _pill_width(text: str) -> float:
    return text_width(text, 10) + 14.0 if text else 0.0


def _pill(text: str, right: float) -> Iterator[str]:
    width = _pill_width(text)
    x = right - width
    yield f'<rect class="pill" x="{x:.1f}" y="-9" width="{width:.1f}" height="17" rx="8.5"/>'
    yield f'<text class="pill" x="{x + width / 2:.1f}" y="3">{escape(text)}</text>'


def _clock(x: float, y: float) -> str:
    return (
        f'<g class="clock" transform="translate({x:.1f} {y:.1f})"><circle r="5.5"/>'
        '<path d="M0 -3.4 L0 0 L2.6 1.6"/></g>'
    )


def _head(kind: str, size: int) -> str:
    return (
        f'<marker id="head-{kind}" class="head {kind}" viewBox="0 0 10 10" refX="8" refY="5"'
        f' markerWidth="{size}" markerHeight="{size}" markerUnits="userSpaceOnUse" orient="auto">'
        '<path d="M0 1 L9 5 L0 9 z"/></marker>'
    )


_HEADS = f"<defs>{_head('plain', 10)}{_head('dim', 9)}{_head('taken', 13)}</defs>"


def _legend_width() -> float:
    return sum(text_width(text, 11) + 44.0 for _, text in LEGEND)


def _legend(y: float) -> Iterator[str]:
    """What colours and marks mean."""
    x = MARGIN
    for kind, text in LEGEND:
        match kind:
            case "clock":
                yield f'<g class="legend">{_clock(x + 9, y + 8)}</g>'
            case "dim" | "plain":
                line = f"M{x:.1f} {y + 8:.1f} h18"
                yield f'<path class="arrow {kind}" d="{line}" marker-end="url(#head-{kind})"/>'
            case "early":
                yield f'<rect class="pill" x="{x:.1f}" y="{y + 1:.1f}" width="18" height="14" rx="7"/>'
            case _:
                box = f'<rect x="{x:.1f}" y="{y + 1:.1f}" width="18" height="14" rx="3"/>'
                yield f'<g class="box {kind}">{box}</g>'
        yield f'<text class="legend" x="{x + 25:.1f}" y="{y + 12:.1f}">{escape(text)}</text>'
        x += text_width(text, 11) + 44.0
