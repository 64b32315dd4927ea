"""Which row each box stands in: below all that lead to it, arrows that go back aside. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.flow.graph import reachable


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
    """The links without those that close a circle. Heavy links are walked first, all of them, so that a light
    one (an error) never turns a heavy one round where there is another way."""
    walk = _Walk(links)
    for root in (start, *boxes):
        if root in boxes:
            walk.along(root)
    return walk.kept


class _Walk:
    """Keeps links one by one, each unless it closes a circle with those kept before."""

    def __init__(self, links: Sequence[Link]) -> None:
        self.kept: list[tuple[str, str]] = []
        heaviest = max((link.weight for link in links), default=0.0)
        self._heavy = [link for link in links if link.weight == heaviest]
        light = [link for link in links if link.weight < heaviest]
        self._light = sorted(light, key=lambda link: -link.weight)
        self._after: dict[str, list[str]] = {}
        self._seen: set[str] = set()

    def along(self, root: str) -> None:
        """All links that a walk from here meets."""
        self._deep(root)
        while (link := self._new_ground()) is not None:
            self._keep(link)
            self._deep(link.target)
        for link in self._light:
            if link.source in self._seen:
                self._keep(link)

    def _new_ground(self) -> Link | None:
        links = (link for link in self._light if link.source in self._seen)
        return next((link for link in links if link.target not in self._seen), None)

    def _deep(self, root: str) -> None:
        """By heavy links, one way to its end before the next."""
        if root in self._seen:
            return
        self._seen.add(root)
        waiting = [link for link in reversed(self._heavy) if link.source == root]
        while waiting:
            link = waiting.pop()
            self._keep(link)
            if link.target not in self._seen:
                self._seen.add(link.target)
                waiting += [after for after in reversed(self._heavy) if after.source == link.target]

    def _keep(self, link: Link) -> None:
        pair = (link.source, link.target)
        if pair not in self.kept and not self._reaches(link.target, link.source):
            self.kept.append(pair)
            self._after.setdefault(link.source, []).append(link.target)

    def _reaches(self, start: str, end: str) -> bool:
        return end in reachable({**dict.fromkeys((start, end), ()), **self._after}, start)


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
