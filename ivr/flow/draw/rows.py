"""Which row each box stands in: below all that lead to it, arrows that go back aside. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An arrow for the layout; `width` is its label's, `weight` how much it is to be kept straight."""

    source: str
    target: str
    width: float = 0.0
    weight: float = 1.0


def rows_of(boxes: Sequence[str], links: Sequence[Link], start: str) -> dict[str, int]:
    """The row of each box; two apart, so that labels have rows of their own between them."""
    forward = _forward(boxes, links, start)
    after: dict[str, list[str]] = {box: [] for box in boxes}
    for source, target in forward:
        after[source].append(target)
    rows = dict.fromkeys(boxes, 0)
    for box in _topological(boxes, forward):
        for target in after[box]:
            rows[target] = max(rows[target], rows[box] + 2)
    return rows


def _forward(boxes: Sequence[str], links: Sequence[Link], start: str) -> list[tuple[str, str]]:
    """The links without those that close a circle: a walk from the start, along heavy links first."""
    after: dict[str, list[str]] = {box: [] for box in boxes}
    for link in sorted(links, key=lambda link: -link.weight):
        after[link.source].append(link.target)
    around: set[str] = set()
    done: set[str] = set()
    kept: list[tuple[str, str]] = []
    for root in (start, *boxes):
        if root not in after or root in done:
            continue
        walk = [(root, iter(after[root]))]
        around.add(root)
        while walk:
            box, targets = walk[-1]
            target = next(targets, None)
            if target is None:
                walk.pop()
                around.discard(box)
                done.add(box)
            elif target not in around:
                kept.append((box, target))
                if target not in done:
                    around.add(target)
                    walk.append((target, iter(after[target])))
    return kept


def _topological(boxes: Sequence[str], forward: Sequence[tuple[str, str]]) -> list[str]:
    waits = dict.fromkeys(boxes, 0)
    after: dict[str, list[str]] = {box: [] for box in boxes}
    for source, target in forward:
        waits[target] += 1
        after[source].append(target)
    ordered = [box for box in boxes if waits[box] == 0]
    for box in ordered:  # grows as it goes
        for target in after[box]:
            waits[target] -= 1
            if waits[target] == 0:
                ordered.append(target)
    return ordered
