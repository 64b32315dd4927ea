"""A layered layout of one group: boxes in rows from the top down, arrows through the rows between them.

The steps are the classic ones: give every box a row, put a stand-in wherever an arrow passes a row (the first
is as wide as the arrow's label, which therefore never lies on anything), order each row so that few arrows
cross, and move everything sideways so that arrows run straight. Rows with even numbers hold boxes, odd ones
labels. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ivr.flow.draw.rows import Link, rows_of

SWEEPS = 24
GAP = 26.0
PASSING = 10.0
"""Width of an arrow that passes a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where something stands: its middle, and the number of its row."""

    x: float
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Spots of the boxes; for each link, in the given order, its spots from source to target, ends included.
    A label stands at its link's second spot."""

    boxes: Mapping[str, Spot]
    links: tuple[tuple[Spot, ...], ...]
    left: float
    right: float
    rows: int


@dataclass(slots=True)
class _Item:
    """A box or a stand-in."""

    row: int
    width: float
    x: float = 0.0
    is_box: bool = False


@dataclass(frozen=True, slots=True)
class _Chain:
    """A link as the items it runs through, top down; `turned` when it really goes up."""

    items: tuple[int, ...]
    turned: bool
    weight: float


def lay_out(widths: Mapping[str, float], links: Sequence[Link], start: str) -> Layout:
    """Lay out boxes of these widths; links from a box to itself are not its business."""
    rows = rows_of(list(widths), links, start)
    work = _Work(widths, links, rows)
    work.order()
    work.straighten()
    return work.layout()


class _Work:
    """The layout under way."""

    def __init__(self, widths: Mapping[str, float], links: Sequence[Link], rows: Mapping[str, int]) -> None:
        self._items: list[_Item] = []
        self._ids = {box: self._item(rows[box], width, is_box=True) for box, width in widths.items()}
        self._chains = [self._chain(link, rows) for link in links]
        height = max((item.row for item in self._items), default=0) + 1
        self._order: list[list[int]] = [[] for _ in range(height)]
        for index, item in enumerate(self._items):
            self._order[item.row].append(index)
        self._up: list[list[tuple[int, float]]] = [[] for _ in self._items]
        self._down: list[list[tuple[int, float]]] = [[] for _ in self._items]
        for chain in self._chains:
            for upper, lower in pairwise(chain.items):
                # Long arrows should be straight before short ones.
                boxes = self._items[upper].is_box + self._items[lower].is_box
                pull = chain.weight * (1.0, 3.0, 8.0)[2 - boxes]
                self._down[upper].append((lower, pull))
                self._up[lower].append((upper, pull))

    def _item(self, row: int, width: float, *, is_box: bool = False) -> int:
        self._items.append(_Item(row=row, width=width, is_box=is_box))
        return len(self._items) - 1

    def _chain(self, link: Link, rows: Mapping[str, int]) -> _Chain:
        turned = rows[link.source] > rows[link.target]
        top, bottom = (link.target, link.source) if turned else (link.source, link.target)
        between = range(rows[top] + 1, rows[bottom])
        labelled = between[-1] if turned else between[0]
        passing = [
            self._item(row, max(PASSING, link.width) if row == labelled else PASSING) for row in between
        ]
        return _Chain((self._ids[top], *passing, self._ids[bottom]), turned, link.weight)

    # Order within the rows

    def order(self) -> None:
        """Sweep down and up, keep the best."""
        best, fewest = [list(row) for row in self._order], self._crossings()
        for sweep in range(SWEEPS):
            down = sweep % 2 == 0
            rows = range(1, len(self._order)) if down else range(len(self._order) - 2, -1, -1)
            for number in rows:
                self._sort(number, self._up if down else self._down)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(row) for row in self._order], crossings
        self._order = best

    def _sort(self, row: int, neighbours: list[list[tuple[int, float]]]) -> None:
        place = {index: at for line in self._order for at, index in enumerate(line)}
        now = {index: at for at, index in enumerate(self._order[row])}

        def middle(index: int) -> float:
            near = neighbours[index]
            if not near:
                return float(now[index])
            return sum(place[other] * pull for other, pull in near) / sum(pull for _, pull in near)

        self._order[row].sort(key=lambda index: (middle(index), now[index]))

    def _crossings(self) -> float:
        total = 0.0
        for row in self._order[1:]:
            if not row:
                continue
            above = {index: at for at, index in enumerate(self._order[self._items[row[0]].row - 1])}
            ends = [(above[u], at, pull) for at, index in enumerate(row) for u, pull in self._up[index]]
            for first in range(len(ends)):
                for second in range(first + 1, len(ends)):
                    if (ends[first][0] - ends[second][0]) * (ends[first][1] - ends[second][1]) < 0:
                        total += min(ends[first][2], ends[second][2])
        return total

    # Places along the rows

    def straighten(self) -> None:
        """Pull everything towards its neighbours, rows keeping their order."""
        for row in self._order:
            x = 0.0
            for index in row:
                item = self._items[index]
                item.x, x = x + item.width / 2, x + item.width + GAP
        for sweep in range(6 * SWEEPS):
            down = sweep % 2 == 0
            rows = range(len(self._order)) if down else range(len(self._order) - 1, -1, -1)
            for number in rows:
                self._pull(self._order[number], both=sweep > SWEEPS, down=down)

    def _pull(self, row: Sequence[int], *, both: bool, down: bool) -> None:
        wished, weights = [], []
        for index in row:
            near = (self._up[index] if both or down else []) + (self._down[index] if both or not down else [])
            weight = sum(pull for _, pull in near)
            at = sum(self._items[o].x * pull for o, pull in near) / weight if weight else self._items[index].x
            wished.append(at)
            weights.append(weight or 0.01)
        widths = [self._items[index].width for index in row]
        for index, x in zip(row, spread(wished, weights, widths), strict=True):
            self._items[index].x = x

    def layout(self) -> Layout:
        """What came of it."""
        lefts = [item.x - item.width / 2 for item in self._items]
        rights = [item.x + item.width / 2 for item in self._items]
        links = []
        for chain in self._chains:
            spots = [Spot(x=self._items[i].x, row=self._items[i].row) for i in chain.items]
            links.append(tuple(reversed(spots)) if chain.turned else tuple(spots))
        return Layout(
            boxes={box: Spot(x=self._items[i].x, row=self._items[i].row) for box, i in self._ids.items()},
            links=tuple(links),
            left=min(lefts, default=0.0),
            right=max(rights, default=0.0),
            rows=len(self._order),
        )


def spread(
    wished: Sequence[float], weights: Sequence[float], widths: Sequence[float], gap: float = GAP
) -> list[float]:
    """The middles nearest to those wished for (least squares) at which things of these widths, in this order,
    do not touch. Neighbours that would are moved as one block."""
    offsets = [0.0]
    for left, right in pairwise(widths):
        offsets.append(offsets[-1] + (left + right) / 2 + gap)
    blocks: list[tuple[float, float, int]] = []  # weighted sum, weight, how many
    for wish, weight, offset in zip(wished, weights, offsets, strict=False):
        blocks.append(((wish - offset) * weight, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            last, before = blocks.pop(), blocks.pop()
            blocks.append((before[0] + last[0], before[1] + last[1], before[2] + last[2]))
    flat = [total / weight for total, weight, count in blocks for _ in range(count)]
    return [base + offset for base, offset in zip(flat, offsets, strict=False)]
